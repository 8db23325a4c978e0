//! What the catalog says of targets and receipt tables.

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts::migration;
use synapsor_core::value::RefusedTarget;
use synapsor_db::engine::{Ask, ReceiptsState, Role};
use synapsor_testkit::database;

use crate::site::{RECEIPTS_ID, ident, is_ready, open, place, site, source};

#[tokio::test]
async fn only_plain_tables_are_targets() {
    let site = site(
        "CREATE EXTENSION postgres_fdw;
         CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
         CREATE TABLE plain (id int);
         CREATE VIEW a_view AS SELECT * FROM plain;
         CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM plain;
         CREATE FOREIGN TABLE a_foreign (id int) SERVER far;
         CREATE TABLE parted (id int) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
         CREATE TABLE mixed (id int) PARTITION BY RANGE (id);
         CREATE TABLE mixed_sub PARTITION OF mixed FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id);
         CREATE FOREIGN TABLE mixed_far PARTITION OF mixed_sub FOR VALUES FROM (0) TO (5) SERVER far;
         CREATE TABLE parent (id int);
         CREATE TABLE child () INHERITS (parent);
         CREATE TABLE ruled (id int);
         CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD NOTHING;
         CREATE TABLE inserts (id int);
         CREATE RULE r AS ON INSERT TO inserts DO ALSO NOTHING;
         CREATE UNLOGGED TABLE unlogged (id int)",
    )
    .await;
    for (name, expect) in [
        ("plain", None),
        ("a_view", Some(RefusedTarget::View)),
        ("a_matview", Some(RefusedTarget::View)),
        ("a_foreign", Some(RefusedTarget::Foreign)),
        ("parted", None),
        ("part", None),
        ("mixed", Some(RefusedTarget::Foreign)),
        ("mixed_far", Some(RefusedTarget::Foreign)),
        ("parent", Some(RefusedTarget::Inheritance)),
        ("child", Some(RefusedTarget::Inheritance)),
        ("ruled", Some(RefusedTarget::Rules)),
        ("inserts", None),
        ("unlogged", None),
    ] {
        assert_eq!(site.table(name).await.refused, expect, "{name}");
    }
}

#[tokio::test]
async fn cascading_columns_are_named() {
    let site = site(
        "CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, other int UNIQUE, a int, b int, UNIQUE (a, b));
         CREATE TABLE c1 (x text REFERENCES t (code) ON UPDATE CASCADE);
         CREATE TABLE c2 (x int REFERENCES t (id) ON DELETE CASCADE);
         CREATE TABLE c3 (x int, y int, FOREIGN KEY (x, y) REFERENCES t (a, b) ON UPDATE SET NULL);
         CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
         CREATE TABLE c4 (x int REFERENCES p ON UPDATE SET DEFAULT)",
    )
    .await;
    let of = async |name| site.table(name).await.cascading.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(of("t").await, ["a", "b", "code"]);
    assert_eq!(of("p").await, ["id"]);
    assert_eq!(of("p1").await, ["id"]);
    assert_eq!(of("c1").await, [""; 0]);
}

#[tokio::test]
async fn an_answer_holds_what_exists_of_what_was_asked() {
    let site = site("CREATE TABLE t (b int, a int, c int)").await;
    let ask = |table: &str| Ask {
        schema: ident("public"),
        table: ident(table),
        columns: ["a", "b", "A", "missing", "xmin"].map(ident).into(),
    };
    let table = site.reader.describe(&ask("t")).await.unwrap().unwrap();
    let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(site.reader.describe(&ask("T")).await.unwrap(), None);
}

