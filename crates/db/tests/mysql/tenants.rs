//! Tenants and keys that collations take for one another never meet.

use serde_json::json;
use synapsor_core::sql::Filter;
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::Effect;

use crate::stage::{Stage, change, column, scope, text};

const TENANTS: [&str; 6] = ["acme", "ACME", "acm\u{e9}", "acme ", "acme\t", "Acme"];

#[tokio::test]
async fn tenants_and_keys_are_compared_by_identity() {
    let stage = Stage::new().await;
    let without_padding =
        if stage.maria { "utf8mb4 COLLATE utf8mb4_unicode_nopad_ci" } else { "utf8mb4 COLLATE utf8mb4_0900_ai_ci" };
    let without_padding = format!("CHARACTER SET {without_padding}");
    let sets = [
        without_padding.as_str(),
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci",
        "CHARACTER SET latin1 COLLATE latin1_general_ci",
        "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
    ];
    for (index, set) in sets.into_iter().enumerate() {
        let name = format!("t{index}");
        let mut script = format!(
            "CREATE TABLE {name} (row_no int PRIMARY KEY AUTO_INCREMENT, id varchar(20) {set} NOT NULL, \
             tenant varchar(20) {set} NOT NULL, v int NOT NULL, n int NOT NULL DEFAULT 1, KEY (id), KEY (tenant));"
        );
        for (v, tenant) in TENANTS.iter().enumerate() {
            script.push_str(&format!(
                "INSERT INTO {name} (id, tenant, v) VALUES ('inv', '{tenant}', {v}), ('INV', '{tenant}', 1{v});"
            ));
        }
        stage.db.execute(&script).await;
        let table = stage.table(&name, &["id", "tenant", "v", "n"]).await;
        for (v, tenant) in TENANTS.iter().enumerate() {
            let filter = stage.filter(&table, "inv", tenant);
            let rows = stage.read(&table, &["tenant", "v"], &filter).await.unwrap();
            assert_eq!(rows.len(), 1, "{set} {tenant:?}");
            assert_eq!(text(&rows[0]), [Some(*tenant), Some(v.to_string().as_str())], "{set}");
            let next = Cell::new(Kind::Integer, Some((100 + v).to_string()));
            let seen = filter.and(column(&table, "v"), rows[0][1].clone());
            let effect =
                stage.apply(&change(&table, seen, &[("v", next)], None), &format!("{name}_{v}")).await.unwrap();
            assert_eq!(effect, Effect::Committed { new_version: None }, "{set} {tenant:?}");
        }
        let rows = stage.db.query_text(&format!("SELECT v FROM {name} ORDER BY row_no")).await;
        let values: Vec<String> = rows.into_iter().filter_map(|row| row[0].clone()).collect();
        let expect: Vec<String> = (0..TENANTS.len()).flat_map(|v| [(100 + v).to_string(), format!("1{v}")]).collect();
        assert_eq!(values, expect, "{set}");
        // No row has these; some cannot even be written in the column's character set.
        for other in ["aCME", "acme  ", "acm\u{1F600}", "\u{1F600}", "acme\u{301}", "?"] {
            for (id, tenant) in [("inv", other), (other, "acme")] {
                let found = match Filter::scoped(&stage.target(&name), &table, &scope(tenant), &json!(id)) {
                    Ok(filter) => stage.read(&table, &["v"], &filter).await.unwrap().len(),
                    // The column's character set has no such text.
                    Err(_) => 0,
                };
                assert_eq!(found, 0, "{set} {id:?} {tenant:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_number_is_no_prefix_of_a_key() {
    let stage = Stage::with(
        "CREATE TABLE numbers (id int PRIMARY KEY, tenant varchar(20) NOT NULL, v int NOT NULL); \
         INSERT INTO numbers VALUES (1, 'acme', 7), (0, 'acme', 8); \
         CREATE TABLE words (id varchar(20) PRIMARY KEY, tenant varchar(20) NOT NULL, v int NOT NULL); \
         INSERT INTO words VALUES ('1abc', 'acme', 7), ('abc', 'acme', 8), ('01', 'acme', 9)",
    )
    .await;
    for (table, id, expect) in [
        ("numbers", "1", Some("7")),
        ("words", "1abc", Some("7")),
        ("words", "1", None),
        ("words", "0", None),
        ("words", "01", Some("9")),
    ] {
        let table = stage.table(table, &["id", "tenant", "v"]).await;
        let rows = stage.read(&table, &["v"], &stage.filter(&table, id, "acme")).await.unwrap();
        assert_eq!(rows.first().and_then(|row| row[0].text()), expect, "{id}");
    }
    let table = stage.table("numbers", &["id", "tenant", "v"]).await;
    for id in ["1abc", "abc", "", "1.0", "0x1"] {
        // Where the filter is not refused outright, it finds nothing.
        if let Ok(filter) = Filter::scoped(&stage.target("numbers"), &table, &scope("acme"), &json!(id)) {
            let rows = stage.read(&table, &["v"], &filter).await.unwrap();
            assert!(rows.is_empty(), "{id}");
        }
    }
}
