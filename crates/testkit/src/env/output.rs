//! What a command printed, and the filters that make it comparable.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use regex::{Captures, Regex};

/// Holds what one command printed and how it ended.
#[derive(Clone, Debug)]
#[must_use = "a command's exit code or output is what a test is about"]
pub struct Output {
    /// Exit code; 128 + n if signal n ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Returns standard output if the exit code is the expected one; panics with everything printed if not.
    #[track_caller]
    pub fn expect(self, status: i32) -> String {
        assert_eq!(self.status, status, "exit code\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Reads standard output as one JSON document; panics with everything printed if it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("no JSON: {error}\nstdout: {}\nstderr: {}", self.stdout, self.stderr),
        }
    }
}

/// Returns the code as a shell shows it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap()
}

/// Knows what differs from run to run, and which ids it has seen.
pub(super) struct Filter {
    dir: String,
    ids: Regex,
    seen: Vec<String>,
    others: Vec<(Regex, &'static str)>,
}

impl Filter {
    pub(super) fn new(dir: &Path) -> Filter {
        let others = [
            (r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]"),
            (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", "[TIME]"),
            (r"\b(127\.0\.0\.1|localhost):\d+", "$1:[PORT]"),
            (r"\b\d+(\.\d+)? ?(ms|µs)\b", "[DURATION]"),
            (r#""(pid|duration_ms|elapsed_ms)": ?\d+"#, "\"$1\": [N]"),
        ];
        Filter {
            dir: dir.canonicalize().unwrap().display().to_string(),
            ids: Regex::new(r"\b(wrp|ev|wbj|hwb|lease|qa|rct|req|replay_wrp)_[0-9a-f]{20}\b").unwrap(),
            seen: Vec::new(),
            others: others.map(|(pattern, text)| (Regex::new(pattern).unwrap(), text)).into(),
        }
    }

    pub(super) fn apply(&mut self, text: &str) -> String {
        let text = text.replace(&self.dir, "[DIR]");
        let seen = &mut self.seen;
        let mut text =
            self.ids.replace_all(&text, |found: &Captures<'_>| numbered(seen, &found[0], &found[1])).into_owned();
        for (pattern, replacement) in &self.others {
            text = pattern.replace_all(&text, *replacement).into_owned();
        }
        text
    }
}

/// Names an id by its kind and the order in which ids of that kind were first seen.
fn numbered(seen: &mut Vec<String>, id: &str, kind: &str) -> String {
    if !seen.iter().any(|known| known == id) {
        seen.push(id.to_owned());
    }
    let of_kind = seen.iter().filter(|known| known.rsplit_once('_').is_some_and(|(prefix, _)| prefix == kind));
    let number = of_kind.take_while(|known| *known != id).count() + 1;
    format!("{kind}_[{number}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_replaced_and_ids_keep_their_identity() {
        let dir = tempfile::tempdir().unwrap();
        let mut filter = Filter::new(dir.path());
        let mut check = |text: &str, expected: &str| assert_eq!(filter.apply(text), expected);
        let (first, second) = ("0123456789abcdef0123", "3210fedcba9876543210");
        check(&format!("wrp_{second} ev_{first}"), "wrp_[1] ev_[1]");
        check(&format!("synapsor://replay/wrp_{first} wrp_{second}"), "synapsor://replay/wrp_[2] wrp_[1]");
        check("wrp_short wrp_ABCDEF", "wrp_short wrp_ABCDEF");
        check(&format!("{}/work/x.db", dir.path().display()), "[DIR]/work/x.db");
        check("at 2026-11-23T06:10:22.123456Z or 2026-11-23 06:10:22+05:45.", "at [TIME] or [TIME].");
        check("2026-11-23 stays, 06:10 too", "2026-11-23 stays, 06:10 too");
        check("http://127.0.0.1:8766/mcp in 12 ms", "http://127.0.0.1:[PORT]/mcp in [DURATION]");
        check(&format!("sha256:{}", "ab".repeat(32)), "sha256:[DIGEST]");
    }
}
