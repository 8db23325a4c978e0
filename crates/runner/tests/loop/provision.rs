//! Provisioning apart from use: what is printed is enough, each part of it is missed by name, and more than it is noticed.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::Output;

use crate::stage::{Stage, billing, configured};

const SERVERS: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

/// One printed privilege, as small as it can be taken away.
struct Single {
    grant: String,
    revoke: String,
}

/// Takes the program's own statements apart.
fn singles(printed: &str) -> Vec<Single> {
    let mut singles = Vec::new();
    for statement in printed.lines().filter(|line| line.starts_with("GRANT ")) {
        let (what, rest) = statement.strip_prefix("GRANT ").unwrap().split_once(" ON ").unwrap();
        let (on, role) = rest.strip_suffix(';').unwrap().split_once(" TO ").unwrap();
        let single = |what: &str| Single {
            grant: format!("GRANT {what} ON {on} TO {role};"),
            revoke: format!("REVOKE {what} ON {on} FROM {role};"),
        };
        if !what.contains('(') {
            singles.push(single(what));
            continue;
        }
        for part in what.split_inclusive(')') {
            let (action, columns) = part.trim_start_matches(", ").strip_suffix(')').unwrap().split_once(" (").unwrap();
            singles.extend(columns.split(", ").map(|column| single(&format!("{action} ({column})"))));
        }
    }
    singles
}

/// The user that a URL names.
fn user(url: &str) -> &str {
    url.split_once("://").unwrap().1.split_once(':').unwrap().0
}

/// What the program prints for the stage's own accounts.
async fn printed(stage: &Stage) -> String {
    let (reader, writer) = (stage.db.reader_url(), stage.db.writer_url());
    let database = database(stage).await;
    let roles = ["--reader-role", user(&reader), "--writer-role", user(&writer), "--database", &database];
    stage.env.run([&["writeback", "grants"][..], &roles].concat()).expect(0).to_owned()
}

async fn database(stage: &Stage) -> String {
    let function = if stage.db.engine() == Engine::Postgres { "current_database()" } else { "database()" };
    stage.db.query_text(&format!("SELECT {function}")).await.remove(0).remove(0).unwrap()
}

fn doctor(stage: &Stage) -> (i32, Vec<Value>) {
    checks(&stage.run(["writeback", "doctor", "--json"]))
}

/// The checks that did not pass.
fn checks(output: &Output) -> (i32, Vec<Value>) {
    let report = output.json();
    let of = |source: &Value| source["checks"].as_array().unwrap().clone();
    let all: Vec<Value> = report["sources"].as_array().unwrap().iter().flat_map(of).collect();
    let failed = all.iter().any(|check| check["level"] == "fail");
    assert_eq!(report["ok"], Value::Bool(!failed), "{report}");
    (output.status, all.into_iter().filter(|check| check["level"] != "pass").collect())
}

