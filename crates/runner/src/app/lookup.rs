//! Records by what a person names them: an evidence bundle, a query audit, a receipt, a replay.

use synapsor_core::code::Code;
use synapsor_core::event::Event;
use synapsor_core::id::ProposalId;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_db::ledger::{Kind, Ledger, Query, Record, Stored};

use super::{Stop, load};

/// An evidence bundle, and the change that was proposed from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The recorded read.
    pub stored: Stored,
    /// The change, if one rests on it.
    pub proposed: Option<Box<ChangeSet>>,
}

impl Bundle {
    /// The bundle of that id.
    pub async fn load(ledger: &Ledger, id: &str) -> Result<Self, Stop> {
        let found = ledger.load(id).await?.into_iter().next();
        match found.filter(|stored| matches!(stored.event, Event::EvidenceRecorded(_))) {
            Some(stored) => Self::of(ledger, stored).await,
            None => Err(missing("evidence bundle", id).into()),
        }
    }

    /// The bundle of a recorded read.
    pub async fn of(ledger: &Ledger, stored: Stored) -> Result<Self, Stop> {
        let Some(proposal) = stored.proposal_id().map(str::to_owned) else {
            return Ok(Self { stored, proposed: None });
        };
        let proposed = match ledger.load(&proposal).await?.into_iter().next().map(|first| first.event) {
            Some(Event::ProposalCreated(change_set)) if change_set.evidence.bundle_id == stored.subject => {
                Some(change_set)
            }
            _ => None,
        };
        Ok(Self { stored, proposed })
    }
}

/// A query audit or a receipt by its number, which is its event's.
pub async fn numbered(ledger: &Ledger, kind: Kind, number: u64) -> Result<Option<Record>, Stop> {
    let query = Query { event_id: Some(number), limit: 1, ..Query::new(kind, load::now(ledger).await?) };
    Ok(ledger.search(query).await?.into_iter().next())
}

/// How many records are looked up at once.
const PAGE: usize = 500;

/// Every record that a query finds, oldest first, whatever its limit says.
pub async fn all(ledger: &Ledger, query: Query) -> Result<Vec<Record>, Stop> {
    let mut query = Query { limit: PAGE, ..query };
    let mut found = Vec::new();
    loop {
        let page = ledger.search(query.clone()).await?;
        query.before = page.last().map(|record| record.stored.event_id);
        let full = page.len() == PAGE;
        found.extend(page);
        if !full {
            found.reverse();
            return Ok(found);
        }
    }
}

/// The proposal that rests on an evidence bundle.
pub async fn proposal_of_evidence(ledger: &Ledger, evidence: &str) -> Result<ProposalId, Stop> {
    let bundle = Bundle::load(ledger, evidence).await?;
    bundle.stored.proposal_id().and_then(|id| ProposalId::parse(id).ok()).ok_or_else(|| {
        Refusal::new(Code::RecordNotFound, format!("nothing was proposed from evidence `{}`", bundle.stored.subject))
            .with_fix(format!("look at it with `synapsor-runner evidence show {}`", bundle.stored.subject))
            .into()
    })
}

/// That there is no such record. The id is shown without what a terminal would obey, and cut.
#[must_use]
pub fn missing(what: &str, id: &str) -> Refusal {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(128).collect();
    Refusal::new(Code::RecordNotFound, format!("there is no {what} `{shown}` in this ledger"))
}
