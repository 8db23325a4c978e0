//! Puts a change up for review: once for each distinct change, whoever asks how often.

use std::sync::atomic::Ordering;

use synapsor_core::answer::Answer;
use synapsor_core::code::Code;
use synapsor_core::digest;
use synapsor_core::event::{BODY_VERSION, Cancellation, ContractBody, Event, Slot};
use synapsor_core::evidence::{self, Seal};
use synapsor_core::id::{Ident, ProposalId, RequestId};
use synapsor_core::proposal::draft::{Material, Stamp, draft};
use synapsor_core::proposal::{Proposal, Stage, ready};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::Exact;
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_db::ledger::{AppendError, Kind, NewEvent, Query};

use super::call::Seen;
use super::{App, Stop};
use crate::clock;

/// How often a race for the same change is run again before giving up; each round someone else won.
const MAX_ROUNDS: usize = 32;

pub(super) async fn propose(app: &App, seen: &Seen<'_>, request_id: &RequestId) -> Result<Answer, Stop> {
    require_fresh_read(app, seen).await?;
    // Asked anew each time: the decision must name the database that was read just now.
    let receipts_id = app.receipts_id(seen.capability).await?;
    for _ in 0..MAX_ROUNDS {
        match attempt(app, seen, receipts_id.as_deref(), request_id).await? {
            Some(answer) => return Ok(answer),
            // Someone else took the slot between our look and our append: look again.
            None => tokio::task::yield_now().await,
        }
    }
    Err(Refusal::new(Code::TemporarilyUnavailable, "too many callers propose this change at once").into())
}

async fn attempt(
    app: &App,
    seen: &Seen<'_>,
    receipts_id: Option<&str>,
    request_id: &RequestId,
) -> Result<Option<Answer>, Stop> {
    let now = app.now_to_stamp().await?;
    let proposal_id = clock::proposal_id();
    let evidence_id = clock::evidence_id();
    let source = app.source_of(seen.capability)?;
    let material = Material {
        capability: seen.capability,
        source,
        table: &seen.known.table,
        scope: seen.scope,
        args: &seen.args,
        plan: &seen.plan,
        row: &seen.row,
    };
    let salt = hex::encode(clock::random::<16>());
    let stamp = Stamp {
        proposal_id: &proposal_id,
        evidence_id: &evidence_id,
        now,
        mode: app.contract.mode,
        secret: &app.masking_secret,
        receipts_id,
        supersedes: None,
        salt: &salt,
    };
    let change_set = draft(&material, &stamp)?;
    let slot = slot_of(&change_set);
    let slot_events = app.ledger.load(&slot).await?;
    let slot_seq = slot_events.len() as u64;
    let held = match slot_events.last().map(|stored| &stored.event) {
        Some(Event::SlotTaken(slot)) => match ProposalId::parse(&slot.proposal_id) {
            Ok(id) => Some(app.load(&id).await?),
            Err(_) => None,
        },
        _ => None,
    };
    let mut events = Vec::new();
    let mut change_set = change_set;
    if let Some(held) = held
        && is_open(held.stage())
    {
        if same_change(held.change_set(), &change_set) {
            return Ok(Some(Answer::Proposed { proposal: Box::new(held), deduplicated: true }));
        }
        // A claimed one runs its course; its guards decide. One that only waits gives way to what is true now.
        if matches!(held.stage(), Stage::Pending | Stage::Approved { .. }) {
            let old = held.change_set().proposal_id.clone();
            events.push(NewEvent {
                subject: old.clone(),
                seq: held.next_seq(),
                event: Event::ProposalCanceled(Cancellation {
                    v: BODY_VERSION,
                    actor: seen.scope.principal().to_owned(),
                    superseded_by: proposal_id.as_str().to_owned(),
                }),
            });
            change_set = draft(&material, &Stamp { supersedes: Some(&old), ..stamp })?;
        }
    }
    let seal = Seal { request_id, secret: &app.masking_secret, receipts_id, proposal_id: Some(&proposal_id) };
    let evidence = evidence::seal(seen.capability, seen.scope, &seen.plan, &seen.row, seal);
    events.extend(contract_event(app, seen).await?);
    events.push(NewEvent {
        subject: evidence_id.as_str().to_owned(),
        seq: 0,
        event: Event::EvidenceRecorded(Box::new(evidence)),
    });
    events.push(NewEvent {
        subject: slot,
        seq: slot_seq,
        event: Event::SlotTaken(Slot { v: BODY_VERSION, proposal_id: proposal_id.as_str().to_owned() }),
    });
    let created = Event::ProposalCreated(Box::new(change_set));
    events.push(NewEvent { subject: proposal_id.as_str().to_owned(), seq: 0, event: created.clone() });
    match app.ledger.append(events, now).await {
        Ok(_) => seen.known.contract_recorded.store(true, Ordering::Release),
        Err(AppendError::Stale { .. }) => return Ok(None),
        Err(AppendError::Fault(fault)) => return Err(fault.into()),
    }
    let proposal = Proposal::replay([created])
        .map_err(|bad| Refusal::new(Code::Internal, format!("the proposal does not read back: {bad}")))?;
    Ok(Some(Answer::Proposed { proposal: Box::new(proposal), deduplicated: false }))
}