#[tokio::test]
async fn a_receipt_table_is_ready_only_if_it_can_fence() {
    let site = site("").await;
    let state = async || site.writer.receipts(&place()).await.unwrap();
    assert!(is_ready(&state().await));
    let table = "synapsor_writeback_receipts";
    let no_key = "ALTER TABLE @ DROP CONSTRAINT @_job_id_key;";
    let key = "ALTER TABLE @ ADD CONSTRAINT @_job_id_key UNIQUE (job_id);";
    for (harm, word, mend) in [
        ("", "`job_id`", ""),
        ("CREATE UNIQUE INDEX i ON @ (job_id, status)", "`job_id`", "DROP INDEX i"),
        ("CREATE UNIQUE INDEX i ON @ (job_id) WHERE status = 'applied'", "`job_id`", "DROP INDEX i"),
        ("CREATE UNIQUE INDEX i ON @ (lower(job_id))", "`job_id`", "DROP INDEX i"),
        ("CREATE INDEX i ON @ (job_id)", "`job_id`", "DROP INDEX i"),
        ("ALTER TABLE @ ADD CONSTRAINT i UNIQUE (job_id) DEFERRABLE", "`job_id`", "ALTER TABLE @ DROP CONSTRAINT i"),
    ] {
        site.db.execute(&format!("{no_key}{harm}").replace('@', table)).await;
        let ReceiptsState::Unsafe { why } = state().await else { panic!("{harm}") };
        assert!(why.contains(word), "{harm}: {why}");
        site.db.execute(&format!("{key}{mend}").replace('@', table)).await;
    }
    for (harm, word, mend) in [
        (
            "ALTER TABLE @ DROP CONSTRAINT @_pkey",
            "`idempotency_key`",
            "ALTER TABLE @ ADD PRIMARY KEY (idempotency_key)",
        ),
        ("ALTER TABLE @ RENAME ledger_id TO x", "`ledger_id`", "ALTER TABLE @ RENAME x TO ledger_id"),
        ("ALTER TABLE @ ALTER job_id DROP NOT NULL", "`job_id`", "ALTER TABLE @ ALTER job_id SET NOT NULL"),
        ("ALTER TABLE @ SET UNLOGGED", "unlogged", "ALTER TABLE @ SET LOGGED"),
        ("CREATE RULE r AS ON INSERT TO @ DO INSTEAD NOTHING", "rules", "DROP RULE r ON @"),
        ("ALTER TABLE @ ENABLE ROW LEVEL SECURITY", "row-level", "ALTER TABLE @ DISABLE ROW LEVEL SECURITY"),
    ] {
        site.db.execute(&harm.replace('@', table)).await;
        let ReceiptsState::Unsafe { why } = state().await else { panic!("{harm}") };
        assert!(why.contains(word), "{harm}: {why}");
        site.db.execute(&mend.replace('@', table)).await;
    }
    assert!(matches!(state().await, ReceiptsState::Ready(_)));
    site.db.execute("ALTER TABLE synapsor_writeback_receipts_id RENAME TO hidden").await;
    assert_eq!(state().await, ReceiptsState::Missing);
    site.db.execute("ALTER TABLE hidden RENAME TO synapsor_writeback_receipts_id").await;
    site.db.execute("DELETE FROM synapsor_writeback_receipts_id").await;
    assert_eq!(state().await, ReceiptsState::Missing);
    site.db.execute("DROP TABLE synapsor_writeback_receipts").await;
    assert_eq!(state().await, ReceiptsState::Missing);
    site.db.execute("CREATE VIEW synapsor_writeback_receipts AS SELECT 1").await;
    assert!(matches!(state().await, ReceiptsState::Unsafe { .. }));
}

#[tokio::test]
async fn a_migration_runs_whole_or_not_at_all_and_may_run_twice() {
    let db = database::postgres().await;
    let admin = open(&db.admin_url(), Role::Writer, &source());
    let mut broken = migration(EngineKind::Postgres, &place(), RECEIPTS_ID);
    broken.push("SELECT nonsense".to_owned());
    admin.migrate(&broken).await.unwrap_err();
    assert_eq!(admin.receipts(&place()).await.unwrap(), ReceiptsState::Missing);

    for id in [RECEIPTS_ID, "ffffffffffffffffffff"] {
        admin.migrate(&migration(EngineKind::Postgres, &place(), id)).await.unwrap();
        assert!(is_ready(&admin.receipts(&place()).await.unwrap()));
    }
}

#[tokio::test]
async fn a_table_of_the_reference_program_is_completed() {
    for unique in ["UNIQUE", ""] {
        let db = database::postgres().await;
        db.execute(&format!(
            "CREATE TABLE synapsor_writeback_receipts (
               idempotency_key text PRIMARY KEY, job_id text NOT NULL {unique}, proposal_id text NOT NULL, status text NOT NULL,
               result_hash text, created_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz);
             INSERT INTO synapsor_writeback_receipts VALUES ('k', 'j', 'p', 'in_progress')"
        ))
        .await;
        let admin = open(&db.admin_url(), Role::Writer, &source());
        assert!(matches!(admin.receipts(&place()).await.unwrap(), ReceiptsState::Unsafe { .. }));
        admin.migrate(&migration(EngineKind::Postgres, &place(), RECEIPTS_ID)).await.unwrap();
        assert!(is_ready(&admin.receipts(&place()).await.unwrap()));
        let kept = db.query_text("SELECT status FROM synapsor_writeback_receipts").await;
        assert_eq!(kept, [[Some("in_progress".to_owned())]]);
        let indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 'synapsor_writeback_receipts'::regclass";
        assert_eq!(db.query_text(indexes).await[0][0].as_deref(), Some("2"));
    }
}
