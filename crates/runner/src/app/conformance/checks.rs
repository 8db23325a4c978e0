//! The guards, one by one, in an order in which a failure of one does not spoil the next.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use synapsor_core::handler::{ISSUED_AT, MAX_BODY, SIGNATURE};

use super::wire::{Answer, Letter, Line};
use super::world::{Look, World};
use super::{Check, Order, Verdict};
use crate::app::Stop;
use crate::clock;

/// How many send the same at once.
const CROWD: usize = 16;
/// How often a busy handler is asked again.
const AGAIN: usize = 30;

macro_rules! checks {
    ($($id:literal $title:literal $consequence:literal;)*) => {
        /// Every check, in order.
        pub const CHECKS: &[Check] = &[$(Check { id: $id, title: $title, consequence: $consequence }),*];
    };
}

checks! {
    "handshake" "a handshake is answered with the nonce and what the handler supports"
        "The runner cannot ask what became of a lost reply, so such applies stay in doubt for a person.";
    "method" "only POST is answered"
        "A link or an image that somebody opens can reach the handler.";
    "bearer" "a request without the bearer token, or with a wrong one, is refused"
        "Whoever reaches the port can have changes made.";
    "signature" "a request without a signature, or with a wrong one, is refused"
        "Whoever holds or guesses the token can make up changes that nobody approved, for any tenant.";
    "tampering" "a request that was changed after it was signed is refused"
        "Whoever sits between runner and app can change amount, row and tenant of an approved change.";
    "stale-signature" "a request that was signed long ago is refused"
        "Whoever captured a request can send it months later.";
    "audience" "a request that was signed for another handler is refused"
        "A request that one app received can be played to another that shares the secret.";
    "headers" "headers that say another key than the body are refused"
        "A gateway that goes by the headers and an app that goes by the body take one request for two.";
    "protocol" "another protocol version is refused"
        "A future request that means something else is taken for one of today.";
    "malformed" "what is no JSON, or lacks a part, is refused"
        "The handler acts on a change with parts that it made up.";
    "oversize" "a body over 1 MiB is refused"
        "One request can take the app's memory.";
    "slow" "a body that never ends is given up"
        "A few connections can hold up the app for ever.";
    "action" "an unknown action is refused"
        "A change that the app does not know is taken for one that it does.";
    "tenant" "a row of another tenant is not touched"
        "A change approved for one customer is made to another's data.";
    "version" "a row that changed since it was reviewed is not touched"
        "Somebody else's change is overwritten, on the strength of a review that never saw it.";
    "apply" "an approved change is made once, and the row's version moves"
        "The handler does not do its work.";
    "reply-signature" "replies are signed over the request and the reply"
        "Whoever sits between can tell the runner that a change was made, or was not.";
    "duplicate" "the same request again is answered with the first receipt, and changes nothing"
        "A retry after a lost reply makes the change twice: a customer is credited twice.";
    "crowd" "16 of the same at once have one effect"
        "Two retries that overlap make the change twice, even where one after another would not.";
    "key-reuse" "the same key with another change is refused with 409"
        "A change that was never made is reported as made.";
    "race" "of two changes of one version, one is made and the other is a conflict"
        "Two people approve on what they saw, and the second undoes the first without knowing.";
    "dry-run" "a dry run changes nothing, and leaves no receipt"
        "Trying a change makes it; or trying it makes it impossible to make.";
    "failure" "an effect that fails midway leaves nothing behind but a receipt"
        "Half a change stays: a credit without its booking.";
    "status" "a key's receipt can be asked for; one without has none"
        "After a lost reply nobody can find out what was done without risking to do it again.";
    "fence" "a fenced key can never be applied"
        "A request that was held up on its way is carried out after it was given up.";
}

