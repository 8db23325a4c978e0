//! What happens, whatever the engine.

use serde_json::{Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::contract::EngineKind;
use synapsor_core::id::Ident;
use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::value::{Cell, Kind};
use synapsor_core::wire::receipt::ReceiptStatus;
use synapsor_core::writeback::{self, Effect, Fenced, Settlement};
use synapsor_db::engine::{Ending, ReceiptsState};
use synapsor_testkit::database::Engine;

use crate::office::{Call, FOR_REAL, Office, approved, code, is_ready, now, receipt, refused};

fn waive(args: &Json) -> Call<'_> {
    Call { capability: "billing.waive_fee", tenant: "acme", args }
}

fn set_status(args: &Json) -> Call<'_> {
    Call { capability: "billing.set_status", tenant: "acme", args }
}

fn set_note(args: &Json) -> Call<'_> {
    Call { capability: "billing.set_note", tenant: "acme", args }
}

fn one() -> Json {
    json!({ "invoice_id": "INV-1", "fee": 0, "reason": "goodwill" })
}

pub(crate) async fn an_approved_change_is_written_once(engine: Engine) {
    let office = Office::open(engine).await;
    let (others, _) = office.everything().await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    assert_eq!((&change_set.before["fee"], &change_set.after["fee"]), (&json!(5500), &json!(0)));
    let job = office.claim(&change_set).await;
    let receipt = receipt(&job, &office.apply(&job).await);
    assert_eq!(
        (receipt.status, receipt.rows_affected, receipt.source_database_mutated),
        (ReceiptStatus::Applied, 1, true)
    );
    let (rows, receipts) = office.everything().await;
    assert_eq!(rows[1..], others[1..]);
    assert_eq!(receipts.as_deref(), Some("1"));
    let told: Vec<_> = [2, 3, 4, 5].iter().map(|column| rows[0][*column].as_deref()).collect();
    assert_eq!(told, [Some("0"), Some("open"), Some("goodwill"), Some("as agreed")]);
    // The version moved on, and the receipts of both sides tell the new one.
    let (_, row) = office.look(waive(&one())).await.unwrap();
    let version = row.cell(&Ident::parse("updated_at").unwrap()).unwrap();
    assert_eq!(receipt.previous_version.as_ref(), Some(&change_set.guards.expected_version.value));
    assert_eq!(receipt.new_version, Some(version.json()));
    assert!(receipt.new_version.unwrap().as_str() > receipt.previous_version.unwrap().as_str());
    let stored = office
        .db
        .query_text(
            "SELECT idempotency_key, job_id, proposal_hash, status, result_hash FROM synapsor_writeback_receipts",
        )
        .await;
    let hash = change_set.integrity.proposal_hash.as_str();
    assert_eq!(
        stored[0].iter().map(|cell| cell.as_deref().unwrap()).collect::<Vec<_>>(),
        [receipt.idempotency_key.as_str(), job.claim.job_id.as_str(), hash, "applied", hash]
    );
}

pub(crate) async fn a_second_job_reports_the_first_ones_result(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let first = office.claim(&change_set).await;
    let applied = receipt(&first, &office.apply(&first).await);
    let before = office.everything().await;
    // The same job once more, as after a crash before the ledger heard of it.
    let again = receipt(&first, &office.apply(&first).await);
    assert_eq!((again.status, &again.new_version), (ReceiptStatus::Applied, &applied.new_version));
    let second = office.claim(&change_set).await;
    let late = receipt(&second, &office.apply(&second).await);
    assert_eq!((late.status, &late.new_version), (ReceiptStatus::AlreadyApplied, &applied.new_version));
    assert!(!late.source_database_mutated);
    assert_eq!(office.everything().await, before);
}

