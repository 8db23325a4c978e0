//! `doctor`: each thing that can be wrong is found, with what mends it, and mending it makes it pass.

use serde_json::{Value, json};
use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::env::TestEnv;

use crate::stage::{Stage, billing, binary, configured, varied};

const CHECK: [&str; 3] = ["doctor", "--check-writeback", "--json"];

/// The checks that did not pass, without the part of their names that says of which source.
fn found(stage: &Stage) -> Vec<Value> {
    let report = stage.run(CHECK).json();
    let all = report["checks"].as_array().unwrap().clone();
    let bad: Vec<Value> = all.into_iter().filter(|check| check["level"] != "pass").collect();
    assert_eq!(report["ok"], json!(bad.iter().all(|check| check["level"] == "warn")), "{report:#}");
    bad
}

/// The one check of that name that did not pass.
#[track_caller]
fn the(found: &[Value], name: &str) -> Value {
    let mut matching = found.iter().filter(|check| check["name"].as_str().unwrap().ends_with(name));
    let check = matching.next().unwrap_or_else(|| panic!("no {name}: {found:#?}")).clone();
    assert!(matching.next().is_none(), "more than one {name}: {found:#?}");
    check
}

/// Does what a check says: runs its statement as administrator, or writes its line into the configuration.
async fn mend(stage: &Stage, check: &Value, line: Option<&str>) {
    let fix = check["fix"].as_str().unwrap();
    match line {
        None => stage.db.execute(&fix.replace("<writer_role>", "{writer}")).await,
        Some(old) => {
            let new = fix.split("write ").nth(1).unwrap();
            let config = stage.env.read("synapsor.runner.json");
            assert!(config.contains(old), "{old}: {config}");
            stage.env.write("synapsor.runner.json", config.replace(old, new));
        }
    }
}

async fn healthy(engine: Engine) -> Stage {
    let stage = billing(engine).await;
    let found = found(&stage);
    assert!(found.iter().all(|check| check["level"] != "fail"), "{found:#?}");
    stage
}

const SERVERS: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

#[tokio::test]
async fn a_good_set_up_passes_and_nothing_is_left_behind() {
    for engine in Engine::ALL {
        let stage = healthy(engine).await;
        let report = stage.run(CHECK).json();
        let passed = report["checks"].as_array().unwrap().iter().filter(|check| check["level"] == "pass");
        let names: Vec<String> = passed.map(|check| check["name"].as_str().unwrap().to_owned()).collect();
        for name in ["target.rehearsed", "receipts.rehearsed", "target.key", "target.tenant", "target.version"] {
            assert!(names.contains(&format!("source:app:{name}")), "{engine:?} {name}: {names:?}");
        }
        if engine != Engine::Sqlite {
            assert!(names.contains(&"source:app:source.clock".to_owned()), "{names:?}");
        }
        assert_eq!(report["tools"].as_array().unwrap().len(), 4, "{report:#}");
        assert!(stage.receipts().await.is_empty(), "what was rehearsed is undone");
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("5500"));
    }
}

#[tokio::test]
async fn a_column_that_the_writer_may_not_update_is_found() {
    for engine in SERVERS {
        let stage = healthy(engine).await;
        let revoke = if engine == Engine::Postgres {
            "REVOKE UPDATE (waiver_reason) ON invoices FROM {writer}"
        } else {
            "REVOKE UPDATE (waiver_reason) ON {schema}.invoices FROM {writer}"
        };
        stage.db.execute(revoke).await;
        let bad = found(&stage);
        assert_eq!(the(&bad, "writer.missing")["level"], "fail");
        let check = the(&bad, "target.rehearsed");
        assert!(check["message"].as_str().unwrap().contains("waiver_reason"), "{check:#}");
        mend(&stage, &check, None).await;
        stage.run(CHECK).expect(0);
    }
}

#[tokio::test]
async fn a_missing_receipt_table_is_found() {
    for engine in Engine::ALL {
        let mut stage = healthy(engine).await;
        stage.db.execute("DROP TABLE synapsor_writeback_receipts").await;
        let bad = found(&stage);
        if engine == Engine::Sqlite {
            let fix = the(&bad, "receipts.missing")["fix"].as_str().unwrap().to_owned();
            assert!(fix.contains("writeback migration --source app --execute"), "{fix}");
        }
        stage.env.set("ADMIN_URL", stage.db.admin_url());
        stage.run(["writeback", "migration", "--execute", "--admin-url-env", "ADMIN_URL", "--yes"]).expect(0);
        stage.env.unset("ADMIN_URL");
        let mut statements = stage.run(["writeback", "grants"]).expect(0).to_owned();
        statements = statements.lines().filter(|line| line.contains("receipts")).collect::<Vec<_>>().join("\n");
        let statements = statements.replace("<reader_role>", "{reader}").replace("<writer_role>", "{writer}");
        if engine != Engine::Sqlite {
            stage.db.execute(&statements).await;
        }
        stage.run(CHECK).expect(0);
    }
}

