//! The project's chores, run as `cargo xtask <chore>`.
#![expect(clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;
mod ci;
mod generate;
mod node;
mod oracle;
mod packages;
mod process;
mod python;
mod sdk;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Start throwaway databases, build the program and run every test
    Test(test::Args),
    /// Run the long tests: many kills, and Oracle's MySQL
    Soak(soak::Args),
    /// Measure speed and size against the targets in docs/performance.md
    Bench(bench::Args),
    /// Do everything that a change must pass, the tests last
    Ci,
    /// Write the files that are made from the code
    Gen(generate::Args),
    /// Check the rules that no compiler knows
    Tidy,
}

fn main() -> ExitCode {
    let done = match Args::parse().chore {
        Chore::Test(args) => test::run_tests(&args),
        Chore::Soak(args) => soak::run_soak(&args),
        Chore::Bench(args) => bench::run_bench(&args).map(|()| ExitCode::SUCCESS),
        Chore::Ci => ci::run_ci(),
        Chore::Gen(args) => generate::run_gen(&args).map(|()| ExitCode::SUCCESS),
        Chore::Tidy => tidy::run_tidy().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
