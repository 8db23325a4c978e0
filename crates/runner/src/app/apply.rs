//! Applies an approved proposal: claim, write, settle, record. Any number of processes may try; one writes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::{Capability, Source};
use synapsor_core::event::{BODY_VERSION, Claim, Doubt, Event, Release};
use synapsor_core::id::{Ident, ProposalId};
use synapsor_core::proposal::ready::Ready;
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::Place;
use synapsor_core::sql::write::Change;
use synapsor_core::sql::{Filter, read, receipts};
use synapsor_core::value::{Cell, Kept, Table};
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};
use synapsor_core::writeback::{self, ClaimTerms, Effect, Outcome, Settlement};
use synapsor_db::engine::{Ending, Engine, ReceiptsState};
use synapsor_db::ledger::{AppendError, NewEvent};

use super::{App, Stop, source};
use crate::clock;

/// What an apply came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The proposal as it stands now.
    pub proposal: Proposal,
    /// What happened.
    pub ending: ApplyEnding,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum ApplyEnding {
    /// It ended for good, now or before; the receipt says how.
    Settled {
        /// The receipt.
        receipt: Box<ExecutionReceipt>,
        /// Whether it had ended before this call.
        before: bool,
    },
    /// A dry run passed every step; nothing was changed.
    Rehearsed,
    /// A dry run found that it would not apply.
    WouldNot(Outcome),
    /// It failed for a reason that can pass or be mended; the proposal is still approved.
    Released(Code),
    /// Nobody knows yet whether it was written.
    InDoubt(String),
}

impl Applied {
    /// The exit status that says it to a script.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.ending {
            ApplyEnding::Settled { receipt, .. } => exit_of(receipt.status),
            ApplyEnding::Rehearsed => Exit::Done,
            ApplyEnding::WouldNot(outcome) => exit_of(outcome.status),
            ApplyEnding::Released(code) => code.exit(),
            ApplyEnding::InDoubt(_) => Exit::Unknown,
        }
    }
}

fn exit_of(status: ReceiptStatus) -> Exit {
    match status {
        ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied => Exit::Done,
        ReceiptStatus::Conflict => Exit::Conflict,
        ReceiptStatus::Failed | ReceiptStatus::Canceled => Exit::Failed,
    }
}

/// How a caller wants a proposal applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOrder {
    /// Which runner this is, for the record.
    pub runner_id: String,
    /// Whether to undo everything at the end.
    pub dry_run: bool,
}

/// Beyond the source's own limits, what a claim may take before others may fence it.
const LEASE_SLACK: Duration = Duration::from_secs(5);
/// How often a waiting applier looks whether the winner has settled.
const POLL: Duration = Duration::from_millis(50);

