//! `audit`: what the tools of an MCP server let a model do.

mod client_file;
mod over_http;
mod over_stdio;
mod report;
mod speech;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value as Json;
use synapsor_core::audit::{Audit, Code as Found, Finding, Listed, Lock, Severity, audit, tools_in};
use synapsor_core::code::{Code, Exit};
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::AliasMode;

use self::over_http::Address;
use self::over_stdio::Start;
use super::Ended;
use super::print::{Out, clean};
use super::report::ReportArgs;
use crate::mcp::listing;
use crate::secrets;

/// What a server with raw access to a database lists.
const EXAMPLE: &str = include_str!("../../../../examples/dangerous-mcp-tools.json");

/// Review what the tools of an MCP server let a model do to a database.
///
/// The target is a file (a list of tools, a client's settings, a configuration of this program), an address, or a command after
/// `stdio:`. Servers are connected to and asked for their tools; no tool is called. What is found is a reason to look, not a
/// proof.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, `http://…`, `https://…`, or `stdio:COMMAND`.
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// Review a built-in list of tools that no model should have.
    #[arg(long, value_name = "NAME", value_parser = ["dangerous-db-mcp"])]
    example: Option<String>,
    /// The settings of an MCP client: its servers are started or connected to, after asking.
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// The command of a server over stdin and stdout, as a shell writes it, without a shell's other powers.
    #[arg(long, value_name = "COMMAND")]
    stdio: Option<String>,
    /// The address of a server over HTTP.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The variable that holds a bearer token for the server at that address.
    #[arg(long, value_name = "NAME")]
    bearer_env: Option<String>,
    /// Longest wait for a server, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    /// Start servers that a client's settings name without asking.
    #[arg(long)]
    yes: bool,
    /// Compare the tools with this file, which is made where it is missing: what changed is a finding.
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
    /// Accept the tools as they are now.
    #[arg(long, requires = "lock")]
    update_lock: bool,
    /// Exit with status 1 if something this bad, or worse, is found.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<SeverityWord>,
    #[command(flatten)]
    form: ReportArgs,
}

/// How bad a finding is, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeverityWord {
    /// Anything.
    Low,
    /// What is worth mending.
    Medium,
    /// What may do harm.
    High,
}

impl SeverityWord {
    fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
        }
    }
}

/// Where tools are listed.
enum Target {
    Example,
    File(PathBuf),
    ClientFile(PathBuf),
    Url(String),
    Stdio(String),
}

/// The tools of a target, and what was found while fetching them.
#[derive(Default)]
struct Fetched {
    tools: Vec<Listed>,
    findings: Vec<Finding>,
}

impl Fetched {
    /// Adds the tools of a server, or that it could not be looked at.
    fn add(&mut self, server: &str, listed: Result<Vec<Json>, String>) {
        match listed {
            Ok(entries) => {
                let document = serde_json::json!({ "tools": entries });
                let tools = tools_in(&document, server).into_iter().map(|tool| Listed {
                    path: if server.is_empty() { tool.path.clone() } else { format!("{server}: {}", tool.path) },
                    ..tool
                });
                self.tools.extend(tools);
            }
            Err(why) => self.findings.push(Finding {
                code: Found::ServerNotAudited,
                tool: None,
                evidence: [server.to_owned(), why].into_iter().filter(|part| !part.is_empty()).collect(),
            }),
        }
    }
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let target = target(args)?;
    let Fetched { tools, findings } = fetch(args, &target, out).await?;
    let drift = match &args.lock {
        Some(path) => lock(args, path, &tools, out)?,
        None => Vec::new(),
    };
    let found = audit(&tools, findings.into_iter().chain(drift).collect());
    args.form.write(&report::render(&found, &shown(&target), args.form.format(), out), out)?;
    Ok(exit(args, &found))
}

fn exit(args: &Args, found: &Audit) -> Exit {
    let fails = args.fail_on.is_some_and(|least| found.worst() >= Some(least.severity()));
    if fails { Exit::Failed } else { Exit::Done }
}

fn target(args: &Args) -> Result<Target, Refusal> {
    let named = [
        args.example.as_ref().map(|_| Target::Example),
        args.mcp_config.clone().map(Target::ClientFile),
        args.stdio.clone().map(Target::Stdio),
        args.url.clone().map(Target::Url),
        args.target.as_deref().map(|target| match target.strip_prefix("stdio:") {
            Some(command) => Target::Stdio(command.to_owned()),
            None if target.starts_with("http://") || target.starts_with("https://") => Target::Url(target.to_owned()),
            None => Target::File(PathBuf::from(target)),
        }),
    ];
    let mut named = named.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(Target::Url(url)), None) => Ok(Target::Url(url)),
        // Several servers, or none, would get what is meant for one.
        (Some(_), None) if args.bearer_env.is_some() => {
            Err(Refusal::new(Code::Usage, "`--bearer-env` is for one server that is named by its address")
                .with_fix("name the address with `--url`, or leave the token out"))
        }
        (Some(target), None) => Ok(target),
        (Some(_), Some(_)) => {
            Err(Refusal::new(Code::Usage, "more than one target is named").with_fix("review them one after another"))
        }
        (None, _) => Err(Refusal::new(Code::Usage, "no target is named").with_fix(
            "name a file, an address or `stdio:COMMAND`; `--example dangerous-db-mcp` shows what a report looks like",
        )),
    }
}

