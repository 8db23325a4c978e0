//! The digests that chain the ledger: body, leaf, root, batch. Each is SHA-256; leaves and batches over canonical JSON.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use synapsor_core::digest::{self, Digest};
use synapsor_core::event::Event;
use synapsor_core::id::LedgerId;

use super::{LedgerFault, NewEvent};
use synapsor_core::code::Code;

/// Random bytes in front of a body, so that its digest tells nothing once the body is gone.
pub(super) type Salt = [u8; 16];

/// An event ready to be written: all that can be computed before its place in the ledger is known.
pub(super) struct Prepared {
    pub(super) subject: String,
    pub(super) seq: u64,
    pub(super) kind: &'static str,
    pub(super) salt: Salt,
    pub(super) body: String,
    pub(super) body_digest: Digest,
    /// Whether the commit must reach the disk itself.
    pub(super) synced: bool,
}

impl Prepared {
    pub(super) fn of(new: NewEvent) -> Result<Self, LedgerFault> {
        let mut salt = Salt::default();
        getrandom::fill(&mut salt)
            .map_err(|error| LedgerFault::new(Code::Internal, "the system gives no random bytes").because(error))?;
        let body = new.event.body_text();
        Ok(Self {
            kind: new.event.kind(),
            body_digest: body_digest(&salt, &body),
            synced: new.event.must_survive_power_loss(),
            subject: new.subject,
            seq: new.seq,
            salt,
            body,
        })
    }
}

/// Over the salt and the body's text as stored, byte for byte.
pub(super) fn body_digest(salt: &[u8], body: &str) -> Digest {
    let mut bytes = Vec::with_capacity(salt.len().saturating_add(body.len()));
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(body.as_bytes());
    digest::of_bytes(&bytes)
}

/// An event's place and outside: all that its leaf covers.
pub(super) struct Leaf<'a> {
    pub(super) event_id: u64,
    pub(super) subject: &'a str,
    pub(super) seq: u64,
    pub(super) at: i64,
    pub(super) kind: &'a str,
    pub(super) body_digest: &'a str,
}

impl Leaf<'_> {
    pub(super) fn digest(&self) -> Digest {
        // A list of whole numbers and texts is canonical as it is written; `digest::of` would only take longer.
        let text = |text: &str| Json::from(text).to_string();
        let Self { event_id, seq, at, .. } = self;
        let (subject, kind, body_digest) = (text(self.subject), text(self.kind), text(self.body_digest));
        let leaf = format!(r#"["synapsor-ledger-event.v1",{event_id},{subject},{seq},{at},{kind},{body_digest}]"#);
        digest::of_bytes(leaf.as_bytes())
    }
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) batch: u64,
    pub(super) first_event_id: u64,
    pub(super) count: u64,
    pub(super) prev: String,
    pub(super) root: String,
    pub(super) at: i64,
}

impl Batch {
    pub(super) fn digest(&self, ledger: &LedgerId) -> Digest {
        digest::of(&json!({
            "v": "synapsor-ledger-batch.v1",
            "ledger_id": ledger.as_str(),
            "batch": self.batch,
            "first_event_id": self.first_event_id,
            "count": self.count,
            "prev_batch_digest": self.prev,
            "root": self.root,
            "at": self.at,
        }))
    }
}

/// What the first batch points back at: the digest of nothing.
pub(super) fn genesis() -> Digest {
    digest::merkle_root(&[])
}

/// Stored time: microseconds since 1970 UTC.
pub(super) fn stored_time(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn read_time(stored: i64) -> Result<Timestamp, LedgerFault> {
    Timestamp::from_microsecond(stored)
        .map_err(|error| LedgerFault::corrupt("an event's time is out of range").because(error))
}

/// Reads an event's body, refusing one that does not read.
pub(super) fn read_event(kind: &str, body: &str) -> Result<Event, LedgerFault> {
    Event::from_stored(kind, body).map_err(|error| LedgerFault::corrupt("an event does not read").because(error))
}
