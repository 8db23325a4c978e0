//! The command line: one file for each command, noun and verb. Data goes to stdout, the rest to stderr.

pub mod activity;
pub mod apply;
pub mod audit;
mod batch;
pub mod benchmark;
pub mod completions;
pub mod config;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod events;
pub mod evidence;
pub mod explain;
pub mod filter;
pub mod handler;
pub mod init;
pub mod inspect;
pub mod markdown;
pub mod mcp;
pub mod onboard;
pub mod open;
pub mod output;
pub mod print;
pub mod proposals;
pub mod propose;
pub mod query_audit;
pub mod receipts;
pub mod recipes;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod shadow;
pub mod smoke;
pub mod store;
pub mod tools;
pub mod up;
pub mod validate;
pub mod writeback;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use synapsor_core::code::Exit;

use crate::app::Stop;
use print::{Out, REMARKS};

/// Reviewed business actions for AI agents: look, propose, decide outside the model, apply exactly once.
///
/// Exit status: 0 done; 1 failed or a check fell short; 2 wrong usage or invalid input; 3 conflict, nothing written;
/// 4 refused; 5 temporarily unavailable, safe to retry; 6 outcome unknown, run `reconcile`.
#[derive(Debug, Parser)]
#[command(name = "synapsor-runner", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Say less: no notes, only results and errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more on stderr; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// What stderr looks like: text for people, or one JSON object a line.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// No colour, whatever the terminal can do.
    #[arg(long, global = true)]
    no_color: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch an agent look, propose, be approved, and change exactly one row of a real database.
    Demo(demo::Args),
    /// Make reviewed tools for tables of your database, and the configuration that serves them.
    Init(Box<init::Args>),
    /// Go from a database to tools that are checked.
    #[command(subcommand)]
    Onboard(onboard::Command),
    /// The same as `onboard db`.
    Start(Box<init::Args>),
    /// Begin with a well-known business action.
    #[command(subcommand)]
    Recipes(recipes::Command),
    /// Look at a database's tables, keys and columns, and at what they are probably for.
    Inspect(inspect::Args),
    /// Check, show or migrate the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Look at the tools a model would see.
    #[command(subcommand)]
    Tools(tools::Command),
    /// Go through what serving and applying need, and serve if asked to.
    Up(Box<up::Args>),
    /// Serve the tools to a model.
    #[command(subcommand)]
    Mcp(mcp::Command),
    /// Try the tools as a model would.
    #[command(subcommand)]
    Smoke(smoke::Command),
    /// Propose a change, as a model would.
    Propose(propose::Args),
    /// Review proposals.
    #[command(subcommand)]
    Proposals(proposals::Command),
    /// Apply an approved proposal to its source database, exactly once.
    Apply(apply::Args),
    /// Find out what became of applies that nobody finished.
    Reconcile(reconcile::Args),
    /// Look at what was read, as it was recorded.
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Look at the queries that ran, without their values.
    #[command(subcommand)]
    QueryAudit(query_audit::Command),
    /// Look at what applying did.
    #[command(subcommand)]
    Receipts(receipts::Command),
    /// Read a proposal's whole story: what was seen, asked, decided and done.
    Replay(replay::Args),
    /// Search everything that happened.
    #[command(subcommand)]
    Activity(activity::Command),
    /// Follow what is recorded.
    #[command(subcommand)]
    Events(events::Command),
    /// Compare what an agent proposed in shadow mode with what people did.
    #[command(subcommand)]
    Shadow(shadow::Command),
    /// Look after the ledger's file.
    #[command(subcommand)]
    Store(store::Command),
    /// Prepare a source database for applying.
    #[command(subcommand)]
    Writeback(writeback::Command),
    /// Make and test handlers: apps that write approved changes themselves.
    #[command(subcommand)]
    Handler(handler::Command),
    /// Review what the tools of an MCP server let a model do to a database.
    Audit(audit::Args),
    /// Check that everything is as the configuration needs it.
    Doctor(doctor::Args),
    /// Measure what the ways to a database cost a model.
    #[command(subcommand)]
    Benchmark(benchmark::Command),
    /// Explain a code.
    Explain(explain::Args),
    /// Print a shell's completion script, the manual pages or the command reference.
    Completions(completions::Args),
    /// Check that a file is a writeback job.
    #[command(hide = true)]
    Validate(validate::Args),
}

