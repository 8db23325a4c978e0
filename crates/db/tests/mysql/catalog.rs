//! What the catalog says, also to a role with few privileges.

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts::{Place, migration};
use synapsor_core::value::{Kind, Limits, Native, RefusedTarget};
use synapsor_db::engine::{Ask, Engine, ReceiptsState, Role};

use crate::stage::{RECEIPTS_ID, Stage, column, ident, is_ready, open, source};

fn ask(stage: &Stage, table: &str, columns: &[&str]) -> Ask {
    let columns = columns.iter().map(|name| ident(name)).collect();
    Ask { schema: ident(stage.db.schema()), table: ident(table), columns }
}

#[tokio::test]
async fn columns_have_their_limits() {
    let stage = Stage::with(
        "CREATE TABLE t (tiny tinyint unsigned NOT NULL, big bigint, y year, d decimal(12,3), c char(4) CHARACTER SET latin1, \
         s varchar(40), w text, e enum('a','it''s','b\\\\c'), bin varbinary(9), bits bit(9), ts timestamp(3) NULL, dt datetime, \
         tm time(6), doc json, prose longtext, twice bigint AS (big * 2) STORED, half bigint AS (big / 2) VIRTUAL, st set('x'))",
    )
    .await;
    let table = stage
        .table(
            "t",
            &[
                "tiny", "BIG", "y", "d", "c", "s", "w", "e", "bin", "bits", "ts", "dt", "tm", "doc", "prose", "twice",
                "half", "st",
            ],
        )
        .await;
    assert_eq!(table.refused, None);
    let check = |name: &str, kind: Kind, limits: Limits| {
        let column = column(&table, name);
        assert_eq!((column.kind, column.limits), (kind, limits), "{name}");
    };
    let none = Limits::default;
    let wide = (i128::from(i64::MIN), i128::from(i64::MAX));
    check("tiny", Kind::Integer, Limits { range: Some((0, 255)), ..none() });
    check("BIG", Kind::Integer, Limits { range: Some(wide), ..none() });
    check("y", Kind::Integer, Limits { range: Some((1901, 2155)), ..none() });
    check("d", Kind::Decimal, Limits { precision: Some(12), scale: Some(3), ..none() });
    check("c", Kind::Text, Limits { chars: Some(4), ..none() });
    check("s", Kind::Text, Limits { chars: Some(40), ..none() });
    check("w", Kind::Text, Limits { bytes: Some(65_535), ..none() });
    let labels = ["a", "it's", "b\\c"].map(str::to_owned).to_vec();
    check("e", Kind::Enum, Limits { labels, ..none() });
    check("bin", Kind::Bytes, Limits { bytes: Some(9), ..none() });
    check("bits", Kind::Bits, Limits { chars: Some(9), ..none() });
    check("ts", Kind::Instant, Limits { fraction: Some(3), ..none() });
    check("dt", Kind::DateTime, Limits { fraction: Some(0), ..none() });
    check("tm", Kind::Time, Limits { fraction: Some(6), ..none() });
    check("doc", Kind::Json, Limits { bytes: stage.maria.then_some(4_294_967_295), ..none() });
    check("prose", Kind::Text, Limits { bytes: Some(4_294_967_295), ..none() });
    check("st", Kind::Other, none());
    assert!(column(&table, "twice").generated && column(&table, "half").generated && !column(&table, "s").generated);
    assert!(column(&table, "s").nullable && !column(&table, "tiny").nullable);
    match column(&table, "c").native {
        Native::Mysql { data_type, unsigned, charset, collation } => {
            assert_eq!((data_type.as_str(), unsigned), ("char", false));
            assert_eq!((charset.as_deref(), collation.as_deref()), (Some("latin1"), Some("latin1_swedish_ci")));
        }
        other => panic!("{other:?}"),
    }
    let some = stage.reader.describe(&ask(&stage, "t", &["s", "no_such"])).await.unwrap().unwrap();
    assert_eq!(some.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["s"]);
    for (schema, table) in [("main", "t"), (stage.db.schema(), "T"), (stage.db.schema(), "none")] {
        let ask = Ask { schema: ident(schema), table: ident(table), columns: vec![ident("s")] };
        assert_eq!(stage.reader.describe(&ask).await.unwrap(), None, "{schema}.{table}");
    }
}

