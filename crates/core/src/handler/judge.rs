//! What a handler's reply means for the proposal. Whatever is not understood is in doubt, never a guess.

use super::{MAX_DETAILS, is_safe_code};
use crate::code::Code;
use crate::wire::handler::{Ask, HandlerReceipt, HandlerRefusal, HandlerRequest, HandlerStatus, PROTOCOL_VERSION};
use crate::wire::receipt::ReceiptStatus;
use crate::writeback::{Outcome, Settlement};

/// How a request ended, as far as this side can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Nothing usable came back; why, in safe words.
    Nothing(&'static str),
    /// A reply.
    Said {
        /// The HTTP status; a command's reply counts as 200, and its refusal as 400.
        status: u16,
        /// Whether it is signed by a secret of ours; `None` if none is configured.
        signed: Option<bool>,
        /// The body.
        body: &'a [u8],
    },
}

/// What a handler said about a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// It has this receipt.
    Receipt(Box<HandlerReceipt>),
    /// It has none; only in answer to `status`.
    None,
    /// It refused before it began anything, with this code of the protocol.
    Refused(String),
    /// It holds the key for another change.
    KeyReused,
    /// It cannot be known; why, in safe words.
    Doubt(&'static str),
}

/// Reads a reply to a request about a proposal.
#[must_use]
pub fn word(request: &HandlerRequest, reply: &Reply<'_>) -> Word {
    let (status, body) = match *reply {
        Reply::Nothing(why) => return Word::Doubt(why),
        Reply::Said { signed: Some(false), .. } => {
            return Word::Doubt("the handler's reply is not signed, or signed with another secret");
        }
        Reply::Said { status, body, .. } => (status, body),
    };
    match status {
        200 => receipt(request, body),
        // Servers and gateways send these on their own account, and for requests that ran.
        408 | 425 | 429 | 499 => Word::Doubt("the handler's server cut the request short"),
        400..=498 => match refusal_code(body) {
            Some(code) if code == "IDEMPOTENCY_KEY_REUSED" => Word::KeyReused,
            Some(code) => Word::Refused(code),
            None => Word::Doubt("the handler refused in words that are not the protocol's"),
        },
        _ => Word::Doubt("the handler could not say what it did"),
    }
}

fn receipt(request: &HandlerRequest, body: &[u8]) -> Word {
    let Ok(mut receipt) = serde_json::from_slice::<HandlerReceipt>(body) else {
        return Word::Doubt("the handler's reply is no receipt");
    };
    let Some(about) = &request.about else { return Word::Doubt("a handshake has no receipt") };
    if receipt.protocol_version != PROTOCOL_VERSION
        || receipt.proposal_id != about.proposal_id
        || receipt.idempotency_key != about.idempotency_key
    {
        return Word::Doubt("the handler's receipt is for another request");
    }
    if receipt.dry_run != about.dry_run {
        return Word::Doubt("the handler's receipt does not say the same of the dry run");
    }
    if receipt.safe_error_code.as_deref().is_some_and(|code| !is_safe_code(code)) {
        receipt.safe_error_code = None;
    }
    if serde_json::to_vec(&receipt.details).map_or(0, |json| json.len()) > MAX_DETAILS {
        receipt.details = [("truncated".to_owned(), true.into())].into_iter().collect();
    }
    match (request.kind, receipt.status) {
        (Ask::Status, HandlerStatus::Unknown) => Word::None,
        (_, HandlerStatus::Unknown) => Word::Doubt("the handler does not know what it did"),
        _ => Word::Receipt(Box::new(receipt)),
    }
}

/// The code of a refusal; `None` if the body is none.
#[must_use]
pub fn refusal_code(body: &[u8]) -> Option<String> {
    let refusal = serde_json::from_slice::<HandlerRefusal>(body).ok()?;
    Some(refusal.error.code).filter(|code| is_safe_code(code))
}

/// A receipt as the outcome of a dry run.
#[must_use]
pub fn outcome(said: &HandlerReceipt) -> Outcome {
    let status = if said.status == HandlerStatus::Conflict { ReceiptStatus::Conflict } else { ReceiptStatus::Failed };
    let code = said.safe_error_code.as_deref().unwrap_or("no code");
    Outcome {
        status,
        code: Some(if status == ReceiptStatus::Conflict { Code::VersionConflict } else { Code::HandlerFailed }),
        reason: Some(format!("the handler says {code}")),
        new_version: None,
    }
}

/// What the reply to `apply` means for the proposal.
#[must_use]
pub fn settle(word: Word) -> Settlement {
    match word {
        Word::Receipt(receipt) => Settlement::Told(receipt),
        Word::Refused(_) => Settlement::Released(Code::HandlerRefused),
        Word::KeyReused => Outcome::ended(
            ReceiptStatus::Failed,
            Code::ReceiptMismatch,
            "the handler holds another change under this proposal's key",
        ),
        Word::None => Settlement::InDoubt("the handler does not know what it did"),
        Word::Doubt(reason) => Settlement::InDoubt(reason),
    }
}
