//! How commands speak: data on stdout, everything else on stderr, colour only for a person.

use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    quiet: bool,
    color: bool,
}

/// What a word stands out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Done, passed.
    Good,
    /// Worth a look.
    Careful,
    /// Failed, refused.
    Bad,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
}

impl Out {
    /// Colour needs a terminal, no `NO_COLOR` and no `--no-color`.
    #[must_use]
    pub fn new(quiet: bool, no_color: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { quiet, color: !no_color && wanted && std::io::stdout().is_terminal() }
    }

    /// A line of data on stdout. A reader that went away is no error: the work is done.
    pub fn line(&self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
    }

    /// Data on stdout as indented JSON.
    pub fn json(&self, json: &Json) {
        self.line(serde_json::to_string_pretty(json).unwrap_or_default());
    }

    /// A remark on stderr, unless asked to be quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Why a command stopped: what happened, why, and what to do next.
    pub fn refusal(&self, refusal: &Refusal) {
        let label = self.paint(Tone::Bad, &format!("error[{}]", refusal.code().text()));
        let _ = writeln!(std::io::stderr(), "{label}: {}", refusal.message());
        let _ = writeln!(std::io::stderr(), "help: {}", refusal.fix());
    }

    /// A word in colour, where there is colour.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Careful => "33",
            Tone::Bad => "31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Asks for a typed `yes`, or needs `--yes` where there is nobody to ask.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<bool, Refusal> {
        if yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            return Err(Refusal::new(Code::ConfirmationRequired, format!("{question} needs a confirmation")));
        }
        let _ = write!(std::io::stderr(), "{question} Type yes to go on: ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer).is_ok();
        Ok(read && answer.trim() == "yes")
    }
}

/// A refusal as JSON, for commands asked for JSON.
#[must_use]
pub fn refusal_json(refusal: &Refusal) -> Json {
    json!({ "ok": false, "error": { "code": refusal.code().text(), "message": refusal.message(), "fix": refusal.fix() } })
}

/// A JSON value as a reviewer reads it: text without quotes, everything else as JSON.
#[must_use]
pub fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}
