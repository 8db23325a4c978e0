//! Bad input gets a code, a fix and the documented exit status, and leaves nothing half-done.

use serde_json::json;
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::Output;

use crate::stage::{Stage, billing};

fn refused(output: &Output, status: i32, code: &str) {
    assert_eq!(output.status, status, "{code}: {}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains(&format!("error[{code}]")), "{code}: {}", output.stderr);
    assert!(output.stderr.contains("help: "), "{code} has no fix: {}", output.stderr);
}

fn inspect(stage: &Stage, id: &str) -> Output {
    let arguments = json!({ "invoice_id": id }).to_string();
    stage.env.write("arguments.json", arguments);
    stage.run(["smoke", "call", "billing.inspect_invoice", "--input", "arguments.json"])
}

#[tokio::test]
async fn credentials_that_do_not_work() {
    for engine in [Engine::Postgres, Engine::Mysql] {
        let mut stage = billing(engine).await;
        let good = stage.db.reader_url();
        stage.env.unset("BILLING_READ_URL");
        refused(&inspect(&stage, "INV-3001"), 2, "CREDENTIAL_MISSING");
        stage.env.set("BILLING_READ_URL", "not a url");
        refused(&inspect(&stage, "INV-3001"), 2, "CREDENTIAL_INVALID");
        let (server, database) = good.rsplit_once('/').unwrap();
        let (account, place) = server.rsplit_once('@').unwrap();
        let (user, _) = account.rsplit_once(':').unwrap();
        for bad in [format!("{user}:wrong@{place}/{database}"), format!("{account}@127.0.0.1:1/{database}")] {
            stage.env.set("BILLING_READ_URL", bad);
            refused(&inspect(&stage, "INV-3001"), 5, "TEMPORARILY_UNAVAILABLE");
        }
        // MariaDB does not tell an account whether a database that it may not use exists.
        let code = if engine == Engine::Postgres { "OBJECT_MISSING" } else { "PERMISSION_DENIED" };
        stage.env.set("BILLING_READ_URL", format!("{server}/no_such_database"));
        refused(&inspect(&stage, "INV-3001"), 1, code);
        // The same variable from a file.
        stage.env.unset("BILLING_READ_URL");
        let file = stage.env.write("read.url", format!("{good}\n"));
        stage.env.set("BILLING_READ_URL_FILE", file.display().to_string());
        inspect(&stage, "INV-3001").expect(0);
        stage.env.unset("SYNAPSOR_PRINCIPAL");
        refused(&inspect(&stage, "INV-3001"), 2, "TRUSTED_CONTEXT_MISSING");
    }
}

#[tokio::test]
async fn targets_that_are_not_there_or_no_tables() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        stage.db.execute("ALTER TABLE invoices DROP COLUMN waiver_reason").await;
        refused(&inspect(&stage, "INV-3001"), 1, "OBJECT_MISSING");
        stage.db.execute("DROP TABLE invoices").await;
        refused(&inspect(&stage, "INV-3001"), 1, "OBJECT_MISSING");
        stage.db.execute("CREATE VIEW invoices AS SELECT id, tenant_id, id AS customer_id, 1 AS amount_cents, 1 AS late_fee_cents, status, resolution_note AS waiver_reason, updated_at FROM support_tickets").await;
        if engine == Engine::Postgres {
            stage.db.execute("GRANT SELECT ON invoices TO {reader}, {writer}").await;
        }
        inspect(&stage, "T-1042").expect(0);
        let refused = stage.propose("T-1042", "x");
        assert_eq!(refused["error"]["code"], "POLICY_VIOLATION", "{engine:?} {refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("a view"), "{refused}");
    }
}

#[tokio::test]
async fn ids_that_no_row_can_have_are_simply_not_found() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        for id in ["", "'", "\"; DROP TABLE invoices; --", "INV-3001\0", "🧾", "INV-3001 ", "inv-3001", "%", "\u{202e}"]
        {
            refused(&inspect(&stage, id), 1, "NOT_FOUND_IN_TENANT");
        }
        inspect(&stage, "INV-3001").expect(0);
        refused(&inspect(&stage, &"x".repeat(10_000_000)), 2, "INVALID_ARGUMENT");
        assert!(stage.receipts().await.is_empty());
    }
}