pub(crate) async fn appliers_that_race_write_once(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(set_status(&json!({ "invoice_id": "INV-1", "status": "paid" }))).await.unwrap();
    let mut jobs = Vec::new();
    for _ in 0..8 {
        jobs.push(office.claim(&change_set).await);
    }
    let settlements = futures_util::future::join_all(jobs.iter().map(|job| async {
        // What passes is tried again.
        for _ in 0..50 {
            match office.apply(job).await {
                Settlement::Released(Code::TemporarilyUnavailable | Code::WritebackBusy) => {}
                settlement => return receipt(job, &settlement).status,
            }
        }
        panic!("it does not settle")
    }))
    .await;
    let count = |status| settlements.iter().filter(|settled| **settled == status).count();
    assert_eq!((count(ReceiptStatus::Applied), count(ReceiptStatus::AlreadyApplied)), (1, 7));
    assert_eq!(office.one("SELECT version FROM invoices WHERE id = 'INV-1'").await.as_deref(), Some("8"));
}

pub(crate) async fn a_stale_version_is_a_conflict(engine: Engine) {
    let office = Office::open(engine).await;
    let check = async |args: Json, call: fn(&Json) -> Call<'_>, elsewhere: &str, named: &str| {
        let change_set = office.propose(call(&args)).await.unwrap();
        office.db.execute(elsewhere).await;
        let before = office.everything().await;
        let job = office.claim(&change_set).await;
        let receipt = receipt(&job, &office.apply(&job).await);
        assert_eq!(
            (receipt.status, code(&receipt)),
            (ReceiptStatus::Conflict, Some("VERSION_CONFLICT")),
            "{elsewhere}"
        );
        let reason = receipt.reason.unwrap();
        assert!(reason.ends_with(named), "{reason}");
        assert_eq!(office.everything().await, before, "{elsewhere}");
    };
    let later = match office.engine() {
        EngineKind::Postgres => "2026-06-20 14:31:08.123457+00",
        EngineKind::Mysql | EngineKind::Sqlite => "2026-06-20 14:31:08.123457",
    };
    check(one(), waive, &format!("UPDATE invoices SET updated_at = '{later}' WHERE id = 'INV-1'"), ": updated_at")
        .await;
    let paid = json!({ "invoice_id": "INV-2", "status": "paid" });
    check(paid, set_status, "UPDATE invoices SET version = 8 WHERE id = 'INV-2'", ": version").await;
}

pub(crate) async fn a_changed_column_is_a_conflict_though_the_version_stands(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    office.db.execute("UPDATE invoices SET fee = 5501 WHERE id = 'INV-1'").await;
    let before = office.everything().await;
    let job = office.claim(&change_set).await;
    let receipt = receipt(&job, &office.apply(&job).await);
    assert_eq!((receipt.status, code(&receipt)), (ReceiptStatus::Conflict, Some("VERSION_CONFLICT")));
    assert_eq!(receipt.reason.as_deref(), Some("changed since it was reviewed: fee"));
    assert_eq!(office.everything().await, before);
}

pub(crate) async fn a_null_is_a_guard_like_any_other(engine: Engine) {
    let office = Office::open(engine).await;
    // NULL when reviewed, empty when written.
    let change_set = office.propose(waive(&one())).await.unwrap();
    office.db.execute("UPDATE invoices SET reason = '' WHERE id = 'INV-1'").await;
    let job = office.claim(&change_set).await;
    let conflict = receipt(&job, &office.apply(&job).await);
    assert_eq!(conflict.reason.as_deref(), Some("changed since it was reviewed: reason"));
    // Empty when reviewed, NULL when written.
    let change_set = office.propose(waive(&one())).await.unwrap();
    office.db.execute("UPDATE invoices SET reason = NULL WHERE id = 'INV-1'").await;
    let job = office.claim(&change_set).await;
    let conflict = receipt(&job, &office.apply(&job).await);
    assert_eq!(conflict.reason.as_deref(), Some("changed since it was reviewed: reason"));
    // NULL both times.
    assert_eq!(office.settle(waive(&one())).await.status, ReceiptStatus::Applied);
}

