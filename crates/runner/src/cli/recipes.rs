//! `recipes …`: well-known business actions, to begin with.

mod init;
mod list;
mod show;

use clap::Subcommand;
use synapsor_core::code::Code;
use synapsor_core::draft::Recipe;
use synapsor_core::refusal::Refusal;

use super::Ended;
use super::print::Out;

/// Begin with a well-known business action.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the recipes.
    List(list::Args),
    /// Show one recipe: the table it expects, the tools it makes, what it leaves to you.
    Show(show::Args),
    /// Make the recipe's tools, and the configuration that serves them, for tables that are as it expects.
    Init(init::Args),
}

pub(super) fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(&args, out),
        Command::Show(args) => show::run(&args, out),
        Command::Init(args) => init::run(&args, out),
    }
}

const BUILT_IN: [&str; 5] = [
    include_str!("../../recipes/accounts.trial_extension.json"),
    include_str!("../../recipes/billing.late_fee_waiver.json"),
    include_str!("../../recipes/credits.account_credit.json"),
    include_str!("../../recipes/orders.refund_review.json"),
    include_str!("../../recipes/support.ticket_resolution.json"),
];

/// The recipes that come with the program.
fn built_in() -> Result<Vec<Recipe>, Refusal> {
    BUILT_IN.iter().map(|text| Recipe::read(text)).collect()
}

/// The recipe of an id, or in a file.
fn find(named: &str) -> Result<Recipe, Refusal> {
    let is_path = named.contains(['/', '\\']) || named.starts_with('.') || named.ends_with(".json");
    if is_path {
        let text = std::fs::read_to_string(named)
            .map_err(|error| Refusal::new(Code::Io, format!("`{named}` cannot be read: {error}")))?;
        return Recipe::read(&text);
    }
    let all = built_in()?;
    let ids: Vec<String> = all.iter().map(|recipe| format!("`{}`", recipe.id)).collect();
    all.into_iter().find(|recipe| recipe.id == named).ok_or_else(|| {
        Refusal::new(Code::InvalidArgument, format!("there is no recipe `{named}`"))
            .with_fix(format!("there are {}; a file is named by its path", ids.join(", ")))
    })
}