#[tokio::test]
async fn tools_and_arguments_that_do_not_fit() {
    let stage = billing(Engine::Sqlite).await;
    refused(&stage.run(["smoke", "call", "billing.nothing", "--sample"]), 2, "CAPABILITY_NOT_FOUND");
    refused(&stage.run(["propose", "billing.inspect_invoice", "--sample"]), 2, "CAPABILITY_NOT_FOUND");
    let call = |arguments: &str| stage.run(["smoke", "call", "support.propose_plan_credit", "--json", arguments]);
    for (arguments, code) in [
        ("{}", "INVALID_ARGUMENT"),
        (r#"{"customer_id": 1, "credit_cents": "2", "reason": null}"#, "INVALID_ARGUMENT"),
        (r#"{"customer_id": "cust_acme_1", "credit_cents": 5001, "reason": "x"}"#, "INVALID_ARGUMENT"),
        (r#"{"customer_id": "cust_acme_1", "credit_cents": 1.5, "reason": "x"}"#, "INVALID_ARGUMENT"),
        (
            r#"{"customer_id": "cust_acme_1", "credit_cents": 1, "reason": "x", "tenant_id": "globex"}"#,
            "INVALID_ARGUMENT",
        ),
    ] {
        let result = call(arguments).json();
        assert_eq!(result["result"]["error"]["code"], code, "{arguments} {result}");
    }
    refused(&call("[1]"), 2, "USAGE");
    refused(&call("{"), 2, "USAGE");
}

#[tokio::test]
async fn stores_that_cannot_be_used() {
    let stage = billing(Engine::Sqlite).await;
    refused(&stage.run(["proposals", "show", "latest"]), 1, "STORE_MISSING");
    inspect(&stage, "INV-3001").expect(0);
    refused(&stage.run(["proposals", "show", "latest"]), 1, "PROPOSAL_NOT_FOUND");
    refused(&stage.run(["apply", "wrp_00000000000000000000"]), 1, "PROPOSAL_NOT_FOUND");
    refused(&stage.run(["apply", "; rm -rf"]), 1, "PROPOSAL_NOT_FOUND");

    std::fs::create_dir(stage.env.path("folder")).unwrap();
    refused(&stage.run(["proposals", "show", "latest", "--store", "folder"]), 1, "STORE_UNREADABLE");
    stage.env.write(
        "text.db",
        "this is not a database, though it is long enough to be taken for one at first sight ".repeat(20),
    );
    refused(&stage.run(["proposals", "show", "latest", "--store", "text.db"]), 1, "STORE_UNREADABLE");
}

#[tokio::test]
async fn a_receipt_table_that_is_missing_or_unsafe_stops_an_apply() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        stage.db.execute("DROP TABLE synapsor_writeback_receipts").await;
        let output = stage.run(["apply", &id]);
        refused(&output, 4, "RECEIPTS_MISSING");
        assert!(output.stderr.contains("CREATE TABLE IF NOT EXISTS"), "{}", output.stderr);
        // A table without the unique keys would let a change be applied twice.
        let text = if engine == Engine::Mysql { "varchar(190)" } else { "text" };
        let columns = [
            "idempotency_key",
            "job_id",
            "proposal_id",
            "proposal_hash",
            "ledger_id",
            "ledger_head",
            "server_id",
            "status",
            "new_version",
            "result_hash",
            "created_at",
            "completed_at",
        ];
        let columns: Vec<String> = columns.iter().map(|column| format!("{column} {text}")).collect();
        stage.db.execute(&format!("CREATE TABLE synapsor_writeback_receipts ({})", columns.join(", "))).await;
        if engine == Engine::Postgres {
            stage.db.execute("GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO {writer}").await;
        }
        refused(&stage.run(["apply", &id]), 4, "RECEIPTS_UNSAFE");
        assert_eq!(stage.run(["proposals", "show", &id, "--json"]).json()["proposal"]["state"], "approved");
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("5500"));
    }
}

#[tokio::test]
async fn a_source_without_a_writer_says_which_field_to_set() {
    let mut stage = billing(Engine::Sqlite).await;
    let id = stage.approved("INV-3001");
    let config = stage.env.read("synapsor.runner.json");
    stage.env.write("synapsor.runner.json", config.replace("      \"write_url_env\": \"BILLING_WRITE_URL\",\n", ""));
    stage.env.set("SYNAPSOR_DATABASE_URL", "sqlite:elsewhere.db");
    let output = stage.run(["apply", &id]);
    refused(&output, 4, "WRITER_MISSING");
    assert!(
        output.stderr.contains("write_url_env") && output.stderr.contains("SYNAPSOR_DATABASE_URL"),
        "{}",
        output.stderr
    );
}