pub(crate) async fn a_deleted_row_is_a_conflict(engine: Engine) {
    let office = Office::open(engine).await;
    let gone = office.propose(waive(&one())).await.unwrap();
    let moved = office.propose(waive(&json!({ "invoice_id": "INV-2", "fee": 1 }))).await.unwrap();
    office.db.execute("DELETE FROM invoices WHERE id = 'INV-1'").await;
    office.db.execute("UPDATE invoices SET tenant_id = 'globex' WHERE id = 'INV-2'").await;
    for change_set in [gone, moved] {
        let job = office.claim(&change_set).await;
        let receipt = receipt(&job, &office.apply(&job).await);
        assert_eq!((receipt.status, code(&receipt)), (ReceiptStatus::Conflict, Some("ROW_NOT_FOUND")));
    }
    assert_eq!(office.everything().await.1.as_deref(), Some("0"));
}

pub(crate) async fn another_tenants_row_does_not_exist(engine: Engine) {
    let office = Office::open(engine).await;
    let mut answers = Vec::new();
    for id in ["INV-3", "INV-9"] {
        let (code, message) = refused(office.propose(waive(&json!({ "invoice_id": id, "fee": 0 }))).await);
        assert_eq!(code, Code::NotFoundInTenant);
        answers.push(message.replace(id, "ID"));
    }
    assert_eq!(answers[0], answers[1]);
}

pub(crate) async fn names_that_collate_alike_are_others(engine: Engine) {
    let office = Office::open(engine).await;
    for tenant in ["ACME", "acm\u{e9}", "acme\u{301}", "acme ", "acme\t", "Acme"] {
        let args = one();
        let call = Call { tenant, ..waive(&args) };
        assert_eq!(refused(office.propose(call).await).0, Code::NotFoundInTenant, "tenant {tenant:?}");
    }
    for id in ["inv-1", "INV-1 ", "INV-1\u{301}", " INV-1", "INV-1%", "INV-1' OR '1'='1"] {
        let args = json!({ "invoice_id": id, "fee": 0 });
        assert_eq!(refused(office.propose(waive(&args)).await).0, Code::NotFoundInTenant, "key {id:?}");
    }
}

pub(crate) async fn a_dry_run_changes_nothing(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let before = office.everything().await;
    let mut job = office.claim(&change_set).await;
    let real = job.keys.clone();
    job.keys = writeback::rehearsal_keys(&job.keys);
    let proposal = approved(&change_set);
    let ready = proposal.ready(&office.contract, now()).unwrap();
    let table = office.table(ready.capability()).await;
    let change = writeback::change(&ready, &table, now(), |_| None).unwrap();
    job.write = writeback::statements(office.engine(), &change, &office.place(), &job.keys);
    assert_eq!(office.transact(&job, Ending::Rollback).await, Effect::Rehearsed);
    assert_eq!(office.everything().await, before);
    assert_ne!(real, job.keys);
    // It says what would go wrong, and takes nothing away from the real thing.
    office.db.execute("UPDATE invoices SET fee = 1 WHERE id = 'INV-1'").await;
    assert!(matches!(office.transact(&job, Ending::Rollback).await, Effect::Missed { affected: 0, .. }));
    office.db.execute("UPDATE invoices SET fee = 5500 WHERE id = 'INV-1'").await;
    let job = office.claim(&change_set).await;
    assert_eq!(receipt(&job, &office.apply(&job).await).status, ReceiptStatus::Applied);
}

pub(crate) async fn a_fence_ends_a_claim_for_good(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let (before, _) = office.everything().await;
    let job = office.claim(&change_set).await;
    assert_eq!(office.fence(&job).await, Fenced::Won);
    assert_eq!(office.apply(&job).await, Settlement::ClaimLost);
    assert_eq!(office.everything().await.0, before);
    let fenced = office.fence(&job).await;
    assert_eq!(writeback::settle_fence(&change_set, &fenced), Settlement::Released(Code::WritebackFenced));
    // The proposal itself is still good: the next job writes it.
    let next = office.claim(&change_set).await;
    assert_eq!(receipt(&next, &office.apply(&next).await).status, ReceiptStatus::Applied);
}

pub(crate) async fn a_fence_finds_what_was_written(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let job = office.claim(&change_set).await;
    let applied = receipt(&job, &office.apply(&job).await);
    let found = writeback::settle_fence(&change_set, &office.fence(&job).await);
    let told = receipt(&job, &found);
    assert_eq!((told.status, told.new_version), (ReceiptStatus::Applied, applied.new_version));
    assert_eq!(office.everything().await.1.as_deref(), Some("1"));
}

