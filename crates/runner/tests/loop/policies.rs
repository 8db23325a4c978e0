//! Row-level security of PostgreSQL under the whole loop.

use synapsor_testkit::database::Engine;

use crate::stage::{Stage, configured};

const SESSION: &str =
    "\"session\": { \"tenant_setting\": \"app.tenant_id\", \"principal_setting\": \"app.principal\" },";

async fn with_policies() -> Stage {
    let stage = configured(Engine::Postgres, |config| {
        config.replacen("\"read_url_env\"", &format!("{SESSION} \"read_url_env\""), 1)
    })
    .await;
    for table in ["invoices", "customers", "support_tickets"] {
        stage
            .db
            .execute(&format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY own ON {table} USING (tenant_id = current_setting('app.tenant_id', true))"
            ))
            .await;
    }
    stage
}

fn failing(stage: &Stage) -> Vec<String> {
    let report = stage.run(["writeback", "doctor", "--json"]).json();
    let checks = report["sources"][0]["checks"].as_array().unwrap();
    let failing = checks.iter().filter(|check| check["level"] == "fail");
    failing.map(|check| format!("{} {}", check["id"].as_str().unwrap(), check["message"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_whole_loop_runs_under_policies() {
    let stage = with_policies().await;
    let id = stage.approved("INV-3001");
    stage.run(["apply", &id, "--dry-run"]).expect(0);
    stage.run(["apply", &id]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    let id = stage.approved("INV-3002");
    stage.db.execute("UPDATE invoices SET late_fee_cents = 1 WHERE id = 'INV-3002'").await;
    let conflict = stage.run(["apply", &id, "--json"]);
    assert_eq!(conflict.json()["receipt"]["safe_error_code"], "VERSION_CONFLICT", "{}", conflict.stdout);
    // What the configuration does not tell, the policies hide.
    let config = stage.env.read("synapsor.runner.json");
    stage.env.write("synapsor.runner.json", config.replace(SESSION, ""));
    let hidden = stage.propose("INV-3002", "goodwill");
    assert_eq!(hidden["error"]["code"], "NOT_FOUND_IN_TENANT", "{hidden}");
}

#[tokio::test]
async fn the_doctor_proves_that_policies_hold() {
    let stage = with_policies().await;
    assert_eq!(failing(&stage), Vec::<String>::new());
    stage.db.execute("CREATE POLICY open ON invoices FOR SELECT USING (late_fee_cents > 0)").await;
    let failed = failing(&stage);
    assert_eq!(failed.len(), 2, "{failed:?}");
    for (found, account) in failed.iter().zip(["reader", "writer"]) {
        let expected =
            format!("{account}.policy the policies of `public.invoices` show a stranger rows to the {account}");
        assert_eq!(*found, expected);
    }
    stage.db.execute("DROP POLICY open ON invoices; ALTER TABLE invoices DISABLE ROW LEVEL SECURITY").await;
    let failed = failing(&stage);
    assert!(failed.iter().all(|found| found.contains("no policy of `public.invoices` applies to the")), "{failed:?}");
    assert_eq!(failed.len(), 2, "{failed:?}");
}
