//! `recipes show`

use serde_json::Value as Json;
use synapsor_core::code::Exit;

use super::find;
use crate::cli::Ended;
use crate::cli::print::{Out, Tone, clean, plain};

/// Show one recipe: the table it expects, the tools it makes, what it leaves to you.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recipe's id, or the path of a recipe's file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Print the whole recipe as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let recipe = find(&args.recipe)?;
    if args.json {
        out.json(&recipe.json);
        return Ok(Exit::Done);
    }
    out.line(format!("{}: {}", out.paint(Tone::Strong, &clean(&recipe.id)), clean(&recipe.title)));
    out.line(clean(&recipe.summary));
    let list = |key: &str| -> Vec<String> {
        let items = recipe.json.get(key).and_then(Json::as_array).into_iter().flatten();
        items.map(plain).collect()
    };
    for (label, key) in [
        ("Table", "expected_table_type"),
        ("Key", "recommended_primary_key"),
        ("Tenant", "recommended_tenant_key"),
        ("Version", "recommended_conflict_column"),
    ] {
        if let Some(value) = recipe.json.get(key) {
            out.line(format!("{label}: {}", plain(value)));
        }
    }
    for (label, key) in [
        ("Columns it expects", "required_columns"),
        ("Columns the model sees", "visible_columns"),
        ("Columns a proposal changes", "allowed_write_columns"),
        ("Tools", "semantic_tools"),
    ] {
        out.line(format!("{label}: {}", list(key).join(", ")));
    }
    for note in list("notes") {
        out.line(format!("Note: {note}"));
    }
    Ok(Exit::Done)
}