/// The acceptance: an account with only the printed grants passes `apply`; each one that is taken away is named, alone,
/// with the statement that gives it back.
async fn every_grant_is_needed(engine: Engine) {
    let stage = billing(engine).await;
    let id = stage.approved("INV-3001");
    stage.run(["apply", &id, "--dry-run"]).expect(0);
    stage.run(["apply", &id]).expect(0);
    stage.run(["apply", &id]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    assert_eq!(doctor(&stage), (0, Vec::new()), "the printed grants are all, and no more");

    let singles = singles(&printed(&stage).await);
    assert!(singles.len() > 50, "{}", singles.len());
    let session = stage.db.session().await;
    for Single { grant, revoke } in &singles {
        session.execute(revoke).await.unwrap();
        let (status, found) = doctor(&stage);
        assert_eq!((status, found.len()), (1, 1), "{revoke} {found:#?}");
        assert_eq!(found[0]["fix"], Value::from(grant.as_str()), "{revoke} {found:#?}");
        assert_eq!(found[0]["level"], "fail");
        session.execute(grant).await.unwrap();
    }
    assert_eq!(doctor(&stage), (0, Vec::new()), "everything is back");
    let id = stage.approved("INV-3002");
    stage.run(["apply", &id]).expect(0);
}

#[tokio::test]
async fn every_printed_grant_is_needed_and_missed_by_name_on_postgres() {
    every_grant_is_needed(Engine::Postgres).await;
}

#[tokio::test]
async fn every_printed_grant_is_needed_and_missed_by_name_on_mariadb() {
    every_grant_is_needed(Engine::Mysql).await;
}

/// Receipts in a schema of their own, and a writer that may see only what it compares.
#[tokio::test]
async fn a_narrower_configuration_needs_less() {
    for engine in SERVERS {
        let stage = configured(engine, |config| {
            let receipts = if engine == Engine::Postgres { ", \"receipts\": { \"schema\": \"keep\" }" } else { "" };
            config
                .replace("\"statement_timeout_ms\": 3000", &format!("\"statement_timeout_ms\": 3000{receipts}"))
                .replace("\"column\": \"updated_at\"", "\"column\": \"updated_at\", \"guard\": \"patched\"")
        })
        .await;
        let printed = printed(&stage).await;
        let writer = printed.split_once("-- writer").unwrap().1;
        assert!(!writer.contains("amount_cents"), "{writer}");
        assert_eq!(engine == Engine::Postgres, writer.contains("USAGE ON SCHEMA \"keep\""), "{writer}");
        let id = stage.approved("INV-3001");
        stage.run(["apply", &id]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
        assert_eq!(doctor(&stage), (0, Vec::new()));
    }
}

/// Without a privilege that its statements use, an apply stops, leaves nothing behind, and works once it is granted.
#[tokio::test]
async fn an_apply_without_a_grant_writes_nothing() {
    const USED: [(&str, &str, &str); 9] = [
        ("SELECT", "invoices", "tenant_id"),
        ("SELECT", "invoices", "updated_at"),
        ("SELECT", "invoices", "waiver_reason"),
        ("UPDATE", "invoices", "late_fee_cents"),
        ("UPDATE", "invoices", "updated_at"),
        ("INSERT", "synapsor_writeback_receipts", "job_id"),
        ("SELECT", "synapsor_writeback_receipts", "idempotency_key"),
        ("UPDATE", "synapsor_writeback_receipts", "completed_at"),
        ("SELECT", "synapsor_writeback_receipts_id", "receipts_id"),
    ];
    for engine in SERVERS {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let before = stage.invoice("INV-3001").await;
        let quote = if engine == Engine::Postgres { '"' } else { '`' };
        let writer = user(&stage.db.writer_url()).to_owned();
        let singles = singles(&printed(&stage).await);
        let session = stage.db.session().await;
        for (action, table, column) in USED {
            let what = format!("{action} ({quote}{column}{quote})");
            let on = format!(".{quote}{table}{quote} ");
            let is_it = |single: &&Single| [&what, &on, &writer].iter().all(|part| single.grant.contains(*part));
            let Single { grant, revoke } = singles.iter().find(is_it).unwrap_or_else(|| panic!("{what} on {table}"));
            session.execute(revoke).await.unwrap();
            let output = stage.run(["apply", &id, "--json"]);
            assert!(matches!(output.status, 1 | 4), "{revoke} {} {}{}", output.status, output.stdout, output.stderr);
            assert_eq!(stage.invoice("INV-3001").await, before, "{revoke}");
            assert!(stage.receipts().await.is_empty(), "{revoke}");
            session.execute(grant).await.unwrap();
        }
        stage.run(["apply", &id]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    }
}

/// Every kind of power beyond the printed grants: how it is given, what the warning says, and how it is taken away where
/// that is not the warning's own fix.
const POSTGRES_EXCESS: [[&str; 3]; 17] = [
    ["ALTER ROLE {writer} SUPERUSER", "attribute SUPERUSER", ""],
    ["ALTER ROLE {writer} BYPASSRLS", "attribute BYPASSRLS", ""],
    ["ALTER ROLE {writer} CREATEROLE", "attribute CREATEROLE", ""],
    ["ALTER ROLE {writer} CREATEDB", "attribute CREATEDB", ""],
    ["ALTER ROLE {writer} REPLICATION", "attribute REPLICATION", ""],
    ["GRANT pg_signal_backend TO {writer}", "member of role `pg_signal_backend`", ""],
    [
        "ALTER TABLE invoices OWNER TO {writer}",
        "owns the table `public.invoices`",
        "ALTER TABLE invoices OWNER TO CURRENT_USER",
    ],
    ["GRANT CREATE ON SCHEMA public TO {writer}", "create objects in schema `public`", ""],
    ["GRANT DELETE ON invoices TO {writer}", "DELETE on the whole of `public.invoices`", ""],
    ["GRANT UPDATE ON invoices TO {writer}", "UPDATE on the whole of `public.invoices`", ""],
    [
        "GRANT TRUNCATE ON invoices TO PUBLIC",
        "TRUNCATE on the whole of `public.invoices`",
        "REVOKE TRUNCATE ON invoices FROM PUBLIC",
    ],
    ["GRANT INSERT (id) ON invoices TO {writer}", "INSERT of `id` on `public.invoices`", ""],
    ["GRANT UPDATE (tenant_id) ON invoices TO {writer}", "UPDATE of `tenant_id` on `public.invoices`", ""],
    ["GRANT UPDATE (status) ON synapsor_writeback_receipts TO {writer}", "UPDATE of `status` on `public.synapsor", ""],
    ["GRANT UPDATE (late_fee_cents) ON invoices TO {reader}", "the reader `t", ""],
    ["CREATE TABLE other (id int); GRANT SELECT ON other TO {writer}", "SELECT on `public.other`", "DROP TABLE other"],
    ["CREATE TABLE other (id int); GRANT DELETE ON other TO PUBLIC", "DELETE on `public.other`", "DROP TABLE other"],
];

const MYSQL_EXCESS: [[&str; 3]; 11] = [
    ["GRANT SUPER ON *.* TO {writer}", "SUPER on every database", ""],
    ["GRANT SELECT ON {schema}.* TO {writer}", "SELECT on the whole database", ""],
    ["GRANT CREATE ON {schema}.* TO {writer} WITH GRANT OPTION", "CREATE, GRANT OPTION on the whole database", ""],
    ["GRANT DELETE ON {schema}.invoices TO {writer}", "DELETE on the whole of", ""],
    ["GRANT UPDATE ON {schema}.invoices TO {writer}", "UPDATE on the whole of", ""],
    ["GRANT INSERT (id) ON {schema}.invoices TO {writer}", "INSERT of `id` on", ""],
    ["GRANT UPDATE (tenant_id) ON {schema}.invoices TO {writer}", "UPDATE of `tenant_id` on", ""],
    ["GRANT UPDATE (status) ON {schema}.synapsor_writeback_receipts TO {writer}", "UPDATE of `status` on", ""],
    ["GRANT UPDATE (late_fee_cents) ON {schema}.invoices TO {reader}", "the reader `t", ""],
    [
        "CREATE TABLE {schema}.other (id int); GRANT SELECT (id) ON {schema}.other TO {writer}",
        "SELECT on `",
        "REVOKE SELECT (id) ON {schema}.other FROM {writer}",
    ],
    ["CREATE ROLE {schema}_role; GRANT {schema}_role TO {writer}", "member of role `", "DROP ROLE {schema}_role"],
];

async fn excess(engine: Engine, cases: &[[&str; 3]]) {
    let stage = billing(engine).await;
    let singles = singles(&printed(&stage).await);
    for [give, words, take] in cases {
        stage.db.execute(give).await;
        let (status, found) = doctor(&stage);
        // What everyone holds, both accounts hold.
        let holders = if give.contains("PUBLIC") { 2 } else { 1 };
        assert_eq!((status, found.len()), (0, holders), "{give} {found:#?}");
        for check in &found {
            assert!(check["id"].as_str().unwrap().ends_with(".excess"), "{give} {found:#?}");
            assert_eq!(check["level"], "warn", "{give}");
            assert!(check["message"].as_str().unwrap().contains(words), "{give} {found:#?}");
        }
        if take.is_empty() {
            stage.db.execute(found[0]["fix"].as_str().unwrap()).await;
        } else {
            stage.db.execute(take).await;
            // A change of owner takes the old one's grants along.
            let grants: Vec<&str> = singles.iter().map(|single| single.grant.as_str()).collect();
            stage.db.execute(&grants.join("\n")).await;
        }
        assert_eq!(doctor(&stage), (0, Vec::new()), "{give} is taken back");
    }
}

#[tokio::test]
async fn each_excess_is_named_on_postgres() {
    excess(Engine::Postgres, &POSTGRES_EXCESS).await;
}

#[tokio::test]
async fn each_excess_is_named_on_mariadb() {
    excess(Engine::Mysql, &MYSQL_EXCESS).await;
}

/// The privileges of a role count as its member's own: they are enough, and the membership is named.
#[tokio::test]
async fn inherited_privileges_work_and_are_named() {
    let stage = billing(Engine::Postgres).await;
    let role = format!("{}_owner", database(&stage).await);
    stage
        .db
        .execute(&format!("CREATE ROLE {role}; ALTER TABLE invoices OWNER TO {role}; GRANT {role} TO {{writer}}"))
        .await;
    stage.db.execute("REVOKE UPDATE (late_fee_cents) ON invoices FROM {writer}").await;
    let (status, found) = doctor(&stage);
    let messages: Vec<&str> = found.iter().map(|check| check["message"].as_str().unwrap()).collect();
    assert_eq!((status, messages.len()), (0, 2), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains(&format!("member of role `{role}`"))), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("owns the table `public.invoices`")), "{messages:#?}");
    stage.db.execute(&format!("ALTER TABLE invoices OWNER TO CURRENT_USER; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn one_account_for_both_is_noticed() {
    for engine in SERVERS {
        let mut stage = billing(engine).await;
        let writer = stage.db.writer_url();
        stage.env.set("BILLING_READ_URL", writer);
        let (_, found) = doctor(&stage);
        let shared =
            found.iter().find(|check| check["id"] == "accounts.shared").unwrap_or_else(|| panic!("{found:#?}"));
        assert_eq!(shared["level"], "warn");
        // What tickets need was granted to the reader only: the one thing that the writer lacks as a reader.
        assert!(
            found
                .iter()
                .filter(|check| check["level"] == "fail")
                .all(|check| check.to_string().contains("support_tickets"))
        );
    }
}

/// What stands in the way before privileges are reached, and receipts that cannot be used.
#[tokio::test]
async fn what_is_not_there_is_named() {
    for engine in SERVERS {
        let mut stage = billing(engine).await;
        let failing = |stage: &Stage| {
            let (status, found) = doctor(stage);
            assert_eq!(status, 1, "{found:#?}");
            found.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let url = stage.db.writer_url();
        stage.env.unset("BILLING_WRITE_URL");
        assert_eq!(failing(&stage), ["writer.credential"]);
        stage.env.set("BILLING_WRITE_URL", url.replace("throwaway", "wrong"));
        assert_eq!(failing(&stage), ["writer.connect"]);
        stage.env.set("BILLING_WRITE_URL", url);
        let index = match engine {
            Engine::Postgres => {
                "ALTER TABLE synapsor_writeback_receipts DROP CONSTRAINT synapsor_writeback_receipts_job_id_key"
            }
            _ => "ALTER TABLE synapsor_writeback_receipts DROP INDEX job_id",
        };
        stage.db.execute(index).await;
        assert_eq!(failing(&stage), ["receipts.unsafe"]);
        // The migration completes it, and running it again changes nothing.
        stage.env.set("ADMIN_URL", stage.db.admin_url());
        let execute = [
            "writeback",
            "migration",
            "--source",
            "app",
            "--execute",
            "--admin-url-env",
            "ADMIN_URL",
            "--yes",
            "--json",
        ];
        let identity = |output: Output| {
            assert_eq!(output.status, 0, "{}", output.stderr);
            output.json()["tables"][0]["receipts_id"].as_str().unwrap().to_owned()
        };
        assert_eq!(identity(stage.run(execute)), identity(stage.run(execute)));
        assert_eq!(doctor(&stage), (0, Vec::new()));
        stage.run(["writeback", "doctor", "--check-db"]).expect(0);
        assert!(stage.receipts().await.is_empty(), "what was rehearsed is undone");
        stage.db.execute("DROP TABLE invoices").await;
        stage.db.execute("CREATE VIEW invoices AS SELECT id, tenant_id, customer_id, subject AS waiver_reason, status, 1 AS amount_cents, 1 AS late_fee_cents, updated_at FROM support_tickets").await;
        assert!(failing(&stage).contains(&"target.refused".to_owned()));
    }
}

#[tokio::test]
async fn a_version_that_nothing_may_move_is_warned_of() {
    for (engine, kind, warned) in [
        (Engine::Postgres, "text USING updated_at::text", true),
        (Engine::Postgres, "uuid USING gen_random_uuid()", true),
        (Engine::Postgres, "bigint USING 1", false),
        (Engine::Postgres, "date USING now()", true),
        (Engine::Mysql, "varchar(40)", true),
        (Engine::Mysql, "timestamp(3) NOT NULL DEFAULT now(3)", false),
    ] {
        let stage = billing(engine).await;
        let alter = if engine == Engine::Postgres { "ALTER updated_at TYPE" } else { "MODIFY updated_at" };
        stage.db.execute("UPDATE invoices SET updated_at = '2026-06-20 14:31:08'").await;
        if engine == Engine::Postgres {
            stage.db.execute("ALTER TABLE invoices ALTER updated_at DROP DEFAULT").await;
        }
        stage.db.execute(&format!("ALTER TABLE invoices {alter} {kind}")).await;
        let output = stage.run(["writeback", "doctor", "--json"]);
        assert_eq!(output.status, 0, "{kind} {}", output.stdout);
        let (_, found) = checks(&output);
        let version: Vec<_> = found.iter().filter(|check| check["id"] == "target.version").collect();
        assert_eq!(!version.is_empty(), warned, "{kind}: {found:#?}");
    }
}

#[tokio::test]
async fn a_rehearsed_receipt_finds_what_the_catalog_does_not_tell() {
    let stage = billing(Engine::Postgres).await;
    let trigger = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER no BEFORE INSERT ON synapsor_writeback_receipts FOR EACH ROW EXECUTE FUNCTION no()";
    stage.db.execute(trigger).await;
    stage.run(["writeback", "doctor"]).expect(0);
    let (status, found) = checks(&stage.run(["writeback", "doctor", "--check-db", "--json"]));
    assert_eq!((status, found.len()), (1, 1), "{found:#?}");
    assert_eq!(found[0]["id"], "receipts.rehearsed");
}

#[tokio::test]
async fn a_file_has_permissions_in_place_of_grants() {
    let stage = billing(Engine::Sqlite).await;
    let printed = stage.run(["writeback", "grants"]).expect(0).to_owned();
    assert!(printed.lines().all(|line| line.starts_with("-- ")), "{printed}");
    assert_eq!(doctor(&stage), (0, Vec::new()));
    stage.run(["writeback", "doctor", "--check-db"]).expect(0);
    assert!(stage.receipts().await.is_empty(), "what was rehearsed is undone");
    let folder = stage.db.path().unwrap().parent().unwrap().to_owned();
    let allow = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let (status, found) = doctor(&stage);
    allow(0o755);
    assert_eq!((status, found[0]["id"].as_str()), (1, Some("writer.file")), "{found:#?}");
    stage.db.execute("DROP TABLE synapsor_writeback_receipts").await;
    let (status, found) = doctor(&stage);
    assert_eq!((status, found[0]["id"].as_str()), (1, Some("receipts.missing")), "{found:#?}");
}

#[tokio::test]
async fn the_migration_asks_and_says_what_it_lacks() {
    for engine in Engine::ALL {
        let mut stage = billing(engine).await;
        stage.db.execute("DROP TABLE synapsor_writeback_receipts").await;
        let [schema, name] = [stage.db.schema(), engine.name()].map(str::to_owned);
        let refused = |stage: &Stage, args: &[&str], status: i32, words: &str| {
            let output = stage.env.run([&["writeback", "migration", "--execute"], args].concat());
            assert_eq!(output.status, status, "{args:?} {}", output.stderr);
            assert!(output.stderr.contains(words), "{args:?} {}", output.stderr);
        };
        let named = ["--admin-url-env", "ADMIN_URL"];
        refused(&stage, &["--yes"], 2, "--admin-url-env");
        refused(&stage, &[&named[..], &["--yes"]].concat(), 2, "CREDENTIAL_MISSING");
        refused(&stage, &["--admin-url-env", "postgres://root:hunter2@db/app", "--yes"], 2, "USAGE");
        stage.env.set("ADMIN_URL", "mongodb://nowhere");
        refused(&stage, &[&named[..], &["--yes"]].concat(), 2, "CREDENTIAL_INVALID");
        stage.env.unset("ADMIN_URL");
        let file = stage.env.write("admin.url", format!("{}\n", stage.db.admin_url()));
        stage.env.set("ADMIN_URL_FILE", file.display().to_string());
        refused(&stage, &named, 2, "CONFIRMATION_REQUIRED");
        refused(&stage, &[&named[..], &["--source", "other"]].concat(), 2, "no source `other`");
        let gone = checks(&stage.run(["writeback", "doctor", "--json"]));
        assert_eq!(gone.0, 1, "nothing was made yet: {gone:?}");
        // Without a configuration, and where a folder says where it goes.
        let place = ["writeback", "migration", "--engine", &name, "--schema", &schema, "--execute"];
        stage.env.run([&place[..], &named, &["--yes"]].concat()).expect(0);
        let receipts = stage.receipts().await;
        assert!(receipts.is_empty());
        if engine != Engine::Sqlite {
            stage.env.set("ADMIN_URL", stage.db.writer_url());
            let elsewhere = ["--engine", &name, "--schema", &schema, "--table", "others", "--yes"];
            refused(&stage, &[&named[..], &elsewhere].concat(), 1, "PERMISSION_DENIED");
        }
    }
}
