//! `doctor`: whether everything is as the configuration needs it.

mod machine;
mod report;

use std::path::PathBuf;

use synapsor_core::check::{Check, Level};
use synapsor_core::code::{Code, Exit};
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::{Contract, Durability};
use synapsor_core::problem;
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::{self, AliasMode};

use self::report::{Report, StoreStats};
use super::Ended;
use super::open::{IfMissing, Where, open_ledger, read_config};
use super::print::Out;
use super::report::{Format, ReportArgs};
use crate::app::Stop;
use crate::app::doctor::{Order, examine, handlers, local};

/// Check that everything is as the configuration needs it: variables, accounts and their privileges, tables, receipt
/// tables, encryption, clocks, tools.
///
/// Nothing is changed. What fails says what mends it: a statement for an administrator, or a line of the configuration.
/// Exit status 0: nothing fails; 1: something does.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// As each writer, also write a receipt and set the columns that changes set, of no row, and undo it: proof that
    /// applying will work.
    #[arg(long, visible_alias = "check-db")]
    check_writeback: bool,
    /// Also ask each app's handler what it can do; that changes nothing.
    #[arg(long)]
    check_handlers: bool,
    /// One account for reading and writing is a warning, not a failure: for development.
    #[arg(long)]
    allow_shared_credential: bool,
    /// Look at this machine instead: the configuration, variables, the ledger's place, the settings of MCP clients.
    #[arg(long, conflicts_with_all = ["check_writeback", "check_handlers", "allow_shared_credential"])]
    first_run: bool,
    /// With `--first-run`: a client's settings file to look at, beside those of this folder.
    #[arg(long, value_name = "FILE", requires = "first_run")]
    client_config: Vec<PathBuf>,
    /// As `--format markdown`.
    #[arg(long, conflicts_with_all = ["format", "json"])]
    report: bool,
    #[command(flatten)]
    form: ReportArgs,
}

impl Args {
    /// A look at a configuration, without trying to write.
    #[must_use]
    pub fn of(place: Where) -> Self {
        Self {
            place,
            check_writeback: false,
            check_handlers: false,
            allow_shared_credential: false,
            first_run: false,
            client_config: Vec::new(),
            report: false,
            form: ReportArgs::default(),
        }
    }
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let format = if args.report { Format::Markdown } else { args.form.format() };
    let path = args.place.config_path();
    if args.first_run {
        let report = machine::look(&args.place, &args.client_config);
        return finish(&args, &report.render(format, out), report.worst(), out);
    }
    let (text, read) = read_config(&path, &ReadOptions::default()).map_err(|refusal| match refusal.code() {
        Code::ConfigNotFound => refusal.with_fix("name it with `--config`, or make one with `synapsor-runner init`"),
        _ => refusal,
    })?;
    let name = path.display().to_string();
    let Some(contract) = &read.contract else {
        out.note(&config::render(&text, &name, &read.problems));
        let report = invalid(name, &read.problems);
        return finish(&args, &report.render(format, out), Level::Fail, out);
    };
    let mut checks = local::configuration(&read);
    checks.extend(local::variables(contract));
    checks.extend(local::credentials(contract));
    let order = Order { source: None, rehearse: args.check_writeback, thorough: true };
    for examined in examine(contract, args.place.config_folder(), order).await {
        let named = |check: Check| Check { id: format!("source:{}:{}", examined.source, check.id), ..check };
        checks.extend(examined.checks.into_iter().map(named));
    }
    if !args.check_writeback && contract.capabilities.iter().any(|capability| capability.direct().is_some()) {
        checks.push(Check::warn(
            "writeback-probe",
            "whether the writer can write was not tried",
            "run this again with `--check-writeback`; it undoes what it writes",
        ));
    }
    checks.extend(handlers::handlers(contract, args.check_handlers).await);
    let tools = tool::list(contract, AliasMode::Canonical);
    checks.extend(local::tools(&tools));
    share(&mut checks, args.allow_shared_credential);
    let (store, store_check) = store(&args, contract).await;
    checks.push(store_check);
    let report = Report {
        mode: contract.mode.word(),
        config_path: name,
        checks,
        tools: tools.into_iter().map(|tool| tool.name).collect(),
        store: Some(store),
    };
    finish(&args, &report.render(format, out), report.worst(), out)
}

/// The report of a configuration that cannot be used.
fn invalid(config_path: String, problems: &[problem::Problem]) -> Report {
    let errors = problems.iter().filter(|problem| problem.level == problem::Level::Error);
    let check = |problem: &problem::Problem| {
        let message = format!("{} {}: {}", problem.path, problem.code, problem.message);
        Check::fail("config-valid", message, problem.fix.clone().unwrap_or_default())
    };
    Report { mode: "invalid", config_path, checks: errors.map(check).collect(), tools: Vec::new(), store: None }
}

/// How bad it is that reader and writer are one.
fn share(checks: &mut [Check], allowed: bool) {
    let shared = |check: &&mut Check| {
        check.level != Level::Pass
            && (check.id.ends_with(":accounts.shared") || check.id.ends_with(":credential-separation"))
    };
    for check in checks.iter_mut().filter(shared) {
        check.level = if allowed { Level::Warn } else { Level::Fail };
    }
}

/// What the ledger holds, if there is one.
async fn store(args: &Args, contract: &Contract) -> (StoreStats, Check) {
    const ID: &str = "store";
    let path = args.place.store_path(Some(contract));
    let shown = path.display().to_string();
    if !path.exists() {
        let check = Check::pass(ID, format!("there is no ledger at `{shown}` yet; the first call makes it"));
        return (StoreStats { path: shown, counts: None }, check);
    }
    let looked = async {
        let ledger = open_ledger(&path, Durability::Full, IfMissing::Stop)?;
        Ok::<_, Stop>(ledger.stats().await?)
    };
    match looked.await {
        Ok(stats) => {
            let counts = [
                ("proposals", stats.proposals),
                ("evidence", stats.evidence_bundles),
                ("query_audit", stats.query_audit),
                ("receipts", stats.writeback_receipts),
            ];
            let check = Check::pass(ID, format!("the ledger at `{shown}` opens"));
            (StoreStats { path: shown, counts: Some(counts) }, check)
        }
        Err(stop) => {
            let refusal: Refusal = stop.into_refusal("doctor");
            let check = Check::fail(ID, refusal.message().to_owned(), refusal.fix().to_owned());
            (StoreStats { path: shown, counts: None }, check)
        }
    }
}

fn finish(args: &Args, text: &str, worst: Level, out: &Out) -> Ended {
    args.form.write(text, out)?;
    Ok(if worst == Level::Fail { Exit::Failed } else { Exit::Done })
}
