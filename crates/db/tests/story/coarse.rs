//! Versions that move in steps of a second: what happens within one.

use serde_json::json;
use synapsor_core::wire::receipt::ReceiptStatus;
use synapsor_testkit::database::Engine;

use crate::office::{Call, Office, code, receipt};

/// An office whose version column counts whole seconds, at this very second.
async fn office(engine: Engine) -> Office {
    let office = Office::open(engine).await;
    let statements = match engine {
        Engine::Postgres => {
            "ALTER TABLE invoices ALTER updated_at TYPE timestamptz(0); UPDATE invoices SET updated_at = now()"
        }
        Engine::Mysql => {
            "ALTER TABLE invoices MODIFY updated_at timestamp(0) NULL DEFAULT NULL; UPDATE invoices SET updated_at = NOW()"
        }
        // Nothing but its text gives a SQLite column its precision.
        Engine::Sqlite => "UPDATE invoices SET updated_at = strftime('%Y-%m-%d %H:%M:%S', 'now')",
    };
    office.db.execute(statements).await;
    office
}

fn waive(args: &serde_json::Value) -> Call<'_> {
    Call { capability: "billing.waive_fee", tenant: "acme", args }
}

pub(crate) async fn of_two_changes_within_one_second_the_stale_one_is_refused(engine: Engine) {
    let office = office(engine).await;
    let args = [0, 100].map(|fee| json!({ "invoice_id": "INV-1", "fee": fee, "reason": "goodwill" }));
    let first = office.propose(waive(&args[0])).await.unwrap();
    let second = office.propose(waive(&args[1])).await.unwrap();
    assert_eq!(first.guards.expected_version, second.guards.expected_version);
    let job = office.claim(&first).await;
    let applied = receipt(&job, &office.apply(&job).await);
    assert_eq!(applied.status, ReceiptStatus::Applied);
    let before = office.everything().await;
    let job = office.claim(&second).await;
    let stale = receipt(&job, &office.apply(&job).await);
    assert_eq!((stale.status, code(&stale)), (ReceiptStatus::Conflict, Some("VERSION_CONFLICT")));
    assert_eq!(office.everything().await, before);
    // Seen again, it passes, though the version may be ahead of the clock by now.
    let again = office.propose(waive(&args[1])).await.unwrap();
    assert_eq!(again.guards.expected_version.value, applied.new_version.unwrap());
    let job = office.claim(&again).await;
    assert_eq!(receipt(&job, &office.apply(&job).await).status, ReceiptStatus::Applied);
}

pub(crate) async fn a_visible_column_changed_within_one_step_of_the_version_is_a_conflict(engine: Engine) {
    let office = office(engine).await;
    let args = json!({ "invoice_id": "INV-1", "fee": 0, "reason": "goodwill" });
    let change_set = office.propose(waive(&args)).await.unwrap();
    // Seen by the reviewer, not part of the change, and not told by the version.
    office.db.execute("UPDATE invoices SET status = 'disputed' WHERE id = 'INV-1'").await;
    let before = office.everything().await;
    let job = office.claim(&change_set).await;
    let conflict = receipt(&job, &office.apply(&job).await);
    assert_eq!((conflict.status, code(&conflict)), (ReceiptStatus::Conflict, Some("VERSION_CONFLICT")));
    assert!(conflict.reason.as_deref().is_some_and(|reason| reason.ends_with(": status")), "{:?}", conflict.reason);
    assert_eq!(office.everything().await, before);
}