impl App {
    /// Applies a proposal, or says what became of it.
    pub async fn apply(&self, id: &ProposalId, order: &ApplyOrder) -> Result<Applied, Stop> {
        let mut waited = false;
        loop {
            let proposal = self.load(id).await?;
            match proposal.stage() {
                Stage::Settled { receipt } => {
                    let ending = ApplyEnding::Settled { receipt: receipt.clone(), before: true };
                    return Ok(Applied { proposal, ending });
                }
                Stage::Applying { claim, .. } if is_live(claim, self.now().await?) => {
                    waited = true;
                    tokio::time::sleep(POLL).await;
                }
                Stage::Applying { .. } => {
                    let fenced = self.reconcile(id, &order.runner_id).await?;
                    if let ApplyEnding::InDoubt(_) = fenced.ending {
                        return Ok(fenced);
                    }
                }
                _ => {
                    let ready = proposal.ready(&self.contract, self.now().await?)?;
                    let attempt = Attempt::prepare(self, ready).await?;
                    if order.dry_run {
                        return attempt.rehearse(&order.runner_id).await;
                    }
                    if let Some(applied) = attempt.run(&order.runner_id).await? {
                        return Ok(applied);
                    }
                    // Someone else claimed it first: report what they come to.
                    waited = true;
                }
            }
            if waited {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) async fn record_settlement(
        &self,
        proposal: &Proposal,
        claim: &Claim,
        settlement: Settlement,
    ) -> Result<Option<ApplyEnding>, Stop> {
        let now = self.now().await?;
        let (event, ending) = match settlement {
            // A fence of ours was there first: whoever put it in records what became of the claim.
            Settlement::ClaimLost => return Ok(None),
            Settlement::Settled(outcome) => {
                let receipt = Box::new(writeback::receipt(proposal.change_set(), claim, &outcome, now));
                (Event::WritebackSettled(receipt.clone()), ApplyEnding::Settled { receipt, before: false })
            }
            Settlement::Released(code) => (
                Event::WritebackReleased(Release {
                    v: BODY_VERSION,
                    job_id: claim.job_id.clone(),
                    runner_id: claim.runner_id.clone(),
                    code: code.text().to_owned(),
                }),
                ApplyEnding::Released(code),
            ),
            Settlement::InDoubt(reason) => (
                Event::WritebackInDoubt(Doubt {
                    v: BODY_VERSION,
                    job_id: claim.job_id.clone(),
                    runner_id: claim.runner_id.clone(),
                    reason: reason.to_owned(),
                }),
                ApplyEnding::InDoubt(reason.to_owned()),
            ),
        };
        let event = NewEvent { subject: proposal.change_set().proposal_id.clone(), seq: proposal.next_seq(), event };
        match self.ledger.append(vec![event], now).await {
            Ok(_) => Ok(Some(ending)),
            Err(AppendError::Stale { .. }) => Ok(None),
            Err(AppendError::Fault(fault)) => Err(fault.into()),
        }
    }
}

pub(super) fn is_live(claim: &Claim, now: Timestamp) -> bool {
    claim.lease_expires_at.parse::<Timestamp>().is_ok_and(|until| now < until)
}

/// Everything that is looked up before a claim, so that what is missing stops an apply before it starts.
struct Attempt<'a> {
    app: &'a App,
    ready: Ready<'a>,
    engine: std::sync::Arc<Engine>,
    place: Place,
    receipts_id: String,
    change: Change,
}

impl<'a> Attempt<'a> {
    async fn prepare(app: &'a App, ready: Ready<'a>) -> Result<Self, Stop> {
        let engine = app.sources.writer(ready.source())?;
        let table = source::describe(&engine, ready.capability()).await?;
        let place = writeback::place(&ready);
        let receipts_id = match engine.receipts(&place).await? {
            ReceiptsState::Ready { receipts_id } => receipts_id,
            ReceiptsState::Missing => return Err(receipts_missing(ready.source(), &place).into()),
            ReceiptsState::Unsafe { why } => {
                return Err(Refusal::new(
                    Code::ReceiptsUnsafe,
                    format!("`{}.{}` cannot be used: {why}", place.schema, place.table),
                )
                .into());
            }
        };
        let masked = unmasked(app, &ready, &engine, &table).await?;
        let change = writeback::change(&ready, &table, app.now().await?, |column| {
            masked.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone())
        })?;
        Ok(Self { app, ready, engine, place, receipts_id, change })
    }

    fn claim(&self, runner_id: &str, now: Timestamp) -> Claim {
        let source = self.ready.source();
        let lease = source.connect_timeout + source.lock_timeout + source.statement_timeout + LEASE_SLACK;
        let lease = SignedDuration::try_from(lease).unwrap_or(SignedDuration::from_secs(60));
        Claim {
            v: BODY_VERSION,
            job_id: clock::job_id().as_str().to_owned(),
            runner_id: runner_id.to_owned(),
            lease_expires_at: now.checked_add(lease).unwrap_or(now).to_string(),
            receipts_schema: self.place.schema.as_str().to_owned(),
            receipts_table: self.place.table.as_str().to_owned(),
            receipts_id: self.receipts_id.clone(),
        }
    }

    /// Runs every step and undoes all of it, under keys that no real apply uses.
    async fn rehearse(self, runner_id: &str) -> Result<Applied, Stop> {
        let head = self.app.ledger.head().await?.to_string();
        let terms = ClaimTerms { ledger_id: self.app.ledger.id().as_str(), ledger_head: &head };
        let claim = self.claim(runner_id, self.app.now().await?);
        let keys = writeback::rehearsal_keys(&writeback::keys(self.ready.proposal().change_set(), &claim, terms));
        let write = writeback::statements(self.ready.source().engine, &self.change, &self.place, &keys);
        let effect = self.engine.transact(&write, &self.receipts_id, Ending::Rollback).await?;
        let ending = match (&effect, writeback::settle(&write, &keys, &effect)) {
            (Effect::Rehearsed, _) => ApplyEnding::Rehearsed,
            (_, Settlement::Settled(outcome)) => ApplyEnding::WouldNot(outcome),
            (_, Settlement::Released(code)) => ApplyEnding::Released(code),
            (_, Settlement::InDoubt(reason)) => ApplyEnding::InDoubt(reason.to_owned()),
            (_, Settlement::ClaimLost) => ApplyEnding::Released(Code::WritebackBusy),
        };
        Ok(Applied { proposal: self.ready.proposal().clone(), ending })
    }

