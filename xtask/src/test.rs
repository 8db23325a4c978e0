//! `cargo xtask test`: throwaway servers, then the test runner with its closing line last.

use std::process::ExitCode;

use synapsor_testkit::PYTHON;
use synapsor_testkit::servers::Servers;

use crate::process::{cargo, root, run, succeeds};
use crate::{packages, python};

/// Names the variable that holds the path of the release binary, for tests through it.
const RELEASE: &str = "SYNAPSOR_TEST_RELEASE";

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
    let narrowed = args.filters.iter().any(|arg| arg == "-p" || arg.starts_with("--package"));
    let servers = Servers::start()?;
    let mut tests =
        if succeeds(&mut cargo(&["nextest", "--version"])) { cargo(&["nextest", "run"]) } else { cargo(&["test"]) };
    if !narrowed {
        tests.args(["--workspace", "--features", "xtask/gen"]);
    }
    if !narrowed {
        // The story is told through the program as it ships.
        run(cargo(&["build", "--release", "--locked", "--quiet", "--package", "synapsor-runner"]))?;
        tests.env(RELEASE, root().join("target/release/synapsor-runner"));
    }
    tests.args(&args.filters).envs(servers.env()).env(PYTHON, python);
    // Nothing is printed after the runner's own summary, failed or not.
    let status = tests.status().map_err(|e| format!("cannot start cargo: {e}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
