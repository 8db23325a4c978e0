//! `up`: everything that serving and applying need, at a glance, and then serving.

use synapsor_core::code::{Code, Exit};
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::{Contract, Executor, Mode, TrustRule};
use synapsor_core::refusal::Refusal;
use synapsor_core::tool;

use super::Ended;
use super::mcp::http::{self, HttpArgs};
use super::mcp::serve::{ToolArgs, Transport};
use super::print::{Out, Tone};
use super::smoke::boundary;
use crate::http::Transport as HttpTransport;
use crate::secrets;

/// Go through what serving and applying need, and serve if asked to.
///
/// The configuration is checked, the ledger is made, and it is seen that no other server uses it. Exit status 1: a tool has
/// authority that it must not have.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How clients connect [default: stdio, or with `--serve` streamable-http].
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// Serve over HTTP afterwards.
    #[arg(long)]
    serve: bool,
    /// Make and serve nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    tools: ToolArgs,
    #[command(flatten)]
    http: HttpArgs,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let transport = args.transport.unwrap_or(if args.serve { Transport::StreamableHttp } else { Transport::Stdio });
    if args.serve && transport == Transport::Stdio {
        return Err(Refusal::new(
            Code::Usage,
            "a client starts a server over stdio by itself, so there is nothing to serve",
        )
        .with_fix("leave `--serve` out, or serve with `--transport streamable-http`")
        .into());
    }
    if transport == Transport::Stdio {
        args.http.refuse()?;
    }
    let place = args.tools.place();
    let contract = place.contract(out, &ReadOptions::default())?;
    if !args.dry_run {
        let (app, _) = args.tools.open(out)?;
        // Taken and given back: this is only a look.
        let _lease = args.tools.lease(&app, "review-mode up", out)?;
    }
    let tools = tool::list(&contract, args.tools.aliases()?);
    out.line(out.paint(Tone::Strong, "Synapsor Runner review-mode up"));
    let serves = args.serve && !args.dry_run;
    let (yes, no) = ("yes", "no");
    for (label, value) in [
        ("Config", place.config_path().display().to_string()),
        ("Store", place.store_path(Some(&contract)).display().to_string()),
        ("Mode", contract.mode.word().to_owned()),
        ("Transport", transport.word().to_owned()),
        ("Serve now", if serves { yes } else { no }.to_owned()),
        ("Alias mode", args.tools.aliases()?.word().to_owned()),
        ("Dry run", if args.dry_run { yes } else { no }.to_owned()),
    ] {
        out.line(format!("{label}: {value}"));
    }
    out.line("Model-facing tools:");
    for tool in &tools {
        out.line(format!("  - {}", tool.name));
    }
    out.line("Writeback paths:");
    for line in writeback(&contract) {
        out.line(format!("  - {line}"));
    }
    out.line("Variables:");
    for name in variables(&contract) {
        let is_set = secrets::plain(&name).is_some();
        let state = if is_set { out.paint(Tone::Good, "set") } else { out.paint(Tone::Careful, "missing") };
        out.line(format!("  - {name}: {state}"));
    }
    let holds = boundary::holds(&tools);
    let exit = if holds { Exit::Done } else { Exit::Failed };
    if !holds {
        out.line(
            out.paint(Tone::Bad, "A tool has authority that it must not have: see `synapsor-runner smoke boundary`."),
        );
    }
    if serves && holds {
        return http::run(HttpTransport::Streamable, args.tools, args.http, out).await;
    }
    next(transport, &contract, out);
    Ok(exit)
}

/// What becomes of a proposal of each tool.
fn writeback(contract: &Contract) -> Vec<String> {
    let proposing = contract.capabilities.iter().filter_map(|capability| Some((capability, capability.proposal()?)));
    let lines: Vec<String> = proposing
        .map(|(capability, _)| {
            let writer = contract.source_of(capability).and_then(|source| source.write_url_env.as_ref());
            if let (Mode::Review, Some(handler)) = (contract.mode, contract.handler_of(capability)) {
                return format!(
                    "{}: applied after approval, by {} `{}`",
                    capability.name,
                    handler.kind(),
                    handler.name
                );
            }
            let what = match (contract.mode, writer) {
                (Mode::ReadOnly, _) => "not listed in mode read_only".to_owned(),
                (Mode::Shadow, _) => "recorded, never applied".to_owned(),
                (Mode::Review, Some(name)) => format!("applied after approval, as the account in {name}"),
                (Mode::Review, None) => "cannot be applied: the source names no `write_url_env`".to_owned(),
            };
            format!("{}: {what}", capability.name)
        })
        .collect();
    if lines.is_empty() { vec!["none: no tool proposes".to_owned()] } else { lines }
}

/// The variables that serving and applying need, each once.
fn variables(contract: &Contract) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for source in contract.sources.values() {
        add(source.read_url_env.as_str());
        if let Some(name) = source.write_url_env.as_ref().filter(|_| contract.mode == Mode::Review) {
            add(name.as_str());
        }
    }
    for capability in &contract.capabilities {
        if let TrustRule::Environment { tenant_env, principal_env } = &capability.trust {
            add(tenant_env.as_str());
            add(principal_env.as_str());
        }
    }
    if contract.mode == Mode::Review {
        contract.executors.values().flat_map(Executor::variables).for_each(|name| add(name.as_str()));
    }
    contract.http.tokens.iter().for_each(|token| add(token.token_env.as_str()));
    names
}

fn next(transport: Transport, contract: &Contract, out: &Out) {
    let mut lines = vec!["synapsor-runner doctor"];
    match transport {
        Transport::Stdio => lines.push("synapsor-runner mcp config claude-desktop --absolute-paths"),
        Transport::StreamableHttp => lines.push("synapsor-runner up --serve"),
    }
    if contract.mode == Mode::Review {
        lines.extend([
            "synapsor-runner proposals list",
            "synapsor-runner proposals approve latest",
            "synapsor-runner apply latest",
        ]);
    }
    out.line("Next commands:");
    for line in lines {
        out.line(format!("  {line}"));
    }
}