#[tokio::test]
async fn some_objects_are_no_targets() {
    let stage = Stage::with(
        "CREATE TABLE base (id int PRIMARY KEY, note longtext); CREATE VIEW seen AS SELECT * FROM base; \
         CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM",
    )
    .await;
    let mut expected =
        vec![("base", None), ("seen", Some(RefusedTarget::View)), ("old", Some(RefusedTarget::NonTransactional))];
    if stage.maria {
        stage
            .db
            .execute(
                "CREATE TABLE safe (id int PRIMARY KEY) ENGINE=Aria; CREATE SEQUENCE seq; \
                 CREATE TABLE history (id int PRIMARY KEY) WITH SYSTEM VERSIONING",
            )
            .await;
        expected.extend([
            ("history", None),
            ("safe", Some(RefusedTarget::NonTransactional)),
            ("seq", Some(RefusedTarget::Sequence)),
        ]);
    }
    for (table, refused) in expected {
        let described = stage.reader.describe(&ask(&stage, table, &["id", "note"])).await.unwrap().unwrap();
        assert_eq!(described.refused, refused, "{table}");
    }
}

#[tokio::test]
async fn columns_that_others_follow_are_named() {
    let stage = Stage::new().await;
    // Only MariaDB lets a foreign key reference what is not unique.
    let key = if stage.maria { "KEY" } else { "UNIQUE KEY" };
    let script = format!(
        "CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, alias int, plain int, {key} (alias)); \
         CREATE TABLE a (id int PRIMARY KEY, code int, FOREIGN KEY (code) REFERENCES parent (code) ON UPDATE CASCADE); \
         CREATE TABLE b (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE); \
         CREATE TABLE c (id int PRIMARY KEY, alias int, FOREIGN KEY (alias) REFERENCES parent (alias) ON UPDATE SET NULL); \
         GRANT SELECT (id, code, alias, plain), UPDATE (plain, code) ON parent TO {{writer}}; \
         GRANT INSERT (id) ON a TO {{writer}}; GRANT INSERT (id) ON b TO {{writer}}; GRANT INSERT (id) ON c TO {{writer}}"
    );
    stage.db.execute(&script).await;
    let weak = open(&stage.db.writer_url(), Role::Writer, source());
    for engine in [&stage.reader, &weak] {
        let table = engine.describe(&ask(&stage, "parent", &["id", "code", "alias", "plain"])).await.unwrap().unwrap();
        let names: Vec<&str> = table.cascading.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["code", "alias"]);
    }
}

