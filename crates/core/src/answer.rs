//! What a call is answered with, and the two shapes it can take on the wire.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::code::Face;
use crate::contract::{Capability, Mode, ResultFormat};
use crate::id::{EvidenceId, Ident, RequestId};
use crate::plan::shown_key;
use crate::proposal::Proposal;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::wire::envelope::{Envelope, ErrorFace, EvidenceFace, Meta, ProposalFace, WritebackFace};

/// A good answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A row.
    Row {
        /// The columns as shown.
        data: Map<String, Json>,
        /// The row's key.
        key: String,
        /// The recorded read.
        evidence: EvidenceId,
    },
    /// A proposal, new or found.
    Proposed {
        /// The proposal.
        proposal: Box<Proposal>,
        /// Whether it existed before the call.
        deduplicated: bool,
    },
}

/// A call with how it ended.
#[derive(Debug, Clone)]
pub struct Called<'a> {
    /// The tool name asked for.
    pub asked: &'a str,
    /// The capability, if there is one of that name.
    pub capability: Option<&'a Capability>,
    /// Whose call it was, if that could be bound.
    pub scope: Option<&'a Scope>,
    /// For finding it in the log.
    pub request_id: &'a RequestId,
    /// The configuration's mode.
    pub mode: Mode,
    /// Now.
    pub now: Timestamp,
    /// How it ended.
    pub result: &'a Result<Answer, Refusal>,
}

/// Longest part of an unknown tool's name that is repeated, in characters.
const MAX_ACTION: usize = 128;
const EVIDENCE_NOTE: &str = "audit handle; no need to act on it";
/// What a model sees in place of the value before in a column it may not see.
pub const NOT_VISIBLE: &str = "[not visible]";

