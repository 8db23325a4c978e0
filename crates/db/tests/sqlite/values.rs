//! Every stored value reads exactly, is its own guard, and no other value's.

use synapsor_core::sql::filter::NoFilter;
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::Effect;

use crate::bench::{Bench, Update, integer, scoped};

/// Each with the class it is stored as, if the column leaves it alone.
const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "42",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "0.0",
    "-0.0",
    "1.0",
    "0.1",
    "-1.5",
    "42.0",
    "1e300",
    "5e-324",
    "9e999",
    "9223372036854775807.0",
    "''",
    "'0'",
    "'1'",
    "'42'",
    "'0.10'",
    "'1e3'",
    "'-0'",
    "'true'",
    "'x'",
    "'X'",
    "'x '",
    "'acme'",
    "'acmé'",
    "'acme' || char(769)",
    "'a' || char(0) || 'b'",
    "'a' || char(0)",
    "'日本'",
    "char(128512)",
    "'{\"a\":1.10}'",
    "'null'",
    "'2026-06-20 14:31:08'",
    "x''",
    "x'00'",
    "x'6162'",
    "'ab'",
    "x'ff'",
    "CAST(x'ff41' AS TEXT)",
    "NULL",
];

const TYPES: &[&str] = &[
    "",
    "BLOB",
    "TEXT",
    "TEXT COLLATE NOCASE",
    "TEXT COLLATE RTRIM",
    "VARCHAR(2)",
    "INTEGER",
    "REAL",
    "NUMERIC",
    "BOOLEAN",
    "JSON",
    "DATETIME",
];

