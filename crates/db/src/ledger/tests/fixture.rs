//! Events and ledgers for the tests.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};
use synapsor_core::contract::Durability;
use synapsor_core::event::{Cancellation, Claim, Decision, Doubt, Event, Evidence, Expiry, HumanAction, Release, Slot};
use synapsor_core::id::{EvidenceId, ProposalId};
use synapsor_core::wire::ColumnValue;
use synapsor_core::wire::change_set::{
    ApprovalRef, ChangeScope, ChangeSet, ChangeSource, EvidenceRef, ExactChange, Guards, Integrity, Principal,
    WritebackRef,
};
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};

use crate::ledger::{Ledger, NewEvent, OpenOptions};

pub(super) const CREATE: OpenOptions = OpenOptions { create: true, durability: Durability::Full };
pub(super) const EXISTING: OpenOptions = OpenOptions { create: false, durability: Durability::Full };

pub(super) fn open(path: &Path) -> Ledger {
    Ledger::open(path, CREATE).unwrap()
}

/// A moment, `seconds` after a fixed one.
pub(super) fn at(seconds: i64) -> Timestamp {
    "2026-11-23T06:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

pub(super) fn proposal_id(n: u64) -> String {
    ProposalId::parse(&format!("wrp_{n:020x}")).unwrap().as_str().to_owned()
}

pub(super) fn evidence_id(n: u64) -> String {
    EvidenceId::parse(&format!("ev_{n:020x}")).unwrap().as_str().to_owned()
}

pub(super) fn new(subject: impl Into<String>, seq: u64, event: Event) -> NewEvent {
    NewEvent { subject: subject.into(), seq, event }
}

fn map(json: Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

/// A read of invoice `INV-<n>` by `support.agent` of `acme`.
pub(super) fn evidence(n: u64) -> Evidence {
    Evidence {
        v: 1,
        capability: "billing.inspect_invoice".to_owned(),
        kind: "read".to_owned(),
        tenant_id: "acme".to_owned(),
        principal: "support.agent".to_owned(),
        provenance: "environment".to_owned(),
        source_id: "app".to_owned(),
        schema: "public".to_owned(),
        table: "invoices".to_owned(),
        receipts_id: None,
        primary_key: "id".to_owned(),
        object_id: format!("INV-{n}"),
        tenant_column: Some("tenant_id".to_owned()),
        query_fingerprint: format!("sha256:{n:064x}"),
        statement_template: "SELECT ? FROM invoices".to_owned(),
        columns: vec!["id".to_owned()],
        row_count: 1,
        visible_row: map(json!({"id": format!("INV-{n}"), "note": "ünï 😀", "big": 9007199254740993_u64})),
        version: None,
        proposal_id: None,
        request_id: "req_00000000000000000000".to_owned(),
    }
}

pub(super) fn read_event(n: u64) -> NewEvent {
    new(evidence_id(n), 0, Event::EvidenceRecorded(Box::new(evidence(n))))
}

/// A change of invoice `INV-<n>`, proposed at `at(0)`, with seven days to decide.
pub(super) fn change_set(n: u64) -> ChangeSet {
    let id = ColumnValue { column: "id".to_owned(), value: json!(format!("INV-{n}")) };
    ChangeSet {
        schema_version: "synapsor.change-set.v1".to_owned(),
        proposal_id: proposal_id(n),
        proposal_version: 1,
        action: "billing.propose_late_fee".to_owned(),
        mode: "review_required".to_owned(),
        principal: Principal { id: "support.agent".to_owned(), source: "environment".to_owned() },
        scope: ChangeScope {
            tenant_id: "acme".to_owned(),
            business_object: "invoices".to_owned(),
            object_id: format!("INV-{n}"),
        },
        source: ChangeSource {
            kind: "external_postgres".to_owned(),
            source_id: "app".to_owned(),
            schema: "public".to_owned(),
            table: "invoices".to_owned(),
            primary_key: id,
            receipts_id: None,
        },
        before: map(json!({"late_fee_cents": 5500})),
        patch: map(json!({"late_fee_cents": 0})),
        after: map(json!({"late_fee_cents": 0})),
        guards: Guards {
            tenant: ColumnValue { column: "tenant_id".to_owned(), value: json!("acme") },
            allowed_columns: vec!["late_fee_cents".to_owned()],
            expected_version: ColumnValue { column: "version".to_owned(), value: json!(7) },
        },
        evidence: EvidenceRef {
            bundle_id: evidence_id(n),
            query_fingerprint: format!("sha256:{n:064x}"),
            items: Vec::new(),
        },
        approval: ApprovalRef { status: "pending".to_owned(), required_role: None },
        writeback: WritebackRef {
            status: "not_applied".to_owned(),
            mode: "trusted_worker_required".to_owned(),
            executor: "sql_update".to_owned(),
        },
        source_database_mutated: false,
        created_at: at(0).to_string(),
        expires_at: at(7 * 86_400).to_string(),
        supersedes: None,
        contract_digest: format!("sha256:{:064x}", 1),
        salt: "00000000000000000000000000000000".to_owned(),
        exact: ExactChange { version: None, before: BTreeMap::new(), patch: BTreeMap::new() },
        integrity: Integrity { proposal_hash: String::new() },
    }
    .sealed()
}

pub(super) fn proposed(n: u64) -> NewEvent {
    new(proposal_id(n), 0, Event::ProposalCreated(Box::new(change_set(n))))
}

pub(super) fn decision() -> Decision {
    Decision {
        v: 1,
        actor: "bob".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: Some("looks right".to_owned()),
        proposal_hash: String::new(),
        ledger_head: String::new(),
    }
}

fn job_id(n: u64) -> String {
    format!("wbj_{n:020x}")
}

pub(super) fn claimed(n: u64) -> Event {
    Event::ProposalPendingWorker(Claim {
        v: 1,
        job_id: job_id(n),
        runner_id: "runner-1".to_owned(),
        lease_expires_at: at(60).to_string(),
        receipts_schema: "public".to_owned(),
        receipts_table: "synapsor_writeback_receipts".to_owned(),
        receipts_id: "r".to_owned(),
        server_id: None,
        executor: None,
    })
}

pub(super) fn settled(n: u64, status: ReceiptStatus) -> Event {
    let applied = status == ReceiptStatus::Applied;
    Event::WritebackSettled(Box::new(
        ExecutionReceipt {
            schema_version: "synapsor.execution-receipt.v1".to_owned(),
            writeback_job_id: job_id(n),
            proposal_id: proposal_id(n),
            runner_id: "runner-1".to_owned(),
            status,
            rows_affected: u64::from(applied),
            idempotency_key: format!("{}:INV-{n}", proposal_id(n)),
            previous_version: Some(json!(7)),
            new_version: Some(json!(8)),
            source_database_mutated: applied,
            executed_at: at(5).to_string(),
            safe_error_code: None,
            reason: None,
            details: None,
            receipt_hash: String::new(),
        }
        .sealed(),
    ))
}

/// Every step a proposal can take, by a small number; which of them are legal is the core's business.
pub(super) fn any_step(n: u64, choice: u8) -> Event {
    match choice % 9 {
        0 => Event::ProposalApproved(decision()),
        1 => Event::ProposalRejected(decision()),
        2 => claimed(n),
        3 => settled(n, ReceiptStatus::Applied),
        4 => settled(n, ReceiptStatus::Conflict),
        5 => Event::WritebackReleased(Release {
            v: 1,
            job_id: job_id(n),
            runner_id: "runner-1".to_owned(),
            code: "TEMPORARILY_UNAVAILABLE".to_owned(),
        }),
        6 => Event::WritebackInDoubt(Doubt {
            v: 1,
            job_id: job_id(n),
            runner_id: "runner-1".to_owned(),
            reason: "no answer".to_owned(),
        }),
        7 => Event::ProposalExpired(Expiry { v: 1, expired_at: at(7 * 86_400).to_string() }),
        _ => Event::ProposalCanceled(Cancellation {
            v: 1,
            actor: "runner".to_owned(),
            superseded_by: proposal_id(n + 1),
        }),
    }
}

pub(super) fn human_action() -> Event {
    Event::ShadowHumanActionRecorded(HumanAction {
        v: 1,
        actor: "carol".to_owned(),
        patch: map(json!({"late_fee_cents": 0})),
        notes: Some("waived".to_owned()),
    })
}

pub(super) fn slot(n: u64, seq: u64) -> NewEvent {
    new(format!("slot:sha256:{:064x}", 0), seq, Event::SlotTaken(Slot { v: 1, proposal_id: proposal_id(n) }))
}

/// Lets a plain connection edit what the ledger protects.
pub(super) fn unlocked(path: &Path) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(
        "DROP TRIGGER ledger_events_keep; DROP TRIGGER ledger_events_fixed;
         DROP TRIGGER ledger_batches_keep; DROP TRIGGER ledger_batches_fixed;",
    )
    .unwrap();
    conn
}
