//! The report, in each of its forms.

use serde_json::{Map, Value as Json, json};
use synapsor_core::check::{Check, Level};

use crate::cli::print::{Out, Tone, clean, json_text};
use crate::cli::report::{Format, Found, sarif};

/// What was found.
pub struct Report {
    /// The configuration's mode.
    pub mode: &'static str,
    /// The configuration.
    pub config_path: String,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
    /// The tools that a model gets.
    pub tools: Vec<String>,
    /// The ledger.
    pub store: Option<StoreStats>,
}

/// The ledger.
pub struct StoreStats {
    /// Its path.
    pub path: String,
    /// What it holds; `None` if there is none, or it does not open.
    pub counts: Option<[(&'static str, u64); 4]>,
}

impl Report {
    /// How bad the worst check is.
    pub fn worst(&self) -> Level {
        self.checks.iter().map(|check| check.level).max().unwrap_or(Level::Pass)
    }

    /// The report's text.
    pub fn render(&self, format: Format, out: &Out) -> String {
        match format {
            Format::Text => self.text(out),
            Format::Json => json_text(&self.json()),
            Format::Markdown => self.markdown(),
            Format::Sarif => json_text(&self.sarif()),
        }
    }

    fn count(&self, level: Level) -> usize {
        self.checks.iter().filter(|check| check.level == level).count()
    }

    fn summary(&self) -> String {
        let warnings = self.count(Level::Warn);
        format!(
            "{} passed, {warnings} warning{}, {} failed",
            self.count(Level::Pass),
            if warnings == 1 { "" } else { "s" },
            self.count(Level::Fail)
        )
    }

    /// What is well is one line; what is not says how to mend it.
    fn text(&self, out: &Out) -> String {
        let mut lines = vec![format!("Synapsor doctor: {} (mode {})", clean(&self.config_path), self.mode)];
        for check in &self.checks {
            let (tone, mark) = match check.level {
                Level::Pass => (Tone::Good, "✓"),
                Level::Warn => (Tone::Careful, "!"),
                Level::Fail => (Tone::Bad, "x"),
            };
            lines.push(format!("{} {}: {}", out.paint(tone, mark), clean(&check.id), clean(&check.message)));
            lines.extend(check.fix.iter().flat_map(|fix| fix.lines()).map(|line| format!("    {}", clean(line))));
        }
        lines.push(self.summary());
        lines.join("\n")
    }

    fn json(&self) -> Json {
        let check = |check: &Check| {
            let mut entry = Map::new();
            entry.insert("name".to_owned(), check.id.as_str().into());
            entry.insert("ok".to_owned(), (check.level != Level::Fail).into());
            entry.insert("level".to_owned(), check.level.word().into());
            entry.insert("message".to_owned(), check.message.as_str().into());
            entry.extend(check.fix.as_ref().map(|fix| ("fix".to_owned(), Json::from(fix.as_str()))));
            Json::Object(entry)
        };
        let mut report = json!({
            "ok": self.worst() != Level::Fail,
            "mode": self.mode,
            "config_path": self.config_path,
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "tools": self.tools,
        });
        if let (Some(store), Some(report)) = (&self.store, report.as_object_mut()) {
            let mut stats = Map::new();
            stats.insert("path".to_owned(), store.path.as_str().into());
            stats.insert("exists".to_owned(), store.counts.is_some().into());
            stats.extend(store.counts.iter().flatten().map(|(name, count)| ((*name).to_owned(), Json::from(*count))));
            report.insert("store_stats".to_owned(), stats.into());
        }
        report
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# Synapsor Runner Doctor Report\n\n- Configuration: `{}`\n- Mode: `{}`\n- Result: {}\n",
            clean(&self.config_path),
            self.mode,
            self.summary()
        );
        text.push_str("\n## Semantic Tools\n\n");
        for tool in &self.tools {
            text.push_str(&format!("- `{tool}`\n"));
        }
        text.push_str(
            "\n## Safety Boundary\n\nA model looks and proposes. It never gets SQL, credentials, approval or apply, and \
             never says whose rows a call is about.\n\n## Local Store\n\n",
        );
        match &self.store {
            Some(StoreStats { path, counts: Some(counts) }) => {
                text.push_str(&format!("`{}`", clean(path)));
                for (name, count) in counts {
                    text.push_str(&format!(", {}: {count}", name.replace('_', " ")));
                }
                text.push('\n');
            }
            Some(store) => text.push_str(&format!("`{}` is not there, or does not open.\n", clean(&store.path))),
            None => text.push_str("Not looked at.\n"),
        }
        text.push_str("\n## Checks\n\n| level | check | found | what mends it |\n|---|---|---|---|\n");
        // A bar would end the cell.
        let cell = |text: &str| text.lines().map(clean).collect::<Vec<_>>().join("<br>").replace('|', "\\|");
        for check in &self.checks {
            let fix = check.fix.as_deref().map(cell).unwrap_or_default();
            let (id, message) = (cell(&check.id), cell(&check.message));
            text.push_str(&format!("| {} | `{id}` | {message} | {fix} |\n", check.level.word()));
        }
        text.push_str("\n## Redaction Note\n\nNames of tables, columns, accounts and variables stand here; URLs, passwords and rows do not.\n");
        text
    }

    /// What is not well, as other programs' findings.
    fn sarif(&self) -> Json {
        let bad: Vec<&Check> = self.checks.iter().filter(|check| check.level != Level::Pass).collect();
        // Which source, variable or file it is about is no part of the rule.
        let rule = |check: &Check| match check.id.split_once(':') {
            Some(("source", rest)) => rest.rsplit(':').next().unwrap_or_default().to_owned(),
            Some((kind, _)) => kind.to_owned(),
            None if check.id.starts_with("mcp-client-config") => "mcp-client-config".to_owned(),
            None => check.id.clone(),
        };
        let mut rules: Vec<String> = bad.iter().map(|check| rule(check)).collect();
        rules.sort();
        rules.dedup();
        let findings: Vec<Found> = bad
            .iter()
            .map(|check| Found {
                rule: rule(check),
                level: if check.level == Level::Fail { "error" } else { "warning" },
                message: format!("{}: {}\n{}", check.id, check.message, check.fix.as_deref().unwrap_or_default()),
            })
            .collect();
        let rules: Vec<Json> = rules.iter().map(|id| json!({ "id": id })).collect();
        sarif("doctor", &self.config_path, &rules, &findings)
    }
}
