//! `onboard db` and `start`: `init`, and then whether what it made holds.

use clap::Subcommand;
use synapsor_core::code::Exit;

use super::open::Where;
use super::print::Out;
use super::smoke::boundary;
use super::{Ended, doctor, init};

/// Go from a database to tools that are checked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// As `init`, and then check the tools' boundary and everything that doctor checks.
    Db(Box<init::Args>),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Db(args) => db(&args, out).await,
    }
}

/// Makes the tools and checks them. What doctor finds is shown, but variables may well be set elsewhere: only the boundary
/// decides the exit status.
pub(super) async fn db(args: &init::Args, out: &Out) -> Ended {
    let made = init::run(args, out).await?;
    if made != Exit::Done || args.is_dry_run() {
        return Ok(made);
    }
    let place = Where::of_config(args.config_path());
    out.line("");
    let boundary = boundary::smoke(&boundary::Args::of(place.clone()), out)?;
    out.line("");
    doctor::run(doctor::Args::of(place), out).await?;
    Ok(boundary)
}
