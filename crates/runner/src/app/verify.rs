//! Compares what the ledger holds as applied with what the source databases hold as applied, both ways.

use synapsor_core::code::Code;
use synapsor_core::event::{Claim, Event};
use synapsor_core::id::ProposalId;
use synapsor_core::privilege::receipt_places;
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_core::value::Cell;
use synapsor_core::wire::receipt::ReceiptStatus;
use synapsor_db::engine::ReceiptsState;
use synapsor_db::ledger::{Kind, Query, Record};

use super::reconcile::claimed_place;
use super::{App, Stop, lookup, source};

/// How many receipts of a source are compared at once.
const PAGE: usize = 500;

/// Something that one side holds and the other does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// [`Code::LostAfterApply`] or [`Code::ReceiptWithoutLedger`].
    pub code: Code,
    /// The proposal.
    pub proposal_id: String,
    /// The source's name in the configuration.
    pub source: String,
    /// What exactly, in a sentence.
    pub what: String,
}

/// A receipt table that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// The source's name in the configuration.
    pub source: String,
    /// Why.
    pub why: Refusal,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Receipts of the ledger that were looked for in a source.
    pub in_ledger: u64,
    /// Receipts of the sources that were looked for in the ledger.
    pub in_sources: u64,
    /// What does not agree.
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub unchecked: Vec<Unchecked>,
}

/// Where a receipt is: the source's name, and the table there.
type Spot = (String, Place);

impl App {
    /// Compares both sides. Nothing is changed; an apply under way is neither lost nor unknown.
    pub async fn verify(&self) -> Result<Verified, Stop> {
        let mut verified = Verified::default();
        let mut spots: Vec<Spot> = Vec::new();
        for source in self.contract.sources.values().filter(|source| source.write_url_env.is_some()) {
            let places = receipt_places(&self.contract, source);
            spots.extend(places.into_iter().map(|place| (source.name.as_str().to_owned(), place)));
        }
        let mut usable = Vec::new();
        for record in self.applied_receipts().await? {
            self.look_in_source(&record, &mut spots, &mut usable, &mut verified).await?;
        }
        for spot in &spots {
            if self.is_usable(spot, &mut usable, &mut verified).await? {
                self.look_in_ledger(spot, &mut verified).await?;
            }
        }
        Ok(verified)
    }

    async fn applied_receipts(&self) -> Result<Vec<Record>, Stop> {
        let now = self.now().await?;
        let mut found = Vec::new();
        for status in [ReceiptStatus::Applied, ReceiptStatus::AlreadyApplied] {
            let query = Query { state: Some(status.word().to_owned()), ..Query::new(Kind::Receipt, now) };
            found.extend(lookup::all(&self.ledger, query).await?);
        }
        found.sort_by_key(|record| record.stored.event_id);
        Ok(found)
    }

    async fn look_in_source(
        &self,
        record: &Record,
        spots: &mut Vec<Spot>,
        usable: &mut Vec<(Spot, bool)>,
        verified: &mut Verified,
    ) -> Result<(), Stop> {
        let Event::WritebackSettled(receipt) = &record.stored.event else { return Ok(()) };
        let history = self.ledger.load(&record.stored.subject).await?;
        let claim: Option<&Claim> = history.iter().find_map(|stored| match &stored.event {
            Event::ProposalPendingWorker(claim) if claim.job_id == receipt.writeback_job_id => Some(claim),
            _ => None,
        });
        // What an app's handler wrote has its receipt there.
        let Some(claim) = claim.filter(|claim| claim.executor.is_none()) else { return Ok(()) };
        let spot = (record.source_id.clone(), claimed_place(claim)?);
        if !spots.contains(&spot) {
            spots.push(spot.clone());
        }
        if !self.is_usable(&spot, usable, verified).await? {
            return Ok(());
        }
        let source = self.source_named(&spot.0)?;
        let sql = receipts::by_key(source.engine, &spot.1, &receipt.idempotency_key);
        let rows = self.sources.writer(source)?.read(&sql).await?;
        verified.in_ledger += 1;
        let applied = rows.iter().any(|row| row.get(2).and_then(Cell::text) == Some("applied"));
        if !applied {
            verified.findings.push(Finding {
                code: Code::LostAfterApply,
                proposal_id: receipt.proposal_id.clone(),
                source: spot.0,
                what: format!(
                    "{} {} of {} was changed at {}, and the receipt of that is not there any more",
                    record.object_type, record.object_id, record.tenant_id, receipt.executed_at
                ),
            });
        }
        Ok(())
    }

    async fn look_in_ledger(&self, (name, place): &Spot, verified: &mut Verified) -> Result<(), Stop> {
        let source = self.source_named(name)?;
        let engine = self.sources.writer(source)?;
        let mut after = String::new();
        loop {
            let limit = u64::try_from(PAGE).unwrap_or(u64::MAX);
            let sql = receipts::by_ledger(source.engine, place, self.ledger.id().as_str(), &after, limit);
            let rows = engine.read(&sql).await?;
            for row in &rows {
                let text = |index: usize| row.get(index).and_then(Cell::text).unwrap_or_default();
                // In the order of `LISTED_COLUMNS`.
                let (key, proposal_id, status) = (text(0), text(2), text(4));
                after = key.to_owned();
                if status != "applied" {
                    continue;
                }
                verified.in_sources += 1;
                if !self.knows_as_applied(proposal_id).await? {
                    verified.findings.push(Finding {
                        code: Code::ReceiptWithoutLedger,
                        proposal_id: proposal_id.to_owned(),
                        source: name.clone(),
                        what: format!("`{}.{}` holds the receipt `{key}`", place.schema, place.table),
                    });
                }
            }
            if rows.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Whether the ledger holds a proposal as applied, or as being applied.
    async fn knows_as_applied(&self, proposal_id: &str) -> Result<bool, Stop> {
        let Ok(id) = ProposalId::parse(proposal_id) else { return Ok(false) };
        let events = self.ledger.load(id.as_str()).await?;
        let Ok(proposal) = Proposal::replay(events.into_iter().map(|stored| stored.event)) else { return Ok(false) };
        Ok(match proposal.stage() {
            Stage::Settled { receipt } => {
                matches!(receipt.status, ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied)
            }
            Stage::Applying { .. } => true,
            _ => false,
        })
    }

    /// Whether a receipt table can be asked; if not, that is said once.
    async fn is_usable(
        &self,
        spot: &Spot,
        usable: &mut Vec<(Spot, bool)>,
        verified: &mut Verified,
    ) -> Result<bool, Stop> {
        if let Some((_, known)) = usable.iter().find(|(known, _)| known == spot) {
            return Ok(*known);
        }
        let (name, place) = spot;
        let why = match self.receipts_state(name, place).await {
            Ok(ReceiptsState::Ready(_)) => None,
            Ok(ReceiptsState::Missing) => {
                Some(Refusal::new(Code::ReceiptsMissing, format!("`{}.{}` is not there", place.schema, place.table)))
            }
            Ok(ReceiptsState::Unsafe { why }) => Some(source::receipts_unsafe(place, &why)),
            Err(stop @ Stop::Ledger(_)) => return Err(stop),
            Err(stop) => Some(stop.into_refusal("verify")),
        };
        let good = why.is_none();
        usable.push((spot.clone(), good));
        verified.unchecked.extend(why.map(|why| Unchecked { source: name.clone(), why }));
        Ok(good)
    }

    async fn receipts_state(&self, name: &str, place: &Place) -> Result<ReceiptsState, Stop> {
        Ok(self.sources.writer(self.source_named(name)?)?.receipts(place).await?)
    }
}
