//! App-owned handlers: what is sent to them, how both sides prove who they are, and what a reply means.

pub mod judge;
pub mod moment;
pub mod request;
pub mod sign;
pub mod verify;

/// Largest request and reply, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Longest `details` of a receipt, in bytes of JSON.
pub const MAX_DETAILS: usize = 16 * 1024;
/// How far the sender's clock may be off, in seconds.
pub const SKEW_SECONDS: i64 = 300;
/// The header with the time of signing.
pub const ISSUED_AT: &str = "x-synapsor-issued-at";
/// The header with the proposal.
pub const PROPOSAL_ID: &str = "x-synapsor-proposal-id";
/// The header with the key.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header with the request's signature.
pub const SIGNATURE: &str = "x-synapsor-signature";
/// The header with the reply's signature.
pub const RECEIPT_SIGNATURE: &str = "x-synapsor-receipt-signature";

/// Whether text can be a receipt's code: `^[A-Z][A-Z0-9_]{0,63}$`.
#[must_use]
pub fn is_safe_code(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests;
