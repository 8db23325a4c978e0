//! When all this happens, and the rules that hold.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use synapsor_core::contract::http::{Algorithm, Jwt, Keys};
pub use synapsor_testkit::issuer::{Key, encode, set_of, with, without};

/// Seconds since 1970 at which all this happens.
pub const NOW: i64 = 1_795_000_000;

pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// Claims with which a token is good.
pub fn claims() -> Value {
    synapsor_testkit::issuer::claims(NOW)
}

/// A text with spaces behind it, so many bytes in all.
pub fn padded(text: &str, length: usize) -> String {
    format!("{text}{}", " ".repeat(length - text.len()))
}

pub fn rules(keys: Keys) -> Jwt {
    Jwt {
        issuer: "https://issuer.example/".to_owned(),
        audience: "synapsor".to_owned(),
        keys,
        algorithms: Algorithm::ALL.to_vec(),
        tenant_claim: "tenant_id".to_owned(),
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        leeway: Duration::from_secs(30),
    }
}
