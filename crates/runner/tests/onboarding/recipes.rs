//! `recipes`: each makes tools that work on a table as it expects.

use serde_json::{Value as Json, json};
use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::env::TestEnv;

use crate::shop::binary;

fn ids(env: &TestEnv) -> Vec<String> {
    let listed = env.run(["recipes", "list", "--json"]).json();
    listed["recipes"].as_array().unwrap().iter().map(|recipe| recipe["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_recipe_is_a_configuration_in_every_mode() {
    let env = TestEnv::new(binary());
    let ids = ids(&env);
    assert_eq!(ids.len(), 5);
    for id in &ids {
        let shown = env.run(["recipes", "show", id, "--json"]).json();
        assert!(
            env.run(["recipes", "show", id]).expect(0).contains("A person")
                || !shown["notes"].as_array().unwrap().is_empty()
        );
        for mode in ["read_only", "shadow", "review"] {
            let file = format!("{id}.{mode}.json");
            env.run(["recipes", "init", id, "--mode", mode, "--output", &file]).expect(0);
            let preview = env.run(["tools", "preview", "--json", "--config", &file]).json();
            let tools = preview["exposed_to_mcp"].as_array().unwrap();
            let expected = shown["semantic_tools"].as_array().unwrap();
            assert_eq!(tools, if mode == "read_only" { &expected[..1] } else { &expected[..] }, "{id} {mode}");
            let report = env.run(["audit", &file, "--fail-on", "medium"]);
            assert_eq!(report.status, 0, "{report:?}");
        }
    }
    // Together they are one configuration; the one for another engine has a source of its own.
    for id in &ids {
        env.run(["recipes", "init", id]).expect(0);
    }
    let all = env.run(["tools", "preview", "--json"]).json();
    assert_eq!(all["exposed_to_mcp"].as_array().unwrap().len(), 10);
    let again = env.run(["recipes", "init", &ids[0]]);
    assert!(again.status != 0 && again.stderr.contains("--force"), "{again:?}");
}

#[test]
fn a_recipe_may_be_a_file_of_your_own() {
    let env = TestEnv::new(binary());
    let own = env.run(["recipes", "show", "billing.late_fee_waiver", "--json"]).expect(0);
    let mut own: Json = serde_json::from_str(&own).unwrap();
    own["id"] = json!("billing.my_waiver");
    own["spec"]["table"] = json!("bills");
    env.write("own.json", own.to_string());
    assert!(env.run(["recipes", "show", "own.json"]).expect(0).contains("billing.my_waiver"));
    env.run(["recipes", "init", "./own.json", "--engine", "sqlite"]).expect(0);
    let config: Json = serde_json::from_str(&env.read("synapsor.runner.json")).unwrap();
    assert_eq!(config["capabilities"][0]["target"]["table"], "bills");
    assert_eq!(
        (&config["capabilities"][0]["target"]["schema"], &config["sources"]["local_sqlite"]["engine"]),
        (&json!("main"), &json!("sqlite"))
    );
    own["spec"]["colour"] = json!("red");
    env.write("own.json", own.to_string());
    for (args, expected) in [
        (["recipes", "show", "own.json"], "unknown key `colour`"),
        (["recipes", "show", "no.such_recipe"], "there is no recipe"),
        (["recipes", "show", "./none.json"], "cannot be read"),
    ] {
        let said = env.run(args);
        assert!(said.status != 0 && said.stderr.contains(expected), "{said:?}");
    }
}

/// The whole way of a recipe, on the engine that it is for.
#[tokio::test]
async fn a_recipe_is_proposed_approved_and_applied() {
    let db = Database::fresh(Engine::Mysql).await;
    db.execute(
        "CREATE TABLE orders (id varchar(40) PRIMARY KEY, tenant_id varchar(40) NOT NULL, customer_id varchar(40) NOT NULL, \
         status varchar(40) NOT NULL, total_cents int NOT NULL, refund_cents int NOT NULL, refund_reason text, \
         updated_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)); \
         INSERT INTO orders VALUES ('O-1', 'acme', 'c', 'paid', 9900, 0, NULL, '2026-01-02 03:04:05')",
    )
    .await;
    let mut env = TestEnv::new(binary());
    env.run(["recipes", "init", "orders.refund_review"]).expect(0);
    let config =
        env.read("synapsor.runner.json").replace("\"schema\": \"app\"", &format!("\"schema\": \"{}\"", db.schema()));
    env.write("synapsor.runner.json", config);
    let url = db.admin_url();
    env.set("SYNAPSOR_DATABASE_READ_URL", &url).set("SYNAPSOR_DATABASE_WRITE_URL", &url).set("ADMIN_URL", &url);
    env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "me");
    env.run(["writeback", "migration", "--execute", "--admin-url-env", "ADMIN_URL", "--yes"]).expect(0);
    let propose = |state: &str| {
        let arguments = json!({ "order_id": "O-1", "next_status": state, "refund_cents": 900, "reason": "late" });
        env.run(["propose", "orders.propose_refund_review", "--json", &arguments.to_string()])
    };
    assert!(propose("refunded").stdout.contains("POLICY_VIOLATION"), "paid may not become refunded at once");
    propose("refund_requested").expect(0);
    env.run(["proposals", "approve", "latest", "--yes"]).expect(0);
    env.run(["apply", "latest"]).expect(0);
    let rows = db.query_text("SELECT status, refund_cents, refund_reason FROM orders").await;
    assert_eq!(rows, [["refund_requested", "900", "late"].map(|text| Some(text.to_owned()))]);
}