pub(super) struct Checks<'a> {
    line: Line,
    world: World,
    audience: String,
    failing: Option<&'a Map<String, Json>>,
    /// How the tables grew by one effect, once that is known.
    one_effect: Option<std::collections::BTreeMap<String, i64>>,
    unsigned: Option<String>,
}

type Result<T> = std::result::Result<T, Stop>;

fn failed(what: impl Into<String>) -> Verdict {
    Verdict::Failed(what.into())
}

fn verdict(held: bool, what: impl FnOnce() -> String) -> Verdict {
    if held { Verdict::Passed } else { Verdict::Failed(what()) }
}

fn at(request: &Json, changes: &[(&str, Json)]) -> Json {
    let mut request = request.clone();
    for (path, value) in changes {
        if let Some(held) = request.pointer_mut(path) {
            *held = value.clone();
        }
    }
    request
}

impl<'a> Checks<'a> {
    pub(super) fn new(line: Line, world: World, order: &'a Order) -> Self {
        let audience = line.address();
        Self { line, world, audience, failing: order.failing_patch.as_ref(), one_effect: None, unsigned: None }
    }

    pub(super) async fn run(mut self) -> Result<Vec<(Check, Verdict)>> {
        let mut found = Vec::new();
        for check in CHECKS {
            let verdict = match check.id {
                "handshake" => self.handshake().await,
                "method" => self.method().await?,
                "bearer" => self.bearer().await?,
                "signature" | "tampering" | "stale-signature" | "audience" | "headers" => self.signed(check.id).await?,
                "protocol" | "action" => self.unknown(check.id).await?,
                "malformed" => self.malformed().await?,
                "oversize" => self.oversize().await?,
                "slow" => self.slow().await?,
                "tenant" | "version" => self.guard(check.id).await?,
                "apply" => self.apply().await?,
                "reply-signature" => self.replies(),
                "duplicate" => self.duplicate().await?,
                "crowd" => self.crowd().await?,
                "key-reuse" => self.key_reuse().await?,
                "race" => self.race().await?,
                "dry-run" => self.dry_run().await?,
                "failure" => self.failure().await?,
                "status" => self.status().await?,
                _ => self.fence().await?,
            };
            found.push((*check, verdict));
        }
        Ok(found)
    }

    async fn fresh(&self) -> Result<Json> {
        self.world.apply(&self.audience).await
    }

    /// Asks, and again while the handler is busy; notes a reply that should be signed and is not.
    async fn ask(&mut self, request: &Json) -> Answer {
        let answer = patiently(&self.line, request).await;
        self.note(&answer);
        answer
    }

    fn note(&mut self, answer: &Answer) {
        if answer.status == 200 && !answer.signed && self.unsigned.is_none() {
            self.unsigned = Some(format!("a reply ({}) had no or a wrong signature", answer.shown()));
        }
    }

    async fn handshake(&mut self) -> Verdict {
        let nonce = hex::encode(clock::random::<16>());
        let request = json!({
            "protocol_version": "1.0", "kind": "handshake", "audience": self.audience,
            "issued_at": clock::now().to_string(), "nonce": nonce,
        });
        let answer = self.ask(&request).await;
        let supports = answer.body.get("supports").and_then(Json::as_array).cloned().unwrap_or_default();
        let lacking: Vec<&str> = ["dry_run", "idempotent", "status", "fence"]
            .into_iter()
            .filter(|ability| !supports.iter().any(|known| known == ability))
            .collect();
        if answer.status != 200 || answer.text("nonce") != nonce {
            return failed(format!("it was answered with {}", answer.shown()));
        }
        verdict(lacking.is_empty(), || format!("it does not say that it supports {}", lacking.join(", ")))
    }

    /// Whether a spoilt request is refused, and nothing happens.
    async fn refused(&mut self, request: &Json, letter: &Letter, how: &str) -> Result<Verdict> {
        let before = self.world.look(request).await?;
        let answer = self.line.send(letter).await;
        let after = self.world.look(request).await?;
        if before != after {
            return Ok(failed(format!("{how}: the database was changed ({})", answer.shown())));
        }
        Ok(verdict(answer.status == 0 || (400..500).contains(&answer.status), || {
            format!("{how}: it was not refused ({})", answer.shown())
        }))
    }

