//! The `synapsor-runner` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    synapsor_runner::cli::main()
}
