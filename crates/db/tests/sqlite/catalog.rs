//! What is said of tables and of receipt tables.

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts;
use synapsor_core::value::{Kind, RefusedTarget, Table};
use synapsor_db::engine::{Ask, Engine, ReceiptsState};

use crate::bench::{Bench, RECEIPTS_ID, ident, is_ready, place};

async fn describe(engine: &Engine, schema: &str, table: &str, columns: &[&str]) -> Option<Table> {
    let columns = columns.iter().map(|name| ident(name)).collect();
    engine.describe(&Ask { schema: ident(schema), table: ident(table), columns }).await.unwrap()
}

#[tokio::test]
async fn columns_are_described_in_order_and_under_the_names_asked_for() {
    let bench = Bench::new(
        "CREATE TABLE Orders (id INTEGER PRIMARY KEY, Tenant TEXT NOT NULL, total DECIMAL(10,2), paid BOOLEAN,
         twice INTEGER GENERATED ALWAYS AS (total * 2), kept INTEGER AS (total * 3) STORED, doc JSON, raw BLOB);
         CREATE TABLE keyed (id INTEGER, k TEXT, PRIMARY KEY (id)) WITHOUT ROWID;",
    )
    .await;
    let asked = ["raw", "doc", "kept", "twice", "paid", "total", "tenant", "id", "nothing"];
    let table = describe(&bench.reader, "main", "orders", &asked).await.unwrap();
    let found: Vec<_> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.kind.clone(), column.nullable, column.generated))
        .collect();
    assert_eq!(
        found,
        [
            ("id", Kind::Integer, false, false),
            ("tenant", Kind::Text, false, false),
            ("total", Kind::Decimal, true, false),
            ("paid", Kind::Boolean, true, false),
            ("twice", Kind::Integer, true, true),
            ("kept", Kind::Integer, true, true),
            ("doc", Kind::Json, true, false),
            ("raw", Kind::Bytes, true, false),
        ]
    );
    assert_eq!((table.name.as_str(), table.refused), ("orders", None));
    let keyed = describe(&bench.reader, "main", "keyed", &["id", "k"]).await.unwrap();
    let nullable: Vec<bool> = keyed.columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [false, true]);
}

#[tokio::test]
async fn only_ordinary_tables_of_main_are_targets() {
    let bench = Bench::new(
        "CREATE TABLE t (id TEXT); CREATE VIEW v AS SELECT * FROM t; CREATE VIRTUAL TABLE words USING fts5(body);",
    )
    .await;
    let refused = async |name: &str| describe(&bench.reader, "main", name, &[]).await.map(|table| table.refused);
    assert_eq!(refused("t").await, Some(None));
    assert_eq!(refused("v").await, Some(Some(RefusedTarget::View)));
    assert_eq!(refused("words").await, Some(Some(RefusedTarget::Virtual)));
    assert_eq!(refused("words_content").await, Some(Some(RefusedTarget::Virtual)));
    assert_eq!(refused("nothing").await, None);
    assert_eq!(refused("sqlite_schema").await, None);
    assert_eq!(describe(&bench.reader, "temp", "t", &[]).await, None);
    assert_eq!(describe(&bench.reader, "public", "t", &[]).await, None);
}

#[tokio::test]
async fn columns_that_other_rows_follow_are_named() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT UNIQUE, slug TEXT UNIQUE, up INTEGER,
           tag TEXT UNIQUE, FOREIGN KEY (up) REFERENCES t (id) ON UPDATE SET NULL);
         CREATE TABLE a (c TEXT REFERENCES T (Code) ON UPDATE CASCADE);
         CREATE TABLE b (c TEXT REFERENCES t (name) ON UPDATE NO ACTION ON DELETE CASCADE);
         CREATE TABLE c (c TEXT REFERENCES t (slug) ON UPDATE SET DEFAULT);
         CREATE TABLE d (c INTEGER REFERENCES t ON UPDATE CASCADE);
         CREATE TABLE e (c TEXT REFERENCES t (tag) ON UPDATE RESTRICT);",
    )
    .await;
    let asked = ["id", "code", "name", "slug", "tag"];
    let table = describe(&bench.reader, "main", "t", &asked).await.unwrap();
    assert_eq!(table.cascading, ["code", "id", "slug"].map(ident));
}

