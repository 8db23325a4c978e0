//! `synapsor.change-set.v1`: the exact change a proposal stands for. `proposal_hash` covers all of it but `integrity`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{ColumnValue, Exact};
use crate::digest::{self, Digest};

/// `schema_version` of a change set.
pub const SCHEMA_VERSION: &str = "synapsor.change-set.v1";

/// The exact change a proposal stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSet {
    /// `synapsor.change-set.v1`.
    pub schema_version: String,
    /// The proposal.
    pub proposal_id: String,
    /// Always 1.
    pub proposal_version: u32,
    /// The capability's canonical name.
    pub action: String,
    /// `review_required` or `shadow`.
    pub mode: String,
    /// Who proposed.
    pub principal: Principal,
    /// What it is about.
    pub scope: ChangeScope,
    /// Where the row is.
    pub source: ChangeSource,
    /// The row as it was read.
    pub before: Map<String, Json>,
    /// The columns to set, in the form that the database will store.
    pub patch: Map<String, Json>,
    /// The row as it would be.
    pub after: Map<String, Json>,
    /// What must still hold when it is applied.
    pub guards: Guards,
    /// The recorded read it rests on.
    pub evidence: EvidenceRef,
    /// The decision it needs.
    pub approval: ApprovalRef,
    /// How it would be written.
    pub writeback: WritebackRef,
    /// Always false: a proposal changes nothing.
    pub source_database_mutated: bool,
    /// When it was made, RFC 3339 UTC.
    pub created_at: String,
    /// When it can no longer be decided or applied, RFC 3339 UTC.
    pub expires_at: String,
    /// The proposal it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Digest of the reviewed parts of the capability it was made under.
    pub contract_digest: String,
    /// Random, so that the hash does not tell what a column holds to someone who may see only the hash.
    pub salt: String,
    /// The same values exactly, as they are bound in the guarded write.
    pub exact: ExactChange,
    /// The hash of everything above.
    pub integrity: Integrity,
}

/// Who proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// The trusted principal.
    pub id: String,
    /// Where it came from: `environment` or `static_dev`.
    pub source: String,
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeScope {
    /// The trusted tenant.
    pub tenant_id: String,
    /// The table's name.
    pub business_object: String,
    /// The row's key as text.
    pub object_id: String,
}

/// Where a row is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSource {
    /// `external_postgres`, `external_mysql` or `external_sqlite`.
    pub kind: String,
    /// The source's name in the configuration.
    pub source_id: String,
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Key.
    pub primary_key: ColumnValue,
    /// The identity of the receipt table there, so that a decision names a database and not just a name for one; absent
    /// while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_id: Option<String>,
}

/// What must still hold when a change is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Tenant column and value; `__single_tenant_dev` where there is none.
    pub tenant: ColumnValue,
    /// The columns a change may touch.
    pub allowed_columns: Vec<String>,
    /// Version column and value; `__row_hash` under a weak guard.
    pub expected_version: ColumnValue,
}

/// The recorded read a change rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRef {
    /// The evidence bundle.
    pub bundle_id: String,
    /// Digest of the read's shape and tenant.
    pub query_fingerprint: String,
    /// Always empty: the bundle holds the items.
    pub items: Vec<Json>,
}

/// The decision a change needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRef {
    /// `pending`.
    pub status: String,
    /// The role a decision is recorded under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_role: Option<String>,
}

/// How a change would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritebackRef {
    /// `not_applied`.
    pub status: String,
    /// `trusted_worker_required`.
    pub mode: String,
    /// `sql_update`, or the name of the executor whose handler writes it.
    pub executor: String,
}

impl WritebackRef {
    /// The word in an envelope: `direct_update` or `app_handler`.
    #[must_use]
    pub fn face(&self) -> &'static str {
        if self.executor == "sql_update" { "direct_update" } else { "app_handler" }
    }
}

/// A change's values exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExactChange {
    /// The version; absent under a weak guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Exact>,
    /// The before-image: columns that must still hold exactly this.
    pub before: BTreeMap<String, Exact>,
    /// The values to store.
    pub patch: BTreeMap<String, Exact>,
}

/// The hash that names a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Integrity {
    /// Digest over RFC 8785 canonical JSON of the change set without `integrity`.
    pub proposal_hash: String,
}

impl ChangeSet {
    /// Recomputes the proposal hash from the content.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut json = serde_json::to_value(self).unwrap_or(Json::Null);
        if let Json::Object(map) = &mut json {
            map.shift_remove("integrity");
        }
        digest::of(&json)
    }

    /// Writes the proposal hash into the change set, as the last step of making it.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.integrity = Integrity { proposal_hash: self.hash().as_str().to_owned() };
        self
    }

    /// `before → proposed` for each patched column. Columns that were not read show null before.
    #[must_use]
    pub fn diff(&self) -> Map<String, Json> {
        self.patch
            .iter()
            .map(|(column, proposed)| {
                let before = self.before.get(column).cloned().unwrap_or(Json::Null);
                (column.clone(), serde_json::json!({ "before": before, "proposed": proposed }))
            })
            .collect()
    }
}
