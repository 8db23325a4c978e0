//! Requests that are acted on: what happens to the row, and how often.

use serde_json::{Value as Json, json};

use super::{CROWD, Checks, Result, at, failed, patiently, verdict};
use crate::app::conformance::Verdict;
use crate::app::conformance::wire::Answer;
use crate::clock;

impl Checks<'_> {
    pub(super) async fn guard(&mut self, id: &str) -> Result<Verdict> {
        let request = self.fresh().await?;
        let mut cases = Vec::new();
        if id == "tenant" {
            let tenant = request.pointer("/change_set/scope/tenant_id").and_then(Json::as_str).unwrap_or_default();
            let (upper, lower) = (tenant.to_uppercase(), tenant.to_lowercase());
            let mut others = vec![format!("{tenant}-of-another")];
            others.extend([upper, lower].into_iter().find(|other| other != tenant));
            for other in others {
                let paths = ["/change_set/scope/tenant_id", "/change_set/guards/tenant/value"];
                cases.push((at(&request, &paths.map(|path| (path, json!(other)))), format!("tenant `{other}`")));
            }
        } else {
            let path = "/change_set/guards/expected_version/value";
            let stale = older(request.pointer(path).unwrap_or(&Json::Null));
            cases.push((at(&request, &[(path, stale)]), "an older version".to_owned()));
        }
        let before = self.world.look(&request).await?;
        for (asked, how) in cases {
            let answer = self.ask(&fresh_keys(&asked)).await;
            if self.world.look(&request).await? != before {
                return Ok(failed(format!("{how}: the database was changed ({})", answer.shown())));
            }
            if !matches!(answer.receipt(), "conflict" | "failed") {
                return Ok(failed(format!("{how}: it was answered with {}", answer.shown())));
            }
        }
        Ok(Verdict::Passed)
    }

    pub(super) async fn apply(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let before = self.world.look(&request).await?;
        let answer = self.ask(&request).await;
        let after = self.world.look(&request).await?;
        if answer.receipt() != "applied" {
            return Ok(failed(format!("it was answered with {}", answer.shown())));
        }
        self.one_effect = Some(after.growth_since(&before));
        let path = "/change_set/guards/expected_version/value";
        let again = self.fresh().await?;
        Ok(verdict(again.pointer(path) != request.pointer(path), || "the version column did not move".to_owned()))
    }

    pub(super) fn replies(&self) -> Verdict {
        if !self.line.is_signed() {
            return Verdict::Skipped("the executor has no signing secret".to_owned());
        }
        self.unsigned.clone().map_or(Verdict::Passed, Verdict::Failed)
    }

    pub(super) async fn duplicate(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let first = self.ask(&request).await;
        let before = self.world.look(&request).await?;
        // Byte by byte the same, as someone who captured it would send it; and signed anew, as a retry is.
        let replayed = self.line.send(&self.line.letter(&request)).await;
        let retried = self.ask(&at(&request, &[("/issued_at", json!(clock::now().to_string()))])).await;
        let after = self.world.look(&request).await?;
        if before != after {
            return Ok(failed("the database was changed again"));
        }
        let same = |answer: &Answer| {
            answer.receipt() == "already_applied"
                && answer.body.get("receipt_id") == first.body.get("receipt_id")
                && answer.body.get("new_version") == first.body.get("new_version")
        };
        Ok(verdict(first.receipt() == "applied" && same(&replayed) && same(&retried), || {
            format!("it was answered with {}, then {}, then {}", first.shown(), replayed.shown(), retried.shown())
        }))
    }

    pub(super) async fn crowd(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let before = self.world.look(&request).await?;
        let line = &self.line;
        let answers = futures_util::future::join_all((0..CROWD).map(|_| patiently(line, &request))).await;
        let after = self.world.look(&request).await?;
        let count = |status: &str| answers.iter().filter(|answer| answer.receipt() == status).count();
        let grown = after.growth_since(&before);
        if self.one_effect.as_ref().is_some_and(|one| *one != grown) {
            return Ok(failed(format!("the tables grew by {grown:?}, where one effect is {:?}", self.one_effect)));
        }
        Ok(verdict(count("applied") == 1 && count("already_applied") == CROWD - 1, || {
            format!("{} were applied, {} already applied", count("applied"), count("already_applied"))
        }))
    }

    pub(super) async fn key_reuse(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        self.ask(&request).await;
        let before = self.world.look(&request).await?;
        let hash = format!("sha256:{}", hex::encode(clock::random::<32>()));
        let answer = self.ask(&at(&request, &[("/proposal_hash", json!(hash))])).await;
        let after = self.world.look(&request).await?;
        // A command has no status but success and refusal.
        let code = answer.body.pointer("/error/code").and_then(Json::as_str);
        let refused = answer.status == 409 || (!self.line.is_http() && code == Some("IDEMPOTENCY_KEY_REUSED"));
        Ok(verdict(refused && before == after, || format!("it was answered with {}", answer.shown())))
    }

    pub(super) async fn race(&mut self) -> Result<Verdict> {
        let (one, two) = (self.fresh().await?, self.fresh().await?);
        let before = self.world.look(&one).await?;
        let (first, second) = tokio::join!(patiently(&self.line, &one), patiently(&self.line, &two));
        let after = self.world.look(&one).await?;
        let mut said = [first.receipt(), second.receipt()];
        said.sort_unstable();
        let grown = after.growth_since(&before);
        let once = self.one_effect.as_ref().is_none_or(|one| *one == grown);
        Ok(verdict(said == ["applied", "conflict"] && once, || {
            format!("they were answered with {} and {}; the tables grew by {grown:?}", first.shown(), second.shown())
        }))
    }

    pub(super) async fn dry_run(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let before = self.world.look(&request).await?;
        let answer = self.ask(&at(&request, &[("/dry_run", json!(true))])).await;
        if self.world.look(&request).await? != before {
            return Ok(failed(format!("the database was changed ({})", answer.shown())));
        }
        if answer.receipt() != "applied" {
            return Ok(failed(format!("it was answered with {}", answer.shown())));
        }
        let real = self.ask(&request).await;
        Ok(verdict(real.receipt() == "applied", || format!("the real one was then answered with {}", real.shown())))
    }

    pub(super) async fn failure(&mut self) -> Result<Verdict> {
        let mut request = self.fresh().await?;
        if let Some(patch) = request.pointer_mut("/change_set/patch").and_then(Json::as_object_mut) {
            match self.failing {
                Some(failing) => *patch = failing.clone(),
                None => patch.values_mut().for_each(|value| *value = Json::Null),
            }
        }
        let before = self.world.look(&request).await?;
        let first = self.ask(&request).await;
        let after = self.world.look(&request).await?;
        if first.receipt() == "applied" {
            return Ok(Verdict::Skipped(
                "the effect took that change; name a patch that it refuses midway with `--failing-patch`".to_owned(),
            ));
        }
        if before != after {
            return Ok(failed(format!("the database was changed ({})", first.shown())));
        }
        let second = self.ask(&request).await;
        Ok(verdict(first.receipt() == "failed" && second.receipt() == "failed", || {
            format!("it was answered with {}, then {}", first.shown(), second.shown())
        }))
    }

    pub(super) async fn status(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let status = at(&request, &[("/kind", json!("status"))]);
        let none = self.ask(&status).await;
        let done = self.ask(&request).await;
        let then = self.ask(&status).await;
        Ok(verdict(
            none.receipt() == "unknown"
                && then.receipt() == done.receipt()
                && then.body.get("receipt_id") == done.body.get("receipt_id"),
            || format!("before: {}; after {}: {}", none.shown(), done.shown(), then.shown()),
        ))
    }

    pub(super) async fn fence(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let before = self.world.look(&request).await?;
        let fence = at(&request, &[("/kind", json!("fence"))]);
        let fenced = self.ask(&fence).await;
        let late = self.ask(&request).await;
        let after = self.world.look(&request).await?;
        if before != after {
            return Ok(failed(format!("the late request changed the database ({})", late.shown())));
        }
        Ok(verdict(fenced.receipt() == "canceled" && late.receipt() == "canceled", || {
            format!("the fence was answered with {}, the late request with {}", fenced.shown(), late.shown())
        }))
    }
}

