//! What passes between the runner and an app that writes its own changes: `docs/handler-protocol.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::ColumnValue;
use super::change_set::{ChangeSet, Principal};

/// The `protocol_version` of every request and reply.
pub const PROTOCOL_VERSION: &str = "1.0";

/// What a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Make the change.
    #[default]
    Apply,
    /// What became of the key?
    Status,
    /// End the key for good, unless it has a receipt.
    Fence,
    /// What can you do?
    Handshake,
}

impl Ask {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Status => "status",
            Self::Fence => "fence",
            Self::Handshake => "handshake",
        }
    }
}

/// One request. Which of the optional parts are there is decided by `kind`. It is read by
/// [`crate::handler::verify::verify`] only, which says what is wrong with one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(transform = by_kind)]
pub struct HandlerRequest {
    /// `1.0`.
    pub protocol_version: String,
    /// What is asked.
    #[serde(default)]
    pub kind: Ask,
    /// The handler's own address: a request for another is refused.
    pub audience: String,
    /// When it was signed, RFC 3339; repeated by a header.
    pub issued_at: String,
    /// Random; a handshake is answered with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What it is about; absent in a handshake.
    #[serde(flatten)]
    pub about: Option<About>,
}

/// Which parts must be there, by what is asked.
fn by_kind(schema: &mut schemars::Schema) {
    let about = ["ledger_id", "writeback_job_id", "proposal_id", "proposal_hash", "idempotency_key"];
    let is = |kinds: &[&str]| serde_json::json!({ "properties": { "kind": { "enum": kinds } } });
    let apply: Vec<&str> = about.into_iter().chain(["change_set"]).collect();
    let rules = serde_json::json!([
        { "if": is(&["apply", "status", "fence"]), "then": { "required": about } },
        { "if": is(&["apply"]), "then": { "required": apply } },
    ]);
    schema.insert("allOf".to_owned(), rules);
}

/// The proposal that a request is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The ledger that holds the decision.
    pub ledger_id: String,
    /// The claimed job.
    pub writeback_job_id: String,
    /// The proposal; repeated by a header.
    pub proposal_id: String,
    /// What exactly was decided on.
    pub proposal_hash: String,
    /// One for a proposal, for ever; at most 255 bytes; repeated by a header.
    pub idempotency_key: String,
    /// Whether everything is undone at the end.
    #[serde(default)]
    pub dry_run: bool,
    /// The change; only in an `apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<HandlerChange>,
    /// The row as the reviewer saw it; only in an `apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Json>>,
    /// The decision; only in an `apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<HandlerApproval>,
    /// The recorded read; only in an `apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<HandlerEvidence>,
}

/// The change as the app is told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerChange {
    /// The capability's name.
    pub action: String,
    /// Whose object it is.
    pub scope: HandlerScope,
    /// Who proposed.
    pub principal: HandlerPrincipal,
    /// The row.
    pub target: HandlerTarget,
    /// The reviewed values.
    pub patch: Map<String, Json>,
    /// What must still hold.
    pub guards: HandlerGuards,
}

/// Whose object it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerScope {
    /// The trusted tenant.
    pub tenant_id: String,
    /// The row's key as text.
    pub object_id: String,
}

/// Who proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerPrincipal {
    /// The trusted principal.
    pub id: String,
}

/// The row that is locked and guarded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerTarget {
    /// Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Table.
    pub table: String,
    /// Key.
    pub primary_key: ColumnValue,
}

/// What must still hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerGuards {
    /// Tenant column and value.
    pub tenant: ColumnValue,
    /// The columns a change may name.
    pub allowed_columns: Vec<String>,
    /// Version column, and the value that the reviewer saw.
    pub expected_version: ColumnValue,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerApproval {
    /// Who approved.
    pub approvers: Vec<String>,
    /// When, RFC 3339 UTC.
    pub decided_at: String,
}

/// The recorded read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerEvidence {
    /// The evidence bundle.
    pub bundle_id: String,
}

impl HandlerChange {
    /// The app's view of a change set.
    #[must_use]
    pub fn of(change_set: &ChangeSet) -> Self {
        let Principal { id, .. } = change_set.principal.clone();
        Self {
            action: change_set.action.clone(),
            scope: HandlerScope {
                tenant_id: change_set.scope.tenant_id.clone(),
                object_id: change_set.scope.object_id.clone(),
            },
            principal: HandlerPrincipal { id },
            target: HandlerTarget {
                schema: Some(change_set.source.schema.clone()),
                table: change_set.source.table.clone(),
                primary_key: change_set.source.primary_key.clone(),
            },
            patch: change_set.patch.clone(),
            guards: HandlerGuards {
                tenant: change_set.guards.tenant.clone(),
                allowed_columns: change_set.guards.allowed_columns.clone(),
                expected_version: change_set.guards.expected_version.clone(),
            },
        }
    }
}

/// How a key stands, as the handler says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandlerStatus {
    /// The change was made now.
    Applied,
    /// The change had been made before; the receipt is that one's.
    AlreadyApplied,
    /// The row was not what the reviewer saw; nothing was changed.
    Conflict,
    /// It cannot be made; nothing was changed.
    Failed,
    /// The key was ended by a fence; nothing was changed.
    Canceled,
    /// There is no receipt; only in answer to `status`.
    Unknown,
}

impl HandlerStatus {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::AlreadyApplied => "already_applied",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }
}

/// What the handler did: the reply to `apply`, `status` and `fence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerReceipt {
    /// `1.0`.
    pub protocol_version: String,
    /// The proposal.
    pub proposal_id: String,
    /// The key that the receipt is about.
    pub idempotency_key: String,
    /// Names the receipt; a repeated request gets the same. Absent with `unknown` and in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_id: Option<String>,
    /// How it ended.
    pub status: HandlerStatus,
    /// Rows changed.
    #[serde(default)]
    pub rows_affected: u64,
    /// Whether the app's database was changed.
    #[serde(default)]
    pub source_database_mutated: bool,
    /// The version before.
    #[serde(default)]
    pub previous_version: Json,
    /// The version after.
    #[serde(default)]
    pub new_version: Json,
    /// Why it did not apply: `^[A-Z][A-Z0-9_]{0,63}$`.
    #[serde(default)]
    pub safe_error_code: Option<String>,
    /// Whether it was a dry run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What a reviewer may see of the effects; at most 16 KiB.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Json>,
}

/// The reply to a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerAbilities {
    /// `1.0`.
    pub protocol_version: String,
    /// The request's.
    pub nonce: String,
    /// Of `dry_run`, `idempotent`, `status`, `fence`.
    pub supports: Vec<String>,
}

/// The body of a refusal: nothing was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerRefusal {
    /// `1.0`.
    pub protocol_version: String,
    /// Why.
    pub error: HandlerError,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandlerError {
    /// A code of the protocol.
    pub code: String,
    /// In safe words.
    pub message: String,
}
