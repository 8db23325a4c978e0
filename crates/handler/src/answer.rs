//! From a request to a reply.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use synapsor_core::handler::verify::{Header, Incoming, Refused, Rules, verify, verify_command};
use synapsor_core::handler::{MAX_BODY, sign};
use synapsor_core::wire::handler::{
    Ask, HandlerAbilities, HandlerError, HandlerRefusal, HandlerRequest, PROTOCOL_VERSION,
};

use crate::handler::{Handler, Reply};
use crate::transaction::{Stopped, Work};

const ABILITIES: [&str; 4] = ["dry_run", "idempotent", "status", "fence"];

impl Handler {
    /// Answers a request; `header` finds a header's value by its lower-case name.
    pub async fn handle(&self, method: &str, header: Header<'_, '_>, body: &[u8]) -> Reply {
        let inner = &self.inner;
        if inner.command_only {
            tracing::error!("the handler was made for a command, and has no credentials");
            return refusal(500, "HANDLER_EXCEPTION", "something went wrong");
        }
        let secrets = inner.secrets();
        let knows = |action: &str| inner.effects.contains_key(action);
        let rules = Rules {
            token: inner.token.as_deref(),
            secrets: &secrets,
            audience: inner.audience.as_deref(),
            now: Timestamp::now(),
            knows: &knows,
        };
        let (reply, secret) = match verify(Incoming { method, header, body }, rules) {
            Ok(verified) => (self.answer(&verified.request).await, verified.secret),
            Err(refused) => (refusal_of(&refused), refused.secret),
        };
        let signature = secret.map(|secret| sign::reply(secret, body, &reply.body));
        Reply { signature, ..reply }
    }

    /// Answers one request on standard input with one line on standard output; the exit status.
    pub async fn command(&self) -> std::io::Result<u8> {
        let mut body = Vec::new();
        let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX) + 1;
        std::io::Read::read_to_end(&mut std::io::Read::take(std::io::stdin().lock(), limit), &mut body)?;
        let own = self.inner.audience.as_deref().filter(|own| own.starts_with("command:"));
        let knows = |action: &str| self.inner.effects.contains_key(action);
        let rules = Rules { token: None, secrets: &[], audience: own, now: Timestamp::now(), knows: &knows };
        let reply = match verify_command(&body, rules) {
            Ok(request) => self.answer(&request).await,
            Err(refused) => refusal_of(&refused),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(&reply.body)?;
        out.write_all(b"\n")?;
        out.flush()?;
        Ok(u8::from(reply.status >= 500))
    }

    async fn answer(&self, request: &HandlerRequest) -> Reply {
        let Some(about) = &request.about else {
            let supports = ABILITIES.map(str::to_owned).to_vec();
            let nonce = request.nonce.clone().unwrap_or_default();
            return json_reply(
                200,
                &HandlerAbilities { protocol_version: PROTOCOL_VERSION.to_owned(), nonce, supports },
            );
        };
        let found =
            about.change_set.as_ref().and_then(|change| Some((change, self.inner.effects.get(&change.action)?)));
        let work = match (request.kind, found) {
            (Ask::Fence, _) => Work::Fence,
            (Ask::Apply, Some((change, effect))) => Work::Apply(change, effect),
            _ => Work::Status,
        };
        match self.inner.store.run(about, work).await {
            Ok(receipt) => json_reply(200, &receipt),
            Err(Stopped::KeyReused) => refusal(409, "IDEMPOTENCY_KEY_REUSED", "the key is held by another change"),
            Err(Stopped::Busy) => refusal(503, "HANDLER_BUSY", "another request holds the key or the row"),
            Err(Stopped::Unavailable) => refusal(503, "HANDLER_UNAVAILABLE", "the change could not be tried"),
            Err(Stopped::Unforeseen) => refusal(500, "HANDLER_EXCEPTION", "something went wrong"),
        }
    }
}

fn refusal_of(refused: &Refused<'_>) -> Reply {
    refusal(refused.status, refused.code, &refused.message)
}

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let error = HandlerError { code: code.to_owned(), message: message.to_owned() };
    json_reply(status, &HandlerRefusal { protocol_version: PROTOCOL_VERSION.to_owned(), error })
}

fn json_reply(status: u16, content: &impl serde::Serialize) -> Reply {
    let json = serde_json::to_value(content).unwrap_or_else(|_| json!({ "protocol_version": PROTOCOL_VERSION }));
    Reply { status, body: Json::to_string(&json).into_bytes(), signature: None }
}
