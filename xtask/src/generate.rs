//! `cargo xtask gen`: files that are made from the code, so that they cannot be wrong.

#[cfg(feature = "gen")]
mod content;
#[cfg(feature = "gen")]
mod fields;

/// Says what to do with the generated files.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail if a file is not what the code says
    #[arg(long)]
    pub(crate) check: bool,
}

/// Builds this tool together with the code, and has that write or check the files. A check comes before the tests, so it
/// builds with what they need, and nothing is built twice.
#[cfg(not(feature = "gen"))]
pub(crate) fn run_gen(args: &Args) -> Result<(), String> {
    let mut build = crate::process::cargo(&["build", "--quiet", "--workspace", "--bins"]);
    build.args(args.check.then_some("--tests")).args(["--features", crate::test::FEATURES]);
    crate::process::run(build)?;
    let mut built = std::process::Command::new(crate::process::root().join("target/debug/xtask"));
    built.arg("gen").args(args.check.then_some("--check"));
    crate::process::run(built)
}

/// Writes the files, or reports each that differs.
#[cfg(feature = "gen")]
pub(crate) fn run_gen(args: &Args) -> Result<(), String> {
    let root = crate::process::root();
    let stale = content::stale(&root)?;
    if stale.is_empty() {
        return Ok(());
    }
    if args.check {
        let names: Vec<_> = stale.iter().map(|change| format!("  {}", change.path.display())).collect();
        return Err(format!("these files are out of date, run `cargo xtask gen`:\n{}", names.join("\n")));
    }
    for change in &stale {
        eprintln!("xtask: {}", change.path.display());
        change.make(&root).map_err(|e| format!("{}: {e}", change.path.display()))?;
    }
    Ok(())
}