/// How a command ended, if it did not stop.
pub type Ended = Result<Exit, Stop>;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage as u8 } else { Exit::Done as u8 });
        }
    };
    let out = Out::new(cli.quiet, cli.no_color, cli.log_format == LogFormat::Json);
    log_to_stderr(cli.verbose, cli.quiet, cli.log_format);
    // Both TLS stacks use this one; installing it twice is not an error worth stopping for.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.note(&format!("error: the program's threads cannot be started: {error}"));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let exit = runtime.block_on(run(cli.command, &out)).unwrap_or_else(|stop| {
        let exit = stop.code().exit();
        out.refusal(&stop.into_refusal("command"));
        exit
    });
    // Threads that wait on a database must not keep the program alive.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Demo(args) => demo::run(args, out).await,
        Command::Init(args) => init::run(&args, out).await,
        Command::Onboard(command) => onboard::run(command, out).await,
        Command::Start(args) => onboard::db(&args, out).await,
        Command::Recipes(command) => recipes::run(command, out),
        Command::Inspect(args) => inspect::run(args, out).await,
        Command::Config(command) => config::run(command, out),
        Command::Tools(command) => tools::run(command, out),
        Command::Up(args) => up::run(*args, out).await,
        Command::Mcp(command) => mcp::run(command, out).await,
        Command::Smoke(command) => smoke::run(command, out).await,
        Command::Propose(args) => propose::run(args, out).await,
        Command::Proposals(command) => proposals::run(command, out).await,
        Command::Apply(args) => apply::run(args, out).await,
        Command::Reconcile(args) => reconcile::run(args, out).await,
        Command::Evidence(command) => evidence::run(command, out).await,
        Command::QueryAudit(command) => query_audit::run(command, out).await,
        Command::Receipts(command) => receipts::run(command, out).await,
        Command::Replay(args) => replay::run(args, out).await,
        Command::Activity(command) => activity::run(command, out).await,
        Command::Events(command) => events::run(command, out).await,
        Command::Shadow(command) => shadow::run(command, out).await,
        Command::Store(command) => store::run(command, out).await,
        Command::Writeback(command) => writeback::run(command, out).await,
        Command::Handler(command) => handler::run(command, out).await,
        Command::Audit(args) => audit::run(&args, out).await,
        Command::Doctor(args) => doctor::run(args, out).await,
        Command::Benchmark(command) => benchmark::run(command, out).await,
        Command::Explain(args) => explain::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Validate(args) => validate::run(&args, out),
    }
}

fn log_to_stderr(verbose: u8, quiet: bool, format: LogFormat) {
    let (level, remarks) = match (quiet, verbose) {
        (true, _) => ("error", "error"),
        (false, 0) => ("warn", "info"),
        (false, 1) => ("info", "info"),
        (false, _) => ("debug", "info"),
    };
    let named = std::env::var("SYNAPSOR_LOG_LEVEL")
        .ok()
        .filter(|level| matches!(level.as_str(), "debug" | "info" | "warn" | "error"));
    let level = if verbose == 0 && !quiet { named.unwrap_or_else(|| level.to_owned()) } else { level.to_owned() };
    // Our own crates at that level; the libraries only when something is wrong with them. That a client left is not.
    let filter = format!(
        "error,rmcp::service=off,{REMARKS}={remarks},synapsor_runner={level},synapsor_db={level},synapsor_core={level}"
    );
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // Whoever calls the library may have a log of their own already.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
