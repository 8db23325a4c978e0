//! `init` with questions, in a real terminal.

use serde_json::json;
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::terminal::{CTRL_C, DOWN, ENTER, ESCAPE, Terminal};

use crate::init::files;
use crate::shop::{Shop, binary, shop};

fn start(shop: &Shop) -> Terminal {
    Terminal::start(&shop.env.command(["init"]))
}

/// The questions of the way on which nothing is proposed, each answered with Enter.
const QUESTIONS: [&str; 10] = [
    "Which table should the agent look at?",
    "Which column finds one row?",
    "Which column says whose a row is?",
    "What may the agent do?",
    "Which columns may the model see?",
    "What is the tool called?",
    "Make tools for another table as well?",
    "Run it?",
    "Write these files?",
    "as tenant acme now?",
];

fn enter_through(terminal: &mut Terminal) {
    for question in QUESTIONS {
        terminal.wait_for(question).press(ENTER);
    }
    terminal.wait_for("Synapsor smoke call: ok");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

/// Forty tables, of which one is recognisably business.
async fn crowded() -> Shop {
    let shop = shop(Engine::Postgres).await;
    let mut sql = String::from("DROP VIEW open_invoices;");
    for number in 1..=36 {
        sql.push_str(&format!("CREATE TABLE aaa_{number} (id serial PRIMARY KEY, label text, made_at date);"));
    }
    sql.push_str("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}; REVOKE SELECT ON hidden FROM {reader}");
    shop.db.execute(&sql).await;
    shop
}

#[tokio::test]
async fn enter_alone_leads_to_a_tool_that_works() {
    let mut shop = crowded().await;
    let mut terminal = start(&shop);
    enter_through(&mut terminal);
    let shown = terminal.shown();
    assert!(shown.contains("Which table should the agent look at? public.invoices"), "{shown}");
    assert!(
        shown.contains("FROM \"public\".\"invoices\" WHERE \"id\" IS NOT NULL") && shown.contains("LIMIT 1"),
        "{shown}"
    );
    let written = files(&shop.env);
    for file in [".env.example", ".synapsor/smoke-input.json", "synapsor.runner.json"] {
        assert!(written.iter().any(|written| written == file), "{written:?}");
    }
    let all: String =
        written.iter().filter(|file| !file.contains("local.db")).map(|file| shop.env.read(file)).collect();
    assert!(!all.contains("throwaway") && !all.contains("://"), "{all}");

    // What it says to do next works as it says.
    shop.env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "local_operator");
    assert!(shown.contains("smoke call invoice.inspect_invoice --input .synapsor/smoke-input.json"), "{shown}");
    let arguments = ["smoke", "call", "invoice.inspect_invoice", "--input", ".synapsor/smoke-input.json"];
    let called = shop.env.run(arguments);
    assert!(called.status == 0 && called.stdout.contains("INV-1"), "{called:?}");

    // The same without a prompt gives the same file.
    let by_questions = shop.env.read("synapsor.runner.json");
    let by_flags = shop.env.run(["init", "--table", "invoices", "--dry-run", "--output", "other.json"]).expect(0);
    assert_eq!(by_flags, by_questions);
}

#[tokio::test]
async fn enter_alone_works_on_mysql() {
    let shop = shop(Engine::Mysql).await;
    enter_through(&mut start(&shop));
}

#[tokio::test]
async fn enter_alone_works_on_sqlite() {
    let shop = shop(Engine::Sqlite).await;
    enter_through(&mut start(&shop));
}

#[tokio::test]
async fn an_interruption_at_any_question_leaves_no_file() {
    let shop = shop(Engine::Sqlite).await;
    // The last question comes when the files are written already.
    for stop in 0..QUESTIONS.len() - 1 {
        let mut terminal = start(&shop);
        for question in &QUESTIONS[..stop] {
            terminal.wait_for(question).press(ENTER);
        }
        terminal.wait_for(QUESTIONS[stop]).press(CTRL_C);
        assert_ne!(terminal.end(), 0, "{}", terminal.shown());
        assert!(terminal.shown().contains("nothing was written"), "{}", terminal.shown());
        assert_eq!(files(&shop.env), [""; 0], "after {}", QUESTIONS[stop]);
    }
    let mut terminal = start(&shop);
    for question in &QUESTIONS[..8] {
        terminal.wait_for(question).press(ENTER);
    }
    terminal.wait_for(QUESTIONS[8]).press("n").press(ENTER);
    assert_eq!(terminal.end(), 1);
    assert_eq!(files(&shop.env), [""; 0]);
}

#[tokio::test]
async fn changes_are_asked_for_and_one_may_go_back() {
    let shop = shop(Engine::Sqlite).await;
    let mut terminal = start(&shop);
    terminal.wait_for("Which table").press("cust").wait_for("main.customers").press(ENTER);
    // Another table after all.
    terminal.wait_for("finds one row?").press(ESCAPE);
    terminal.wait_for("Which table").wait_for("main.invoices").press(ENTER);
    terminal.wait_for("finds one row?").press(ENTER);
    terminal.wait_for("whose a row is?").press(ENTER);
    terminal.wait_for("What may the agent do?").press(DOWN).press(DOWN).press(ENTER);
    terminal.wait_for("changes whenever a row does?").press(ENTER);
    terminal.wait_for("may a proposal change?").press(ENTER).wait_for("choose at least one");
    terminal.press("late").wait_for("late_fee_cents").press(" ").press(ENTER);
    terminal.wait_for("Who gives the new late_fee_cents?").press(ENTER);
    terminal.wait_for("Bounds on late_fee_cents").press("0:x").press(ENTER).wait_for("`x` is no number");
    terminal.press("\u{7f}1000").press(ENTER);
    terminal.wait_for("Who decides?").press(ENTER);
    terminal.wait_for("may the model see?").press(ENTER);
    terminal.wait_for("What is the tool called?").press(ENTER);
    terminal.wait_for("Which variable holds the writer's URL?").press(ENTER);
    terminal.wait_for("another table").press(ENTER);
    terminal.wait_for("Run it?").press("n").press(ENTER);
    terminal.wait_for("invoice.propose_invoice_update").wait_for("Write these files?").press(ENTER);
    terminal.wait_for("writeback grants");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    let config: serde_json::Value = serde_json::from_str(&shop.env.read("synapsor.runner.json")).unwrap();
    assert_eq!(config["mode"], "review");
    assert_eq!(
        config["capabilities"][1]["numeric_bounds"],
        json!({ "late_fee_cents": { "minimum": 0, "maximum": 1000 } })
    );
    assert_eq!(config["capabilities"][1]["conflict_guard"], json!({ "column": "updated_at" }));
}

#[tokio::test]
async fn an_empty_database_is_told_plainly() {
    let db = synapsor_testkit::database::sqlite();
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); DROP TABLE t").await;
    let mut env = TestEnv::new(binary());
    env.set("DATABASE_URL", db.admin_url());
    let mut terminal = Terminal::start(&env.command(["init"]));
    terminal.wait_for("grant it SELECT");
    assert_ne!(terminal.end(), 0);
    // A table without rows cannot be tried, and is made all the same.
    let shop = shop(Engine::Sqlite).await;
    shop.db.execute("DELETE FROM invoices").await;
    let mut terminal = start(&shop);
    for question in &QUESTIONS[..8] {
        terminal.wait_for(question).press(ENTER);
    }
    terminal.wait_for("has no row yet").wait_for("Write these files?").press(ENTER);
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}
