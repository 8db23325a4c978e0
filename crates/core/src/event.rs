//! What the ledger keeps: one event for each thing that happened. Bodies carry a version and only ever grow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::wire::Exact;
use crate::wire::change_set::ChangeSet;
use crate::wire::job::WritebackJob;
use crate::wire::receipt::{ExecutionReceipt, ReceiptStatus};

/// Version of event bodies.
pub const BODY_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A row was read and its evidence kept. Subject: the evidence bundle.
    EvidenceRecorded(Box<Evidence>),
    /// The reviewed parts of a capability, kept once for each digest. Subject: `contract:<digest>`.
    ContractRecorded(ContractBody),
    /// A slot points at its newest proposal, so that the same change is not proposed twice. Subject: `slot:<digest>`.
    SlotTaken(Slot),
    /// A change was proposed. Subject, like all that follow: the proposal.
    ProposalCreated(Box<ChangeSet>),
    /// It was approved.
    ProposalApproved(Decision),
    /// It was rejected.
    ProposalRejected(Decision),
    /// A newer proposal took its place.
    ProposalCanceled(Cancellation),
    /// Its time ran out.
    ProposalExpired(Expiry),
    /// Someone is applying it.
    ProposalPendingWorker(Claim),
    /// The attempt failed for a passing reason; it is approved again.
    WritebackReleased(Release),
    /// Nobody knows yet whether the attempt committed.
    WritebackInDoubt(Doubt),
    /// An attempt ended for good.
    WritebackSettled(Box<ExecutionReceipt>),
    /// Its job was exported.
    WritebackJobRecorded(Box<WritebackJob>),
    /// What a person did, beside a shadow proposal.
    ShadowHumanActionRecorded(HumanAction),
}

/// A recorded read: what was asked, of what, for whom, and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Body version.
    pub v: u32,
    /// The capability.
    pub capability: String,
    /// `read` or `proposal`.
    pub kind: String,
    /// The trusted tenant.
    pub tenant_id: String,
    /// The trusted principal.
    pub principal: String,
    /// Where both came from.
    pub provenance: String,
    /// The source's name in the configuration.
    pub source_id: String,
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// The identity of the receipt table there; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_id: Option<String>,
    /// The key column.
    pub primary_key: String,
    /// The row's key as text.
    pub object_id: String,
    /// The tenant column, if rows belong to tenants by one.
    pub tenant_column: Option<String>,
    /// Digest of the read's shape and tenant.
    pub query_fingerprint: String,
    /// The statement with `?` for values.
    pub statement_template: String,
    /// The columns read.
    pub columns: Vec<String>,
    /// Rows returned.
    pub row_count: u64,
    /// The row as shown.
    pub visible_row: Map<String, Json>,
    /// The version column's exact value, where the capability knows one.
    pub version: Option<Exact>,
    /// The proposal made from this read.
    pub proposal_id: Option<String>,
    /// For finding the call in the log.
    pub request_id: String,
}

/// The reviewed parts of a capability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractBody {
    /// Body version.
    pub v: u32,
    /// The parts, as digested.
    pub capability: Json,
}

/// The newest proposal of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Body version.
    pub v: u32,
    /// The proposal.
    pub proposal_id: String,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Body version.
    pub v: u32,
    /// Who decided.
    pub actor: String,
    /// How we know: `unverified`, since no operator keys are configured.
    pub proof: String,
    /// The role it was recorded under.
    pub role: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What exactly was decided on.
    pub proposal_hash: String,
    /// The newest batch of the ledger at that time, `batch:digest`.
    pub ledger_head: String,
}

/// A withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Body version.
    pub v: u32,
    /// Who or what caused it.
    pub actor: String,
    /// The proposal that took its place.
    pub superseded_by: String,
}

/// A proposal whose time ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Body version.
    pub v: u32,
    /// When it ran out, RFC 3339 UTC.
    pub expired_at: String,
}

/// Someone's exclusive right to apply, until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Body version.
    pub v: u32,
    /// The job: unique, and the fence's key.
    pub job_id: String,
    /// Which runner.
    pub runner_id: String,
    /// When others may fence it, RFC 3339 UTC.
    pub lease_expires_at: String,
    /// The receipt table it writes to, and the table's own identity: reconcile uses exactly these. Empty where an app's
    /// handler writes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receipts_schema: String,
    /// See `receipts_schema`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receipts_table: String,
    /// See `receipts_schema`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub receipts_id: String,
    /// The server that was claimed on, where the engine tells servers apart: after a failover the present one cannot say
    /// what the lost one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// The executor whose handler writes, in place of the runner; reconcile asks exactly that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
}

/// An attempt that ended without effect for a passing reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Body version.
    pub v: u32,
    /// The job.
    pub job_id: String,
    /// Which runner.
    pub runner_id: String,
    /// Why, as a code.
    pub code: String,
}

/// An attempt whose outcome nobody knows yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Body version.
    pub v: u32,
    /// The job.
    pub job_id: String,
    /// Which runner.
    pub runner_id: String,
    /// Why, in safe words.
    pub reason: String,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanAction {
    /// Body version.
    pub v: u32,
    /// Who.
    pub actor: String,
    /// The columns the person set.
    pub patch: Map<String, Json>,
    /// Why.
    pub notes: Option<String>,
}

/// An event body that does not read: the record is damaged or newer than this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event of kind `{kind}` does not read")]
pub struct BadEvent {
    /// The kind as stored.
    pub kind: String,
}