/// One slot for each row and patch of a principal: what it last held decides whether a change is proposed already.
fn slot_of(change_set: &ChangeSet) -> String {
    let identity = serde_json::json!({
        "tenant": change_set.scope.tenant_id,
        "principal": change_set.principal.id,
        "capability": change_set.action,
        "mode": change_set.mode,
        "source": change_set.source.source_id,
        "key": change_set.scope.object_id,
        "patch": change_set.exact.patch,
    });
    format!("slot:{}", digest::of(&identity))
}

fn same_change(held: &ChangeSet, new: &ChangeSet) -> bool {
    held.contract_digest == new.contract_digest
        && held.exact == new.exact
        && held.guards.expected_version == new.guards.expected_version
}

fn is_open(stage: &Stage) -> bool {
    matches!(stage, Stage::Pending | Stage::Approved { .. } | Stage::Applying { .. })
}

/// The capability's reviewed parts, kept once for each digest.
async fn contract_event(app: &App, seen: &Seen<'_>) -> Result<Option<NewEvent>, Stop> {
    if seen.known.contract_recorded.load(Ordering::Acquire) {
        return Ok(None);
    }
    let source = app.source_of(seen.capability)?;
    let capability = ready::reviewed(seen.capability, source);
    let subject = format!("contract:{}", digest::of(&capability));
    if !app.ledger.load(&subject).await?.is_empty() {
        return Ok(None);
    }
    let event = Event::ContractRecorded(ContractBody { v: BODY_VERSION, capability });
    Ok(Some(NewEvent { subject, seq: 0, event }))
}

/// Where the capability asks for it: this principal's latest recorded read of the row must show its present version.
async fn require_fresh_read(app: &App, seen: &Seen<'_>) -> Result<(), Stop> {
    let Some(rule) = seen.capability.proposal().filter(|rule| rule.guard.require_fresh_read) else { return Ok(()) };
    let stale = || {
        Refusal::new(
            Code::VersionConflict,
            format!("the {} was not read at its present version", seen.capability.noun()),
        )
    };
    let key = seen.plan.filter.key().and_then(|term| term.cell.text()).unwrap_or_default();
    let query = Query {
        limit: 1,
        tenant: Some(seen.scope.tenant().to_owned()),
        principal: Some(seen.scope.principal().to_owned()),
        source: Some(seen.capability.source.as_str().to_owned()),
        table: Some(format!("{}.{}", seen.capability.target.schema, seen.capability.target.table)),
        object_id: Some(key.to_owned()),
        ..Query::new(Kind::Read, app.now().await?)
    };
    let records = app.ledger.search(query).await?;
    let Some(Event::EvidenceRecorded(evidence)) = records.first().map(|record| &record.stored.event) else {
        return Err(stale().into());
    };
    let present = |column: &Ident| evidence::kept(&seen.row, column, &app.masking_secret).as_ref().map(Exact::from);
    let fresh = match &rule.guard.column {
        Some(column) => evidence.version.is_some() && evidence.version == present(column),
        None => {
            evidence.visible_row == evidence::shown(&seen.row, &seen.capability.read_columns(), &app.masking_secret)
        }
    };
    if fresh { Ok(()) } else { Err(stale().into()) }
}

/// The reviewed parts a proposal was made under, and how they differ now: what `CONTRACT_CHANGED` shows.
pub async fn contract_changes(app: &App, proposal: &Proposal) -> Result<Vec<String>, Stop> {
    let change_set = proposal.change_set();
    let recorded = app.ledger.load(&format!("contract:{}", change_set.contract_digest)).await?;
    let Some(Event::ContractRecorded(old)) = recorded.first().map(|stored| &stored.event) else {
        return Ok(Vec::new());
    };
    let Some(capability) = app.contract.capability(&change_set.action) else { return Ok(Vec::new()) };
    let source = app.source_of(capability)?;
    Ok(ready::differences(&old.capability, &ready::reviewed(capability, source)))
}
