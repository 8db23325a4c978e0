//! The questions. Enter takes what is suggested, Esc goes back to the question before, Ctrl-C leaves everything as it is.

mod ask;
mod changes;
mod questions;

use serde_json::Value as Json;
use synapsor_core::caller::{Caller, Grants, Identity};
use synapsor_core::code::Exit;
use synapsor_core::contract::{Contract, Durability, Mode};
use synapsor_core::draft::{self, Draft, Wish};
use synapsor_core::wire::inspection::Inspection;
use synapsor_db::engine::Engine;

use self::ask::confirm;
use super::example::{Example, Search};
use super::plan::{Before, Plan};
use super::{Args, Tried, next, show_tools, write};
use crate::app::{App, Stop};
use crate::cli::Ended;
use crate::cli::database::Looked;
use crate::cli::open::{IfMissing, local_user, open_ledger};
use crate::cli::print::{Out, Tone, clean};

/// Whose row a first call is about where rows belong to nobody.
const NO_TENANT: &str = "single_tenant";

/// Asks, shows what would be written, and writes it.
pub async fn run(args: &Args, before: &Before, looked: Looked, out: &Out) -> Ended {
    let seen = &looked.inspection;
    if seen.tables.is_empty() {
        return Err(super::unnamed(seen).into());
    }
    introduce(&looked, out);
    let mut wish = Wish { frame: args.flags.frame(), tables: Vec::new() };
    wish.frame.read_url_env = wish.frame.read_url_env.or_else(|| looked.url_env.clone());
    loop {
        let mode = wish.frame.mode.or_else(|| before.contract.as_ref().map(|contract| contract.mode));
        let asked = questions::ask(args.flags.table_wish(), mode, seen)?;
        if asked.mode != Mode::ReadOnly {
            wish.frame.mode = Some(asked.mode);
        }
        wish.tables.push(asked.table);
        if wish.frame.mode == Some(Mode::Review) && wish.frame.write_url_env.is_none() {
            wish.frame.write_url_env = Some(questions::writer()?);
        }
        if !confirm("Make tools for another table as well?", false)? {
            break;
        }
    }
    let draft = draft::settle(wish, Some(seen), before.usual_mode(Mode::ReadOnly))?;
    let example = match &looked.engine {
        Some(engine) => find_example(engine, seen, &draft, out).await?,
        None => None,
    };
    let first_call = example.as_ref().zip(draft.tables.first()).map(|(example, choice)| example.arguments(choice));
    let plan = before.plan(&draft, first_call.as_ref(), args.force, out)?;
    preview(&draft, &plan, out);
    if args.dry_run || !confirm("Write these files?", true)? {
        out.note("Nothing was written.");
        return Ok(if args.dry_run { Exit::Done } else { Exit::Failed });
    }
    write(&plan, &draft, out)?;
    let tried = example.as_ref().map(|example| Tried {
        tenant: example.tenant.clone().unwrap_or_else(|| NO_TENANT.to_owned()),
        principal: local_user(),
    });
    if let (Some(tried), Some(example)) = (&tried, &example) {
        try_it(args, &plan.contract, &draft, (tried, example), out).await?;
    }
    next(&args.output, &draft, &plan.contract, tried.as_ref(), out);
    Ok(Exit::Done)
}

fn introduce(looked: &Looked, out: &Out) {
    let seen = &looked.inspection;
    let place = looked.url_env.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    out.line(clean(&format!(
        "{} {}{place}: {} tables and views to choose from. Only the catalog was read.",
        seen.engine.word(),
        seen.server_version,
        seen.tables.len()
    )));
    out.line(
        out.paint(Tone::Faint, "Enter takes what is suggested, Esc goes back, Ctrl-C leaves everything as it is."),
    );
}

/// Offers to look for a row, showing the statement first.
async fn find_example(engine: &Engine, seen: &Inspection, draft: &Draft, out: &Out) -> Result<Option<Example>, Stop> {
    let Some(choice) = draft.tables.first() else { return Ok(None) };
    let Some(search) = Search::prepare(engine, seen.engine, choice).await? else { return Ok(None) };
    out.line("\nTo try the tool, a real row is needed. This statement finds one:");
    out.line(format!("  {}", out.paint(Tone::Strong, search.text())));
    if !confirm("Run it?", true)? {
        return Ok(None);
    }
    match search.run(engine).await? {
        Some(example) => {
            let tenant =
                example.tenant.as_ref().map(|tenant| format!(", tenant {}", clean(tenant))).unwrap_or_default();
            out.line(format!("Found {} {}{tenant}.", choice.names.noun(), clean(&example.key)));
            Ok(Some(example))
        }
        None => {
            out.line("The table has no row yet.");
            Ok(None)
        }
    }
}

fn preview(draft: &Draft, plan: &Plan, out: &Out) {
    out.line("\nThe model would see:");
    show_tools(draft, &plan.contract, out);
    for remark in &draft.remarks {
        out.line(format!("  {} {remark}", out.paint(Tone::Careful, "note:")));
    }
    out.line("\nFiles:");
    for file in &plan.files {
        if let Some(verb) = file.verb() {
            out.line(format!("  {verb} {}", file.path().display()));
        }
    }
    out.line(format!("Mode: {}. No URL and no password is in them.", plan.contract.mode.word()));
}

/// Offers to call the new tool, as the tenant whose row was found.
async fn try_it(
    args: &Args,
    contract: &Contract,
    draft: &Draft,
    (tried, example): (&Tried, &Example),
    out: &Out,
) -> Result<(), Stop> {
    let Some(choice) = draft.tables.first() else { return Ok(()) };
    let tool = choice.names.read_tool.as_str();
    if !confirm(&format!("Call {tool} as tenant {} now?", clean(&tried.tenant)), true)? {
        return Ok(());
    }
    let store = std::path::Path::new(&contract.storage.sqlite_path);
    let ledger = open_ledger(store, Durability::Full, IfMissing::Make)?;
    let app = App::new(contract.clone(), ledger, &args.output)?;
    let caller = Caller::Client(Identity {
        credential: "init".to_owned(),
        tenant: tried.tenant.clone(),
        principal: tried.principal.clone(),
        provenance: "init",
        grants: Grants { read: true, propose: false },
    });
    let finished = app.call(&caller, tool, &example.arguments(choice)).await;
    match finished.result() {
        Ok(_) => {
            out.line(out.paint(Tone::Good, "Synapsor smoke call: ok"));
            let (envelope, _) = finished.render(contract.result_format);
            out.json(envelope.get("data").unwrap_or(&Json::Null));
        }
        Err(refusal) => {
            out.line(out.paint(Tone::Bad, "Synapsor smoke call: failed"));
            out.refusal(refusal);
        }
    }
    Ok(())
}
