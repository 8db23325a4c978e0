//! The templates pass the kit as they are made, on every database.

use serde_json::Value;
use synapsor_testkit::database::Engine;

use crate::app::{ARGS, App, FAILING};

fn with_status<'r>(report: &'r Value, status: &str) -> Vec<&'r str> {
    let checks = report["checks"].as_array().unwrap_or_else(|| panic!("no report: {report}"));
    checks.iter().filter(|check| check["status"] == status).filter_map(|check| check["id"].as_str()).collect()
}

async fn passes(kind: &'static str, engine: Engine) {
    let app = App::start(kind, engine).await;
    let report = app.conformance();
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(with_status(&report, "skipped"), Vec::<&str>::new(), "{report:#}");
    assert!(with_status(&report, "passed").len() >= 25);
}

macro_rules! every_engine {
    ($($kind:ident),*) => { $(mod $kind {
        use super::{Engine, passes};
        #[tokio::test] async fn postgres() { passes(stringify!($kind), Engine::Postgres).await; }
        #[tokio::test] async fn mysql() { passes(stringify!($kind), Engine::Mysql).await; }
        #[tokio::test] async fn sqlite() { passes(stringify!($kind), Engine::Sqlite).await; }
    })* };
}

every_engine!(node, python, rust);

/// Weakness 8: the examples refused what the runner sent.
#[tokio::test]
async fn weakness_8_the_examples_of_the_pages_pass_with_nothing_but_the_packed_files() {
    for (kind, page, language) in
        [("node", "sdk/typescript/README.md", "js"), ("python", "sdk/python/README.md", "python")]
    {
        let mut app = App::make(kind, Engine::Postgres).await;
        app.as_the_page_says(page, language);
        app.run(&[]);
        let report = app.conformance();
        assert_eq!(report["ok"], true, "{page}: {report:#}");
    }
}

#[tokio::test]
async fn a_command_passes_all_that_a_command_can() {
    let app = App::start("command", Engine::Sqlite).await;
    let report = app.conformance();
    assert_eq!(report["ok"], true, "{report:#}");
    let untried = [
        "method",
        "bearer",
        "signature",
        "tampering",
        "stale-signature",
        "audience",
        "headers",
        "slow",
        "reply-signature",
    ];
    assert_eq!(with_status(&report, "skipped"), untried, "{report:#}");
}

#[tokio::test]
async fn the_reports_are_for_people_and_for_build_servers() {
    let mut app = App::make("python", Engine::Sqlite).await;
    app.spoil();
    app.run(&[("BAD", "bearer")]);
    let common = ["handler", "conformance", "--args", ARGS, "--failing-patch", FAILING];
    let text = app.env.run(common).expect(1);
    assert!(
        text.contains("x bearer") && text.contains("so: Whoever reaches the port can have changes made."),
        "{text}"
    );
    assert!(text.contains("24 held, 1 did not, 0 not tried"), "{text}");
    let xml = app.env.run(common.into_iter().chain(["--format", "junit"])).expect(1);
    assert!(xml.contains("failures=\"1\"") && xml.contains("<failure message="), "{xml}");
    app.env.run(["handler", "conformance", "--args", "[]"]).expect(2);
    app.env.run(["handler", "conformance", "--args", "{}", "--action", "no.such"]).expect(2);
}

#[tokio::test]
async fn a_template_leaves_other_files_alone() {
    let app = App::make("python", Engine::Sqlite).await;
    app.env.write("app.py", "mine");
    let said = app.env.run(["handler", "template", "python", "--output", "."]);
    assert!(said.stderr.contains("is there already"), "{}", said.stderr);
    assert_eq!(app.env.read("app.py"), "mine");
}
