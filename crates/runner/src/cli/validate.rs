//! `validate`

use std::path::PathBuf;

use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::job::WritebackJob;

use super::Ended;
use super::print::Out;

/// Check that a file is a writeback job, without a ledger.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file.
    #[arg(long, value_name = "FILE")]
    job: PathBuf,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let text = std::fs::read_to_string(&args.job)
        .map_err(|error| Refusal::new(Code::JobInvalid, format!("`{}` cannot be read: {error}", args.job.display())))?;
    WritebackJob::parse(&text)?;
    out.line("job valid");
    Ok(Exit::Done)
}
