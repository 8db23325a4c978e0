//! `mcp install` and `mcp uninstall`: the server in a client's file of a project.

use std::path::PathBuf;

use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::client::Client;
use super::reach::ReachArgs;
use super::{Options, carry_out, file};
use crate::cli::Ended;
use crate::cli::mcp::Aliases;
use crate::cli::open::Where;
use crate::cli::print::Out;

/// Write what a client needs to start this server into its file in the project.
#[derive(Debug, clap::Args)]
pub struct InstallArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    aliases: Aliases,
}

/// Take this server out of a client's file in the project.
#[derive(Debug, clap::Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    target: Target,
}

/// Whose file, and where.
#[derive(Debug, clap::Args)]
struct Target {
    /// The client: `claude-code`, `cursor` or `vscode`.
    #[arg(value_enum)]
    client: Client,
    /// The folder of the project.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_value = ".", default_missing_value = ".")]
    project: PathBuf,
    /// Write without asking.
    #[arg(long)]
    yes: bool,
}

impl Target {
    fn file(&self) -> Result<PathBuf, Refusal> {
        let Some(name) = self.client.project_file() else {
            let message = format!("`{}` has no file in a project", self.client.word());
            return Err(Refusal::new(Code::Usage, message).with_fix(format!(
                "print the settings with `synapsor-runner mcp config {}`, or write them with `mcp client-config --write`",
                self.client.word()
            )));
        };
        if !self.project.is_dir() {
            return Err(Refusal::new(Code::Usage, format!("`{}` is no folder", self.project.display()))
                .with_fix("name the folder of the project"));
        }
        Ok(self.project.join(name))
    }
}

impl InstallArgs {
    pub(in crate::cli::mcp) fn run(self, out: &Out) -> Ended {
        let options = Options {
            destination: Some(self.target.file()?),
            write: true,
            yes: self.target.yes,
            place: self.place,
            // Which folder a client starts the server in is its own affair.
            absolute_paths: true,
            aliases: self.aliases,
            transport: None,
            reach: ReachArgs::default(),
            include_instructions: false,
        };
        options.run(self.target.client, out)
    }
}

impl UninstallArgs {
    pub(in crate::cli::mcp) fn run(self, out: &Out) -> Ended {
        let file = self.target.file()?;
        let Some(section) = self.target.client.section() else { return Ok(Exit::Done) };
        let change = file::Change::to(&file, section, None)?;
        if change.is_none() {
            out.line(format!("{} does not name this server.", file.display()));
            return Ok(Exit::Done);
        }
        carry_out(&change, self.target.yes, out)
    }
}
