//! `inspect`: what the weakest useful account sees.

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::TestEnv;

use crate::shop::{binary, shop};

fn table<'a>(seen: &'a Json, name: &str) -> &'a Json {
    let mut tables = seen["tables"].as_array().unwrap().iter();
    tables.find(|table| table["name"] == name).unwrap_or_else(|| panic!("no {name}: {seen:#}"))
}

fn names(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

async fn a_reader_sees_keys(engine: Engine) {
    let shop = shop(engine).await;
    let seen = shop.env.run(["inspect", "--json"]).json();
    assert_eq!(seen["engine"], engine.name());
    assert_eq!(names(&seen["tables"]), ["customers", "invoices", "lines", "open_invoices"], "{seen:#}");
    assert_eq!(seen["schemas"], json!([shop.db.schema()]));

    let invoices = table(&seen, "invoices");
    assert_eq!((&invoices["type"], &invoices["writable"]), (&json!("table"), &json!(true)));
    assert_eq!(invoices["primary_key"], json!(["id"]));
    let unique: Vec<&Json> =
        invoices["unique_constraints"].as_array().unwrap().iter().map(|one| &one["columns"]).collect();
    assert_eq!(unique, [&json!(["number"])]);
    let reference = &invoices["foreign_keys"][0];
    assert_eq!(
        (&reference["columns"], &reference["referenced_table"], &reference["referenced_columns"]),
        (&json!(["customer_id"]), &json!("customers"), &json!(["id"])),
        "{invoices:#}"
    );
    let index = invoices["indexes"].as_array().unwrap().iter().find(|one| one["name"] == "open_ones").unwrap();
    assert_eq!(index["columns"], json!(["org_id", "status"]));
    assert_eq!(index["partial"], json!(engine != Engine::Mysql));
    let column = |name: &str| {
        let columns = invoices["columns"].as_array().unwrap().iter();
        columns.clone().find(|column| column["name"] == name).unwrap().clone()
    };
    assert_eq!((&column("doubled")["generated"], &column("number")["generated"]), (&json!(true), &json!(false)));
    assert_eq!((&column("customer_id")["nullable"], &column("number")["nullable"]), (&json!(true), &json!(false)));
    assert!(column("updated_at")["default"].is_string(), "{invoices:#}");
    assert_eq!(column("updated_at")["ordinal_position"], 9);
    if engine != Engine::Sqlite {
        assert_eq!(invoices["comment"], "What customers owe");
        assert_eq!(column("late_fee_cents")["comment"], "in cents");
    }
    let found = &invoices["suggestions"];
    assert_eq!(
        (&found["primary_key"], &found["tenant_columns"], &found["conflict_columns"]),
        (&json!("id"), &json!(["org_id", "customer_id"]), &json!(["updated_at"]))
    );
    assert_eq!(found["large_or_binary_columns"].as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(table(&seen, "customers")["suggestions"]["sensitive_columns"], json!(["password_hash"]));
    assert_eq!(table(&seen, "lines")["primary_key"], json!(["invoice_id", "place"]));
    let view = table(&seen, "open_invoices");
    assert_eq!((&view["type"], &view["writable"]), (&json!("view"), &json!(false)));
    assert_eq!(view["columns"].as_array().unwrap().len(), 3);

    // The whole is a snapshot, which needs no database.
    shop.env.write("seen.json", seen.to_string());
    let mut alone = TestEnv::new(binary());
    alone.set("DATABASE_URL", "postgres://nobody:wrong@127.0.0.1:1/none");
    let path = shop.env.path("seen.json").display().to_string();
    assert_eq!(alone.run(["inspect", "--json", "--inspection-json", &path]).json(), seen);
}

#[tokio::test]
async fn a_reader_sees_keys_on_postgres() {
    a_reader_sees_keys(Engine::Postgres).await;
}

#[tokio::test]
async fn a_reader_sees_keys_on_mysql() {
    a_reader_sees_keys(Engine::Mysql).await;
}

#[tokio::test]
async fn a_reader_sees_keys_on_sqlite() {
    a_reader_sees_keys(Engine::Sqlite).await;
}

#[tokio::test]
async fn people_see_tables_and_one_tables_columns() {
    let shop = shop(Engine::Sqlite).await;
    let all = shop.env.run(["inspect"]);
    assert!(all.stdout.contains("main.invoices"), "{all:?}");
    insta::assert_snapshot!("inspect", shop.env.snapshot(&all).replace(&version(&all.stdout), "[VERSION]"));
    let one = shop.env.run(["inspect", "--table", "invoices"]);
    insta::assert_snapshot!("inspect_table", shop.env.snapshot(&one));
}

/// The version of SQLite, which is not what is looked at here.
fn version(stdout: &str) -> String {
    stdout.split([' ', ':', ',']).nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn one_schema_may_be_looked_at_alone() {
    let shop = shop(Engine::Postgres).await;
    shop.db.execute("CREATE SCHEMA extra; CREATE TABLE extra.invoices (id int PRIMARY KEY)").await;
    shop.db.execute("GRANT USAGE ON SCHEMA extra TO {reader}; GRANT SELECT ON extra.invoices TO {reader}").await;
    let both = shop.env.run(["inspect", "--json"]).json();
    assert_eq!(both["tables"].as_array().unwrap().iter().filter(|table| table["name"] == "invoices").count(), 2);
    let extra = shop.env.run(["inspect", "--json", "--schema", "extra"]).json();
    assert_eq!(extra["tables"].as_array().unwrap().len(), 1);
    let ambiguous = shop.env.run(["inspect", "--table", "invoices"]);
    assert_eq!(ambiguous.status, 2, "{ambiguous:?}");
    assert!(ambiguous.stderr.contains("`extra.invoices` or `public.invoices`"), "{ambiguous:?}");
    let none = shop.env.run(["inspect", "--schema", "nowhere"]);
    assert!(none.stderr.contains("it sees `extra`, `public`"), "{none:?}");
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_the_url() {
    let shop = shop(Engine::Postgres).await;
    let secret = "s3cr3t-in-the-url";
    let address = shop.db.address().unwrap();
    let mut env = TestEnv::new(binary());
    env.set("DATABASE_URL", format!("postgres://nobody:{secret}@{address}/none"));
    env.set("ELSEWHERE", format!("postgres://nobody:{secret}@127.0.0.1:1/none"));
    env.set("NO_FILE", "sqlite:nowhere.db");
    env.set("ODD", format!("oracle://nobody:{secret}@{address}/none"));
    for (args, code, expected) in [
        (vec!["inspect"], 5, "check user and password in `DATABASE_URL`"),
        (vec!["inspect", "--from-env", "ELSEWHERE"], 5, "check that the server runs"),
        (vec!["inspect", "--url-env", "NO_FILE"], 5, "check the path in `NO_FILE`"),
        (vec!["inspect", "--from-env", "ODD"], 2, "does not say which engine"),
        (vec!["inspect", "--from-env", "UNSET"], 2, "`UNSET` is not set"),
        (vec!["inspect", "--from-env", "not a name"], 2, "names no variable"),
        (vec!["inspect", "--from-env", "A", "--from", "B"], 2, "cannot be used with"),
        (vec!["inspect", "sqlite:x", "--from", "sqlite:y"], 2, "cannot be used with"),
        (vec!["inspect", "--inspection-json", "none.json"], 1, "cannot be read"),
        (vec!["inspect", "--json", "--table", "x"], 2, "leave one of them out"),
    ] {
        let said = env.run(&args);
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(said.status == code && text.contains(expected), "{args:?}: {said:?}");
        assert!(!text.contains(secret), "{args:?}: {said:?}");
    }
    env.unset("DATABASE_URL");
    let unsaid = env.run(["inspect"]);
    assert!(unsaid.stderr.contains("set `DATABASE_URL`"), "{unsaid:?}");
    let inline = env.run(["inspect", &shop.db.reader_url()]);
    assert!(inline.status == 0 && inline.stderr.contains("shell's history"), "{inline:?}");
}

#[tokio::test]
async fn odd_names_and_comments_harm_nobody() {
    let shop = shop(Engine::Postgres).await;
    shop.db
        .execute(
            "CREATE TABLE \"we\u{1b}[31mird \"\"name\"\"\" (\"a b\" int PRIMARY KEY, \"'; DROP TABLE x; --\" text);
             COMMENT ON TABLE \"we\u{1b}[31mird \"\"name\"\"\" IS 'two\nlines \u{1b}]0;title\u{7}';
             GRANT SELECT ON \"we\u{1b}[31mird \"\"name\"\"\" TO {reader}",
        )
        .await;
    let all = shop.env.run(["inspect"]);
    assert!(all.status == 0 && !all.stdout.contains('\u{1b}'), "{all:?}");
    let seen = shop.env.run(["inspect", "--json"]);
    assert!(!seen.stdout.contains('\u{1b}'), "{seen:?}");
    assert!(seen.stdout.contains("DROP TABLE x"));
}
