//! Exports: files that are made anew and never overwritten.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::Ended;
use super::print::{Out, clean};

/// Where an export goes.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The file to write; it must not exist.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// Print `{ok, exported, output}` as JSON.
    #[arg(long)]
    json: bool,
}

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The record as it is.
    Json,
    /// The same, to read.
    Markdown,
}

impl Target {
    /// Writes an export, with a line's end at its end, and says so.
    pub fn write(&self, what: &str, text: &str, out: &Out) -> Ended {
        write_new(&self.output, &format!("{}\n", text.trim_end()))?;
        let path = self.output.display().to_string();
        if self.json {
            out.json(&json!({ "ok": true, "exported": what, "output": path }));
        } else {
            out.line(format!("exported {}: {}", clean(what), clean(&path)));
        }
        Ok(Exit::Done)
    }
}

/// Writes a new file that only its owner may read: exports hold rows. Nothing is left of a file that cannot be written.
pub fn write_new(path: &Path, text: &str) -> Result<(), Refusal> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| refused(path, &error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        let _gone = std::fs::remove_file(path);
        refused(path, &error)
    })
}

fn refused(path: &Path, error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::AlreadyExists => Refusal::new(Code::OutputExists, format!("`{}` exists already", path.display())),
        _ => Refusal::new(Code::Io, format!("`{}` cannot be written: {error}", path.display())),
    }
}
