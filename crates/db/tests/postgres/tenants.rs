//! Tenants that look alike never meet: not in a read, not in a write.

use serde_json::json;
use synapsor_core::writeback::Effect;

use crate::site::{cell, change, column, filter, site};

const ALIKE: [&str; 6] = ["acme", "ACME", "acmé", "acme ", "acme\u{301}", " acme"];

#[tokio::test]
async fn alike_tenants_never_meet() {
    for native in ["text", "citext", "char(8)", "varchar(8)", "text COLLATE loose", "name", "alike"] {
        let site = site(&format!(
            "CREATE EXTENSION citext;
             CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
             CREATE DOMAIN alike AS citext;
             CREATE TABLE t (id text, tenant_id {native}, n int NOT NULL DEFAULT 0);
             INSERT INTO t SELECT '1', v FROM unnest(ARRAY['acme', 'ACME', 'acmé', 'acme ', E'acme\\u0301', ' acme']) v"
        ))
        .await;
        let table = site.table("t").await;
        for tenant in ALIKE {
            // Fixed-width text cannot tell blanks at its end from none: such a name is no tenant there.
            let blank = native == "char(8)" && tenant == "acme ";
            let stored = if native == "char(8)" && tenant == "acme" { 2 } else { 1 };
            let rows = site.read(&table, &json!("1"), tenant).await;
            if blank {
                assert!(rows.is_empty(), "{native} {tenant}");
                continue;
            }
            assert_eq!(rows.len(), stored, "{native} {tenant:?}");
            assert!(rows.iter().all(|row| row[1].text() == Some(tenant)), "{native} {tenant}");
            if stored == 1 {
                let n = column(&table, "n");
                let mut change = change(&table, "n", "1");
                change.filter = filter(&table, &json!("1"), tenant).unwrap();
                change.patch = vec![(n.clone(), cell(&n, "1"))];
                let effect = site.transact(&change).await;
                assert!(matches!(effect, Effect::Committed { .. }), "{native} {tenant:?} {effect:?}");
                let query = "SELECT sum(n)::text || count(*) FILTER (WHERE n = 1)::text FROM t";
                assert_eq!(site.value(query).await.as_deref(), Some("11"), "{native} {tenant:?}");
                site.db.execute("UPDATE t SET n = 0").await;
            }
        }
        assert!(site.read(&table, &json!("1"), "acm").await.is_empty());
    }
}

#[tokio::test]
async fn a_longer_name_does_not_find_its_stump() {
    let site =
        site("CREATE TABLE t (id name PRIMARY KEY, tenant_id \"char\"); INSERT INTO t VALUES (repeat('x', 63), 'a')")
            .await;
    let table = site.table("t").await;
    let stump = "x".repeat(63);
    assert_eq!(site.read(&table, &json!(stump), "a").await.len(), 1);
    assert_eq!(site.read(&table, &json!(format!("{stump}y")), "a").await.len(), 0);
    assert_eq!(site.read(&table, &json!(stump), "ab").await.len(), 0);
    assert_eq!(site.read(&table, &json!(stump), "b").await.len(), 0);
}

#[tokio::test]
async fn numbers_are_not_texts_and_texts_are_not_numbers() {
    let site =
        site("CREATE TABLE t (id int PRIMARY KEY, tenant_id text); INSERT INTO t VALUES (0, 'acme'), (1, 'acme')")
            .await;
    let table = site.table("t").await;
    assert_eq!(site.read(&table, &json!("1"), "acme").await.len(), 1);
    assert_eq!(site.read(&table, &json!(1), "acme").await.len(), 1);
    for key in [json!("1abc"), json!("01"), json!(" 1"), json!("1.0"), json!("acme"), json!(1.5), json!("99999999999")]
    {
        assert_eq!(site.read(&table, &key, "acme").await.len(), 0, "{key}");
    }
}