#[tokio::test]
async fn one_account_for_both_is_found() {
    for engine in SERVERS {
        let mut stage = healthy(engine).await;
        let writer = stage.db.writer_url();
        stage.env.set("BILLING_WRITE_URL", stage.db.reader_url());
        let check = the(&found(&stage), ":credential-separation");
        assert_eq!(check["level"], "fail");
        let allowed = stage.run(["doctor", "--allow-shared-credential", "--json"]).json();
        let checks = allowed["checks"].as_array().unwrap();
        assert_eq!(the(checks, ":credential-separation")["level"], "warn");
        // It says to put another account's URL into the writer's variable.
        assert!(check["fix"].as_str().unwrap().contains("BILLING_WRITE_URL"), "{check:#}");
        stage.env.set("BILLING_WRITE_URL", writer);
        stage.run(CHECK).expect(0);
    }
}

#[tokio::test]
async fn a_view_is_no_target() {
    for engine in Engine::ALL {
        let view = |sql: String| {
            format!("{}; CREATE VIEW bills AS SELECT * FROM invoices", sql.trim_end().trim_end_matches(';'))
        };
        let schema_only = move |sql: String| if sql.contains("CREATE TABLE") { view(sql) } else { sql };
        let config = |config: String| config.replace("\"table\": \"invoices\"", "\"table\": \"bills\"");
        let stage = varied(Database::fresh(engine).await, schema_only, config).await;
        let check = the(&found(&stage), "target.refused");
        assert!(check["fix"].as_str().unwrap().contains("\"table\""), "{check:#}");
        let named = stage.env.read("synapsor.runner.json").replace("\"table\": \"bills\"", "\"table\": \"invoices\"");
        stage.env.write("synapsor.runner.json", named);
        stage.regrant().await;
        stage.run(CHECK).expect(0);
    }
}

#[tokio::test]
async fn a_table_that_cannot_undo_is_found() {
    let stage = healthy(Engine::Mysql).await;
    stage.db.execute("ALTER TABLE invoices ENGINE=MyISAM").await;
    let check = the(&found(&stage), "target.refused");
    mend(&stage, &check, None).await;
    stage.run(CHECK).expect(0);
}

#[tokio::test]
async fn a_key_without_an_index_is_found() {
    for engine in Engine::ALL {
        let keyless = move |sql: String| {
            // Of invoices only: SQLite cannot take a key away later.
            let Some(at) = sql.find("CREATE TABLE invoices") else { return sql };
            let (before, rest) = sql.split_at(at);
            format!("{before}{}", rest.replacen(" PRIMARY KEY", " NOT NULL", 1))
        };
        let stage = varied(Database::fresh(engine).await, keyless, |config| config).await;
        let check = the(&found(&stage), "target.key");
        assert_eq!(check["level"], "fail");
        mend(&stage, &check, None).await;
        stage.run(CHECK).expect(0);
    }
}

#[tokio::test]
async fn a_tenant_column_that_is_missing_or_may_be_null_is_found() {
    for engine in Engine::ALL {
        let stage = configured(engine, |config| config).await;
        let config = stage.env.read("synapsor.runner.json");
        let (head, tail) = config.rsplit_once("\"tenant_key\": \"tenant_id\"").unwrap();
        stage.env.write("synapsor.runner.json", format!("{head}\"tenant_key\": \"tenant\"{tail}"));
        let check = the(&found(&stage), "target.tenant");
        assert_eq!(check["level"], "fail");
        mend(&stage, &check, Some("\"tenant_key\": \"tenant\"")).await;
        stage.run(CHECK).expect(0);

        let nullable = match engine {
            Engine::Postgres => "ALTER TABLE invoices ALTER tenant_id DROP NOT NULL",
            Engine::Mysql => "ALTER TABLE invoices MODIFY tenant_id varchar(190)",
            // It cannot change a column in place; its advice is to make the table anew.
            Engine::Sqlite => continue,
        };
        stage.db.execute(nullable).await;
        let check = the(&found(&stage), "target.tenant");
        assert_eq!(check["level"], "warn");
        mend(&stage, &check, None).await;
        assert!(found(&stage).is_empty());
    }
}

