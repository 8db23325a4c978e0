//! `recipes list`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;

use super::built_in;
use crate::cli::Ended;
use crate::cli::print::Out;

/// List the recipes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print `{recipes: [{id, title, summary, semantic_tools}]}` as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let recipes = built_in()?;
    if args.json {
        let listed: Vec<Json> = recipes
            .iter()
            .map(|recipe| {
                json!({
                    "id": recipe.id,
                    "title": recipe.title,
                    "summary": recipe.summary,
                    "semantic_tools": recipe.semantic_tools,
                })
            })
            .collect();
        out.json(&json!({ "recipes": listed }));
        return Ok(Exit::Done);
    }
    let rows: Vec<[String; 2]> = recipes.into_iter().map(|recipe| [recipe.id, recipe.summary]).collect();
    out.table(["RECIPE", "WHAT IT IS FOR"], &rows);
    out.note("\n`recipes show ID` tells more, `recipes init ID` makes its tools.");
    Ok(Exit::Done)
}
