//! Reads that write nothing, and everything that has an end: connects, reads, waits for a lock, writes.

use std::net::TcpListener;

use serde_json::json;
use synapsor_testkit::database::{Engine, Session};
use synapsor_testkit::env::Output;

use super::{WAIVER, approved, billing_with, capability, change_config, held, inspect, state};
use crate::stage::{Stage, billing};

const SERVERS: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

/// Shortens the source's limits, and gives back what undoes it.
fn hurried(stage: &Stage) -> String {
    let patient = stage.env.read("synapsor.runner.json");
    change_config(stage, |config| {
        let source = &mut config["sources"]["app"];
        for limit in ["connect_timeout_ms", "lock_timeout_ms", "statement_timeout_ms"] {
            source[limit] = json!(1500);
        }
    });
    patient
}

/// Puts a view in place of the invoices; reading a row of it evaluates an expression.
async fn behind_a_view(stage: &Stage, expression: &str) {
    stage
        .db
        .execute(&format!(
            "ALTER TABLE invoices RENAME TO kept;
             CREATE VIEW invoices AS SELECT id, tenant_id, customer_id, amount_cents, late_fee_cents, status,
               concat({expression}, waiver_reason) AS waiver_reason, updated_at FROM kept"
        ))
        .await;
    if stage.db.engine() == Engine::Postgres {
        stage.db.execute("GRANT SELECT ON invoices TO {reader}").await;
    }
}

fn unavailable(output: &Output, engine: Engine) {
    assert_eq!(output.status, 5, "{engine:?} {}{}", output.stdout, output.stderr);
}

/// Weakness 17: its reads ran in a transaction that could write.
#[tokio::test]
async fn weakness_17_a_read_cannot_write_even_through_a_view_that_would() {
    for engine in SERVERS {
        let stage = billing(engine).await;
        let function = if engine == Engine::Postgres {
            "CREATE TABLE seen (id int);
             CREATE FUNCTION peek() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
             BEGIN INSERT INTO public.seen VALUES (1); RETURN 'seen'; END $$"
        } else {
            "CREATE TABLE seen (id int);
             CREATE FUNCTION peek() RETURNS varchar(9) MODIFIES SQL DATA BEGIN INSERT INTO seen VALUES (1); RETURN 'seen'; END"
        };
        stage.db.execute(function).await;
        if engine == Engine::Mysql {
            stage.db.execute("GRANT EXECUTE ON FUNCTION {schema}.peek TO {reader}").await;
        }
        behind_a_view(&stage, "peek()").await;
        assert_eq!(inspect(&stage, "INV-3001")["ok"], json!(false), "{engine:?}");
        assert_eq!(stage.db.query_text("SELECT * FROM seen").await.len(), 0, "{engine:?}: the read wrote");
        // It is the way of reading that forbids it: for the same account the view would have written.
        let reader = Session::open(&stage.db.reader_url()).await;
        reader.query_text("SELECT waiver_reason FROM invoices WHERE id = 'INV-3001'").await.unwrap();
        assert_eq!(stage.db.query_text("SELECT * FROM seen").await.len(), 1, "{engine:?}");
    }
}

/// Weakness 17: MariaDB ignored the limit of its reads.
#[tokio::test]
async fn weakness_17_a_slow_read_is_ended() {
    for engine in SERVERS {
        let stage = billing(engine).await;
        behind_a_view(&stage, if engine == Engine::Postgres { "pg_sleep(600)" } else { "sleep(600)" }).await;
        hurried(&stage);
        let answer = inspect(&stage, "INV-3001");
        assert_eq!(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE", "{engine:?} {answer}");
    }
}

/// Weakness 17: it waited for ever for a server that accepted and said nothing.
#[tokio::test]
async fn weakness_17_a_server_that_says_nothing_is_given_up() {
    for engine in SERVERS {
        let mut stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        hurried(&stage);
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{}://someone:secret@{}/app", engine.name(), silent.local_addr().unwrap());
        stage.env.set("BILLING_READ_URL", &url).set("BILLING_WRITE_URL", &url);
        let answer = inspect(&stage, "INV-3002");
        assert_eq!(answer["error"]["code"], "TEMPORARILY_UNAVAILABLE", "{engine:?} {answer}");
        unavailable(&stage.run(["apply", &id]), engine);
        assert_eq!(state(&stage, &id), "approved", "{engine:?}");
    }
}

/// Weakness 17: its writes had no limit at all.
#[tokio::test]
async fn weakness_17_a_write_that_cannot_go_on_is_undone_and_may_be_tried_again() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let before = stage.invoice("INV-3001").await;
        let patient = hurried(&stage);
        let session = held(&stage, "INV-3001").await;
        unavailable(&stage.run(["apply", &id]), engine);
        session.execute("ROLLBACK").await.unwrap();
        assert_eq!(state(&stage, &id), "approved", "{engine:?}");
        let (slow, quick) = match engine {
            Engine::Postgres => (
                "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
                 CREATE TRIGGER slow BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION wait()",
                "DROP TRIGGER slow ON invoices",
            ),
            Engine::Mysql => (
                "CREATE TRIGGER slow BEFORE UPDATE ON invoices FOR EACH ROW SET @waited = sleep(600)",
                "DROP TRIGGER slow",
            ),
            Engine::Sqlite => (
                "CREATE TRIGGER slow BEFORE UPDATE ON invoices BEGIN SELECT count(*) FROM
                   (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000000) SELECT i FROM n); END",
                "DROP TRIGGER slow",
            ),
        };
        stage.db.execute(slow).await;
        unavailable(&stage.run(["apply", &id]), engine);
        assert_eq!(state(&stage, &id), "approved", "{engine:?}");
        assert_eq!(stage.invoice("INV-3001").await, before, "{engine:?}");
        assert!(stage.receipts().await.is_empty(), "{engine:?}");
        stage.db.execute(quick).await;
        stage.env.write("synapsor.runner.json", patient);
        stage.run(["apply", &id]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"), "{engine:?}");
    }
}

/// Weakness 18: without tenants nothing could be written, and a row hash was taken for the name of a column.
#[tokio::test]
async fn weakness_18_a_table_without_tenants_is_written_to_under_either_guard() {
    for engine in Engine::ALL {
        for guard in [json!({ "column": "updated_at" }), json!({ "weak_guard_ack": true })] {
            let stage = billing_with(engine, |config| {
                let waiver = capability(config, WAIVER);
                let target = waiver["target"].as_object_mut().unwrap();
                target.shift_remove("tenant_key");
                target.insert("single_tenant_dev".to_owned(), json!(true));
                waiver["conflict_guard"] = guard.clone();
            })
            .await;
            let id = approved(&stage, WAIVER, &json!({ "invoice_id": "INV-9001", "reason": "goodwill" }));
            stage.run(["apply", &id, "--dry-run"]).expect(0);
            stage.run(["apply", &id]).expect(0);
            assert_eq!(stage.invoice("INV-9001").await[0].as_deref(), Some("0"), "{engine:?} {guard}");
            let stale = approved(&stage, WAIVER, &json!({ "invoice_id": "INV-3001", "reason": "goodwill" }));
            stage.db.execute("UPDATE invoices SET late_fee_cents = 7 WHERE id = 'INV-3001'").await;
            stage.run(["apply", &stale]).expect(3);
        }
    }
}
