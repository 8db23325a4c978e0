//! `cargo xtask soak`: what takes too long for every change.

use std::process::ExitCode;

use synapsor_testkit::PYTHON;
use synapsor_testkit::servers::Servers;

use crate::process::{cargo, succeeds};
use crate::test::binaries;
use crate::{oracle, packages, python};

/// How many proposals a storm is about.
const PROPOSALS: &str = "200";

/// Says which part to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the tests against Oracle's MySQL
    #[arg(long)]
    mysql: bool,
}

/// Runs the long storms on every engine, and then everything that concerns MySQL against Oracle's.
pub(crate) fn run_soak(args: &Args) -> Result<ExitCode, String> {
    packages::ensure_servers()?;
    let python = python::ensure()?;
    if !succeeds(&mut cargo(&["nextest", "--version"])) {
        return Err("cargo-nextest is missing: install it with `cargo install cargo-nextest --locked`".to_owned());
    }
    let binaries = binaries()?;
    let run = |servers: &Servers, tests: &[&str], proposals: &str| {
        let mut command = cargo(&["nextest", "run", "--profile", "soak", "--features", "synapsor-runner/faults"]);
        command.args(tests).envs(servers.env()).envs(binaries.clone());
        command.env(PYTHON, &python).env("SYNAPSOR_TEST_PROPOSALS", proposals);
        command.status().map(|status| status.success()).map_err(|e| format!("cannot start cargo: {e}"))
    };
    let mut passed = true;
    if !args.mysql {
        eprintln!("xtask: storms, {PROPOSALS} proposals each");
        passed &= run(&Servers::start()?, &["-p", "synapsor-runner", "--test", "crash"], PROPOSALS)?;
    }
    eprintln!("xtask: Oracle's MySQL");
    let servers = Servers::start_with_oracle(&oracle::ensure_mysql()?)?;
    let packages = ["-p", "synapsor-db", "-p", "synapsor-runner", "-E", ORACLE];
    passed &= run(&servers, &packages, PROPOSALS)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What speaks to the run's server in MySQL's protocol.
const ORACLE: &str = "(package(synapsor-db) & (binary(mysql) | (binary(story) & test(/mysql|mariadb/)))) \
                      | (package(synapsor-runner) & (binary(crash) | binary(loop)) & test(/mysql|mariadb/))";
