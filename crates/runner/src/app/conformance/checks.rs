//! The guards, one by one, in an order in which a failure of one does not spoil the next.

mod effect;
mod gate;

use serde_json::{Map, Value as Json, json};

use super::wire::{Answer, Letter, Line};
use super::world::World;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_named_once_and_say_what_follows() {
        let names: std::collections::HashSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(names.len(), CHECKS.len());
        assert!(CHECKS.iter().all(|check| check.consequence.ends_with('.') && !check.title.ends_with('.')));
    }
}
