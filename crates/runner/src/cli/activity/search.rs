//! `activity search`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;
use synapsor_core::event::Event;
use synapsor_db::ledger::{Kind, Ledger, Query, Record};

use crate::app::{Stop, load, lookup, records};
use crate::cli::Ended;
use crate::cli::filter::{MOST, Page, STATES, Which, note_more};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, clean};
use crate::cli::receipts::{display_id, parse_id};

/// Find proposals, reads and receipts together, newest first.
///
/// A read or a receipt of a proposal that is found is told with it, and not again by itself.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only what belongs to this proposal.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only this evidence bundle and the proposal that rests on it.
    #[arg(long, value_name = "ID")]
    evidence: Option<String>,
    /// Only what belongs to this replay.
    #[arg(long, value_name = "ID")]
    replay: Option<String>,
    /// Only what belongs to this receipt.
    #[arg(long, value_name = "ID", value_parser = parse_id, allow_negative_numbers = true)]
    receipt: Option<u64>,
    /// Only reads of this shape and tenant, by their digest.
    #[arg(long, value_name = "DIGEST")]
    query_fingerprint: Option<String>,
    /// Only in this state: of a proposal, or of a receipt by itself.
    #[arg(long, visible_alias = "status", value_parser = STATES.into_iter().chain(["already_applied"]).collect::<Vec<_>>())]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{interactions}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let mut found = search(&ledger, &args).await?;
    if found.len() > args.page.limit {
        found.truncate(args.page.limit);
        note_more(args.page.limit, out);
    }
    if args.json {
        out.json(&json!({ "interactions": found.iter().map(document).collect::<Vec<_>>() }));
    } else if found.is_empty() {
        out.line("No local interactions found.");
    } else {
        out.line(format!("Found {} local interaction(s)", found.len()));
        for (number, interaction) in (1..).zip(&found) {
            print(out, number, interaction);
        }
    }
    Ok(Exit::Done)
}

/// One thing that happened, with the records that belong to it.
struct Interaction {
    kind: &'static str,
    record: Record,
    audits: Vec<u64>,
    receipts: Vec<u64>,
}

/// The newest that fit, one more than the limit if there are more.
async fn search(ledger: &Ledger, args: &Args) -> Result<Vec<Interaction>, Stop> {
    let Some(about) = About::resolve(ledger, args).await? else { return Ok(Vec::new()) };
    let limit = args.page.limit.saturating_add(1);
    let base = Query {
        limit,
        proposal: about.proposal.clone(),
        query_fingerprint: args.query_fingerprint.clone(),
        state: args.state.clone(),
        ..args.which.narrow(args.page.query(Kind::Proposal, load::now(ledger).await?))
    };
    let mut found = Vec::new();
    if about.read.is_none() {
        for record in ledger.search(base.clone()).await? {
            found.push(proposal(ledger, record).await?);
        }
    }
    let told: Vec<String> = found.iter().map(|proposal: &Interaction| proposal.record.stored.subject.clone()).collect();
    let mut kinds = vec![(Kind::Read, "evidence"), (Kind::Receipt, "receipt")];
    // Reads have no state, so none has the one that is asked for; and a read by itself has no receipts.
    kinds.retain(|(kind, _)| match kind {
        Kind::Read => args.state.is_none(),
        _ => about.read.is_none(),
    });
    for (kind, word) in kinds {
        let query = Query { kind, evidence: about.read.clone(), ..base.clone() };
        found.extend(untold(ledger, query, &told).await?.into_iter().map(|record| {
            let number = record.stored.event_id;
            let (audits, receipts) = if kind == Kind::Read { (vec![number], vec![]) } else { (vec![], vec![number]) };
            Interaction { kind: word, record, audits, receipts }
        }));
    }
    found.sort_by_key(|interaction| std::cmp::Reverse(interaction.record.stored.event_id));
    found.truncate(limit);
    Ok(found)
}

/// What the ids in the filters point at.
struct About {
    /// The proposal that they have in common.
    proposal: Option<String>,
    /// A read from which nothing was proposed.
    read: Option<String>,
}

