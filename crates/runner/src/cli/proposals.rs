//! `proposals …`

pub mod approve;
pub mod list;
pub mod reject;
pub mod show;
pub mod writeback_job;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Review proposals.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List proposals, newest first.
    List(list::Args),
    /// Show one proposal: what would change, who asked, on what evidence.
    Show(show::Args),
    /// Approve a proposal.
    Approve(approve::Args),
    /// Reject a proposal.
    Reject(reject::Args),
    /// Export an approved proposal's guarded write as a file.
    WritebackJob(writeback_job::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(args, out).await,
        Command::Show(args) => show::run(args, out).await,
        Command::Approve(args) => approve::run(args, out).await,
        Command::Reject(args) => reject::run(args, out).await,
        Command::WritebackJob(args) => writeback_job::run(args, out).await,
    }
}
