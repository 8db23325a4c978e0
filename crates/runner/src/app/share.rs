//! Records for a model: only what its own tenant and principal made, through a capability that is still there.

use serde_json::Value as Json;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::Capability;
use synapsor_core::event::Event;
use synapsor_core::id::{EvidenceId, ProposalId};
use synapsor_core::plan::shown_key;
use synapsor_core::scope::Scope;
use synapsor_db::ledger::{Kind, Query, Record};

use super::records::{Case, shared};
use super::{App, Stop};

/// A record that a model may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    /// A proposal with its events and receipts.
    Proposal(ProposalId),
    /// An evidence bundle.
    Evidence(EvidenceId),
    /// Everything about a proposal.
    Replay(ProposalId),
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id; the kind shows in it.
    pub id: String,
    /// Whether it is a proposal; else it is an evidence bundle.
    pub is_proposal: bool,
    /// What it is about, in a few words.
    pub title: String,
    /// When it was recorded, RFC 3339 UTC.
    pub at: String,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records, newest first.
    pub records: Vec<Listed>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

impl App {
    /// A record as a model may see it. `None` alike if there is none, and if it is somebody else's.
    pub async fn shared(&self, caller: &Caller, record: &Shared) -> Result<Option<Json>, Stop> {
        match record {
            Shared::Proposal(id) => self.shared_case(caller, id, shared::proposal).await,
            Shared::Replay(id) => self.shared_case(caller, id, shared::replay).await,
            Shared::Evidence(id) => {
                let stored = self.ledger.load(id.as_str()).await?;
                let Some(stored) = stored.first() else { return Ok(None) };
                let Event::EvidenceRecorded(evidence) = &stored.event else { return Ok(None) };
                let owner = self.owner(caller, &evidence.capability, &evidence.tenant_id, &evidence.principal);
                Ok(owner.and_then(|capability| shared::evidence(capability, stored)))
            }
        }
    }

    async fn shared_case(
        &self,
        caller: &Caller,
        id: &ProposalId,
        view: fn(&Capability, &Case) -> Json,
    ) -> Result<Option<Json>, Stop> {
        let case = match Case::load(&self.ledger, id).await {
            Ok(case) => case,
            Err(stop) if stop.code() == Code::ProposalNotFound => return Ok(None),
            Err(stop) => return Err(stop),
        };
        let change_set = case.proposed.change_set();
        let owner = self.owner(caller, &change_set.action, &change_set.scope.tenant_id, &change_set.principal.id);
        Ok(owner.map(|capability| view(capability, &case)))
    }

    /// Recent records of the caller's own tenants and principals, newest first, made before an event.
    pub async fn shared_page(&self, caller: &Caller, before: Option<u64>, limit: usize) -> Result<Page, Stop> {
        let now = self.now().await?;
        let mut found: Vec<(Kind, Record)> = Vec::new();
        for scope in self.scopes(caller) {
            for kind in [Kind::Proposal, Kind::Read] {
                let query = Query {
                    tenant: Some(scope.tenant().to_owned()),
                    principal: Some(scope.principal().to_owned()),
                    before,
                    limit: limit.saturating_add(1),
                    ..Query::new(kind, now)
                };
                found.extend(self.ledger.search(query).await?.into_iter().map(|record| (kind, record)));
            }
        }
        found.sort_by_key(|(_, record)| std::cmp::Reverse(record.stored.event_id));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|(_, record)| record.stored.event_id).filter(|_| more);
        let records = found.iter().filter_map(|(kind, record)| self.listed(caller, *kind, record)).collect();
        Ok(Page { records, next })
    }

    fn listed(&self, caller: &Caller, kind: Kind, record: &Record) -> Option<Listed> {
        let capability = self.owner(caller, &record.capability, &record.tenant_id, &record.principal)?;
        let (noun, key) = (capability.noun(), shown_key(&record.object_id));
        let is_proposal = kind == Kind::Proposal;
        let title = match (is_proposal, &record.state) {
            (true, Some(state)) => format!("Proposed change of {noun} {key}: {}", state.replace('_', " ")),
            (true, None) => format!("Proposed change of {noun} {key}"),
            (false, _) => format!("Evidence about {noun} {key}"),
        };
        Some(Listed { id: record.stored.subject.clone(), is_proposal, title, at: record.stored.at.to_string() })
    }

    /// The capability that a record was made by, if the record is the caller's own under it.
    fn owner(&self, caller: &Caller, capability: &str, tenant: &str, principal: &str) -> Option<&Capability> {
        let capability = self.contract.capability(capability)?;
        let scope = self.scope(caller, capability).ok()?;
        (scope.tenant() == tenant && scope.principal() == principal).then_some(capability)
    }

    /// The distinct scopes of a caller over the capabilities; those that cannot be bound own nothing.
    fn scopes(&self, caller: &Caller) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in self.contract.capabilities.iter().filter_map(|capability| self.scope(caller, capability).ok()) {
            let known = |other: &Scope| other.tenant() == scope.tenant() && other.principal() == scope.principal();
            if !scopes.iter().any(known) {
                scopes.push(scope);
            }
        }
        scopes
    }
}
