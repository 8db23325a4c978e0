//! Requests that must be refused before anything is begun.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value as Json, json};
use synapsor_core::handler::{ISSUED_AT, MAX_BODY, SIGNATURE};

use super::{Checks, Result, at, verdict};
use crate::app::conformance::Verdict;
use crate::app::conformance::wire::Letter;
use crate::clock;

impl Checks<'_> {
    pub(super) async fn method(&mut self) -> Result<Verdict> {
        if !self.line.is_http() {
            return Ok(Verdict::Skipped("a command has no method".to_owned()));
        }
        let request = self.fresh().await?;
        let letter = Letter { method: Method::PUT, ..self.line.letter(&request) };
        self.refused(&request, &letter, "PUT").await
    }

    pub(super) async fn bearer(&mut self) -> Result<Verdict> {
        if !self.line.has_token() {
            return Ok(Verdict::Skipped("the executor has no token".to_owned()));
        }
        let request = self.fresh().await?;
        let (mut without, mut wrong, mut longer) =
            (self.line.letter(&request), self.line.letter(&request), self.line.letter(&request));
        without.drop("authorization");
        wrong.set("authorization", "Bearer wrong".to_owned());
        let right = longer.headers.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| value.clone());
        longer.set("authorization", right.unwrap_or_default() + "x");
        let letters = vec![(without, "no token"), (wrong, "a wrong token"), (longer, "the token and one letter more")];
        self.all_refused(&request, letters).await
    }

    pub(super) async fn signed(&mut self, id: &str) -> Result<Verdict> {
        if !self.line.is_http() {
            return Ok(Verdict::Skipped("only the runner that starts a command can ask it".to_owned()));
        }
        if !self.line.is_signed() && id != "audience" && id != "headers" {
            return Ok(Verdict::Skipped("the executor has no signing secret".to_owned()));
        }
        let request = self.fresh().await?;
        let whole = self.line.letter(&request);
        let mut letters = Vec::new();
        match id {
            "signature" => {
                let (mut without, mut wrong) = (whole.clone(), whole.clone());
                without.drop(SIGNATURE);
                wrong.set(SIGNATURE, format!("sha256={}", hex::encode(clock::random::<32>())));
                letters.extend([(without, "no signature"), (wrong, "a wrong signature")]);
            }
            "tampering" => {
                let mut changed = whole.clone();
                changed.body.push(b' ');
                letters.push((changed, "a blank added behind the body"));
            }
            "stale-signature" => {
                let old = clock::now().checked_sub(SignedDuration::from_mins(10)).unwrap_or_default().to_string();
                let stale = self.line.letter(&at(&request, &[("/issued_at", json!(old))]));
                letters.push((stale, "signed ten minutes ago"));
                let mut fresh_header = self.line.letter(&at(&request, &[("/issued_at", json!(old))]));
                fresh_header.set(ISSUED_AT, clock::now().to_string());
                letters.push((fresh_header, "signed ten minutes ago, with a fresh header"));
            }
            "audience" => {
                let other = format!("{}-of-another", self.audience);
                letters.push((self.line.letter(&at(&request, &[("/audience", json!(other))])), "another audience"));
            }
            _ => {
                let mut other = whole.clone();
                other.set("idempotency-key", "another:key".to_owned());
                letters.push((other, "another key in the header"));
            }
        }
        self.all_refused(&request, letters).await
    }

    pub(super) async fn unknown(&mut self, id: &str) -> Result<Verdict> {
        let request = self.fresh().await?;
        let (changed, how) = if id == "protocol" {
            (at(&request, &[("/protocol_version", json!("2.0"))]), "protocol version 2.0")
        } else {
            (at(&request, &[("/change_set/action", json!("conformance.unknown_action"))]), "an unknown action")
        };
        let letter = self.line.letter(&changed);
        self.refused(&request, &letter, how).await
    }

    pub(super) async fn malformed(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let mut cut = self.line.letter(&request);
        cut.body.truncate(cut.body.len() / 2);
        self.line.sign(&mut cut);
        let mut letters = vec![(cut, "half a body")];
        for (path, how) in [("guards", "no guards"), ("scope", "no scope"), ("target", "no target")] {
            let mut lacking = request.clone();
            if let Some(change) = lacking.get_mut("change_set").and_then(Json::as_object_mut) {
                change.remove(path);
            }
            letters.push((self.line.letter(&lacking), how));
        }
        self.all_refused(&request, letters).await
    }

    pub(super) async fn oversize(&mut self) -> Result<Verdict> {
        let mut request = self.fresh().await?;
        if let Some(fields) = request.as_object_mut() {
            fields.insert("padding".to_owned(), json!("x".repeat(MAX_BODY)));
        }
        let letter = self.line.letter(&request);
        self.refused(&request, &letter, "1 MiB and more").await
    }

    pub(super) async fn slow(&mut self) -> Result<Verdict> {
        if !self.line.is_http() {
            return Ok(Verdict::Skipped("a command is ended by the runner".to_owned()));
        }
        let request = self.fresh().await?;
        let ended = self.line.dawdle(&self.line.letter(&request)).await;
        Ok(verdict(ended, || "half a body was waited for over 20 s".to_owned()))
    }
}
