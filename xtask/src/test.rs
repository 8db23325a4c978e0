//! `cargo xtask test`: throwaway servers, then the test runner with its closing line last.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use synapsor_testkit::PYTHON;
use synapsor_testkit::servers::Servers;

use crate::process::{cargo, root, run, succeeds};
use crate::{node, packages, python};

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
    let narrowed = args.filters.iter().any(|arg| arg == "-p" || arg.starts_with("--package"));
    let servers = Servers::start()?;
    let mut tests =
        if succeeds(&mut cargo(&["nextest", "--version"])) { cargo(&["nextest", "run"]) } else { cargo(&["test"]) };
    if !narrowed {
        tests.args(["--workspace", "--features", "xtask/gen,xtask/bench,synapsor-runner/faults"]);
        tests.envs(release_binaries()?);
    }
    tests.args(&args.filters).envs(servers.env()).envs(node).envs(FUZZ).env(PYTHON, python);
    // Nothing is printed after the runner's own summary, failed or not.
    let status = tests.status().map_err(|e| format!("cannot start cargo: {e}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the program as it ships, and with points to kill it at, and returns the variables that say where they are.
pub(crate) fn release_binaries() -> Result<[(&'static str, PathBuf); 2], String> {
    let build = ["build", "--release", "--locked", "--quiet", "--package", "synapsor-runner"];
    let built = root().join("target/release/synapsor-runner");
    let faults = root().join("target/release/synapsor-runner-faults");
    let mut with_points = cargo(&build);
    with_points.args(["--features", "faults"]);
    run(with_points)?;
    fs::copy(&built, &faults).map_err(|e| format!("{}: {e}", faults.display()))?;
    run(cargo(&build))?;
    for (binary, expected) in [(&built, false), (&faults, true)] {
        let bytes = fs::read(binary).map_err(|e| format!("{}: {e}", binary.display()))?;
        if bytes.windows(ORDER.len()).any(|window| window == ORDER) != expected {
            return Err(format!("{} has points to be killed at: {}", binary.display(), !expected));
        }
    }
    Ok([(RELEASE, built), (FAULTS, faults)])
}