/// The target in a report, without what may be a secret in it.
fn shown(target: &Target) -> String {
    match target {
        Target::Example => "dangerous-db-mcp (example)".to_owned(),
        Target::File(path) | Target::ClientFile(path) => path.display().to_string(),
        Target::Url(url) => over_http::shown(url),
        Target::Stdio(command) => {
            let program = command.split_whitespace().next().unwrap_or_default();
            format!("stdio:{program}")
        }
    }
}

async fn fetch(args: &Args, target: &Target, out: &Out) -> Result<Fetched, Refusal> {
    let mut fetched = Fetched::default();
    let patience = Duration::from_millis(args.timeout_ms);
    match target {
        Target::Example => fetched.tools = tools_in(&serde_json::from_str(EXAMPLE).unwrap_or_default(), ""),
        Target::Url(url) => {
            let address = Address::new(url, bearer(args)?.as_deref())?;
            fetched.add("", address.list(patience).await);
        }
        Target::Stdio(command) => {
            let start = Start::parse(command).ok_or_else(|| {
                Refusal::new(Code::Usage, "the command is empty, or a quote in it is not closed")
                    .with_fix("write the program and its arguments, with quotes around what has spaces")
            })?;
            fetched.add("", start.list(patience).await);
        }
        Target::File(path) => file(args, path, &mut fetched, out).await?,
        Target::ClientFile(path) => {
            let json = read_json(path)?;
            client_file::fetch(args, path, &json, &mut fetched, out).await?;
        }
    }
    Ok(fetched)
}

async fn file(args: &Args, path: &Path, fetched: &mut Fetched, out: &Out) -> Result<(), Refusal> {
    let json = read_json(path)?;
    if json.get("version").is_some() && json.get("capabilities").is_some_and(Json::is_array) {
        let text = json.to_string();
        let contract = config::read(&text, &ReadOptions::default()).contract.ok_or_else(|| {
            Refusal::new(Code::ConfigInvalid, format!("`{}` is a configuration with problems", path.display()))
                .with_fix("`synapsor-runner config validate` lists them")
        })?;
        fetched.add("", Ok(listing(&contract, AliasMode::Canonical)));
        return Ok(());
    }
    fetched.tools = tools_in(&json, "");
    if fetched.tools.is_empty() && client_file::names_servers(&json) {
        client_file::fetch(args, path, &json, fetched, out).await?;
    }
    Ok(())
}

/// Reads a file as JSON; comments are fine.
fn read_json(path: &Path) -> Result<Json, Refusal> {
    const LARGEST: u64 = 16 << 20;
    let name = path.display();
    let unreadable = |error: std::io::Error| Refusal::new(Code::Io, format!("`{name}` cannot be read: {error}"));
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(Refusal::new(Code::InvalidArgument, format!("`{name}` is larger than 16 MiB"))
            .with_fix("name a list of tools"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    config::to_json(&text).map_err(|problem| {
        Refusal::new(Code::InvalidArgument, format!("`{name}` is no JSON: {}", problem.message))
            .with_fix("name a list of tools, a client's settings or a configuration")
    })
}

fn bearer(args: &Args) -> Result<Option<String>, Refusal> {
    use secrecy::ExposeSecret as _;
    let Some(name) = &args.bearer_env else { return Ok(None) };
    secrets::required(name).map(|token| Some(token.expose_secret().trim().to_owned()))
}

/// Compares tools with a lock file, or makes it.
fn lock(args: &Args, path: &Path, tools: &[Listed], out: &Out) -> Result<Vec<Finding>, Refusal> {
    let name = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::new(Code::Io, format!("`{name}` cannot be read: {error}"))),
    };
    let before = match text.as_deref().map(Lock::read) {
        Some(Some(lock)) => Some(lock),
        Some(None) => {
            return Err(Refusal::new(Code::InvalidArgument, format!("`{name}` is no lock file of an audit"))
                .with_fix("name another file; it is made where it is missing"));
        }
        None => None,
    };
    let drift = before.as_ref().map(|lock| lock.drift(tools)).unwrap_or_default();
    let accepts = before.is_none() || (args.update_lock && !drift.is_empty());
    // A server that did not answer is no list without tools.
    if !accepts || tools.is_empty() {
        return Ok(if args.update_lock { Vec::new() } else { drift });
    }
    let text = format!("{}\n", super::print::json_text(&Lock::of(tools).to_json()));
    let draft = path.with_extension("new");
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .map_err(|error| Refusal::new(Code::Io, format!("`{name}` cannot be written: {error}")))?;
    out.note(&format!(
        "{} {} tool(s) in {}",
        if before.is_some() { "accepted" } else { "locked" },
        tools.len(),
        clean(&name.to_string())
    ));
    Ok(Vec::new())
}
