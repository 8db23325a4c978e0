//! What an apply does to the source database: one row or none, and never over somebody else's change.

use std::process::Stdio;

use serde_json::{Value, json};
use synapsor_testkit::database::{Engine, Session};

use super::{WAIVER, approved, billing_with, capability, held, inspect, propose, state};
use crate::stage::{Stage, billing, id_of};

const SERVERS: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

/// Keeps a version that would move by itself where it is.
fn keep(engine: Engine) -> &'static str {
    if engine == Engine::Mysql { ", updated_at = updated_at" } else { "" }
}

/// Takes the primary key away, so that a row can have a twin.
async fn without_key(stage: &Stage) {
    let statements = match stage.db.engine() {
        Engine::Postgres => "ALTER TABLE invoices DROP CONSTRAINT invoices_pkey",
        Engine::Mysql => "ALTER TABLE invoices DROP PRIMARY KEY",
        Engine::Sqlite => {
            "CREATE TABLE copy (id TEXT, tenant_id TEXT, customer_id TEXT, amount_cents INTEGER,
               late_fee_cents INTEGER, status TEXT, waiver_reason TEXT, updated_at TEXT) STRICT;
             INSERT INTO copy SELECT * FROM invoices; DROP TABLE invoices; ALTER TABLE copy RENAME TO invoices"
        }
    };
    stage.db.execute(statements).await;
}

/// Weakness 1: on MySQL a table was made inside the transaction, which committed it. A key of two rows changed both, was
/// reported as failed, and left a receipt that said "in progress" for ever.
#[tokio::test]
async fn weakness_01_a_change_of_two_rows_is_undone_whole_and_bars_nothing() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        without_key(&stage).await;
        let before = stage.invoice("INV-3001").await;
        let id = stage.approved("INV-3001");
        stage.db.execute("INSERT INTO invoices SELECT * FROM invoices WHERE id = 'INV-3001'").await;
        let output = stage.run(["apply", &id, "--json"]);
        assert_eq!(output.status, 1, "{engine:?} {}{}", output.stdout, output.stderr);
        assert_eq!(output.json()["receipt"]["safe_error_code"], "MULTI_ROW_WRITE_BLOCKED", "{}", output.stdout);
        let columns = "SELECT late_fee_cents, waiver_reason, updated_at FROM invoices WHERE id = 'INV-3001'";
        assert_eq!(stage.db.query_text(columns).await, [before.clone(), before], "{engine:?}");
        assert!(stage.receipts().await.is_empty(), "{engine:?}");

        let one = match engine {
            Engine::Postgres => {
                "DELETE FROM invoices WHERE ctid IN (SELECT ctid FROM invoices WHERE id = 'INV-3001' LIMIT 1)"
            }
            Engine::Mysql => "DELETE FROM invoices WHERE id = 'INV-3001' LIMIT 1",
            Engine::Sqlite => {
                "DELETE FROM invoices WHERE rowid = (SELECT max(rowid) FROM invoices WHERE id = 'INV-3001')"
            }
        };
        stage.db.execute(one).await;
        let again = stage.approved("INV-3001");
        stage.run(["apply", &again]).expect(0);
        let applied = vec![Some(format!("{again}:INV-3001")), Some("applied".to_owned())];
        assert_eq!(stage.receipts().await, [applied], "{engine:?}");
    }
}

/// Weakness 1, too: the row lock of its check was gone before its update.
#[tokio::test]
async fn weakness_01_a_change_in_flight_is_waited_for_and_not_overwritten() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let session = held(&stage, "INV-3001").await;
        let mut command = stage.env.command(["apply", &id, "--json"]);
        let mut applier = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while state(&stage, &id) != "pending_worker" {
            assert!(applier.try_wait().unwrap().is_none(), "{engine:?}: the applier did not wait");
        }
        session.execute("COMMIT").await.unwrap();
        let output = applier.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{engine:?} {told}");
        assert!(told.contains("VERSION_CONFLICT"), "{told}");
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("1200"), "{engine:?}");
        assert!(stage.receipts().await.is_empty(), "{engine:?}");
    }
}

