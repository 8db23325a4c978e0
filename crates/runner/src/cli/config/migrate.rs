//! `config migrate`

use std::path::PathBuf;

use synapsor_core::code::{Code, Exit};
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::refusal::Refusal;

use crate::cli::Ended;
use crate::cli::open::{Where, read_config};
use crate::cli::print::Out;
use crate::clock;

/// Rewrite the configuration for this version.
///
/// Version 1 is the only one, so this writes a clean copy: plain JSON without comments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// Write to this file instead of in place.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write in place, keeping a backup beside it.
    #[arg(long)]
    write: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let path = args.place.config_path();
    args.place.contract(out, &ReadOptions::default())?;
    let (text, _) = read_config(&path, &ReadOptions::default())?;
    let migrated = config::migrate(&text)
        .map_err(|problem| Refusal::new(Code::ConfigInvalid, format!("`{}`: {}", path.display(), problem.message)))?;
    let Some(destination) = args.output.clone().or_else(|| args.write.then(|| path.clone())) else {
        let state = if migrated.changed {
            "config readable as version 1, but not in its clean form"
        } else {
            "config already current: version 1"
        };
        out.line(state);
        out.note("nothing was written; `--write` or `--output <file>` writes a clean copy");
        return Ok(Exit::Done);
    };
    let in_place = destination == path;
    if !in_place && destination.exists() {
        return Err(Refusal::new(Code::OutputExists, format!("`{}` exists already", destination.display())).into());
    }
    if !out.confirm(&format!("Write `{}`?", destination.display()), args.yes)? {
        out.note("nothing was written");
        return Ok(Exit::Failed);
    }
    let failed =
        |what: &str, error: std::io::Error| Refusal::new(Code::Io, format!("`{what}` cannot be written: {error}"));
    if in_place {
        let stamp = clock::now().to_string().replace([':', '.'], "-");
        let backup = format!("{}.bak.{stamp}", path.display());
        std::fs::copy(&path, &backup).map_err(|error| failed(&backup, error))?;
        out.note(&format!("backup: {backup}"));
    }
    let clean = serde_json::to_string_pretty(&migrated.json).unwrap_or_default() + "\n";
    // Written beside and renamed, so that a full disk leaves the old file whole.
    let draft = destination.with_extension("tmp");
    std::fs::write(&draft, clean)
        .and_then(|()| std::fs::rename(&draft, &destination))
        .map_err(|error| failed(&destination.display().to_string(), error))?;
    out.line(format!("wrote migrated config: {}", destination.display()));
    Ok(Exit::Done)
}