impl About {
    /// `None` if an id points at nothing, or two ids at different things.
    async fn resolve(ledger: &Ledger, args: &Args) -> Result<Option<Self>, Stop> {
        let mut named: Vec<String> = args.proposal.iter().cloned().collect();
        if let Some(replay) = &args.replay {
            let proposal = replay.strip_prefix("replay_").unwrap_or_default();
            if ledger.load(proposal).await?.is_empty() {
                return Ok(None);
            }
            named.push(proposal.to_owned());
        }
        if let Some(receipt) = args.receipt {
            match lookup::numbered(ledger, Kind::Receipt, receipt).await? {
                Some(record) => named.push(record.stored.subject),
                None => return Ok(None),
            }
        }
        let mut read = None;
        if let Some(evidence) = &args.evidence {
            match ledger.load(evidence).await?.into_iter().next() {
                Some(stored) if matches!(stored.event, Event::EvidenceRecorded(_)) => match stored.proposal_id() {
                    Some(proposal) => named.push(proposal.to_owned()),
                    None => read = Some(stored.subject),
                },
                _ => return Ok(None),
            }
        }
        let proposal = named.first().cloned();
        let agree = named.iter().all(|id| Some(id) == proposal.as_ref()) && !(read.is_some() && proposal.is_some());
        Ok(agree.then_some(Self { proposal, read }))
    }
}

async fn proposal(ledger: &Ledger, record: Record) -> Result<Interaction, Stop> {
    let reads = match &record.evidence_id {
        Some(evidence) => ledger.load(evidence).await?,
        None => Vec::new(),
    };
    let history = ledger.load(&record.stored.subject).await?;
    let settled = history.iter().filter(|stored| matches!(stored.event, Event::WritebackSettled(_)));
    Ok(Interaction {
        kind: "proposal",
        audits: reads.iter().map(|stored| stored.event_id).collect(),
        receipts: settled.map(|stored| stored.event_id).collect(),
        record,
    })
}

/// The newest records that belong to none of the proposals told, page by page until there are enough.
async fn untold(ledger: &Ledger, query: Query, told: &[String]) -> Result<Vec<Record>, Stop> {
    let limit = query.limit;
    let mut query = Query { limit: MOST, ..query };
    let mut found = Vec::new();
    loop {
        let page = ledger.search(query.clone()).await?;
        let full = page.len() == MOST;
        query.before = page.last().map(|record| record.stored.event_id);
        found.extend(page.into_iter().filter(|record| record.proposal_id.as_ref().is_none_or(|id| !told.contains(id))));
        if !full || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

fn document(interaction: &Interaction) -> Json {
    let Interaction { kind, record, audits, receipts } = interaction;
    json!({
        "kind": kind,
        "created_at": record.stored.at.to_string(),
        "tenant_id": record.tenant_id,
        "principal": record.principal,
        "capability": record.capability,
        "business_object": record.object_type,
        "object_id": record.object_id,
        "source_id": record.source_id,
        "source_table": format!("{}.{}", record.schema, record.table),
        "query_fingerprint": record.query_fingerprint,
        "proposal_id": record.proposal_id,
        "evidence_bundle_id": evidence(record),
        "query_audit_ids": audits,
        "receipt_ids": receipts,
        "status": record.state,
        "replay_id": record.proposal_id.as_deref().map(records::replay_id),
    })
}

fn evidence(record: &Record) -> Option<&String> {
    match record.stored.event {
        Event::EvidenceRecorded(_) => Some(&record.stored.subject),
        _ => record.evidence_id.as_ref(),
    }
}

fn print(out: &Out, number: usize, interaction: &Interaction) {
    let Interaction { kind, record, audits, receipts } = interaction;
    let numbers: Vec<String> = audits.iter().map(ToString::to_string).collect();
    let receipts: Vec<String> = receipts.iter().map(|id| display_id(*id)).collect();
    out.line(format!("{number}. {}", record.stored.at));
    let line = |label: &str, value: &str| {
        if !value.is_empty() {
            out.line(format!("   {label}: {}", clean(value)));
        }
    };
    line("kind", kind);
    line("capability", &record.capability);
    line("tenant", &record.tenant_id);
    line("principal", &record.principal);
    line("object", &format!("{} {}", record.object_type, record.object_id));
    line("proposal", record.proposal_id.as_deref().unwrap_or_default());
    line("evidence", evidence(record).map(String::as_str).unwrap_or_default());
    line("query audit", &numbers.join(", "));
    line("receipt", &receipts.join(", "));
    line("status", record.state.as_deref().unwrap_or_default());
    line("replay", &record.proposal_id.as_deref().map(records::replay_id).unwrap_or_default());
}
