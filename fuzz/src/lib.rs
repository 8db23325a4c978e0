//! What hostile bytes must not break. Each function takes anything; a panic is a finding.

#![expect(clippy::panic, reason = "a panic is how a fuzz target reports")]

mod bodies;
mod tokens;

use synapsor_core::config::{self, ReadOptions};
use synapsor_core::digest;
use synapsor_core::handler::judge::{self, Reply, Word};
use synapsor_core::handler::verify::{Rules, verify_command};
use synapsor_core::id::Ident;
use synapsor_core::wire::job::WritebackJob;

pub use bodies::http;
pub use tokens::jwt;

/// The config reader: no panic, a contract or an error, and every report can be shown.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for read_only in [false, true] {
        let report = config::read(text, &ReadOptions { read_only });
        assert!(report.contract.is_some() || report.errors().next().is_some(), "no contract and no error");
        assert!(report.contract.is_none() || report.errors().next().is_none(), "a contract in spite of an error");
        let _shown = config::render(text, "fuzzed.json", &report.problems);
    }
}

/// The job file reader: no panic, and what reads reads back as the same job.
pub fn job(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(job) = WritebackJob::parse(text) {
        let written = serde_json::to_string(&job).unwrap_or_default();
        assert_eq!(WritebackJob::parse(&written).as_ref(), Ok(&job), "a job does not read back");
    }
}

/// Canonical JSON: stable under reading it again, and under another order of keys.
pub fn canonical(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let text = digest::canonical(&json);
    let Ok(again) = serde_json::from_str::<serde_json::Value>(&text) else {
        panic!("canonical text is not JSON: {text}")
    };
    assert_eq!(digest::canonical(&again), text, "canonical text is not its own canonical text");
    assert_eq!(digest::of(&again), digest::of(&json), "the digest depends on spelling");
}

/// Requests to a handler, and replies of one: no panic; what is accepted is accepted again as it is sent, and names only
/// what may be named; a reply that is not signed is never a receipt. Whether the request was accepted.
pub fn handler(bytes: &[u8]) -> bool {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let rules = Rules { token: None, secrets: &[], audience: None, now, knows: &|action| action.contains('.') };
    let Ok(request) = verify_command(bytes, rules) else { return false };
    let sent = serde_json::to_vec(&request).unwrap_or_default();
    assert_eq!(verify_command(&sent, rules).as_ref(), Ok(&request), "an accepted request is refused as it is sent");
    if let Some(change) = request.about.as_ref().and_then(|about| about.change_set.as_ref()) {
        let names = [&change.target.table, &change.guards.tenant.column, &change.guards.expected_version.column];
        assert!(names.into_iter().all(|name| Ident::parse(name).is_ok()), "an accepted name cannot be quoted");
        assert!(!change.patch.contains_key(&change.guards.tenant.column), "an accepted change moves a row to a tenant");
    }
    for signed in [None, Some(true), Some(false)] {
        let word = judge::word(&request, &Reply::Said { status: 200, signed, body: bytes });
        assert!(signed != Some(false) || matches!(word, Word::Doubt(_)), "an unsigned reply is believed");
    }
    true
}

/// The stdio line reader: any line is a message, is answered or is ignored.
pub fn line(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let _ = synapsor_runner::mcp::is_message(line);
    }
}
