//! Tenants and keys that collations call equal never meet, read or write, on any engine.

use serde_json::{Value, json};
use synapsor_testkit::database::Engine;

use crate::stage::{Stage, configured, id_of, stage};

const TENANTS: [&str; 4] = ["acme", "ACME", "acmé", "acme "];

/// The billing table with columns whose collation calls all four tenants, and all four keys, equal.
fn schema(engine: Engine) -> String {
    let columns = match engine {
        Engine::Postgres => {
            "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1-ka-shifted', deterministic = false);
             CREATE TABLE invoices (id text COLLATE loose NOT NULL, tenant_id text COLLATE loose NOT NULL,"
        }
        Engine::Mysql => {
            "CREATE TABLE invoices (id varchar(64) COLLATE utf8mb4_general_ci NOT NULL,
             tenant_id varchar(64) COLLATE utf8mb4_general_ci NOT NULL,"
        }
        Engine::Sqlite => {
            "CREATE TABLE invoices (id TEXT COLLATE NOCASE NOT NULL, tenant_id TEXT COLLATE RTRIM NOT NULL,"
        }
    };
    let rest = match engine {
        Engine::Postgres => {
            "late_fee_cents bigint, waiver_reason text, updated_at timestamptz NOT NULL DEFAULT now());"
        }
        Engine::Mysql => "late_fee_cents bigint, waiver_reason text, updated_at timestamp(6) NOT NULL DEFAULT now(6));",
        Engine::Sqlite => {
            "late_fee_cents INTEGER, waiver_reason TEXT, updated_at TEXT NOT NULL DEFAULT '2026-06-20T00:00:00Z');"
        }
    };
    format!("{columns} {rest}")
}

fn config(engine: Engine) -> String {
    let schema = match engine {
        Engine::Postgres => "public",
        Engine::Mysql => "app",
        Engine::Sqlite => "main",
    };
    let target = json!({ "schema": schema, "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id" });
    let columns = json!(["id", "late_fee_cents", "waiver_reason"]);
    let id = json!({ "type": "string" });
    // Two spaces of indentation, as the stage replaces the schema's name in it.
    serde_json::to_string_pretty(&json!({
        "version": 1,
        "mode": "review",
        "sources": { "app": {
            "engine": engine.name(), "read_url_env": "BILLING_READ_URL", "write_url_env": "BILLING_WRITE_URL",
        } },
        "trusted_context": { "provider": "environment" },
        "capabilities": [
            {
                "name": "billing.inspect_invoice", "kind": "read", "source": "app", "target": target,
                "args": { "invoice_id": id }, "lookup": { "id_from_arg": "invoice_id" }, "visible_columns": columns,
            },
            {
                "name": "billing.propose_late_fee_waiver", "kind": "proposal", "source": "app", "target": target,
                "args": { "invoice_id": id, "reason": { "type": "string" } }, "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": columns,
                "patch": { "late_fee_cents": { "fixed": 0 }, "waiver_reason": { "from_arg": "reason" } },
                "allowed_columns": ["late_fee_cents", "waiver_reason"],
                "conflict_guard": { "column": "updated_at" },
            },
        ],
    }))
    .unwrap()
}

fn inspect(stage: &Stage, id: &str) -> Value {
    let arguments = json!({ "invoice_id": id }).to_string();
    stage.run(["smoke", "call", "billing.inspect_invoice", "--json", &arguments]).json()["result"].clone()
}

async fn never_meet(engine: Engine) {
    // One row for each tenant, all under keys that the collation calls equal: fee 1, 2, 3, 4.
    let rows: Vec<String> =
        TENANTS.iter().enumerate().map(|(n, tenant)| format!("('{tenant}', '{tenant}', {})", n + 1)).collect();
    let seed = format!("INSERT INTO invoices (id, tenant_id, late_fee_cents) VALUES {};", rows.join(", "));
    let mut stage = stage(engine, &schema(engine), &seed, &config(engine)).await;
    for (n, tenant) in TENANTS.iter().enumerate() {
        stage.env.set("SYNAPSOR_TENANT_ID", *tenant);
        for (m, key) in TENANTS.iter().enumerate() {
            let answer = inspect(&stage, key);
            if n == m {
                assert_eq!(answer["data"]["late_fee_cents"], json!(n + 1), "{engine:?} {tenant:?} {answer}");
            } else {
                assert_eq!(
                    answer["error"]["code"], "NOT_FOUND_IN_TENANT",
                    "{engine:?} {tenant:?} asked for {key:?}: {answer}"
                );
                assert_eq!(
                    stage.propose(key, "x")["error"]["code"],
                    "NOT_FOUND_IN_TENANT",
                    "{engine:?} {tenant:?} {key:?}"
                );
            }
        }
    }
    // The same key in every tenant: a change of one leaves the others.
    stage.db.execute("UPDATE invoices SET id = 'same'").await;
    for tenant in TENANTS {
        stage.env.set("SYNAPSOR_TENANT_ID", tenant);
        let id = id_of(&stage.propose("same", &format!("for {tenant}.")));
        stage.run(["proposals", "approve", &id, "--yes"]).expect(0);
        stage.run(["apply", &id]).expect(0);
    }
    let reasons = stage.db.query_text("SELECT tenant_id, waiver_reason FROM invoices").await;
    for row in reasons {
        let (tenant, reason) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        assert_eq!(reason, format!("for {tenant}."), "{engine:?}");
    }
}

#[tokio::test]
async fn tenants_that_look_alike_never_meet_on_postgres() {
    never_meet(Engine::Postgres).await;
}

#[tokio::test]
async fn tenants_that_look_alike_never_meet_on_mariadb() {
    never_meet(Engine::Mysql).await;
}

#[tokio::test]
async fn tenants_that_look_alike_never_meet_on_sqlite() {
    never_meet(Engine::Sqlite).await;
}

/// Where a capability is scoped to the principal too, a row of the same tenant but another principal is not there: not to
/// read, not to propose, and not to write once it changed hands after the approval.
#[tokio::test]
async fn another_principals_row_is_not_there() {
    for engine in Engine::ALL {
        let of_invoices = "\"lookup\": {\n        \"id_from_arg\": \"invoice_id\"";
        let scoped = format!("\"principal_scope\": {{ \"column\": \"customer_id\" }}, {of_invoices}");
        let mut stage = configured(engine, |config| config.replace(of_invoices, &scoped)).await;
        let look = |stage: &Stage| {
            let arguments = json!({ "invoice_id": "INV-3001" }).to_string();
            stage.run(["smoke", "call", "billing.inspect_invoice", "--json", &arguments]).stdout
        };
        assert!(look(&stage).contains("NOT_FOUND_IN_TENANT"), "{engine:?}");
        assert_eq!(stage.propose("INV-3001", "goodwill")["error"]["code"], "NOT_FOUND_IN_TENANT", "{engine:?}");

        stage.env.set("SYNAPSOR_PRINCIPAL", "cust_acme_1");
        assert!(look(&stage).contains("INV-3001"), "{engine:?}");
        let moved = stage.approved("INV-3001");
        let kept = stage.approved("INV-3002");
        let keep = if engine == Engine::Mysql { ", updated_at = updated_at" } else { "" };
        stage.db.execute(&format!("UPDATE invoices SET customer_id = 'cust_2'{keep} WHERE id = 'INV-3001'")).await;
        let gone = stage.run(["apply", &moved, "--json"]);
        assert_eq!(gone.json()["receipt"]["safe_error_code"], "ROW_NOT_FOUND", "{engine:?} {}", gone.stdout);
        stage.run(["apply", &kept]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("5500"), "{engine:?}");
    }
}