#[tokio::test]
async fn a_version_that_cannot_move_is_found() {
    for engine in SERVERS {
        let stage = healthy(engine).await;
        let config = stage.env.read("synapsor.runner.json");
        let other = "\"column\": \"customer_id\"";
        let (head, tail) = config.rsplit_once("\"column\": \"updated_at\"").unwrap();
        stage.env.write("synapsor.runner.json", format!("{head}{other}{tail}"));
        let check = the(&found(&stage), "target.version");
        // MySQL shows nobody else's triggers, which could move it.
        assert_eq!(check["level"], if engine == Engine::Postgres { "fail" } else { "warn" });
        let guard = format!("\"conflict_guard\": {{\n        {other}\n      }}");
        mend(&stage, &check, Some(&guard)).await;
        assert!(found(&stage).is_empty(), "{:#?}", found(&stage));
    }
}

#[tokio::test]
async fn triggers_are_told_of() {
    let stage = healthy(Engine::Postgres).await;
    stage
        .db
        .execute(
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
             CREATE TRIGGER touched BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION touch()",
        )
        .await;
    let check = the(&found(&stage), "target.triggers");
    assert!(check["level"] == "warn" && check["message"].as_str().unwrap().contains("`touched`"), "{check:#}");
}

#[tokio::test]
async fn a_report_has_several_forms_and_tells_no_secret() {
    let mut stage = healthy(Engine::Postgres).await;
    stage.env.set("BILLING_WRITE_URL", stage.db.writer_url().replace("throwaway", "wr0ng-s3cret"));
    for form in [vec![], vec!["--json"], vec!["--report"], vec!["--format", "sarif"]] {
        let said = stage.env.run(["doctor", "--check-writeback"].iter().chain(&form));
        assert_eq!(said.status, 1, "{said:?}");
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(text.contains("writer.connect") && !text.contains("wr0ng") && !text.contains("throwaway"), "{text}");
    }
    let sarif = stage.run(["doctor", "--check-writeback", "--format", "sarif"]).json();
    assert_eq!(sarif["version"], "2.1.0");
    let rules: Vec<&Value> = sarif["runs"][0]["results"].as_array().unwrap().iter().map(|one| &one["ruleId"]).collect();
    assert!(rules.contains(&&json!("writer.connect")), "{sarif:#}");
    stage.run(["doctor", "--report", "--output", "report.md"]).expect(1);
    assert!(stage.env.read("report.md").starts_with("# Synapsor Runner Doctor Report"));
    let again = stage.run(["doctor", "--report", "--output", "report.md"]);
    assert!(again.stderr.contains("report.md"), "{again:?}");
}

#[test]
fn without_a_configuration_it_says_what_to_do() {
    let env = TestEnv::new(binary());
    let said = env.run(["doctor"]);
    assert!(said.status != 0 && said.stderr.contains("synapsor-runner init"), "{said:?}");
    env.write("synapsor.runner.json", "{\"version\": 1}");
    let broken = env.run(["doctor", "--json"]);
    assert!(broken.status == 1 && broken.json()["ok"] == json!(false), "{broken:?}");
}

#[test]
fn a_new_machine_is_looked_at() {
    let mut env = TestEnv::new(binary());
    let bare = env.run(["doctor", "--first-run", "--json"]);
    assert_eq!(bare.status, 0, "{bare:?}");
    let names = |report: &Value| -> Vec<String> {
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| format!("{} {}", check["name"], check["level"]))
            .collect()
    };
    assert!(names(&bare.json()).contains(&"\"config\" \"warn\"".to_owned()), "{bare:?}");

    env.run(["init", "--starter"]).expect(0);
    env.set("APP_POSTGRES_READ_URL", "postgres://a:b@localhost/c")
        .set("APP_POSTGRES_WRITE_URL", "postgres://a:b@localhost/c");
    env.write(".mcp.json", r#"{"mcpServers": {"db": {"command": "x", "args": ["postgres://a:hunter2@localhost/c"]}}}"#);
    env.write("good.json", r#"{"mcpServers": {"db": {"command": "x", "env": {"API_TOKEN": "${TOKEN}"}}}}"#);
    let report = env.run(["doctor", "--first-run", "--json", "--client-config", "good.json"]);
    assert_eq!(report.status, 1, "{report:?}");
    let told = names(&report.json());
    for expected in [
        "\"mcp-client-config-.mcp.json\" \"fail\"",
        "\"mcp-client-config-good.json\" \"pass\"",
        "\"source:app_postgres:credential-separation\" \"fail\"",
        "\"env:SYNAPSOR_TENANT_ID\" \"warn\"",
        "\"sqlite-store\" \"pass\"",
    ] {
        assert!(told.contains(&expected.to_owned()), "{expected}: {told:?}");
    }
    assert!(!report.stdout.contains("hunter2"), "{report:?}");
}