/// Whatever stands under our key or our job, it means applied only with our own hash and the word for it.
pub(crate) async fn a_receipt_of_another_change_proves_nothing(engine: Engine) {
    let mismatch = |settlement: Settlement| {
        let Settlement::Settled(outcome) = settlement else { panic!("not settled: {settlement:?}") };
        assert_eq!((outcome.status, outcome.code), (ReceiptStatus::Failed, Some(Code::ReceiptMismatch)));
    };
    for (hash, status) in [("'sha256:another'", "applied"), ("NULL", "applied"), ("'ours'", "canceled")] {
        let office = Office::open(engine).await;
        let change_set = office.propose(waive(&one())).await.unwrap();
        let job = office.claim(&change_set).await;
        let (key, hash) = (&job.keys.idempotency_key, hash.replace("ours", &job.keys.proposal_hash));
        let forged = |key: &str, job: &str| {
            format!(
                "INSERT INTO synapsor_writeback_receipts (idempotency_key, job_id, proposal_id, proposal_hash, status)
                 VALUES ('{key}', '{job}', 'p', {hash}, '{status}')"
            )
        };
        office.db.execute(&forged(key, "another")).await;
        let before = office.everything().await;
        mismatch(office.apply(&job).await);
        assert_eq!(office.everything().await, before, "{hash} {status}");
        // A fence finds its own job; a canceled receipt there is a fence, whatever it is about.
        if status == "applied" {
            let job = office.claim(&change_set).await;
            office.db.execute(&forged("another", &job.claim.job_id)).await;
            mismatch(writeback::settle_fence(&change_set, &office.fence(&job).await));
        }
    }
}

pub(crate) async fn only_the_claimed_receipt_table_is_written_to(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let before = office.everything().await;
    let mut job = office.claim(&change_set).await;
    job.claim.receipts_id = "ffffffffffffffffffff".to_owned();
    assert_eq!(office.transact(&job, FOR_REAL).await, Effect::Elsewhere(Elsewhere::Receipts));
    assert_eq!(office.apply(&job).await, Settlement::Released(Code::SourceChanged));
    assert!(matches!(office.fence(&job).await, Fenced::Unsure { .. }));
    assert_eq!(office.everything().await, before);
}

pub(crate) async fn only_the_claimed_server_is_written_to_and_fenced(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let before = office.everything().await;
    let ReceiptsState::Ready(found) = office.receipts_state().await else { panic!("not ready") };
    let Some(server) = found.server_id else {
        assert_eq!(office.engine(), EngineKind::Sqlite, "servers are told apart");
        return;
    };
    let mut job = office.claim(&change_set).await;
    job.claim.server_id = Some(format!("{server}0"));
    assert_eq!(office.transact(&job, FOR_REAL).await, Effect::Elsewhere(Elsewhere::Server));
    assert_eq!(office.apply(&job).await, Settlement::Released(Code::TemporarilyUnavailable));
    assert_eq!(office.fence(&job).await, Fenced::elsewhere(Elsewhere::Server));
    assert_eq!(office.everything().await, before);
    // Through another connection it is the same server.
    job.claim.server_id = Some(server);
    assert_eq!(receipt(&job, &office.apply(&job).await).status, ReceiptStatus::Applied);
    assert!(matches!(office.fence(&job).await, Fenced::Found(_)));
}

pub(crate) async fn a_lease_that_ends_before_the_commit_undoes_everything(engine: Engine) {
    let office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let before = office.everything().await;
    let job = office.claim(&change_set).await;
    let effect = office.transact(&job, Ending::Commit(&|| false)).await;
    assert_eq!(effect, Effect::TooLate);
    let settlement = writeback::settle(&job.write, &job.keys, &effect);
    assert_eq!(settlement, Settlement::Released(Code::WritebackTooLate));
    assert_eq!(office.everything().await, before);
    // It left nothing behind that would keep the next attempt out, under the same job or another.
    assert_eq!(receipt(&job, &office.apply(&job).await).status, ReceiptStatus::Applied);
}

