//! What hostile bytes must not break. Each function takes anything; a panic is a finding.

#![expect(clippy::panic, reason = "a panic is how a fuzz target reports")]

mod bodies;
mod tokens;

use synapsor_core::config::{self, ReadOptions};
use synapsor_core::digest;
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

/// The stdio line reader: any line is a message, is answered or is ignored.
pub fn line(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let _ = synapsor_runner::mcp::is_message(line);
    }
}