impl Called<'_> {
    /// The result in the configured format, and whether it is an error.
    #[must_use]
    pub fn render(&self, format: ResultFormat) -> (Json, bool) {
        let json = match format {
            ResultFormat::V1 => self.v1(),
            ResultFormat::V2 => serde_json::to_value(self.v2()).unwrap_or(Json::Null),
            ResultFormat::V2Dual => {
                let envelope = Envelope { legacy: Some(self.v1()), ..self.v2() };
                serde_json::to_value(envelope).unwrap_or(Json::Null)
            }
        };
        (json, self.result.is_err())
    }

    /// The one envelope.
    #[must_use]
    pub fn v2(&self) -> Envelope {
        let mut envelope = Envelope {
            ok: self.result.is_ok(),
            summary: self.summary(),
            action: self.action(),
            kind: self.capability.map(|capability| capability.kind_word().to_owned()),
            data: None,
            proposal: None,
            error: None,
            evidence: None,
            source_database_changed: false,
            meta: Meta {
                tenant_id: self.scope.map(|scope| scope.tenant().to_owned()),
                principal: self.scope.map(|scope| scope.principal().to_owned()),
                provenance: self.scope.map(|scope| scope.provenance().to_owned()),
                canonical_capability: self.capability.map(|capability| capability.name.as_str().to_owned()),
                request_id: self.request_id.as_str().to_owned(),
            },
            legacy: None,
        };
        let evidence =
            |bundle_id: &str| EvidenceFace { bundle_id: bundle_id.to_owned(), note: EVIDENCE_NOTE.to_owned() };
        match self.result {
            Ok(Answer::Row { data, evidence: id, .. }) => {
                envelope.data = Some(data.clone());
                envelope.evidence = Some(evidence(id.as_str()));
            }
            Ok(Answer::Proposed { proposal, deduplicated }) => {
                envelope.evidence = Some(evidence(&proposal.change_set().evidence.bundle_id));
                envelope.proposal = Some(self.proposal_face(proposal, *deduplicated));
            }
            Err(refusal) => {
                let face = refusal.code().face();
                envelope.error = Some(ErrorFace {
                    code: face.text().to_owned(),
                    message: safe_message(refusal, self.request_id),
                    retryable: face.retryable(),
                });
            }
        }
        envelope
    }

    fn action(&self) -> String {
        match self.capability {
            Some(capability) => capability.name.as_str().to_owned(),
            None => self.asked.chars().take(MAX_ACTION).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        }
    }

    fn summary(&self) -> String {
        let noun = self.capability.map_or_else(|| "row".to_owned(), Capability::noun);
        match self.result {
            Ok(Answer::Row { key, .. }) => format!("Read {noun} {}; nothing was changed.", shown_key(key)),
            Ok(Answer::Proposed { proposal, deduplicated }) => {
                let key = shown_key(&proposal.change_set().scope.object_id);
                let verb = if *deduplicated { "This change was already proposed for" } else { "Proposed a change of" };
                let rest = match proposal.face(self.now) {
                    "shadow_proposal_created" => "it is recorded for comparison and will not be applied",
                    "approved" => "it is approved and not yet applied",
                    _ => "it waits for human review and nothing is changed yet",
                };
                format!("{verb} {noun} {key}; {rest}.")
            }
            Err(refusal) => {
                let message = safe_message(refusal, self.request_id);
                let mut chars = message.chars();
                let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
                format!("{first}{}.", chars.as_str())
            }
        }
    }

    /// Columns the capability does not show keep their value before to themselves; the reviewer sees it.
    fn model_diff(&self, proposal: &Proposal) -> Map<String, Json> {
        let mut diff = proposal.change_set().diff();
        let visible = self.capability.map(Capability::read_columns).unwrap_or_default();
        for (column, change) in &mut diff {
            let shown = Ident::parse(column).is_ok_and(|column| visible.contains(&column));
            if let (false, Some(change)) = (shown, change.as_object_mut()) {
                change.insert("before".to_owned(), Json::from(NOT_VISIBLE));
            }
        }
        diff
    }

    fn proposal_face(&self, proposal: &Proposal, deduplicated: bool) -> ProposalFace {
        let change_set = proposal.change_set();
        let state = proposal.face(self.now);
        let next = match state {
            "shadow_proposal_created" => "Nothing more to do: it is compared with what a person does.",
            "approved" => "It was approved outside this conversation and will be applied there.",
            _ => "A person must approve it outside this conversation; nothing is changed until then.",
        };
        ProposalFace {
            id: change_set.proposal_id.clone(),
            state: state.to_owned(),
            target: format!("{}:{}", change_set.scope.business_object, change_set.scope.object_id),
            diff: self.model_diff(proposal),
            approval_required: true,
            writeback: WritebackFace { mode: change_set.writeback.face().to_owned(), applied: false },
            deduplicated,
            supersedes: change_set.supersedes.clone(),
            next: next.to_owned(),
        }
    }

    /// The reference program's first format, with safe messages.
    #[must_use]
    pub fn v1(&self) -> Json {
        let meta = |field: fn(&Scope) -> &str| self.scope.map(field).unwrap_or_default().to_owned();
        match self.result {
            Ok(Answer::Row { data, key, evidence }) => json!({
                "status": "ok",
                "action": self.action(),
                "mode": self.mode.word(),
                "business_object": {
                    "type": self.capability.map(|capability| capability.target.table.as_str()),
                    "id": key,
                },
                "data": data,
                "trusted_context": {
                    "tenant_id": meta(Scope::tenant),
                    "principal": meta(Scope::principal),
                    "provenance": self.scope.map(Scope::provenance),
                },
                "evidence_bundle_id": evidence.as_str(),
                "evidence_resource": format!("synapsor://evidence/{evidence}"),
                "source_database_changed": false,
                "source_database_mutated": false,
            }),
            Ok(Answer::Proposed { proposal, .. }) => {
                let change_set = proposal.change_set();
                let id = &change_set.proposal_id;
                let evidence = &change_set.evidence.bundle_id;
                json!({
                    "status": proposal.face(self.now),
                    "action": self.action(),
                    "proposal_id": id,
                    "proposal_version": change_set.proposal_version,
                    "proposal_hash": change_set.integrity.proposal_hash,
                    "target": {
                        "type": change_set.scope.business_object,
                        "id": change_set.scope.object_id,
                        "tenant_id": change_set.scope.tenant_id,
                    },
                    "diff": self.model_diff(proposal),
                    "evidence_bundle_id": evidence,
                    "evidence_resource": format!("synapsor://evidence/{evidence}"),
                    "proposal_resource": format!("synapsor://proposals/{id}"),
                    "replay_resource": format!("synapsor://replay/replay_{id}"),
                    "approval_required": true,
                    "writeback": {
                        "status": "not_applied", "mode": "trusted_worker_required", "executor": change_set.writeback.executor,
                    },
                    "source_database_changed": false,
                    "source_database_mutated": false,
                })
            }
            Err(refusal) => json!({
                "ok": false,
                "code": refusal.code().face().text(),
                "error": safe_message(refusal, self.request_id),
            }),
        }
    }
}

/// A refusal in words for a model or API caller: what happened and what to do, never plumbing.
#[must_use]
pub fn safe_message(refusal: &Refusal, request_id: &RequestId) -> String {
    match refusal.code().face() {
        Face::TemporarilyUnavailable => "temporarily unavailable; nothing was changed, try again later".to_owned(),
        Face::Internal => format!(
            "this failed for a reason that only the operator can see, under request {request_id}; nothing was changed"
        ),
        Face::VersionConflict => format!("{}; inspect it again, then propose again", refusal.message()),
        _ => refusal.message().to_owned(),
    }
}