#[tokio::test]
async fn few_privileges_are_enough() {
    let stage = Stage::with(
        "CREATE TABLE t (id varchar(9) PRIMARY KEY, secret int, doc json); GRANT SELECT (id, doc) ON t TO {reader}; \
         CREATE TABLE hidden (id int)",
    )
    .await;
    let reader = open(&stage.db.reader_url(), Role::Reader, source());
    let table = reader.describe(&ask(&stage, "t", &["id", "secret", "doc"])).await.unwrap().unwrap();
    assert_eq!(table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id", "doc"]);
    // What makes it JSON is hidden from a role with column privileges on MariaDB.
    assert_eq!(column(&table, "doc").kind, if stage.maria { Kind::Text } else { Kind::Json });
    assert_eq!(reader.describe(&ask(&stage, "hidden", &["id"])).await.unwrap(), None);
    stage.db.execute("GRANT SELECT ON t TO {reader}").await;
    let reader = open(&stage.db.reader_url(), Role::Reader, source());
    let table = reader.describe(&ask(&stage, "t", &["id", "doc"])).await.unwrap().unwrap();
    assert_eq!(column(&table, "doc").kind, Kind::Json);
}

#[tokio::test]
async fn a_receipt_table_must_be_sound() {
    let stage = Stage::new().await;
    let state = async |engine: &Engine, table: &str| {
        let place = Place { schema: ident(stage.db.schema()), table: ident(table) };
        engine.receipts(&place).await.unwrap()
    };
    assert!(is_ready(&state(&stage.writer, "receipts").await));
    // Migrating again changes nothing, the identity least of all.
    stage.writer.migrate(&migration(EngineKind::Mysql, &stage.place(), "ffffffffffffffffffff")).await.unwrap();
    assert!(is_ready(&state(&stage.writer, "receipts").await));
    assert_eq!(state(&stage.writer, "none").await, ReceiptsState::Missing);

    stage
        .db
        .execute(
            "GRANT INSERT (idempotency_key, job_id, proposal_id, proposal_hash, ledger_id, ledger_head, server_id, status), \
             UPDATE (new_version, result_hash, completed_at), \
             SELECT (idempotency_key, job_id, proposal_hash, status, new_version) ON receipts TO {writer}; \
             GRANT SELECT ON receipts_id TO {writer}; GRANT SELECT (job_id) ON receipts TO {reader}",
        )
        .await;
    let writer = open(&stage.db.writer_url(), Role::Writer, source());
    assert!(is_ready(&state(&writer, "receipts").await));
    let reader = open(&stage.db.reader_url(), Role::Reader, source());
    let why = "it has no column `idempotency_key` that the role can see".to_owned();
    assert_eq!(state(&reader, "receipts").await, ReceiptsState::Unsafe { why });

    let unsafe_ways = [
        ("ALTER TABLE receipts DROP INDEX job_id", "it has no unique key on `job_id`"),
        ("ALTER TABLE receipts ADD UNIQUE job_id (job_id(20))", "it has no unique key on `job_id`"),
        (
            "ALTER TABLE receipts DROP INDEX job_id, ADD UNIQUE job_id (job_id, status)",
            "it has no unique key on `job_id`",
        ),
        (
            "ALTER TABLE receipts DROP INDEX job_id, ADD UNIQUE job_id (job_id), DROP PRIMARY KEY, ADD KEY (idempotency_key)",
            "it has no unique key on `idempotency_key`",
        ),
        (
            "ALTER TABLE receipts MODIFY idempotency_key varchar(99), DROP KEY idempotency_key, ADD PRIMARY KEY (idempotency_key), \
             MODIFY job_id varchar(99), ENGINE=MyISAM",
            "it is stored by an engine without transactions",
        ),
    ];
    for (sql, why) in unsafe_ways {
        stage.db.execute(sql).await;
        assert_eq!(state(&stage.writer, "receipts").await, ReceiptsState::Unsafe { why: why.to_owned() }, "{sql}");
    }
    stage.db.execute("ALTER TABLE receipts ENGINE=InnoDB; INSERT INTO receipts_id VALUES (1, 'x') ON DUPLICATE KEY UPDATE receipts_id = 'y'").await;
    let found = state(&stage.writer, "receipts").await;
    assert!(matches!(&found, ReceiptsState::Ready(found) if found.receipts_id == "y"), "{found:?}");
    stage.db.execute("DROP TABLE receipts_id").await;
    assert_eq!(state(&stage.writer, "receipts").await, ReceiptsState::Missing);
    stage
        .db
        .execute("DROP TABLE receipts; CREATE TABLE base (a int); CREATE VIEW receipts AS SELECT * FROM base")
        .await;
    assert_eq!(state(&stage.writer, "receipts").await, ReceiptsState::Unsafe { why: "it is a view".to_owned() });
}

#[tokio::test]
async fn a_receipt_table_of_the_reference_program_is_completed() {
    let stage = Stage::with(
        "CREATE TABLE old (idempotency_key varchar(255) PRIMARY KEY, job_id varchar(191) NOT NULL, \
         proposal_id varchar(512) NOT NULL, status varchar(64) NOT NULL, result_hash varchar(128), \
         created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, completed_at timestamp NULL); \
         INSERT INTO old (idempotency_key, job_id, proposal_id, status) VALUES ('k', 'j', 'p', 'in_progress')",
    )
    .await;
    let place = Place { schema: ident(stage.db.schema()), table: ident("old") };
    for _ in 0..2 {
        stage.writer.migrate(&migration(EngineKind::Mysql, &place, RECEIPTS_ID)).await.unwrap();
        assert!(is_ready(&stage.writer.receipts(&place).await.unwrap()));
    }
    let keys = "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{schema}' AND TABLE_NAME = 'old'";
    assert_eq!(stage.db.query_text(keys).await.len(), 2);
    assert_eq!(stage.db.query_text("SELECT status FROM old").await[0][0].as_deref(), Some("in_progress"));
}
