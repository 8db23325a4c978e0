//! `recipes init`

use std::path::PathBuf;

use synapsor_core::contract::Mode;
use synapsor_core::draft;

use super::find;
use crate::cli::Ended;
use crate::cli::database::EngineWord;
use crate::cli::init::{ModeWord, Output, write_draft};
use crate::cli::print::Out;

/// Make the recipe's tools, and the configuration that serves them, for tables that are as it expects.
///
/// Where yours are called otherwise, change `target` and columns in the file, or use `init`. Run again, it adds to the
/// configuration that is there.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recipe's id, or the path of a recipe's file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Another engine than the recipe's.
    #[arg(long, value_enum, default_value_t = EngineWord::Auto)]
    engine: EngineWord,
    /// What the runner may do with proposals [default: as the recipe says]; with `read_only` the tools only read.
    #[arg(long, value_enum)]
    mode: Option<ModeWord>,
    /// The configuration to make, or to add to.
    #[arg(long, visible_aliases = ["out", "config"], value_name = "FILE", default_value = crate::cli::open::DEFAULT_CONFIG)]
    output: PathBuf,
    /// Replace tools that have the same names.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let recipe = find(&args.recipe)?;
    let wish = recipe.wish(args.engine.kind(), args.mode.map(ModeWord::mode));
    let draft = draft::settle(wish, None, Mode::Review)?;
    write_draft(&draft, &Output { path: &args.output, force: args.force, dry_run: false }, out)
}