/// Does the same with the body of any event.
macro_rules! with_body {
    ($event:ident, $body:ident => $do:expr) => {
        match $event {
            Self::EvidenceRecorded($body) => $do,
            Self::ContractRecorded($body) => $do,
            Self::SlotTaken($body) => $do,
            Self::ProposalCreated($body) => $do,
            Self::ProposalApproved($body) | Self::ProposalRejected($body) => $do,
            Self::ProposalCanceled($body) => $do,
            Self::ProposalExpired($body) => $do,
            Self::ProposalPendingWorker($body) => $do,
            Self::WritebackReleased($body) => $do,
            Self::WritebackInDoubt($body) => $do,
            Self::WritebackSettled($body) => $do,
            Self::WritebackJobRecorded($body) => $do,
            Self::ShadowHumanActionRecorded($body) => $do,
        }
    };
}

impl Event {
    /// The kind as stored and shown.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EvidenceRecorded(_) => "evidence_recorded",
            Self::ContractRecorded(_) => "contract_recorded",
            Self::SlotTaken(_) => "slot_taken",
            Self::ProposalCreated(_) => "proposal_created",
            Self::ProposalApproved(_) => "proposal_approved",
            Self::ProposalRejected(_) => "proposal_rejected",
            Self::ProposalCanceled(_) => "proposal_canceled",
            Self::ProposalExpired(_) => "proposal_expired",
            Self::ProposalPendingWorker(_) => "proposal_pending_worker",
            Self::WritebackReleased(_) => "writeback_released",
            Self::WritebackInDoubt(_) => "writeback_in_doubt",
            Self::WritebackSettled(receipt) => match receipt.status {
                ReceiptStatus::Applied => "writeback_applied",
                ReceiptStatus::AlreadyApplied => "writeback_already_applied",
                ReceiptStatus::Conflict => "writeback_conflict",
                ReceiptStatus::Failed => "writeback_failed",
                ReceiptStatus::Canceled => "writeback_canceled",
            },
            Self::WritebackJobRecorded(_) => "writeback_job_recorded",
            Self::ShadowHumanActionRecorded(_) => "shadow_human_action_recorded",
        }
    }

    /// Who or what caused it, for people.
    #[must_use]
    pub fn actor(&self) -> &str {
        match self {
            Self::EvidenceRecorded(_) | Self::ContractRecorded(_) | Self::SlotTaken(_) | Self::ProposalExpired(_) => {
                "runner"
            }
            Self::ProposalCreated(change_set) => &change_set.principal.id,
            Self::ProposalApproved(decision) | Self::ProposalRejected(decision) => &decision.actor,
            Self::ProposalCanceled(cancellation) => &cancellation.actor,
            Self::ProposalPendingWorker(claim) => &claim.runner_id,
            Self::WritebackReleased(release) => &release.runner_id,
            Self::WritebackInDoubt(doubt) => &doubt.runner_id,
            Self::WritebackSettled(receipt) => &receipt.runner_id,
            Self::WritebackJobRecorded(_) => "runner",
            Self::ShadowHumanActionRecorded(action) => &action.actor,
        }
    }

    /// Whether losing it to a power failure is never acceptable; read evidence only has to survive a crash of the process.
    #[must_use]
    pub fn must_survive_power_loss(&self) -> bool {
        !matches!(self, Self::EvidenceRecorded(_) | Self::ContractRecorded(_))
    }

    /// The body as a value.
    #[must_use]
    pub fn body(&self) -> Json {
        // Maps with text keys and plain values always serialise.
        with_body!(self, body => serde_json::to_value(body)).unwrap_or(Json::Null)
    }

    /// The body as stored: [`Self::body`] as text.
    #[must_use]
    pub fn body_text(&self) -> String {
        with_body!(self, body => serde_json::to_string(body)).unwrap_or_else(|_| Json::Null.to_string())
    }

    /// Reads an event back.
    pub fn from_stored(kind: &str, body: &str) -> Result<Self, BadEvent> {
        fn read<T: for<'de> Deserialize<'de>>(kind: &str, body: &str) -> Result<T, BadEvent> {
            serde_json::from_str(body).map_err(|_| BadEvent { kind: kind.to_owned() })
        }
        Ok(match kind {
            "evidence_recorded" => Self::EvidenceRecorded(read(kind, body)?),
            "contract_recorded" => Self::ContractRecorded(read(kind, body)?),
            "slot_taken" => Self::SlotTaken(read(kind, body)?),
            "proposal_created" => Self::ProposalCreated(read(kind, body)?),
            "proposal_approved" => Self::ProposalApproved(read(kind, body)?),
            "proposal_rejected" => Self::ProposalRejected(read(kind, body)?),
            "proposal_canceled" => Self::ProposalCanceled(read(kind, body)?),
            "proposal_expired" => Self::ProposalExpired(read(kind, body)?),
            "proposal_pending_worker" => Self::ProposalPendingWorker(read(kind, body)?),
            "writeback_released" => Self::WritebackReleased(read(kind, body)?),
            "writeback_in_doubt" => Self::WritebackInDoubt(read(kind, body)?),
            "writeback_applied"
            | "writeback_already_applied"
            | "writeback_conflict"
            | "writeback_failed"
            | "writeback_canceled" => Self::WritebackSettled(read(kind, body)?),
            "writeback_job_recorded" => Self::WritebackJobRecorded(read(kind, body)?),
            "shadow_human_action_recorded" => Self::ShadowHumanActionRecorded(read(kind, body)?),
            _ => return Err(BadEvent { kind: kind.to_owned() }),
        })
    }
}
