//! `proposals writeback-job`

use std::path::PathBuf;

use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where};
use crate::cli::print::Out;

/// Export an approved proposal's guarded write as a file for `apply --job`.
///
/// The export is recorded and claims nothing. The file is checked against the ledger when it is applied.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: String,
    /// A free label in the job.
    #[arg(long, default_value = "local")]
    project: String,
    /// How long the file may be used, in seconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(15..=3600))]
    lease_seconds: u32,
    /// Write to this file instead of stdout.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Stop)?;
    let id = app.resolve(&args.id).await?;
    if let Some(path) = args.output.as_ref().filter(|path| path.exists()) {
        return Err(Refusal::new(Code::OutputExists, format!("`{}` exists already", path.display())).into());
    }
    let job = app.export_job(&id, &args.project, args.lease_seconds).await?;
    let json = serde_json::to_value(&job).unwrap_or_default();
    let Some(path) = &args.output else {
        out.json(&json);
        return Ok(Exit::Done);
    };
    let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
    std::fs::write(path, text)
        .map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be written: {error}", path.display())))?;
    out.line(format!("created writeback job {}: {}", job.writeback_job_id, path.display()));
    Ok(Exit::Done)
}