#[tokio::test]
async fn every_value_is_its_own_guard_and_no_others() {
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(index, ty)| format!("c{index} {ty}")).collect();
    let mut schema = format!(
        "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee INTEGER, version INTEGER, {});",
        columns.join(", ")
    );
    for (row, literal) in LITERALS.iter().enumerate() {
        let values = vec![*literal; TYPES.len()].join(", ");
        schema.push_str(&format!("INSERT INTO t VALUES ('{row}', 'acme', 0, 1, {values});"));
    }
    let bench = Bench::new(&schema).await;
    let mut compared = 0;
    for (index, ty) in TYPES.iter().enumerate() {
        let name = format!("c{index}");
        let table = bench.table(&["id", "tenant", &name]).await;
        let mut cells: Vec<(usize, Cell, String)> = Vec::new();
        for row in 0..LITERALS.len() {
            let found = bench.read(&[&name], "acme", &row.to_string()).await;
            let same =
                bench.one(&format!("SELECT typeof({name}) || hex({name}) FROM t WHERE id = '{row}'")).await.unwrap();
            cells.push((row, found[0][0].clone(), same));
        }
        for (row, _, stored) in &cells {
            for (other, cell, other_stored) in &cells {
                // Text that is not UTF-8 is shown as bytes and guards nothing; a write on it is refused.
                let unreadable = LITERALS[*other].starts_with("CAST") && other_stored.starts_with("text");
                let expect = stored == other_stored && !unreadable;
                let held = bench.holds(&table, &row.to_string(), (&name, cell.clone())).await;
                assert_eq!(held, expect, "{ty}: {} under a guard on {}", LITERALS[*row], LITERALS[*other]);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, TYPES.len() * LITERALS.len() * LITERALS.len());
}

#[tokio::test]
async fn values_read_in_the_class_they_are_stored_in() {
    let check = async |ty: &str, literal: &str, expect: (Kind, Option<&str>)| {
        let bench = Bench::new(&format!(
            "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, c {ty}); INSERT INTO t VALUES ('1', 'acme', {literal});"
        ))
        .await;
        let found = bench.read(&["c"], "acme", "1").await;
        let (kind, text) = (found[0][0].kind().clone(), found[0][0].text());
        assert_eq!((kind, text), expect, "{ty} {literal}");
    };
    check("INTEGER", "9223372036854775807", (Kind::Integer, Some("9223372036854775807"))).await;
    check("INTEGER", "'12'", (Kind::Integer, Some("12"))).await;
    check("INTEGER", "'twelve'", (Kind::Text, Some("twelve"))).await;
    check("INTEGER", "1.5", (Kind::Float, Some("1.5"))).await;
    check("REAL", "1", (Kind::Float, Some("1.0"))).await;
    check("REAL", "0.1", (Kind::Float, Some("0.1"))).await;
    check("REAL", "1e300", (Kind::Float, Some("1e300"))).await;
    check("REAL", "9e999", (Kind::Float, Some("inf"))).await;
    check("NUMERIC(10,2)", "'10.50'", (Kind::Float, Some("10.5"))).await;
    check("NUMERIC(10,2)", "10.00", (Kind::Integer, Some("10"))).await;
    check("TEXT", "10.50", (Kind::Text, Some("10.5"))).await;
    check("TEXT", "'a' || char(0) || 'b'", (Kind::Text, Some("a\0b"))).await;
    check("TEXT", "''", (Kind::Text, Some(""))).await;
    check("TEXT", "NULL", (Kind::Text, None)).await;
    check("BOOLEAN", "1", (Kind::Boolean, Some("1"))).await;
    check("BOOLEAN", "2", (Kind::Integer, Some("2"))).await;
    check("BOOLEAN", "'yes'", (Kind::Text, Some("yes"))).await;
    check("JSON", "'{\"a\": 1.10}'", (Kind::Json, Some("{\"a\": 1.10}"))).await;
    check("JSON", "'7'", (Kind::Integer, Some("7"))).await;
    check("BLOB", "x'00ff'", (Kind::Bytes, Some("\\x00ff"))).await;
    check("BLOB", "x''", (Kind::Bytes, Some("\\x"))).await;
    check("TEXT", "CAST(x'ff41' AS TEXT)", (Kind::Bytes, Some("\\xff41"))).await;
    check("DATETIME", "'2026-06-20 14:31:08'", (Kind::Text, Some("2026-06-20 14:31:08"))).await;
}

#[tokio::test]
async fn tenants_and_keys_that_collate_alike_never_meet() {
    let names = ["acme", "ACME", "acm\u{e9}", "acme\u{301}", "acme ", " acme", "acme\0", "acme\0x"];
    for (encoding, collation) in [("UTF-8", "BINARY"), ("UTF-8", "NOCASE"), ("UTF-8", "RTRIM"), ("UTF-16", "NOCASE")] {
        let bench = Bench::new(&format!(
            "PRAGMA encoding = '{encoding}'; CREATE TABLE t (id TEXT COLLATE {collation}, tenant TEXT COLLATE {collation}, fee INTEGER, version INTEGER);"
        ))
        .await;
        let quoted = |name: &str| format!("'{}'", name.replace('\0', "' || char(0) || '"));
        for (index, name) in names.iter().enumerate() {
            let name = quoted(name);
            bench
                .db
                .execute(&format!("INSERT INTO t VALUES ({name}, 'one', {index}, 1), ('k', {name}, {index}, 1);"))
                .await;
        }
        for (index, name) in names.iter().enumerate() {
            if name.contains('\0') {
                // Other programs may store such text; nobody can ask for it.
                let table = bench.table(&["id", "tenant"]).await;
                assert_eq!(scoped(&table, "one", name), Err(NoFilter::Unstorable));
                assert_eq!(scoped(&table, name, "k"), Err(NoFilter::Unstorable));
                continue;
            }
            let expect = vec![vec![integer(i64::try_from(index).unwrap())]];
            assert_eq!(bench.read(&["fee"], "one", name).await, expect, "key {name:?} {collation}");
            assert_eq!(bench.read(&["fee"], name, "k").await, expect, "tenant {name:?} {collation}");
            for (tenant, id) in [("one", *name), (*name, "k")] {
                let patch = vec![("fee", integer(99))];
                let update = Update { tenant, id, guards: Vec::new(), patch, version: None };
                assert_eq!(bench.rehearse(update).await, Effect::Rehearsed, "{tenant:?} {id:?} {collation}");
            }
        }
    }
}