pub(crate) async fn a_missing_or_unsafe_receipt_table_is_named(engine: Engine) {
    let office = Office::open(engine).await;
    assert!(is_ready(&office.receipts_state().await));
    let unkeyed = "CREATE TABLE synapsor_writeback_receipts (idempotency_key varchar(255) NOT NULL PRIMARY KEY,
        job_id varchar(255) NOT NULL, proposal_id varchar(255), proposal_hash varchar(255), ledger_id varchar(255),
        ledger_head varchar(255), server_id varchar(255), status varchar(20), new_version varchar(255),
        result_hash varchar(255), created_at varchar(40), completed_at varchar(40))";
    office.db.execute("DROP TABLE synapsor_writeback_receipts").await;
    assert_eq!(office.receipts_state().await, ReceiptsState::Missing);
    office.db.execute(unkeyed).await;
    if office.engine() != EngineKind::Sqlite {
        office.db.execute("GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO {writer}").await;
    }
    let state = office.receipts_state().await;
    assert!(matches!(&state, ReceiptsState::Unsafe { why } if why.contains("job_id")), "{state:?}");
    let bare = Office::without_receipts(engine).await;
    assert_eq!(bare.receipts_state().await, ReceiptsState::Missing);
    let change_set = bare.propose(waive(&one())).await.unwrap();
    let job = bare.claim(&change_set).await;
    // MySQL does not tell a table that is missing from one that the writer may not see.
    let why = if bare.engine() == EngineKind::Mysql { Code::PermissionDenied } else { Code::ObjectMissing };
    assert_eq!(bare.apply(&job).await, Settlement::Released(why));
    assert_eq!(bare.one("SELECT fee FROM invoices WHERE id = 'INV-1'").await.as_deref(), Some("5500"));
}

pub(crate) async fn a_value_that_does_not_fit_is_refused_twice(engine: Engine) {
    let office = Office::open(engine).await;
    let long = "é".repeat(41);
    let args = json!({ "invoice_id": "INV-1", "reason": long });
    // SQLite's columns have no length: there only the table's own check says no.
    if office.engine() != EngineKind::Sqlite {
        let (code, message) = refused(office.propose(waive(&args)).await);
        assert_eq!(code, Code::InvalidArgument, "{message}");
    }
    let change_set = office.propose(waive(&one())).await.unwrap();
    let before = office.everything().await;
    let proposal = approved(&change_set);
    let ready = proposal.ready(&office.contract, now()).unwrap();
    let table = office.table(ready.capability()).await;
    let mut change = writeback::change(&ready, &table, now(), |_| None).unwrap();
    for (column, cell) in &mut change.patch {
        if column.name.as_str() == "reason" {
            *cell = Cell::new(Kind::Text, Some(long.clone()));
        }
    }
    let mut job = office.claim(&change_set).await;
    job.write = writeback::statements(office.engine(), &change, &office.place(), &job.keys);
    let receipt = receipt(&job, &office.apply(&job).await);
    let expect = if office.engine() == EngineKind::Sqlite { "CONSTRAINT_VIOLATED" } else { "VALUE_REFUSED" };
    assert_eq!((receipt.status, code(&receipt)), (ReceiptStatus::Failed, Some(expect)));
    assert_eq!(office.everything().await, before);
}

pub(crate) async fn a_version_that_cannot_move_is_refused_at_once(engine: Engine) {
    let office = Office::open(engine).await;
    let paid = json!({ "invoice_id": "INV-1", "status": "paid" });
    office.db.execute("UPDATE invoices SET version = 9223372036854775807 WHERE id = 'INV-1'").await;
    let (code, message) = refused(office.propose(set_status(&paid)).await);
    assert_eq!(code, Code::PolicyViolation);
    assert!(message.contains("`version`"), "{message}");
    office.db.execute("UPDATE invoices SET version = NULL WHERE id = 'INV-1'").await;
    let (code, message) = refused(office.propose(set_status(&paid)).await);
    assert_eq!(code, Code::PolicyViolation);
    assert!(message.contains("`version` is null"), "{message}");
    // One before the largest still has somewhere to go.
    office.db.execute("UPDATE invoices SET version = 9223372036854775806 WHERE id = 'INV-1'").await;
    let receipt = office.settle(set_status(&paid)).await;
    assert_eq!(receipt.status, ReceiptStatus::Applied);
    assert_eq!(receipt.new_version, Some(json!("9223372036854775807")));
}

