//! `proposals list`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;
use synapsor_core::event::Event;
use synapsor_core::proposal::Proposal;
use synapsor_db::ledger::{Kind, Ledger, Query, Record};

use super::show::words;
use crate::app::{Stop, load, records};
use crate::cli::Ended;
use crate::cli::filter::{Page, STATES, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, clean, plain};

/// List proposals, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only in this state.
    #[arg(long, visible_alias = "status", value_parser = STATES)]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{proposals}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let query = Query { state: args.state, ..args.page.query(Kind::Proposal, load::now(&ledger).await?) };
    let found = find(&ledger, args.which.narrow(query), out).await?;
    list(&ledger, &found, Ask { json: args.json, empty: "No proposals found." }, out).await
}

/// How to list proposals.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    /// Whether as JSON.
    pub(crate) json: bool,
    /// What to say if there are none.
    pub(crate) empty: &'static str,
}

/// Lists the proposals that were found.
pub(crate) async fn list(ledger: &Ledger, found: &[Record], ask: Ask, out: &Out) -> Ended {
    if ask.json {
        out.json(&json!({ "proposals": documents(ledger, found, out).await? }));
    } else if found.is_empty() {
        out.line(ask.empty);
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(["PROPOSAL", "STATE", "CAPABILITY", "TENANT", "OBJECT", "PROPOSED", "CHANGE"], &rows);
    }
    Ok(Exit::Done)
}

async fn documents(ledger: &Ledger, found: &[Record], out: &Out) -> Result<Vec<Json>, Stop> {
    let now = load::now(ledger).await?;
    let mut documents = Vec::new();
    for record in found {
        let history = ledger.load(&record.stored.subject).await?;
        match Proposal::replay(history.iter().map(|stored| stored.event.clone())) {
            Ok(proposal) => documents.push(records::proposal(&proposal, &history, now)),
            // One damaged record does not hide all others.
            Err(bad) => {
                out.note(&format!("warning: the record of proposal {} is damaged: {bad}", record.stored.subject))
            }
        }
    }
    Ok(documents)
}

fn row(record: &Record) -> [String; 7] {
    [
        record.stored.subject.clone(),
        words(record.state.as_deref().unwrap_or_default()).to_owned(),
        record.capability.clone(),
        record.tenant_id.clone(),
        format!("{} {}", record.object_type, record.object_id),
        format!("{:.0}", record.stored.at),
        change(record),
    ]
}

fn change(record: &Record) -> String {
    let Event::ProposalCreated(change_set) = &record.stored.event else { return String::new() };
    let parts = change_set.diff().into_iter().map(|(column, change)| {
        let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
        format!("{}: {} -> {}", clean(&column), part("before"), part("proposed"))
    });
    parts.collect::<Vec<_>>().join(", ")
}