/// The same under keys that nobody has used.
fn fresh_keys(request: &Json) -> Json {
    let id = format!("wrp_{}", hex::encode(clock::random::<10>()));
    let job = clock::job_id().as_str().to_owned();
    at(
        request,
        &[
            ("/idempotency_key", json!(format!("{id}:conformance"))),
            ("/proposal_id", json!(id)),
            ("/writeback_job_id", json!(job)),
        ],
    )
}

/// A version that came before this one, by the least that shows.
fn older(version: &Json) -> Json {
    match version {
        Json::Number(number) => json!(number.as_i64().map_or(-1, |number| number - 1)),
        Json::String(text) => {
            let at = text.rfind(|letter: char| letter.is_ascii_digit());
            let changed = text.char_indices().map(|(index, letter)| match letter {
                digit if Some(index) == at => {
                    if digit == '0' {
                        '1'
                    } else {
                        '0'
                    }
                }
                other => other,
            });
            Json::String(if at.is_some() { changed.collect() } else { format!("{text}-") })
        }
        other => json!(format!("{other}-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_another_one_of_the_same_shape() {
        for (version, expected) in [
            (json!(7), json!(6)),
            (json!("2026-06-20T14:31:08.123456Z"), json!("2026-06-20T14:31:08.123450Z")),
            (json!("2026-06-20T14:31:08.120Z"), json!("2026-06-20T14:31:08.121Z")),
            (json!("v"), json!("v-")),
            (Json::Null, json!("null-")),
        ] {
            assert_eq!(older(&version), expected);
        }
    }
}
