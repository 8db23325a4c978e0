//! `completions`

use clap::CommandFactory as _;
use synapsor_core::code::Exit;

use super::print::Out;
use super::{Cli, Ended};

/// Print a shell's completion script.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "synapsor-runner", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}
