//! The one shape of every tool result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Every tool result. All keys are always there; on success exactly one of `data` and `proposal` is not null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// The only field a client needs to branch on.
    pub ok: bool,
    /// One factual sentence that a model may repeat.
    pub summary: String,
    /// The tool's canonical name; for an unknown tool the name asked for, cut to 128 characters.
    pub action: String,
    /// `read` or `proposal`; null for an unknown tool.
    pub kind: Option<String>,
    /// The row, of a read.
    pub data: Option<Map<String, Json>>,
    /// The proposal, of a proposal.
    pub proposal: Option<ProposalFace>,
    /// What went wrong; not null if and only if `ok` is false.
    pub error: Option<ErrorFace>,
    /// The audit handle.
    pub evidence: Option<EvidenceFace>,
    /// Always false: no tool writes.
    pub source_database_changed: bool,
    /// Whose call it was.
    #[serde(rename = "_meta")]
    pub meta: Meta,
    /// The first format's keys, in `v2-dual` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<Json>,
}

/// A proposal, as a model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalFace {
    /// The proposal.
    pub id: String,
    /// `review_required`, `shadow_proposal_created`, `approved`, `applied`, `conflict`, `failed`, `rejected`, `expired` or `canceled`.
    pub state: String,
    /// `<table>:<key>`.
    pub target: String,
    /// `{before, proposed}` for each column.
    pub diff: Map<String, Json>,
    /// Always true.
    pub approval_required: bool,
    /// How it would be written, and that it is not.
    pub writeback: WritebackFace,
    /// Whether this proposal existed before the call.
    pub deduplicated: bool,
    /// The pending proposal it replaced, if any.
    pub supersedes: Option<String>,
    /// What happens next.
    pub next: String,
}

/// How a proposal would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WritebackFace {
    /// `direct_update` or `app_handler`.
    pub mode: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// What went wrong, in safe words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorFace {
    /// One of nine codes.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

/// The audit handle of a recorded read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceFace {
    /// The evidence bundle.
    pub bundle_id: String,
    /// That a model need do nothing with it.
    pub note: String,
}

/// Whose call it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meta {
    /// The trusted tenant; null if it could not be bound.
    pub tenant_id: Option<String>,
    /// The trusted principal; null if it could not be bound.
    pub principal: Option<String>,
    /// Where both came from.
    pub provenance: Option<String>,
    /// The capability's canonical name.
    pub canonical_capability: Option<String>,
    /// For finding the call in the log.
    pub request_id: String,
}
