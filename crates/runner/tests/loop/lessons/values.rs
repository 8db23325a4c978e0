//! Values as a model sees them.

use serde_json::{Value, json};
use synapsor_testkit::database::Engine;

use super::{INSPECT, capability, change_config, inspect};
use crate::stage::billing;

/// Columns beyond the example's: name, type, value in SQL, and what a model sees.
fn columns(engine: Engine) -> Vec<(&'static str, &'static str, &'static str, Value)> {
    match engine {
        Engine::Postgres => vec![
            ("an_object", "jsonb", r#"'{"a": {"b": [1, null]}}'"#, json!({ "a": { "b": [1, null] } })),
            ("texts", "text[]", "ARRAY['a,b', NULL, 'c']", json!(["a,b", null, "c"])),
            ("numbers", "int[]", "ARRAY[[1, 2], [3, 4]]", json!([[1, 2], [3, 4]])),
            ("bytes", "bytea", r"'\x00ff41'", json!(r"\x00ff41")),
            ("huge", "bigint", "9007199254740993", json!("9007199254740993")),
            ("exact", "numeric", "0.10", json!("0.10")),
        ],
        Engine::Mysql => vec![
            // MariaDB keeps a document as the text it is, and says so.
            ("an_object", "json", r#"'{"a": {"b": [1, null]}}'"#, json!(r#"{"a": {"b": [1, null]}}"#)),
            ("bytes", "varbinary(9)", "x'00ff41'", json!(r"\x00ff41")),
            ("huge", "bigint", "9007199254740993", json!("9007199254740993")),
            ("exact", "decimal(9, 2)", "0.10", json!("0.10")),
        ],
        Engine::Sqlite => vec![
            ("bytes", "BLOB", "x'00ff41'", json!(r"\x00ff41")),
            ("huge", "INTEGER", "9007199254740993", json!("9007199254740993")),
        ],
    }
}

/// Weakness 28: objects became `[object Object]`, arrays a list with commas, and bytes were taken for text.
#[tokio::test]
async fn weakness_28_values_keep_their_shape_and_every_digit() {
    for engine in Engine::ALL {
        let columns = columns(engine);
        let stage = billing(engine).await;
        change_config(&stage, |config| {
            let visible = capability(config, INSPECT)["visible_columns"].as_array_mut().unwrap();
            visible.extend(columns.iter().map(|(name, ..)| json!(name)));
        });
        for (name, native, value, _) in &columns {
            stage.db.execute(&format!("ALTER TABLE invoices ADD COLUMN {name} {native}")).await;
            stage.db.execute(&format!("UPDATE invoices SET {name} = {value} WHERE id = 'INV-3001'")).await;
            match engine {
                Engine::Postgres => stage.db.execute(&format!("GRANT SELECT ({name}) ON invoices TO {{reader}}")).await,
                Engine::Mysql => {
                    stage.db.execute(&format!("GRANT SELECT ({name}) ON {{schema}}.invoices TO {{reader}}")).await
                }
                Engine::Sqlite => {}
            }
        }
        let seen = inspect(&stage, "INV-3001");
        for (name, native, _, shown) in &columns {
            assert_eq!(seen["data"][name], *shown, "{engine:?} {native} {seen}");
        }
        let recorded = stage.run(["evidence", "list", "--json"]).json()["evidence"][0]["evidence_bundle_id"].clone();
        let recorded = stage.run(["evidence", "show", recorded.as_str().unwrap(), "--json"]).json();
        let row = &recorded["items"][0]["item"]["visible_row"];
        for (name, .., shown) in &columns {
            assert_eq!(row[name], *shown, "{engine:?} {recorded}");
        }
    }
}
