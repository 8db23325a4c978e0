//! `cargo xtask ci`: everything that a change must pass, in the order in which it is quickest to fail.

use std::process::ExitCode;

use crate::process::{cargo, run, succeeds};
use crate::test;
use crate::{generate, tidy};

/// Runs all checks and then the tests, whose summary is the last thing printed.
pub(crate) fn run_ci() -> Result<ExitCode, String> {
    step("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    step("tidy", tidy::run_tidy)?;
    step("lints", || {
        run(cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"]))
    })?;
    step("generated files", || generate::run_gen(&generate::Args { check: true }))?;
    step("dependencies", check_dependencies)?;
    eprintln!("xtask: tests");
    test::run_tests(&test::Args::default())
}

fn step(name: &str, check: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    eprintln!("xtask: {name}");
    check().map_err(|error| format!("{name}: {error}"))
}

/// Checks licences, sources and bans; and advisories where their database can be reached.
fn check_dependencies() -> Result<(), String> {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        return Err("cargo-deny is missing: install it with `cargo install cargo-deny --locked`".to_owned());
    }
    let check = |what: &[&str]| {
        let mut command = cargo(&["deny", "--all-features", "--log-level", "error", "check", "--hide-inclusion-graph"]);
        command.args(what);
        run(command)
    };
    check(&["licenses", "bans", "sources"])?;
    if !succeeds(&mut cargo(&["deny", "fetch", "db"])) {
        eprintln!("xtask: the advisory database cannot be reached; advisories were not checked");
        return Ok(());
    }
    check(&["advisories"])
}