/// Weakness 2: it read versions to the millisecond and compared them to the microsecond, in the zone of its host, so that
/// every row stamped by the database's own clock was in conflict for ever.
#[tokio::test]
async fn weakness_02_versions_keep_every_digit_whatever_the_zone() {
    let cases: [(Engine, &[&str], &str); 3] = [
        (Engine::Postgres, &["timestamptz", "timestamp", "timestamptz(3)"], "clock_timestamp()"),
        (Engine::Mysql, &["timestamp(6)", "datetime(6)", "timestamp"], "now(6)"),
        (Engine::Sqlite, &["TEXT"], "strftime('%Y-%m-%d %H:%M:%f', 'now')"),
    ];
    for (engine, types, now) in cases {
        let mut stage = billing(engine).await;
        stage.env.set("TZ", "Asia/Kathmandu");
        if engine == Engine::Postgres {
            stage.db.execute("ALTER ROLE {writer} SET timezone = 'America/St_Johns'").await;
        }
        for native in types {
            match engine {
                Engine::Postgres => {
                    let zone = "ALTER TABLE invoices ALTER updated_at TYPE";
                    stage.db.execute(&format!("{zone} {native}")).await;
                }
                Engine::Mysql => {
                    let sql = format!("ALTER TABLE invoices MODIFY updated_at {native} NOT NULL DEFAULT '2026-01-01'");
                    stage.db.execute(&sql).await;
                }
                Engine::Sqlite => {}
            }
            for stamp in [now, "'2026-06-20 14:31:08.123456'", "'2026-12-20 14:31:08.999999'"] {
                let sql =
                    format!("UPDATE invoices SET late_fee_cents = 5500, updated_at = {stamp} WHERE id = 'INV-3001'");
                stage.db.execute(&sql).await;
                let before = stage.invoice("INV-3001").await;
                let id = stage.approved("INV-3001");
                let output = stage.run(["apply", &id]);
                assert_eq!(output.status, 0, "{engine:?} {native} {stamp}: {}{}", output.stdout, output.stderr);
                assert_ne!(stage.invoice("INV-3001").await[2], before[2], "{engine:?} {native} {stamp}");
            }
        }
    }
}

/// Weakness 3: its update never moved the version, so two changes made from one version both applied, and no receipt said
/// which version came of them.
#[tokio::test]
async fn weakness_03_the_version_moves_and_the_second_change_is_stale() {
    const STATUS: &str = "billing.propose_status";
    for engine in Engine::ALL {
        // Two capabilities that touch different columns: nothing but the version tells them of each other.
        let stage = billing_with(engine, |config| {
            let waiver = capability(config, WAIVER);
            waiver["conflict_guard"]["guard"] = json!("patched");
            let mut status = waiver.clone();
            status["name"] = json!(STATUS);
            status["args"] = json!({ "invoice_id": { "type": "string" }, "next": { "type": "string" } });
            status["patch"] = json!({ "status": { "from_arg": "next" } });
            status["allowed_columns"] = json!(["status"]);
            status["numeric_bounds"] = json!({});
            config["capabilities"].as_array_mut().unwrap().push(status);
        })
        .await;
        let before = inspect(&stage, "INV-3001")["data"]["updated_at"].clone();
        let waive = stage.approved("INV-3001");
        let close = json!({ "invoice_id": "INV-3001", "next": "closed" });
        let stale = approved(&stage, STATUS, &close);
        let applied = stage.run(["apply", &waive, "--json"]).json();
        let now = inspect(&stage, "INV-3001")["data"].clone();
        let (previous, new) = (&applied["receipt"]["previous_version"], &applied["receipt"]["new_version"]);
        assert_eq!((previous, new), (&before, &now["updated_at"]), "{engine:?} {applied}");
        assert_ne!(before, now["updated_at"], "{engine:?}");
        let kept =
            stage.db.query_text("SELECT count(*) FROM synapsor_writeback_receipts WHERE new_version IS NOT NULL");
        assert_eq!(kept.await[0][0].as_deref(), Some("1"), "{engine:?}");

        let output = stage.run(["apply", &stale, "--json"]);
        assert_eq!(output.status, 3, "{engine:?} {}", output.stdout);
        let reason = output.json()["receipt"]["reason"].as_str().unwrap().to_owned();
        assert!(reason.ends_with(": updated_at"), "{engine:?} {reason}");
        assert_eq!(inspect(&stage, "INV-3001")["data"], now, "{engine:?}");
        // Looked at again, it applies.
        let fresh = approved(&stage, STATUS, &close);
        stage.run(["apply", &fresh]).expect(0);
        assert_eq!(inspect(&stage, "INV-3001")["data"]["status"], "closed", "{engine:?}");
    }
}

/// Weakness 4: without a version column it hashed the row when it read it, and never looked at the hash again.
#[tokio::test]
async fn weakness_04_a_weak_guard_is_checked_in_the_write_itself() {
    for engine in Engine::ALL {
        let stage = billing_with(engine, |config| {
            capability(config, WAIVER)["conflict_guard"] = json!({ "weak_guard_ack": true });
        })
        .await;
        let id = stage.approved("INV-3001");
        let unaware = stage.approved("INV-3002");
        // Shown to the reviewer, not part of the change.
        let sql = format!("UPDATE invoices SET status = 'disputed'{} WHERE id = 'INV-3001'", keep(engine));
        stage.db.execute(&sql).await;
        let before = stage.invoice("INV-3001").await;
        let output = stage.run(["apply", &id, "--json"]);
        assert_eq!(output.status, 3, "{engine:?} {}", output.stdout);
        let receipt = output.json()["receipt"].clone();
        assert_eq!(receipt["safe_error_code"], "VERSION_CONFLICT", "{engine:?} {receipt}");
        assert!(receipt["reason"].as_str().unwrap().ends_with(": status"), "{engine:?} {receipt}");
        assert_eq!(stage.invoice("INV-3001").await, before, "{engine:?}");
        stage.run(["apply", &unaware]).expect(0);
        assert_eq!(stage.invoice("INV-3002").await[0].as_deref(), Some("0"), "{engine:?}");
    }
}

