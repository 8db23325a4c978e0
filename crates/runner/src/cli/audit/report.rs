//! The report, in each of its forms.

use serde_json::{Map, Value as Json, json};
use synapsor_core::audit::{Audit, Code, Finding, Severity};

use crate::cli::print::{Out, Tone, clean, json_text};
use crate::cli::report::{self, Format, Found};
use crate::clock;

const DISCLAIMER: &str = "Static review of names, schemas and descriptions. It calls no tool, and proves neither that a server \
     is safe nor that it is not.";

/// What tools for a database look like that do less harm.
const SAFER: [&str; 4] = [
    "tools named for one business action each, with fixed statements behind them",
    "tenant, principal and row versions from the trusted side, not from arguments",
    "changes that are proposed by the model and approved by a person outside it",
    "writes that are made once, and only if the row still is what was reviewed",
];

const SEVERITIES: [Severity; 3] = [Severity::High, Severity::Medium, Severity::Low];

/// The report's text.
pub fn render(audit: &Audit, target: &str, format: Format, out: &Out) -> String {
    match format {
        Format::Text => text(audit, target, out),
        Format::Json => json_text(&to_json(audit, target)),
        Format::Markdown => markdown(audit, target),
        Format::Sarif => json_text(&sarif(audit, target)),
    }
}

fn counts(audit: &Audit) -> String {
    let counts = SEVERITIES.map(|severity| format!("{} {}", audit.count(severity), severity.word().to_lowercase()));
    format!(
        "{} tools, about {} tokens; {} findings: {}",
        audit.tools,
        audit.tokens,
        audit.findings.len(),
        counts.join(", ")
    )
}

fn text(audit: &Audit, target: &str, out: &Out) -> String {
    let worst = audit.worst().map_or_else(|| "none".to_owned(), |severity| severity.word().to_lowercase());
    let mut lines = vec![
        out.paint(Tone::Strong, "Synapsor MCP database risk review"),
        format!("Target: {}", clean(target)),
        DISCLAIMER.to_owned(),
        counts(audit),
        format!("Overall risk: {worst}"),
    ];
    for (code, findings) in grouped(audit) {
        let tone = match code.severity() {
            Severity::High => Tone::Bad,
            Severity::Medium => Tone::Careful,
            Severity::Low => Tone::Faint,
        };
        lines.push(String::new());
        lines.push(format!("{} {}: {}", out.paint(tone, code.severity().word()), code.text(), code.message()));
        for finding in findings {
            let tool = finding.tool.as_deref().map(|tool| format!("{}: ", clean(tool))).unwrap_or_default();
            lines.push(format!("  {tool}{}", clean(&finding.evidence.join(", "))));
        }
        lines.push(format!("  help: {}", code.advice()));
    }
    if audit.worst() > Some(Severity::Low) {
        lines.push("\nSafer shape:".to_owned());
        lines.extend(SAFER.iter().map(|shape| format!("  - {shape}")));
    }
    lines.join("\n")
}

/// Findings of one code together; the worst first.
fn grouped(audit: &Audit) -> Vec<(Code, Vec<&Finding>)> {
    let mut groups: Vec<(Code, Vec<&Finding>)> = Vec::new();
    for finding in &audit.findings {
        match groups.iter_mut().find(|(code, _)| *code == finding.code) {
            Some((_, group)) => group.push(finding),
            None => groups.push((finding.code, vec![finding])),
        }
    }
    groups
}

fn to_json(audit: &Audit, target: &str) -> Json {
    let finding = |finding: &Finding| {
        let mut entry = Map::new();
        entry.insert("severity".to_owned(), finding.code.severity().word().into());
        entry.insert("code".to_owned(), finding.code.text().into());
        entry.extend(finding.tool.as_ref().map(|tool| ("tool".to_owned(), Json::from(tool.as_str()))));
        entry.insert("message".to_owned(), finding.code.message().into());
        entry.insert("evidence".to_owned(), finding.evidence.clone().into());
        entry.insert("recommendation".to_owned(), finding.code.advice().into());
        Json::Object(entry)
    };
    let [high, medium, low] = SEVERITIES.map(|severity| audit.count(severity));
    json!({
        "schema_version": "synapsor.mcp-audit.v1",
        "target": target,
        "disclaimer": DISCLAIMER,
        "generated_at": clock::now().to_string(),
        "summary": {
            "tools_inspected": audit.tools,
            "tokens": audit.tokens,
            "high": high,
            "medium": medium,
            "low": low,
            "total_findings": audit.findings.len(),
        },
        "findings": audit.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn markdown(audit: &Audit, target: &str) -> String {
    // Names come from servers: nothing in them may end the code they stand in.
    let code = |text: &str| format!("`{}`", clean(text).replace('`', "'"));
    let mut text = format!(
        "# Synapsor MCP Database Risk Review\n\n- Target: {}\n- {}\n\n{DISCLAIMER}\n\n## Findings\n",
        code(target),
        counts(audit)
    );
    for finding in &audit.findings {
        let of = finding.code;
        let tool = finding.tool.as_deref().map(|tool| format!(" ({})", code(tool))).unwrap_or_default();
        text.push_str(&format!(
            "\n### {}: {}{tool}\n\n{}.\n\n",
            of.severity().word(),
            of.text(),
            sentence(of.message())
        ));
        for evidence in &finding.evidence {
            text.push_str(&format!("- {}\n", code(evidence)));
        }
        text.push_str(&format!("\nRecommendation: {}.\n", of.advice()));
    }
    text.push_str("\n## Safer Shape\n\n");
    for shape in SAFER {
        text.push_str(&format!("- {shape}\n"));
    }
    text
}

fn sarif(audit: &Audit, target: &str) -> Json {
    let mut codes: Vec<Code> = audit.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Json> = codes
        .iter()
        .map(|code| {
            json!({
                "id": code.text(),
                "shortDescription": { "text": code.message() },
                "help": { "text": code.advice() },
            })
        })
        .collect();
    let findings: Vec<Found> = audit
        .findings
        .iter()
        .map(|finding| {
            let tool = finding.tool.as_deref().map(|tool| format!("{tool}: ")).unwrap_or_default();
            Found {
                rule: finding.code.text().to_owned(),
                level: match finding.code.severity() {
                    Severity::High => "error",
                    Severity::Medium => "warning",
                    Severity::Low => "note",
                },
                message: format!("{tool}{} ({})", finding.code.message(), finding.evidence.join(", ")),
            }
        })
        .collect();
    report::sarif("audit", target, &rules, &findings)
}

fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