#[tokio::test]
async fn a_receipt_table_is_used_only_if_it_keeps_its_promise() {
    const REST: &str = "proposal_id TEXT, proposal_hash TEXT, ledger_id TEXT, ledger_head TEXT, server_id TEXT, status TEXT, \
                        new_version TEXT, result_hash TEXT, completed_at TEXT";
    let check = async |schema: &str, expect: &str| {
        let bench = Bench::new("").await;
        bench.db.execute(&schema.replace("{rest}", REST)).await;
        let shown = match bench.writer.receipts(&place()).await.unwrap() {
            ReceiptsState::Ready(found) => found.receipts_id,
            ReceiptsState::Missing => "missing".to_owned(),
            ReceiptsState::Unsafe { why } => why,
        };
        assert_eq!(shown, expect, "{schema}");
    };
    check("", RECEIPTS_ID).await;
    check("DROP TABLE receipts", "missing").await;
    check("DROP TABLE receipts_id", "missing").await;
    check("DELETE FROM receipts_id", "missing").await;
    check("ALTER TABLE receipts DROP COLUMN ledger_head", "it has no column `ledger_head`").await;
    check(
        "CREATE TRIGGER x AFTER INSERT ON receipts BEGIN DELETE FROM receipts; END",
        "it has triggers, which could undo a receipt",
    )
    .await;
    check("DROP TABLE receipts; CREATE VIEW receipts AS SELECT 1 AS job_id", "it is no ordinary table").await;
    let keys = [
        ("idempotency_key TEXT PRIMARY KEY, job_id TEXT UNIQUE", RECEIPTS_ID),
        ("idempotency_key TEXT UNIQUE, job_id TEXT PRIMARY KEY", RECEIPTS_ID),
        ("idempotency_key TEXT PRIMARY KEY, job_id TEXT", "it has no unique key on `job_id` alone"),
        ("idempotency_key TEXT, job_id TEXT UNIQUE", "it has no unique key on `idempotency_key` alone"),
        (
            "idempotency_key TEXT PRIMARY KEY, job_id TEXT COLLATE NOCASE UNIQUE",
            "it has no unique key on `job_id` alone",
        ),
    ];
    for (keys, expect) in keys {
        check(&format!("DROP TABLE receipts; CREATE TABLE receipts ({keys}, {{rest}})"), expect).await;
    }
    let without = "DROP TABLE receipts; CREATE TABLE receipts (idempotency_key TEXT PRIMARY KEY, job_id TEXT, {rest});";
    let no_key = "it has no unique key on `job_id` alone";
    check(&format!("{without} CREATE UNIQUE INDEX x ON receipts (job_id)"), RECEIPTS_ID).await;
    check(&format!("{without} CREATE INDEX x ON receipts (job_id)"), no_key).await;
    check(&format!("{without} CREATE UNIQUE INDEX x ON receipts (job_id, status)"), no_key).await;
    check(&format!("{without} CREATE UNIQUE INDEX x ON receipts (job_id) WHERE status = 'applied'"), no_key).await;
    check(&format!("{without} CREATE UNIQUE INDEX x ON receipts (job_id || status)"), no_key).await;
}

#[tokio::test]
async fn the_migration_runs_twice_and_keeps_its_identity() {
    let bench = Bench::new("").await;
    let again = receipts::migration(EngineKind::Sqlite, &place(), "ffffffffffffffffffff");
    bench.writer.migrate(&again).await.unwrap();
    assert!(is_ready(&bench.reader.receipts(&place()).await.unwrap()));
    let half = ["CREATE TABLE x (y);".to_owned(), "CREATE TABLE receipts (y);".to_owned()];
    bench.writer.migrate(&half).await.unwrap_err();
    assert_eq!(describe(&bench.reader, "main", "x", &[]).await, None, "all statements or none");
}
