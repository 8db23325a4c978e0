//! `mcp serve`

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use synapsor_core::code::{Code, Exit};
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::ResultFormat;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{Lease, LeaseError};

use super::Aliases;
use crate::app::Stop;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where};
use crate::cli::print::Out;
use crate::clock;
use crate::mcp::{ServeOptions, serve_stdio};

/// Serve the configured tools over stdin and stdout, until the client ends it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How the client connects.
    #[arg(long, value_enum, default_value = "stdio")]
    transport: Transport,
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
enum Transport {
    /// Over stdin and stdout.
    Stdio,
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
    let aliases = args.aliases.mode()?;
    let app = args.place.app_with(out, IfMissing::Make, &ReadOptions { read_only: args.read_only })?;
    let result_format = args.result_format.map_or(app.contract().result_format, |word| match word {
        FormatWord::V1 => ResultFormat::V1,
        FormatWord::V2 => ResultFormat::V2,
        FormatWord::V2Dual => ResultFormat::V2Dual,
    });
    let Transport::Stdio = args.transport;
    let _lease = lease(&args.place.store_path(app.contract()), args.allow_concurrent_store, out)?;
    let options = ServeOptions { alias_mode: aliases, result_format };
    serve_stdio(Arc::new(app), options).await.map_err(|fault| {
        tracing::error!(error = &fault as &dyn std::error::Error, "serving ended");
        Refusal::new(Code::Internal, fault.to_string())
    })?;
    Ok(Exit::Done)
}

/// Takes the ledger's lease for as long as the result lives. A ledger in memory has none to take.
fn lease(store: &Path, allow_concurrent: bool, out: &Out) -> Result<Option<Lease>, Stop> {
    if store == Path::new(":memory:") {
        return Ok(None);
    }
    let holder = match Lease::take(store, "stdio", clock::now()) {
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
