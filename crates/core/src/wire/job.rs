//! `synapsor.writeback-job.v1`: a proposal's guarded write as a file, for an applier elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::ColumnValue;
use super::change_set::ChangeSet;
use crate::code::Code;
use crate::contract::EngineKind;
use crate::digest;
use crate::refusal::Refusal;

/// `schema_version` of a job.
pub const SCHEMA_VERSION: &str = "synapsor.writeback-job.v1";

/// A guarded write as a file. Applying it derives the same job from the ledger and refuses any difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritebackJob {
    /// `synapsor.writeback-job.v1`.
    pub schema_version: String,
    /// The exported job.
    pub writeback_job_id: String,
    /// The proposal.
    pub proposal_id: String,
    /// Always 1.
    pub proposal_version: u32,
    /// What exactly is changed.
    pub proposal_hash: String,
    /// Who may run it.
    pub runner_scope: RunnerScope,
    /// `postgres`, `mysql` or `sqlite`.
    pub engine: String,
    /// `single_row_update`.
    pub operation: String,
    /// The row.
    pub target: JobTarget,
    /// Tenant column and value.
    pub tenant_guard: ColumnValue,
    /// The columns a change may touch.
    pub allowed_columns: Vec<String>,
    /// The columns to set.
    pub patch: Map<String, Json>,
    /// How a change of the row is noticed.
    pub conflict_guard: JobGuard,
    /// One for a proposal, for ever.
    pub idempotency_key: String,
    /// How long the file may be used.
    pub lease: JobLease,
    /// Digest over RFC 8785 canonical JSON of everything above.
    pub digest: String,
}

/// Who may run a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunnerScope {
    /// A free label; `local` by default.
    pub project_id: String,
    /// The source's name in the configuration.
    pub source_id: String,
}

/// The row a job writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTarget {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Key.
    pub primary_key: ColumnValue,
}

/// How a job notices a change of the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JobGuard {
    /// By a version column.
    Column {
        /// The column.
        column: String,
        /// What the reviewer saw.
        expected_value: Json,
    },
    /// By the digest of all visible columns.
    RowHash {
        /// The digest.
        expected_hash: String,
    },
}

/// How long a job file may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobLease {
    /// The lease.
    pub lease_id: String,
    /// Which export this is, from 1.
    pub attempt: u32,
    /// When the file must be exported again, RFC 3339 UTC.
    pub expires_at: String,
}

/// What an export adds to the change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The exported job's id.
    pub job_id: String,
    /// A free label.
    pub project_id: String,
    /// The lease.
    pub lease: JobLease,
}

/// Longest idempotency key that holds the object id itself, in bytes.
const MAX_KEY_LEN: usize = 255;

/// `<proposal_id>:<object_id>`, or with the object id's SHA-256 where that is too long for every engine's key.
#[must_use]
pub fn idempotency_key(change_set: &ChangeSet) -> String {
    let key = format!("{}:{}", change_set.proposal_id, change_set.scope.object_id);
    if key.len() <= MAX_KEY_LEN {
        return key;
    }
    format!("{}:{}", change_set.proposal_id, digest::of_bytes(change_set.scope.object_id.as_bytes()))
}

impl WritebackJob {
    /// Derives the job of a change set.
    #[must_use]
    pub fn of(change_set: &ChangeSet, engine: EngineKind, export: Export) -> Self {
        let version = &change_set.guards.expected_version;
        let conflict_guard = if change_set.exact.version.is_some() {
            JobGuard::Column { column: version.column.clone(), expected_value: version.value.clone() }
        } else {
            JobGuard::RowHash { expected_hash: version.value.as_str().unwrap_or_default().to_owned() }
        };
        let mut job = Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            writeback_job_id: export.job_id,
            proposal_id: change_set.proposal_id.clone(),
            proposal_version: change_set.proposal_version,
            proposal_hash: change_set.integrity.proposal_hash.clone(),
            runner_scope: RunnerScope { project_id: export.project_id, source_id: change_set.source.source_id.clone() },
            engine: engine.word().to_owned(),
            operation: "single_row_update".to_owned(),
            target: JobTarget {
                schema: change_set.source.schema.clone(),
                table: change_set.source.table.clone(),
                primary_key: change_set.source.primary_key.clone(),
            },
            tenant_guard: change_set.guards.tenant.clone(),
            allowed_columns: change_set.guards.allowed_columns.clone(),
            patch: change_set.patch.clone(),
            conflict_guard,
            idempotency_key: idempotency_key(change_set),
            lease: export.lease,
            digest: String::new(),
        };
        job.digest = job.computed_digest();
        job
    }

    /// Reads a job file. Unknown or missing keys, another schema and an edited body are refused.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let job: Self = serde_json::from_str(text).map_err(|error| {
            Refusal::new(
                Code::JobInvalid,
                format!("the file is not a writeback job (line {}, column {})", error.line(), error.column()),
            )
        })?;
        if job.schema_version != SCHEMA_VERSION {
            return Err(Refusal::new(Code::JobInvalid, format!("`schema_version` is not `{SCHEMA_VERSION}`")));
        }
        if job.digest != job.computed_digest() {
            return Err(Refusal::new(Code::JobMismatch, "the file was edited: its digest does not fit its content"));
        }
        Ok(job)
    }

    fn computed_digest(&self) -> String {
        let mut json = serde_json::to_value(self).unwrap_or(Json::Null);
        if let Json::Object(map) = &mut json {
            map.shift_remove("digest");
        }
        digest::of(&json).as_str().to_owned()
    }

    /// The first field in which this job differs from the one the ledger derives, ignoring what only an export sets.
    #[must_use]
    pub fn difference(&self, derived: &Self) -> Option<String> {
        let (mine, theirs) = (serde_json::to_value(self).ok()?, serde_json::to_value(derived).ok()?);
        let (mine, theirs) = (mine.as_object()?, theirs.as_object()?);
        mine.iter().find(|(key, value)| theirs.get(*key) != Some(*value)).map(|(key, _)| key.clone())
    }
}
