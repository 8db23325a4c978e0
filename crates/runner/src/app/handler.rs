//! Asks an app's handler: signs, sends, and gives back what the reply means. What a handler says reaches no model.

mod command;
mod http;

use std::time::Duration;

pub(crate) use http::Address;
use jiff::Timestamp;
use synapsor_core::code::Code;
use synapsor_core::contract::{Executor, Way};
use synapsor_core::handler::judge::{self, Reply, Word};
use synapsor_core::handler::request::{self, Stamp};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::handler::{HandlerAbilities, HandlerRequest, PROTOCOL_VERSION};

use crate::clock;

/// A configured handler with its secrets, ready to be asked.
pub struct Handler {
    audience: String,
    way: Means,
    timeout: Duration,
}

enum Means {
    Http(Address),
    Command(command::Command),
}

/// What came back, whole.
struct Came {
    status: u16,
    signed: Option<bool>,
    body: Vec<u8>,
}

impl Handler {
    /// Reads what the executor's variables hold, and sends nothing.
    pub fn open(executor: &Executor) -> Result<Self, Refusal> {
        let (audience, way) = match &executor.way {
            Way::Http { .. } => {
                let address = Address::read(executor)?;
                (address.url.as_str().to_owned(), Means::Http(address))
            }
            Way::Command { .. } => {
                (format!("command:{}", executor.name), Means::Command(command::Command::read(executor)?))
            }
        };
        Ok(Self { audience, way, timeout: executor.timeout })
    }

    /// Whether requests and replies are signed; a command's need no signature.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        match &self.way {
            Means::Http(address) => address.is_signed(),
            Means::Command(_) => true,
        }
    }

    /// The handler's address.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// Sends these bytes to a command as they are; status and body of what came back.
    pub(crate) async fn raw(&self, body: Vec<u8>) -> Result<(u16, Vec<u8>), &'static str> {
        let Means::Command(command) = &self.way else { return Err("the handler is no command") };
        command.run(body).await.map(|came| (came.status, came.body))
    }

    /// Whether tokens and rows cross a network in cleartext.
    #[must_use]
    pub fn is_cleartext(&self) -> bool {
        match &self.way {
            Means::Http(address) => address.is_cleartext(),
            Means::Command(_) => false,
        }
    }

    /// Makes a request with the handler's address, the time and a nonce.
    pub(crate) fn stamped<R>(&self, now: Timestamp, make: impl FnOnce(Stamp<'_>) -> R) -> R {
        let (issued_at, nonce) = (now.to_string(), hex::encode(clock::random::<16>()));
        make(Stamp { audience: &self.audience, issued_at: &issued_at, nonce: &nonce })
    }

    /// Asks about a proposal.
    pub(crate) async fn ask(&self, request: &HandlerRequest) -> Word {
        match self.send(request).await {
            Ok(came) => {
                let word =
                    judge::word(request, &Reply::Said { status: came.status, signed: came.signed, body: &came.body });
                if let Word::Refused(code) = &word {
                    tracing::warn!(handler_code = code, "the app's handler refused a request");
                }
                word
            }
            Err(why) => judge::word(request, &Reply::Nothing(why)),
        }
    }

    /// Asks what the handler can do. `why` of a refusal is in safe words.
    pub async fn abilities(&self) -> Result<Vec<String>, Refusal> {
        // The clock, not the ledger's time: the handler compares it with its own clock.
        let request = self.stamped(clock::now(), request::handshake);
        let unready = |why: &str| Refusal::new(Code::HandlerUnready, why.to_owned());
        let came = self.send(&request).await.map_err(unready)?;
        if came.signed == Some(false) {
            return Err(unready("the handler's reply is not signed, or signed with another secret"));
        }
        if came.status != 200 {
            let code = judge::refusal_code(&came.body).unwrap_or_else(|| "no code of the protocol".to_owned());
            return Err(unready(&format!("the handler answered a handshake with status {} ({code})", came.status)));
        }
        match serde_json::from_slice::<HandlerAbilities>(&came.body) {
            Ok(said) if said.protocol_version == PROTOCOL_VERSION && Some(&said.nonce) == request.nonce.as_ref() => {
                Ok(said.supports)
            }
            _ => Err(unready("the handler's reply to a handshake is not the protocol's")),
        }
    }

    async fn send(&self, request: &HandlerRequest) -> Result<Came, &'static str> {
        let body = serde_json::to_vec(request).map_err(|_| "the request could not be written")?;
        let sent = async {
            match &self.way {
                Means::Http(address) => address.send(request, body).await,
                Means::Command(command) => command.run(body).await,
            }
        };
        match tokio::time::timeout(self.timeout, sent).await {
            Ok(came) => came,
            Err(_) => Err("the handler did not answer in time"),
        }
    }
}