    /// Claims, writes and records. `None` if someone else claimed, or settled our claim, first.
    async fn run(self, runner_id: &str) -> Result<Option<Applied>, Stop> {
        let app = self.app;
        let proposal = self.ready.proposal();
        let change_set = proposal.change_set();
        let id = ProposalId::parse(&change_set.proposal_id)
            .map_err(|_| Refusal::new(Code::StoreCorrupt, "the recorded proposal id does not read"))?;
        let now = app.now().await?;
        let head = app.ledger.head().await?.to_string();
        let claim = self.claim(runner_id, now);
        let event = NewEvent {
            subject: change_set.proposal_id.clone(),
            seq: proposal.next_seq(),
            event: Event::ProposalPendingWorker(claim.clone()),
        };
        match app.ledger.append(vec![event], now).await {
            Ok(_) => {}
            Err(AppendError::Stale { .. }) => return Ok(None),
            Err(AppendError::Fault(fault)) => return Err(fault.into()),
        }
        let claimed = app.load(&id).await?;
        let terms = ClaimTerms { ledger_id: app.ledger.id().as_str(), ledger_head: &head };
        let keys = writeback::keys(change_set, &claim, terms);
        let write = writeback::statements(self.ready.source().engine, &self.change, &self.place, &keys);
        let settlement = match self.engine.transact(&write, &self.receipts_id, Ending::Commit).await {
            Ok(effect) => writeback::settle(&write, &keys, &effect),
            Err(fault) => {
                let code = fault.code();
                let _ = Stop::from(fault).into_refusal(&claim.job_id);
                Settlement::Released(code)
            }
        };
        let ending = app.record_settlement(&claimed, &claim, settlement).await?;
        let proposal = app.load(&id).await?;
        Ok(ending.map(|ending| Applied { proposal, ending }))
    }
}

fn receipts_missing(source: &Source, place: &Place) -> Refusal {
    let ddl = receipts::migration(source.engine, place, &hex::encode(clock::random::<10>())).join("\n");
    Refusal::new(Code::ReceiptsMissing, format!("`{}.{}` is not in source `{}`", place.schema, place.table, source.name))
        .with_fix(format!("have an administrator run this once (`synapsor-runner writeback migration --engine {} --schema {}` prints it):\n{ddl}", source.engine.word(), place.schema))
}

/// Masked values of the before-image: the ledger holds only their digests, so the row is read and each is compared by
/// digest. The guarded write then compares the exact value that was read.
async fn unmasked(app: &App, ready: &Ready<'_>, engine: &Engine, table: &Table) -> Result<Vec<(Ident, Cell)>, Stop> {
    let change_set = ready.proposal().change_set();
    let masked: Vec<(Ident, Kept)> = change_set
        .exact
        .before
        .iter()
        .filter(|(_, exact)| exact.mac.is_some())
        .filter_map(|(name, exact)| Some((Ident::parse(name).ok()?, exact.kept()?)))
        .collect();
    if masked.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<_> = masked.iter().filter_map(|(name, _)| table.column(name).cloned()).collect();
    let filter = scoped(ready.capability(), table, ready)?;
    let rows = engine.read(&read::select(ready.source().engine, table, &columns, &filter)).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    Ok(columns
        .iter()
        .zip(row)
        .filter(|(column, cell)| {
            masked.iter().any(|(name, kept)| name == &column.name && kept.matches(cell, &app.masking_secret))
        })
        .map(|(column, cell)| (column.name.clone(), cell.clone()))
        .collect())
}

fn scoped(capability: &Capability, table: &Table, ready: &Ready<'_>) -> Result<Filter, Refusal> {
    let change_set = ready.proposal().change_set();
    let scope = Scope::of_record(&change_set.scope.tenant_id, &change_set.principal.id);
    let key = serde_json::Value::String(change_set.scope.object_id.clone());
    Filter::scoped(&capability.target, table, &scope, &key)
        .map_err(|why| Refusal::new(Code::ObjectMissing, format!("the target does not fit the proposal: {why}")))
}
