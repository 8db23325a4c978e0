//! Reports: their forms, and where they go.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};
use synapsor_core::refusal::Refusal;

use super::output::write_new;
use super::print::Out;

/// What a report looks like, and where it goes.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// As `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to this file; it must not exist.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people in front of a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
    /// To be shared.
    Markdown,
    /// For tools that show findings of many programs.
    Sarif,
}

impl ReportArgs {
    /// The form.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Prints the report, or writes it to a new file.
    pub fn write(&self, text: &str, out: &Out) -> Result<(), Refusal> {
        let Some(path) = &self.output else {
            out.line(text.trim_end());
            return Ok(());
        };
        write_new(path, &format!("{}\n", text.trim_end()))?;
        out.note(&format!("wrote {}", path.display()));
        Ok(())
    }
}

/// A finding as other programs read it.
pub struct Found {
    /// The rule.
    pub rule: String,
    /// `error`, `warning` or `note`.
    pub level: &'static str,
    /// What was found.
    pub message: String,
}

/// Findings about one thing, as SARIF 2.1.0; `rules` are all that the findings name.
#[must_use]
pub fn sarif(command: &str, about: &str, rules: &[Json], findings: &[Found]) -> Json {
    let result = |found: &Found| {
        json!({
            "ruleId": found.rule,
            "level": found.level,
            "message": { "text": found.message },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": about } } }],
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": format!("synapsor-runner {command}"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}
