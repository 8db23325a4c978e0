//! What a configuration means: checked as a whole before anything is served, and business words are business words.

use serde_json::{Value, json};
use synapsor_testkit::database::{Database, Engine};

use super::{INSPECT, WAIVER, approved, billing_with, capability, edited, inspect};
use crate::stage::{Stage, billing, id_of};

/// Weakness 24: an optional argument that the model left out set its column to null.
#[tokio::test]
async fn weakness_24_an_argument_left_out_leaves_its_column_alone() {
    for engine in Engine::ALL {
        let stage = billing_with(engine, |config| {
            let waiver = capability(config, WAIVER);
            waiver["args"]["reason"]["required"] = json!(false);
            waiver["args"]["fee"] = json!({ "type": "number", "required": false });
            waiver["patch"]["late_fee_cents"] = json!({ "from_arg": "fee" });
        })
        .await;
        stage.db.execute("UPDATE invoices SET waiver_reason = 'keep me' WHERE id = 'INV-3001'").await;
        let id = approved(&stage, WAIVER, &json!({ "invoice_id": "INV-3001", "fee": 100 }));
        stage.run(["apply", &id]).expect(0);
        let row = stage.invoice("INV-3001").await;
        assert_eq!(row[..2], [Some("100".to_owned()), Some("keep me".to_owned())], "{engine:?}");
        let nothing = super::propose(&stage, WAIVER, &json!({ "invoice_id": "INV-3001" }));
        assert_eq!(nothing["error"]["code"], "INVALID_ARGUMENT", "{engine:?} {nothing}");
    }
}

/// Weakness 24, too: what did not fit together was found out by the first call, or by a crash.
#[tokio::test]
async fn weakness_24_what_does_not_fit_together_is_said_before_anything_is_served() {
    let stage = billing(Engine::Sqlite).await;
    let good = stage.env.read("synapsor.runner.json");
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 7] = [
        ("UNKNOWN_PATCH_ARG", |waiver| waiver["patch"]["waiver_reason"] = json!({ "from_arg": "raeson" })),
        ("UNKNOWN_LOOKUP_ARG", |waiver| waiver["lookup"] = json!({ "id_from_arg": "invoice" })),
        ("PATCH_COLUMN_NOT_ALLOWED", |waiver| waiver["allowed_columns"] = json!(["late_fee_cents"])),
        ("PROTECTED_COLUMN_ALLOWED", |waiver| {
            waiver["allowed_columns"] = json!(["late_fee_cents", "waiver_reason", "id"])
        }),
        ("PROTECTED_COLUMN_ALLOWED", |waiver| {
            waiver["allowed_columns"] = json!(["late_fee_cents", "waiver_reason", "tenant_id"]);
        }),
        ("DUPLICATE_CAPABILITY_NAME", |waiver| waiver["name"] = json!(INSPECT)),
        ("LOOKUP_ARG_MUST_BE_REQUIRED", |waiver| waiver["args"]["invoice_id"]["required"] = json!(false)),
    ];
    for (code, edit) in cases {
        stage.env.write("synapsor.runner.json", edited(&good, |config| edit(capability(config, WAIVER))));
        let output = stage.run(["config", "validate", "--json"]);
        let report = output.json();
        let codes: Vec<&Value> = report["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
        assert_eq!((output.status, codes), (1, vec![&json!(code)]), "{report}");
        assert!(report["errors"][0]["line"].is_u64() && report["errors"][0]["fix"].is_string(), "{report}");
        let served = stage.run(["mcp", "serve"]);
        assert_eq!((served.status, served.stderr.contains(code)), (2, true), "{code}: {}", served.stderr);
    }
}

/// Renames a column of the example, in the database and in both capabilities on the table.
async fn renamed(engine: Engine, name: &str, edit: impl Fn(&mut Value)) -> Stage {
    let stage = crate::stage::varied(
        Database::fresh(engine).await,
        |sql| sql.replace("waiver_reason", name),
        |config| edited(&config.replace("\"waiver_reason\"", &format!("\"{name}\"")), &edit),
    );
    stage.await
}

/// Weakness 29: a column with a name like that of a secret was accepted, and then each read of it failed.
#[tokio::test]
async fn weakness_29_a_column_named_like_a_secret_is_a_question_for_the_reviewer_and_not_a_trap() {
    for engine in Engine::ALL {
        let acknowledged = |config: &mut Value| {
            for name in [INSPECT, WAIVER] {
                capability(config, name)["sensitive_columns_ack"] = json!(["token"]);
            }
        };
        let stage = renamed(engine, "token", acknowledged).await;
        stage.db.execute("UPDATE invoices SET token = 'blue' WHERE id = 'INV-3001'").await;
        stage
            .db
            .execute("UPDATE invoices SET token = 'Bearer 0123456789abcdefghijABCDEFGHIJ' WHERE id = 'INV-3002'")
            .await;
        let id = id_of(&stage.propose("INV-3001", "green"));
        for (invoice, shown) in [("INV-3001", "blue"), ("INV-3002", "[masked]")] {
            let answer = inspect(&stage, invoice);
            assert_eq!(answer["data"]["token"], shown, "{engine:?} {answer}");
        }
        assert!(stage.run(["evidence", "list", "--json"]).expect(0).contains(INSPECT), "{engine:?}");
        stage.run(["proposals", "approve", &id, "--yes"]).expect(0);
        stage.run(["apply", &id]).expect(0);
        let token = stage.db.query_text("SELECT token FROM invoices WHERE id = 'INV-3001'").await;
        assert_eq!(token[0][0].as_deref(), Some("green"), "{engine:?}");

        let asked = edited(&stage.env.read("synapsor.runner.json"), |config| {
            capability(config, INSPECT).as_object_mut().unwrap().shift_remove("sensitive_columns_ack");
        });
        stage.env.write("synapsor.runner.json", asked);
        let output = stage.run(["config", "validate"]);
        assert_eq!(output.status, 1, "{engine:?} {}", output.stdout);
        assert!(output.stdout.contains("SENSITIVE_COLUMN_NOT_ACKNOWLEDGED"), "{}", output.stdout);
    }
}

/// Weakness 30: business words like `statement`, `sql` and `url` were refused anywhere in a configuration, and hidden
/// wherever something was printed.
#[tokio::test]
async fn weakness_30_business_words_are_served_and_shown() {
    for name in ["statement", "sql", "url", "key_number"] {
        let stage = renamed(Engine::Sqlite, name, |config| {
            let waiver = capability(config, WAIVER);
            let argument = waiver["args"]["reason"].take();
            waiver["args"].as_object_mut().unwrap().shift_remove("reason");
            waiver["args"][name] = argument;
            waiver["patch"][name] = json!({ "from_arg": name });
        })
        .await;
        stage.run(["config", "validate"]).expect(0);
        let plain = stage.run(["config", "show"]).json();
        assert_eq!(stage.run(["config", "show", "--redacted"]).json(), plain, "{name}");
        let id = approved(&stage, WAIVER, &json!({ "invoice_id": "INV-3001", name: "see page 7" }));
        let shown = stage.run(["proposals", "show", &id]).expect(0).to_owned();
        assert!(shown.contains(&format!("{name}: null -> see page 7")), "{shown}");
        stage.run(["apply", &id]).expect(0);
        assert_eq!(inspect(&stage, "INV-3001")["data"][name], "see page 7");
        assert!(stage.run(["replay", "show", &id]).expect(0).contains("see page 7"), "{name}");
    }
}
