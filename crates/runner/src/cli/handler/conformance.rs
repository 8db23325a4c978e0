//! `handler conformance`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Map, Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::config::ReadOptions;
use synapsor_core::refusal::Refusal;

use crate::app::conformance::{Findings, Order, Verdict, examine};
use crate::cli::Ended;
use crate::cli::open::ConfigFile;
use crate::cli::output::write_new;
use crate::cli::print::{Out, Tone};

/// Test a handler as a runner, an attacker and a retry would, in whatever language it is written, and look in its
/// database at what really happened.
///
/// It makes changes: give it a database with data of its own. The configuration says where the handler is, what it is
/// to be asked for, and which rows; the arguments name a row and a change that can be made again and again.
/// Exit status 0: every guard that could be tried held; 1: one did not.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// The capability to test; may be left out if only one has a handler.
    #[arg(long, value_name = "CAPABILITY")]
    action: Option<String>,
    /// The arguments of its call, as a JSON object.
    #[arg(long, value_name = "OBJECT")]
    args: String,
    /// Where the handler is, if not where the executor says.
    #[arg(long)]
    url: Option<String>,
    /// The variable of a URL that may read every table that the handler writes [default: the source's reader].
    #[arg(long, value_name = "NAME")]
    watch_url_env: Option<String>,
    /// A patch at which the handler's effect fails midway, as a JSON object [default: every value null].
    #[arg(long, value_name = "OBJECT")]
    failing_patch: Option<String>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// As `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to this file; it must not exist.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For build servers.
    Junit,
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let contract = args.config.contract(out, &ReadOptions::default())?;
    let order = Order {
        action: args.action.clone(),
        arguments: object("--args", &args.args)?,
        url: args.url.clone(),
        watch_url_env: args.watch_url_env.clone(),
        failing_patch: args.failing_patch.as_deref().map(|text| object("--failing-patch", text)).transpose()?,
    };
    let findings = examine(&contract, &args.config.folder(), &order).await?;
    let form = if args.json { Form::Json } else { args.format };
    let report = match form {
        Form::Text => text(&findings, out),
        Form::Json => serde_json::to_string_pretty(&as_json(&findings)).unwrap_or_default(),
        Form::Junit => junit(&findings),
    };
    match &args.output {
        Some(path) => {
            write_new(path, &format!("{}\n", report.trim_end()))?;
            out.note(&format!("wrote {}", path.display()));
        }
        None => out.line(report.trim_end()),
    }
    Ok(if findings.failed() == 0 { Exit::Done } else { Exit::Failed })
}

fn object(flag: &str, text: &str) -> Result<Map<String, Json>, Refusal> {
    match serde_json::from_str(text) {
        Ok(Json::Object(map)) => Ok(map),
        _ => Err(Refusal::new(Code::Usage, format!("`{flag}` is no JSON object"))),
    }
}

fn text(findings: &Findings, out: &Out) -> String {
    let mut report = format!("Handler conformance: {} at {}\n\n", findings.action, findings.address);
    for (check, verdict) in &findings.checks {
        let (mark, tone) = match verdict {
            Verdict::Passed => ("✓", Tone::Good),
            Verdict::Failed(_) => ("x", Tone::Bad),
            Verdict::Skipped(_) => ("-", Tone::Careful),
        };
        let _ = writeln!(report, "{} {:<16} {}", out.paint(tone, mark), check.id, check.title);
        match verdict {
            Verdict::Passed => {}
            Verdict::Failed(what) => {
                let _ = writeln!(report, "    happened: {what}\n    so: {}", check.consequence);
            }
            Verdict::Skipped(why) => {
                let _ = writeln!(report, "    not tried: {why}");
            }
        }
    }
    let count = |wanted: fn(&Verdict) -> bool| findings.checks.iter().filter(|(_, verdict)| wanted(verdict)).count();
    let passed = count(|verdict| *verdict == Verdict::Passed);
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let _ = write!(report, "\n{passed} held, {} did not, {skipped} not tried", findings.failed());
    report
}

fn as_json(findings: &Findings) -> Json {
    let check = |(check, verdict): &(crate::app::conformance::Check, Verdict)| {
        let (status, detail) = match verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(what) => ("failed", Some(what)),
            Verdict::Skipped(why) => ("skipped", Some(why)),
        };
        json!({
            "id": check.id, "title": check.title, "status": status, "detail": detail, "consequence": check.consequence,
        })
    };
    json!({
        "ok": findings.failed() == 0,
        "action": findings.action,
        "address": findings.address,
        "checks": findings.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

fn junit(findings: &Findings) -> String {
    let skipped = findings.checks.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Skipped(_))).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"handler conformance: {}\" tests=\"{}\" \
         failures=\"{}\" skipped=\"{skipped}\">\n",
        escaped(&findings.action),
        findings.checks.len(),
        findings.failed()
    );
    for (check, verdict) in &findings.checks {
        let _ = write!(xml, "  <testcase classname=\"handler\" name=\"{}: {}\"", check.id, escaped(check.title));
        let _ = match verdict {
            Verdict::Passed => writeln!(xml, "/>"),
            Verdict::Failed(what) => writeln!(
                xml,
                "><failure message=\"{}\">{}</failure></testcase>",
                escaped(what),
                escaped(check.consequence)
            ),
            Verdict::Skipped(why) => writeln!(xml, "><skipped message=\"{}\"/></testcase>", escaped(why)),
        };
    }
    xml + "</testsuite>\n"
}

fn escaped(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .map(|letter| match letter {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}
