//! `mcp serve`

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use synapsor_core::code::{Code, Exit};
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::ResultFormat;
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::AliasMode;
use synapsor_db::ledger::{Lease, LeaseError};

use super::{Aliases, http};
use crate::app::{App, Stop};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where};
use crate::cli::print::Out;
use crate::clock;
use crate::mcp::{ServeOptions, serve_stdio};

/// Serve the configured tools to a model.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How the client connects.
    #[arg(long, value_enum, default_value = "stdio")]
    transport: Transport,
    #[command(flatten)]
    tools: ToolArgs,
    #[command(flatten)]
    http: http::HttpArgs,
}

/// What is served, however the client connects.
#[derive(Debug, clap::Args)]
pub struct ToolArgs {
    /// Serve reads only: proposal tools are not listed, and what matters for writing alone is not checked.
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    aliases: Aliases,
    /// The shape of tool results [default: the configuration's `result_format`, else v2].
    #[arg(long, value_enum, value_name = "FORMAT")]
    result_format: Option<FormatWord>,
    /// Serve even though another server uses the same ledger.
    #[arg(long)]
    allow_concurrent_store: bool,
    #[command(flatten)]
    place: Where,
}

/// How the client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Over stdin and stdout.
    Stdio,
    /// Over HTTP, to many clients.
    StreamableHttp,
}

impl Transport {
    /// The word on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::StreamableHttp => "streamable-http",
        }
    }
}

/// The shape of tool results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatWord {
    /// The reference program's first format.
    #[value(alias = "1")]
    V1,
    /// The one envelope.
    #[value(alias = "2")]
    V2,
    /// The one envelope, with the first format's keys under `legacy`.
    V2Dual,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    match args.transport {
        Transport::StreamableHttp => http::run(crate::http::Transport::Streamable, args.tools, args.http, out).await,
        Transport::Stdio => {
            args.http.refuse()?;
            stdio(args.tools, out).await
        }
    }
}

async fn stdio(args: ToolArgs, out: &Out) -> Ended {
    let (app, options) = args.open(out)?;
    if app.contract().needs_proof() {
        return Err(unproven("serve with `--transport streamable-http`, or use the provider `environment`").into());
    }
    let _lease = args.lease(&app, "stdio", out)?;
    serve_stdio(Arc::new(app), options).await.map_err(|fault| {
        tracing::error!(error = &fault as &dyn std::error::Error, "serving ended");
        Refusal::new(Code::Internal, fault.to_string())
    })?;
    Ok(Exit::Done)
}

/// Why a configuration whose clients prove who they are is not for a client that starts the server itself.
pub(super) fn unproven(fix: &str) -> Refusal {
    let message = "a context takes tenant and principal from what clients prove over HTTP, and stdin proves nothing";
    Refusal::new(Code::TrustedContextMissing, message).with_fix(fix)
}

impl ToolArgs {
    /// Opens what is served, and says how.
    pub(crate) fn open(&self, out: &Out) -> Result<(App, ServeOptions), Stop> {
        let alias_mode = self.aliases.mode()?;
        let app = self.place.app_with(out, IfMissing::Make, &self.read_options())?;
        let result_format = self.result_format.map_or(app.contract().result_format, |word| match word {
            FormatWord::V1 => ResultFormat::V1,
            FormatWord::V2 => ResultFormat::V2,
            FormatWord::V2Dual => ResultFormat::V2Dual,
        });
        Ok((app, ServeOptions { alias_mode, result_format }))
    }

    /// Reads the configuration again, for a server that has one already.
    pub(super) fn again(&self, app: &App, out: &Out) -> Result<App, Stop> {
        let contract = self.place.contract(out, &self.read_options())?;
        Ok(app.under(contract, &self.place.config_path())?)
    }

    /// Takes the ledger's lease for as long as the result lives.
    pub(crate) fn lease(&self, app: &App, transport: &str, out: &Out) -> Result<Option<Lease>, Stop> {
        lease(&self.place.store_path(Some(app.contract())), transport, self.allow_concurrent_store, out)
    }

    /// Which names the tools have.
    pub(crate) fn aliases(&self) -> Result<AliasMode, Refusal> {
        self.aliases.mode()
    }

    /// Which configuration and ledger.
    pub(crate) fn place(&self) -> &Where {
        &self.place
    }

    fn read_options(&self) -> ReadOptions {
        ReadOptions { read_only: self.read_only }
    }
}

/// Takes the ledger's lease for as long as the result lives. A ledger in memory has none to take.
fn lease(store: &Path, transport: &str, allow_concurrent: bool, out: &Out) -> Result<Option<Lease>, Stop> {
    if store == Path::new(":memory:") {
        return Ok(None);
    }
    let holder = match Lease::take(store, transport, clock::now()) {
        Ok(lease) => return Ok(Some(lease)),
        Err(LeaseError::Fault(fault)) => return Err(fault.into()),
        Err(LeaseError::Held(holder)) => holder,
    };
    let pid = holder.pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
    let since = holder.started_at.map(|at| format!(" since {at}")).unwrap_or_default();
    let transport = holder.transport.map(|transport| format!(" over {transport}")).unwrap_or_default();
    let message = format!("another server (pid {pid}) uses the ledger{transport}{since}");
    if allow_concurrent {
        out.note(&format!("warning: {message}"));
        return Ok(None);
    }
    Err(Refusal::new(Code::StoreInUse, message)
        .with_fix("stop that server, name another ledger with `--store`, or add `--allow-concurrent-store`")
        .into())
}
