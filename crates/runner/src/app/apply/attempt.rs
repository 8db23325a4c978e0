//! One attempt to write: everything is looked up before the claim, so that what is missing stops it before it starts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use synapsor_core::code::Code;
use synapsor_core::contract::Source;
use synapsor_core::event::{BODY_VERSION, Claim};
use synapsor_core::id::Ident;
use synapsor_core::proposal::ready::Ready;
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::{Identity, Place};
use synapsor_core::sql::write::Change;
use synapsor_core::sql::{Filter, read, receipts};
use synapsor_core::value::{Cell, Kept, Table};
use synapsor_core::writeback::{self, ClaimTerms, Effect, Settlement};
use synapsor_db::crash::{Point, point};
use synapsor_db::engine::{Ending, Engine, ReceiptsState};

use super::{claim_it, lease_end};
use crate::app::outcome::{Applied, ApplyEnding};
use crate::app::source;
use crate::app::{App, Stop};
use crate::clock::{self, Deadline};

/// Beyond the source's own limits, what a claim may take before others may fence it.
const LEASE_SLACK: Duration = Duration::from_secs(5);

pub(super) struct Attempt<'a> {
    app: &'a App,
    ready: Ready<'a>,
    engine: Arc<Engine>,
    place: Place,
    found: Identity,
    change: Change,
}

impl<'a> Attempt<'a> {
    pub(super) async fn prepare(app: &'a App, ready: Ready<'a>) -> Result<Self, Stop> {
        let source = ready.source();
        let engine = app.sources.writer(source)?;
        let table = source::describe(&engine, ready.capability()).await?;
        let place = Place::of(source, &ready.capability().target);
        let found = match engine.receipts(&place).await? {
            ReceiptsState::Ready(found) => found,
            ReceiptsState::Missing => return Err(receipts_missing(source, &place).into()),
            ReceiptsState::Unsafe { why } => return Err(source::receipts_unsafe(&place, &why).into()),
        };
        let reviewed = &ready.proposal().change_set().source.receipts_id;
        if reviewed.as_ref().is_some_and(|reviewed| *reviewed != found.receipts_id) {
            return Err(Refusal::new(
                Code::SourceChanged,
                format!("source `{}` is another database than the one that was reviewed", source.name),
            )
            .into());
        }
        let masked = unmasked(app, &ready, &engine, &table).await?;
        let change = writeback::change(&ready, &table, app.now().await?, |column| {
            masked.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone())
        })?;
        Ok(Self { app, ready, engine, place, found, change })
    }

    fn lease(&self) -> Duration {
        let source = self.ready.source();
        source.connect_timeout + source.lock_timeout + source.statement_timeout + LEASE_SLACK
    }

    fn claim(&self, runner_id: &str, now: Timestamp) -> Claim {
        Claim {
            v: BODY_VERSION,
            job_id: clock::job_id().as_str().to_owned(),
            runner_id: runner_id.to_owned(),
            lease_expires_at: lease_end(now, self.lease()),
            receipts_schema: self.place.schema.as_str().to_owned(),
            receipts_table: self.place.table.as_str().to_owned(),
            receipts_id: self.found.receipts_id.clone(),
            server_id: self.found.server_id.clone(),
            executor: None,
        }
    }

    /// Runs every step and undoes all of it, under keys that no real apply uses.
    pub(super) async fn rehearse(self, runner_id: &str) -> Result<Applied, Stop> {
        let head = self.app.ledger.head().await?.to_string();
        let terms = ClaimTerms { ledger_id: self.app.ledger.id().as_str(), ledger_head: &head };
        let claim = self.claim(runner_id, self.app.now().await?);
        let keys = writeback::rehearsal_keys(&writeback::keys(self.ready.proposal().change_set(), &claim, terms));
        let write = writeback::statements(self.ready.source().engine, &self.change, &self.place, &keys);
        let effect = self.engine.transact(&write, &self.found, Ending::Rollback).await?;
        let ending = match (&effect, writeback::settle(&write, &keys, &effect)) {
            (Effect::Rehearsed, _) => ApplyEnding::Rehearsed,
            (_, Settlement::Settled(outcome)) => ApplyEnding::WouldNot(outcome),
            (_, Settlement::Released(code)) => ApplyEnding::Released(code),
            (_, Settlement::InDoubt(reason)) => ApplyEnding::InDoubt(reason.to_owned()),
            (_, Settlement::ClaimLost | Settlement::Told(_)) => ApplyEnding::Released(Code::WritebackBusy),
        };
        Ok(Applied { proposal: self.ready.proposal().clone(), ending })
    }

    /// Claims, writes and records. `None` if someone else claimed, or settled our claim, first.
    pub(super) async fn run(self, runner_id: &str) -> Result<Option<Applied>, Stop> {
        point(Point::ApplyPrepared);
        let app = self.app;
        let change_set = self.ready.proposal().change_set();
        let head = app.ledger.head().await?.to_string();
        // Before the lease that others see begins, so that it ends before that one does.
        let lease = Deadline::after(self.lease());
        let claim = self.claim(runner_id, app.now().await?);
        let Some(claimed) = claim_it(app, self.ready.proposal(), &claim).await? else { return Ok(None) };
        point(Point::ApplyClaimed);
        let terms = ClaimTerms { ledger_id: app.ledger.id().as_str(), ledger_head: &head };
        let keys = writeback::keys(change_set, &claim, terms);
        let write = writeback::statements(self.ready.source().engine, &self.change, &self.place, &keys);
        let ending = Ending::Commit(&|| lease.is_ahead());
        let settlement = match self.engine.transact(&write, &writeback::claimed(&claim), ending).await {
            Ok(effect) => writeback::settle(&write, &keys, &effect),
            Err(fault) => {
                let code = fault.code();
                let _ = Stop::from(fault).into_refusal(&claim.job_id);
                Settlement::Released(code)
            }
        };
        point(Point::ApplyRecording);
        let recorded = app.record_or_doubt(&claimed, &claim, settlement).await;
        point(Point::ApplyRecorded);
        recorded
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
    let filter = scoped(ready, table)?;
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

fn scoped(ready: &Ready<'_>, table: &Table) -> Result<Filter, Refusal> {
    let change_set = ready.proposal().change_set();
    let scope = Scope::of_record(&change_set.scope.tenant_id, &change_set.principal.id);
    let key = serde_json::Value::String(change_set.scope.object_id.clone());
    Filter::scoped(&ready.capability().target, table, &scope, &key)
        .map_err(|why| Refusal::new(Code::ObjectMissing, format!("the target does not fit the proposal: {why}")))
}