pub(crate) async fn whole_numbers_count_versions_up(engine: Engine) {
    let office = Office::open(engine).await;
    let receipt = office.settle(set_status(&json!({ "invoice_id": "INV-1", "status": "paid" }))).await;
    assert_eq!((receipt.previous_version, receipt.new_version), (Some(json!(7)), Some(json!(8))));
    assert_eq!(office.one("SELECT version FROM invoices WHERE id = 'INV-1'").await.as_deref(), Some("8"));
}

pub(crate) async fn without_a_version_all_that_is_shown_is_guarded(engine: Engine) {
    let office = Office::open(engine).await;
    let args = json!({ "invoice_id": "INV-1", "note": "paid by cheque" });
    let change_set = office.propose(set_note(&args)).await.unwrap();
    assert_eq!(change_set.guards.expected_version.column, "__row_hash");
    office.db.execute("UPDATE invoices SET status = 'paid' WHERE id = 'INV-1'").await;
    let job = office.claim(&change_set).await;
    let conflict = receipt(&job, &office.apply(&job).await);
    assert_eq!(conflict.reason.as_deref(), Some("changed since it was reviewed: status"));
    let applied = office.settle(set_note(&args)).await;
    assert_eq!((applied.status, applied.new_version), (ReceiptStatus::Applied, None));
    assert_eq!(office.one("SELECT note FROM invoices WHERE id = 'INV-1'").await.as_deref(), Some("paid by cheque"));
}

pub(crate) async fn what_the_reviewer_saw_is_what_is_stored(engine: Engine) {
    let office = Office::open(engine).await;
    let texts = [
        "",
        " ",
        "it's",
        "a\"b`c\\d",
        "%_",
        "Zoë 日本 \u{1f600}",
        "line\nline\r\n\ttab",
        "null",
        "0",
        "'; DROP TABLE invoices --",
    ];
    for text in texts {
        let args = json!({ "invoice_id": "INV-1", "fee": 9, "reason": text });
        let change_set = office.propose(waive(&args)).await.unwrap();
        let job = office.claim(&change_set).await;
        let receipt = receipt(&job, &office.apply(&job).await);
        assert_eq!(receipt.status, ReceiptStatus::Applied, "{text:?}: {:?}", receipt.reason);
        let (_, row) = office.look(waive(&args)).await.unwrap();
        let found = row.cell(&Ident::parse("reason").unwrap()).unwrap();
        assert_eq!((&found.json(), &found.json()), (&change_set.after["reason"], &json!(text)));
    }
}

pub(crate) async fn a_state_moves_only_as_reviewed(engine: Engine) {
    let office = Office::open(engine).await;
    let move_to = |state: &str| json!({ "invoice_id": "INV-1", "status": state });
    assert_eq!(refused(office.propose(set_status(&move_to("void"))).await).0, Code::PolicyViolation);
    assert_eq!(office.settle(set_status(&move_to("paid"))).await.status, ReceiptStatus::Applied);
    assert_eq!(refused(office.propose(set_status(&move_to("open"))).await).0, Code::PolicyViolation);
}

pub(crate) async fn a_changed_contract_is_not_applied(engine: Engine) {
    let mut office = Office::open(engine).await;
    let change_set = office.propose(waive(&one())).await.unwrap();
    let capability = office.contract.capabilities.first_mut().unwrap();
    capability.visible_columns.pop();
    let proposal = approved(&change_set);
    let refusal = proposal.ready(&office.contract, now()).unwrap_err();
    assert_eq!(refusal.code(), Code::ContractChanged);
}
