//! `synapsor.execution-receipt.v1`: what an apply did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::digest;

/// `schema_version` of a receipt.
pub const SCHEMA_VERSION: &str = "synapsor.execution-receipt.v1";

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecutionReceipt {
    /// `synapsor.execution-receipt.v1`.
    pub schema_version: String,
    /// The claimed job.
    pub writeback_job_id: String,
    /// The proposal.
    pub proposal_id: String,
    /// Which runner did it.
    pub runner_id: String,
    /// How it ended.
    pub status: ReceiptStatus,
    /// Rows changed: 1 when applied by the runner, as told by an app's handler, else 0.
    pub rows_affected: u64,
    /// One for a proposal, for ever.
    pub idempotency_key: String,
    /// The version the reviewer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<Json>,
    /// The version after the write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_version: Option<Json>,
    /// Whether this job changed the source database.
    pub source_database_mutated: bool,
    /// When, RFC 3339 UTC.
    pub executed_at: String,
    /// Why it did not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_error_code: Option<String>,
    /// More about why, in words that are safe to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What an app's handler told of its effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
    /// Digest over RFC 8785 canonical JSON of everything above.
    pub receipt_hash: String,
}

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The change was written.
    Applied,
    /// The change had been written before.
    AlreadyApplied,
    /// The row was not what the reviewer saw; nothing was written.
    Conflict,
    /// It cannot be written; nothing was written.
    Failed,
    /// It was withdrawn; nothing was written.
    Canceled,
}

impl ReceiptStatus {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::AlreadyApplied => "already_applied",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl ExecutionReceipt {
    /// Writes the receipt hash into the receipt, as the last step of making it.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.receipt_hash = self.hash();
        self
    }

    /// Recomputes the receipt hash from the content.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut json = serde_json::to_value(self).unwrap_or(Json::Null);
        if let Json::Object(map) = &mut json {
            map.shift_remove("receipt_hash");
        }
        digest::of(&json).as_str().to_owned()
    }
}
