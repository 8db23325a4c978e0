//! How commands speak: data on stdout, everything else on stderr, colour only for a person.

use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

/// Whose lines in the log are remarks and refusals.
pub const REMARKS: &str = "command";

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    quiet: bool,
    color: bool,
    /// Whether what goes to stderr is the log's.
    logs: bool,
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
    pub fn new(quiet: bool, no_color: bool, logs: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { quiet, color: !no_color && wanted && std::io::stdout().is_terminal(), logs }
    }

    /// Whether remarks are unwanted.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of data on stdout. A reader that went away is no error: the work is done.
    pub fn line(&self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
    }

    /// As [`Out::line`], for commands that go on until their reader goes away.
    pub fn try_line(&self, text: &str) -> std::io::Result<()> {
        writeln!(std::io::stdout(), "{text}")
    }

    /// Data on stdout as indented JSON.
    pub fn json(&self, json: &Json) {
        self.line(json_text(json));
    }

    /// Rows under a heading, in columns, with control characters taken out. The last column is as wide as it is.
    pub fn table<const N: usize>(&self, heading: [&str; N], rows: &[[String; N]]) {
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| clean(cell))).collect();
        let mut widths = heading.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let aligned = |row: [&str; N]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.line(self.paint(Tone::Strong, &aligned(heading)));
        for row in &rows {
            self.line(aligned(row.each_ref().map(String::as_str)));
        }
    }

    /// A remark on stderr, unless asked to be quiet.
    pub fn note(&self, text: &str) {
        if self.logs {
            tracing::info!(target: REMARKS, "{text}");
        } else if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Why a command stopped: what happened, why, and what to do next.
    pub fn refusal(&self, refusal: &Refusal) {
        if self.logs {
            tracing::error!(target: REMARKS, code = refusal.code().text(), fix = refusal.fix(), "{}", refusal.message());
            return;
        }
        let label = self.paint(Tone::Bad, &format!("error[{}]", refusal.code().text()));
        let lines = |text: &str| text.lines().map(clean).collect::<Vec<_>>().join("\n");
        let _ = writeln!(std::io::stderr(), "{label}: {}", lines(refusal.message()));
        let _ = writeln!(std::io::stderr(), "help: {}", lines(refusal.fix()));
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

/// A document as indented JSON in which no control character stands as it is: a terminal would obey it.
#[must_use]
pub fn json_text(json: &Json) -> String {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    // What JSON itself does not escape: DEL and the C1 controls, which only occur inside its strings.
    let obeyed = |c: char| c.is_control() && c != '\n';
    if !text.contains(obeyed) {
        return text;
    }
    text.chars().map(|c| if obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
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
        Json::String(text) => clean(text),
        other => clean(&other.to_string()),
    }
}

/// A text without what a terminal would obey: control characters, and marks that change the direction of reading.
#[must_use]
pub fn clean(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}
