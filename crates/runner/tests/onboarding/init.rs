//! `init` without questions: flags and files, on every engine.

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::TestEnv;

use crate::shop::{binary, shop};

/// The files below the working folder, with what they hold.
pub(crate) fn files(env: &TestEnv) -> Vec<String> {
    fn below(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    below(&env.work_dir(), &mut found);
    let mut names: Vec<String> =
        found.iter().map(|path| path.strip_prefix(env.work_dir()).unwrap().display().to_string()).collect();
    names.sort();
    names
}

async fn a_tool_is_made_and_called(engine: Engine) {
    let mut shop = shop(engine).await;
    let made = shop.env.run(["init", "--table", "invoices"]);
    assert_eq!(made.status, 0, "{made:?}");
    assert_eq!(files(&shop.env), [".env.example", "synapsor.runner.json"]);
    let written = format!("{}{}", shop.env.read("synapsor.runner.json"), shop.env.read(".env.example"));
    assert!(!written.contains("throwaway") && !written.contains("://"), "{written}");
    shop.env.run(["config", "validate"]).expect(0);
    shop.env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "me");
    let called = shop.env.run(["smoke", "call", "--json", r#"{"invoice_id": "INV-1"}"#]).json();
    assert_eq!(called["result"]["data"]["late_fee_cents"], 500, "{called:#}");
    assert!(called["result"]["data"].get("document").is_none(), "{called:#}");
    shop.env.set("SYNAPSOR_TENANT_ID", "globex");
    let foreign = shop.env.run(["smoke", "call", "--json", r#"{"invoice_id": "INV-1"}"#]);
    assert!(foreign.stdout.contains("NOT_FOUND_IN_TENANT"), "{foreign:?}");
}

#[tokio::test]
async fn a_tool_is_made_and_called_on_postgres() {
    a_tool_is_made_and_called(Engine::Postgres).await;
}

#[tokio::test]
async fn a_tool_is_made_and_called_on_mysql() {
    a_tool_is_made_and_called(Engine::Mysql).await;
}

#[tokio::test]
async fn a_tool_is_made_and_called_on_sqlite() {
    a_tool_is_made_and_called(Engine::Sqlite).await;
}

/// What the flags say, as a file of answers.
fn answers() -> Json {
    json!({
        "table": "invoices", "mode": "review", "namespace": "billing", "object_name": "invoice",
        "read_tool": "billing.inspect_invoice", "proposal_tool": "billing.propose_waiver", "id_arg": "invoice_id",
        "visible_columns": "id,status,late_fee_cents", "conflict_column": "updated_at", "tenant_column": "org_id",
        "patch": { "late_fee_cents": { "from_arg": "fee" }, "status": { "from_arg": "next_status" } },
        "patch_bounds": { "late_fee_cents": { "minimum": 0, "maximum": 500 } },
        "status_guards": { "status": { "allowed": { "open": ["paid", "void"] } } },
        "read_description": "Look at an invoice.", "approval_role": "billing_lead", "tenant_env": "SHOP_TENANT",
        "principal_env": "SHOP_PRINCIPAL", "source_name": "shop", "result_format": "2",
    })
}

const FLAGS: &[&str] = &[
    "--table=invoices",
    "--mode=review",
    "--namespace=billing",
    "--object-name=invoice",
    "--inspect-tool-name=billing.inspect_invoice",
    "--proposal-tool=billing.propose_waiver",
    "--id-arg=invoice_id",
    "--visible-columns=id,status,late_fee_cents",
    "--conflict-column=updated_at",
    "--tenant-key=org_id",
    "--patch=late_fee_cents=arg:fee",
    "--patch-from-arg=status=next_status",
    "--numeric-bound=late_fee_cents=0:500",
    "--status-guards=status=open:paid|void",
    "--read-description=Look at an invoice.",
    "--approval-role=billing_lead",
    "--tenant-env=SHOP_TENANT",
    "--principal-env=SHOP_PRINCIPAL",
    "--source-name=shop",
    "--result-format=2",
];

async fn flags_files_and_snapshots_say_the_same(engine: Engine) {
    let shop = shop(engine).await;
    let by_flags = shop.env.run(["init", "--dry-run"].iter().chain(FLAGS)).expect(0);
    shop.env.write("answers.json", answers().to_string());
    assert_eq!(shop.env.run(["init", "--dry-run", "--answers", "answers.json"]).expect(0), by_flags);
    let with_database = ["init", "--dry-run", "--spec", "answers.json", "--from-env", "DATABASE_URL"];
    assert_eq!(shop.env.run(with_database).expect(0), by_flags);
    shop.env.write("seen.json", shop.env.run(["inspect", "--json"]).expect(0));
    let snapshot = ["init", "--dry-run", "--inspection-json", "seen.json"];
    assert_eq!(shop.env.run(snapshot.iter().chain(FLAGS)).expect(0), by_flags);
    assert_eq!(files(&shop.env), ["answers.json", "seen.json"], "a dry run writes nothing");
    let config: Json = serde_json::from_str(&by_flags).unwrap();
    assert_eq!(config["capabilities"][1]["args"]["next_status"]["enum"], json!(["paid", "void"]), "{config:#}");
}

#[tokio::test]
async fn flags_files_and_snapshots_say_the_same_on_postgres() {
    flags_files_and_snapshots_say_the_same(Engine::Postgres).await;
}

#[tokio::test]
async fn flags_files_and_snapshots_say_the_same_on_mysql() {
    flags_files_and_snapshots_say_the_same(Engine::Mysql).await;
}

#[tokio::test]
async fn flags_files_and_snapshots_say_the_same_on_sqlite() {
    flags_files_and_snapshots_say_the_same(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_made_proposal_is_approved_and_applied() {
    let mut shop = shop(Engine::Sqlite).await;
    shop.env.write("answers.json", answers().to_string());
    shop.env.run(["init", "--answers", "answers.json"]).expect(0);
    let url = shop.db.admin_url();
    shop.env.set("SYNAPSOR_DATABASE_WRITE_URL", &url).set("ADMIN_URL", url);
    shop.env.set("SHOP_TENANT", "acme").set("SHOP_PRINCIPAL", "me");
    shop.env.run(["writeback", "migration", "--execute", "--admin-url-env", "ADMIN_URL", "--yes"]).expect(0);
    let arguments = r#"{"invoice_id": "INV-1", "fee": 0, "next_status": "paid"}"#;
    shop.env.run(["propose", "billing.propose_waiver", "--json", arguments]).expect(0);
    shop.env.run(["proposals", "approve", "latest", "--yes"]).expect(0);
    shop.env.run(["apply", "latest"]).expect(0);
    let rows = shop.db.query_text("SELECT status, late_fee_cents FROM invoices").await;
    assert_eq!(rows, [["paid", "0"].map(|text| Some(text.to_owned()))]);
}

#[tokio::test]
async fn several_tables_and_a_second_run_add_up() {
    let shop = shop(Engine::Postgres).await;
    shop.env.run(["init", "--table", "invoices", "--table", "public.open_invoices", "--primary-key", "id"]).expect(0);
    let text = shop.env.read("synapsor.runner.json").replacen('{', "{ // by hand\n", 1);
    shop.env.write("synapsor.runner.json", &text);
    let more = shop.env.run(["init", "--table", "customers"]);
    assert_eq!(more.status, 0, "{more:?}");
    let text = shop.env.read("synapsor.runner.json");
    assert!(text.contains("// by hand"), "{text}");
    let shown = shop.env.run(["tools", "preview", "--json"]).json();
    let tools = json!(["invoice.inspect_invoice", "open.inspect_open_invoice", "customer.inspect_customer"]);
    assert_eq!(shown["exposed_to_mcp"], tools);

    let again = shop.env.run(["init", "--table", "customers"]);
    assert!(again.status != 0 && again.stderr.contains("--force"), "{again:?}");
    assert_eq!(shop.env.read("synapsor.runner.json"), text);
    shop.env.run(["init", "--table", "customers", "--force", "--read-description", "New words."]).expect(0);
    assert!(shop.env.read("synapsor.runner.json").contains("New words."));
    assert_eq!(shop.env.run(["tools", "preview", "--json"]).json()["exposed_to_mcp"], tools);

    shop.env.write("synapsor.runner.json", "{ \"version\": 1 }");
    let broken = shop.env.run(["init", "--table", "customers"]);
    assert!(broken.status != 0 && broken.stderr.contains("mend it first"), "{broken:?}");
    assert_eq!(shop.env.read("synapsor.runner.json"), "{ \"version\": 1 }");
}

#[tokio::test]
async fn what_does_not_fit_is_told_and_nothing_is_written() {
    let shop = shop(Engine::Postgres).await;
    shop.env.write("wrong.json", r#"{"table": "invoices", "colour": "red", "mode": "maybe"}"#);
    for (args, expected) in [
        (vec!["init", "--table", "nothing"], "no table or view `nothing`"),
        (vec!["init", "--table", "invoices", "--mode", "review"], "nothing says what they change"),
        (vec!["init", "--table", "invoices", "--patch", "status"], "expected"),
        (vec!["init", "--table", "invoices", "--patch", "status=x"], "`fixed:value` or `arg:name`"),
        (vec!["init", "--table", "invoices", "--numeric-bound", "status=a:b"], "`a` is no number"),
        (vec!["init", "--table", "invoices", "--visible-columns", "id,nope"], "no column `nope`"),
        (vec!["init", "--table", "customers", "--visible-columns", "id,password_hash"], "looks like a secret"),
        (vec!["init", "--answers", "wrong.json"], "unknown key `colour`"),
        (vec!["init", "--answers", "missing.json"], "cannot be read"),
        (vec!["init", "--yes"], "the likeliest are `public.invoices`"),
        (vec!["init"], "name it with `--table`"),
        (vec!["init", "--wizard"], "asks on a terminal"),
        (vec!["init", "--table", "invoices", "--starter"], "cannot be used with"),
    ] {
        let said = shop.env.run(&args);
        assert!(said.status != 0 && said.stderr.contains(expected), "{args:?}: {said:?}");
    }
    assert_eq!(files(&shop.env), ["wrong.json"]);
    // A file in the place of the folder: the one that could be written is taken back.
    shop.env.write("taken", "");
    let stuck = shop.env.run(["init", "--table", "invoices", "--output", "taken/synapsor.runner.json"]);
    assert!(stuck.status == 1 && stuck.stderr.contains("nothing was written"), "{stuck:?}");
    assert_eq!(files(&shop.env), ["taken", "wrong.json"]);
}

#[tokio::test]
async fn what_was_made_is_checked() {
    let shop = shop(Engine::Sqlite).await;
    let made = shop.env.run(["onboard", "db", "--from-env", "DATABASE_URL", "--table", "invoices"]);
    assert_eq!(made.status, 0, "{made:?}");
    for part in ["created", "Synapsor MCP smoke: ok", "x env:SYNAPSOR_TENANT_ID", "target.key"] {
        assert!(made.stdout.contains(part), "{part}: {made:?}");
    }
    let more = shop.env.run(["start", "--from-env", "DATABASE_URL", "--table", "customers", "--dry-run"]);
    assert!(more.status == 0 && !more.stdout.contains("smoke"), "{more:?}");
}

#[test]
fn a_starter_is_a_configuration_to_change() {
    let env = TestEnv::new(binary());
    let made = env.run(["init"]);
    assert_eq!(made.status, 0, "{made:?}");
    insta::assert_snapshot!("starter", env.read("synapsor.runner.json"));
    env.run(["config", "validate"]).expect(0);
    let again = env.run(["init", "--starter"]);
    assert!(again.status != 0 && again.stderr.contains("--force"), "{again:?}");
    for engine in ["mysql", "sqlite"] {
        let file = format!("{engine}.json");
        env.run(["init", "--starter", "--engine", engine, "--mode", "read_only", "--output", &file]).expect(0);
        env.run(["config", "validate", "--config", &file]).expect(0);
        assert!(env.read(&file).contains(&format!("\"{engine}\"")));
    }
}
