//! `cargo xtask test`: throwaway servers, then the test runner with its closing line last.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use synapsor_testkit::servers::Servers;
use synapsor_testkit::{PYTHON, SDK};

use crate::process::{cargo, root, run, succeeds};
use crate::{node, packages, python, sdk};

/// What the tests and what they share a build with are built with: with other features, all is built again.
pub(crate) const FEATURES: &str = "xtask/gen,xtask/bench,synapsor-runner/faults";
/// Names the variable that holds the path of the release binary, for tests through it.
const RELEASE: &str = "SYNAPSOR_TEST_RELEASE";
/// Names the variable that holds the path of the same, but with the points at which tests kill it.
const FAULTS: &str = "SYNAPSOR_TEST_FAULTS";
/// What the fuzz target of HTTP bodies needs, which reads as the program does: from its environment.
const FUZZ: [(&str, &str); 2] =
    [("SYNAPSOR_FUZZ_URL", "sqlite:source.db"), ("SYNAPSOR_LEDGER_KEY", "of no ledger that is kept")];
/// What only a binary with such points looks for.
const ORDER: &[u8] = b"SYNAPSOR_CRASH_POINT";

/// Takes what the test runner takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Filters and options for the test runner, for example `-p synapsor-db guarded`; without `-p`, the whole workspace
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    filters: Vec<String>,
}

/// Runs the tests against servers that live as long as the run.
pub(crate) fn run_tests(args: &Args) -> Result<ExitCode, String> {
    packages::ensure_servers()?;
    let python = python::ensure()?;
    let node = node::ensure(&python)?;
    let sdk = sdk::ensure(&python)?;
    let narrowed = args.filters.iter().any(|arg| arg == "-p" || arg.starts_with("--package"));
    let servers = Servers::start()?;
    let mut tests =
        if succeeds(&mut cargo(&["nextest", "--version"])) { cargo(&["nextest", "run"]) } else { cargo(&["test"]) };
    if !narrowed {
        tests.args(["--workspace", "--features", FEATURES]);
        tests.envs(binaries()?);
    }
    tests.args(&args.filters).envs(servers.env()).envs(node).envs(FUZZ).env(PYTHON, python).env(SDK, sdk);
    // Nothing is printed after the runner's own summary, failed or not.
    let status = tests.status().map_err(|e| format!("cannot start cargo: {e}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the program as it ships, and returns the variables that say where it is, and where the one is that has points
/// to kill it at: that is the tests' own, built with the workspace, because another optimised build would take minutes.
pub(crate) fn binaries() -> Result<[(&'static str, PathBuf); 2], String> {
    run(cargo(&["build", "--release", "--locked", "--quiet", "--package", "synapsor-runner"]))?;
    let release = root().join("target/release/synapsor-runner");
    let bytes = fs::read(&release).map_err(|e| format!("{}: {e}", release.display()))?;
    if bytes.windows(ORDER.len()).any(|window| window == ORDER) {
        return Err(format!("{} has points to be killed at", release.display()));
    }
    Ok([(RELEASE, release), (FAULTS, root().join("target/debug/synapsor-runner"))])
}