/// Weakness 5: a dry run asked no database, recorded the change as applied, and so stood in the way of the real one.
#[tokio::test]
async fn weakness_05_a_dry_run_asks_the_database_and_records_nothing() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let before = stage.invoice("INV-3001").await;
        let rehearse = || {
            let output = stage.run(["apply", &id, "--dry-run", "--json"]);
            (output.status, output.json()["result"].as_str().unwrap().to_owned())
        };
        assert_eq!(rehearse(), (0, "dry_run_passed".to_owned()), "{engine:?}");
        assert_eq!(stage.invoice("INV-3001").await, before, "{engine:?}");
        // What it says depends on what the row holds at this moment.
        for (fee, said) in [(7, (3, "dry_run_conflict")), (5500, (0, "dry_run_passed"))] {
            let sql = format!("UPDATE invoices SET late_fee_cents = {fee}{} WHERE id = 'INV-3001'", keep(engine));
            stage.db.execute(&sql).await;
            assert_eq!(rehearse(), (said.0, said.1.to_owned()), "{engine:?} {fee}");
        }
        assert!(stage.receipts().await.is_empty(), "{engine:?}");
        assert_eq!(stage.run(["receipts", "list", "--json"]).json()["receipts"], json!([]), "{engine:?}");
        assert_eq!(state(&stage, &id), "approved", "{engine:?}");
        assert_eq!(stage.run(["apply", &id, "--json"]).json()["result"], "applied", "{engine:?}");
    }
}

/// Weakness 9: after a failure it refused to apply again and to take the same proposal again.
#[tokio::test]
async fn weakness_09_a_failed_change_can_be_proposed_and_applied_again() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let (forbid, allow) = match engine {
            Engine::Sqlite => (
                "CREATE TRIGGER no BEFORE UPDATE ON invoices BEGIN SELECT RAISE(ABORT, 'fees stay'); END",
                "DROP TRIGGER no",
            ),
            _ => (
                "ALTER TABLE invoices ADD CONSTRAINT fees_stay CHECK (late_fee_cents > 0)",
                "ALTER TABLE invoices DROP CONSTRAINT fees_stay",
            ),
        };
        let id = stage.approved("INV-3001");
        stage.db.execute(forbid).await;
        let output = stage.run(["apply", &id, "--json"]);
        assert_eq!(output.status, 1, "{engine:?} {}", output.stdout);
        assert_eq!(output.json()["receipt"]["safe_error_code"], "CONSTRAINT_VIOLATED", "{engine:?} {}", output.stdout);
        assert_eq!((state(&stage, &id).as_str(), stage.receipts().await.len()), ("failed", 0), "{engine:?}");
        stage.db.execute(allow).await;
        let again = stage.propose("INV-3001", "goodwill");
        assert_eq!((again["ok"].clone(), again["proposal"]["deduplicated"].clone()), (json!(true), json!(false)));
        let again = id_of(&again);
        assert_ne!(again, id, "{engine:?}");
        stage.run(["proposals", "approve", &again, "--yes"]).expect(0);
        stage.run(["apply", &again]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"), "{engine:?}");
    }
}

/// Weakness 16: it read whole rows under a lock, which took a writer that may read the whole table.
#[tokio::test]
async fn weakness_16_a_writer_that_may_not_read_whole_rows_is_enough() {
    for engine in SERVERS {
        let stage = billing(engine).await;
        stage
            .db
            .execute("ALTER TABLE invoices ADD COLUMN internal_note varchar(20) DEFAULT 'not for the runner'")
            .await;
        let writer = Session::open(&stage.db.writer_url()).await;
        assert!(writer.execute("SELECT * FROM invoices").await.is_err(), "{engine:?}: the writer reads whole rows");
        writer.execute("SELECT id, updated_at FROM invoices").await.unwrap();
        let id = stage.approved("INV-3001");
        let applied: Value = stage.run(["apply", &id, "--json"]).json();
        assert_eq!(applied["result"], "applied", "{engine:?} {applied}");
        assert!(
            !propose(&stage, WAIVER, &json!({ "invoice_id": "INV-3002", "reason": "x" }))
                .to_string()
                .contains("internal")
        );
    }
}