    async fn all_refused(&mut self, request: &Json, letters: Vec<(Letter, &str)>) -> Result<Verdict> {
        for (letter, how) in letters {
            let verdict = self.refused(request, &letter, how).await?;
            if verdict != Verdict::Passed {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Passed)
    }

    async fn method(&mut self) -> Result<Verdict> {
        if !self.line.is_http() {
            return Ok(Verdict::Skipped("a command has no method".to_owned()));
        }
        let request = self.fresh().await?;
        let letter = Letter { method: Method::PUT, ..self.line.letter(&request) };
        self.refused(&request, &letter, "PUT").await
    }

    async fn bearer(&mut self) -> Result<Verdict> {
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

    async fn signed(&mut self, id: &str) -> Result<Verdict> {
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

    async fn unknown(&mut self, id: &str) -> Result<Verdict> {
        let request = self.fresh().await?;
        let (changed, how) = if id == "protocol" {
            (at(&request, &[("/protocol_version", json!("2.0"))]), "protocol version 2.0")
        } else {
            (at(&request, &[("/change_set/action", json!("conformance.unknown_action"))]), "an unknown action")
        };
        let letter = self.line.letter(&changed);
        self.refused(&request, &letter, how).await
    }

    async fn malformed(&mut self) -> Result<Verdict> {
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

    async fn oversize(&mut self) -> Result<Verdict> {
        let mut request = self.fresh().await?;
        if let Some(fields) = request.as_object_mut() {
            fields.insert("padding".to_owned(), json!("x".repeat(MAX_BODY)));
        }
        let letter = self.line.letter(&request);
        self.refused(&request, &letter, "1 MiB and more").await
    }

    async fn slow(&mut self) -> Result<Verdict> {
        if !self.line.is_http() {
            return Ok(Verdict::Skipped("a command is ended by the runner".to_owned()));
        }
        let request = self.fresh().await?;
        let ended = self.line.dawdle(&self.line.letter(&request)).await;
        Ok(verdict(ended, || "half a body was waited for over 20 s".to_owned()))
    }

    async fn guard(&mut self, id: &str) -> Result<Verdict> {
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

    async fn apply(&mut self) -> Result<Verdict> {
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

    fn replies(&self) -> Verdict {
        if !self.line.is_signed() {
            return Verdict::Skipped("the executor has no signing secret".to_owned());
        }
        self.unsigned.clone().map_or(Verdict::Passed, Verdict::Failed)
    }

    async fn duplicate(&mut self) -> Result<Verdict> {
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

    async fn crowd(&mut self) -> Result<Verdict> {
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

    async fn key_reuse(&mut self) -> Result<Verdict> {
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

    async fn race(&mut self) -> Result<Verdict> {
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

    async fn dry_run(&mut self) -> Result<Verdict> {
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

    async fn failure(&mut self) -> Result<Verdict> {
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

    async fn status(&mut self) -> Result<Verdict> {
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

    async fn fence(&mut self) -> Result<Verdict> {
        let request = self.fresh().await?;
        let before: Look = self.world.look(&request).await?;
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

/// Asks, and again while the handler says that it is busy.
async fn patiently(line: &Line, request: &Json) -> Answer {
    let mut answer = line.ask(request).await;
    for _ in 0..AGAIN {
        if answer.status != 503 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        answer = line.ask(request).await;
    }
    answer
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

    #[test]
    fn checks_are_named_once_and_say_what_follows() {
        let names: std::collections::HashSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(names.len(), CHECKS.len());
        assert!(CHECKS.iter().all(|check| check.consequence.ends_with('.') && !check.title.ends_with('.')));
    }
}
