//! The signatures of requests and replies.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256=";

/// The secrets that a variable holds, separated by white space: the first signs, any verifies.
pub fn secrets(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// The signature of a request: HMAC-SHA256 over the exact bytes of its body.
#[must_use]
pub fn request(secret: &str, body: &[u8]) -> String {
    shown(secret, &[body])
}

/// The signature of a reply: HMAC-SHA256 over the digest of the request's body and the reply's body.
#[must_use]
pub fn reply(secret: &str, request: &[u8], body: &[u8]) -> String {
    shown(secret, &[&Sha256::digest(request), body])
}

/// Which of the secrets signed this request, if any. Takes as long whether or not one did.
#[must_use]
pub fn signer<'s>(secrets: &[&'s str], body: &[u8], signature: &str) -> Option<&'s str> {
    let found: Vec<&str> = secrets.iter().copied().filter(|secret| matches(secret, &[body], signature)).collect();
    found.first().copied()
}

/// Whether one of the secrets signed this reply to this request.
#[must_use]
pub fn reply_is_signed(secrets: &[&str], request: &[u8], body: &[u8], signature: &str) -> bool {
    let digest = Sha256::digest(request);
    secrets.iter().any(|secret| matches(secret, &[&digest, body], signature))
}

/// Whether a bearer token is the expected one, compared in constant time.
#[must_use]
pub fn same_token(expected: &str, given: &str) -> bool {
    // Digests have one length and tell nothing of the texts; comparing them through the MAC takes the same time always.
    let key = Sha256::digest(expected.as_bytes());
    mac(&key, &[expected.as_bytes()])
        .zip(mac(&key, &[given.as_bytes()]))
        .is_some_and(|(expected, given)| given.verify(&expected.finalize().into_bytes()).is_ok())
}

fn shown(secret: &str, parts: &[&[u8]]) -> String {
    let bytes = mac(secret.as_bytes(), parts).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    format!("{PREFIX}{}", hex::encode(bytes))
}

fn matches(secret: &str, parts: &[&[u8]], signature: &str) -> bool {
    let bytes = signature.strip_prefix(PREFIX).and_then(|text| hex::decode(text).ok());
    match (bytes, mac(secret.as_bytes(), parts)) {
        (Some(bytes), Some(mac)) => mac.verify_slice(&bytes).is_ok(),
        _ => false,
    }
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}
