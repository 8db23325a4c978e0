//! `audit`: what it says of files and of servers, and that it harms nobody who is looked at or looks.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::{NODE, NODE_MODULES};

use crate::shop::{Shop, binary, shop};

/// Counts of findings: high, medium, low.
fn counts(report: &Json) -> [u64; 3] {
    ["high", "medium", "low"].map(|severity| report["summary"][severity].as_u64().unwrap())
}

fn codes(report: &Json) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// A configuration with a tool that reads and one that proposes.
async fn configured() -> Shop {
    let mut shop = shop(Engine::Sqlite).await;
    shop.env
        .run([
            "init",
            "--table=invoices",
            "--mode=shadow",
            "--patch=late_fee_cents=arg:fee",
            "--numeric-bound=late_fee_cents=0:500",
        ])
        .expect(0);
    shop.env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "me");
    shop
}

/// A command that starts this program as a server.
fn serving(shop: &Shop) -> String {
    let folder = shop.env.work_dir();
    let file = |name: &str| folder.join(name).display().to_string();
    format!(
        "stdio:'{}' mcp serve --config '{}' --store '{}'",
        binary().display(),
        file("synapsor.runner.json"),
        file("a.db")
    )
}

#[test]
fn the_example_is_as_bad_as_it_looks() {
    let env = TestEnv::new(binary());
    let report = env.run(["audit", "--example", "dangerous-db-mcp", "--json"]).json();
    assert_eq!(counts(&report), [15, 12, 12]);
    assert_eq!(report["summary"]["tools_inspected"], 6);
    let text = env.run(["audit", "--example", "dangerous-db-mcp"]);
    assert_eq!(text.status, 0);
    insta::assert_snapshot!("audit_example", env.snapshot(&text));
    let markdown = env.run(["audit", "--example", "dangerous-db-mcp", "--format", "markdown"]).expect(0);
    assert!(markdown.starts_with("# Synapsor MCP Database Risk Review"), "{markdown}");
    let sarif = env.run(["audit", "--example", "dangerous-db-mcp", "--format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 39);
    for (severity, status) in [("high", 1), ("medium", 1), ("low", 1)] {
        let failing = env.run(["audit", "--example", "dangerous-db-mcp", "--fail-on", severity]);
        assert_eq!(failing.status, status, "{failing:?}");
    }
}

#[tokio::test]
async fn this_programs_own_servers_have_no_bad_finding() {
    let mut shop = configured().await;
    // The environment of a server that is audited is scrubbed, and listing tools needs nothing of it.
    let target = serving(&shop);
    let over_stdio = shop.env.run(["audit", &target, "--json", "--fail-on", "medium"]);
    let report = over_stdio.json();
    assert!(over_stdio.status == 0 && report["summary"]["tools_inspected"] == 2, "{over_stdio:?}");
    assert_eq!(counts(&report)[..2], [0, 0], "{report:#}");

    let token = "0123456789abcdef0123456789abcdef";
    shop.env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", token).set("WRONG", "0".repeat(32));
    let server = shop.env.spawn_http(["--store", "b.db"]);
    let url = format!("http://{}/mcp", server.address());
    let over_http = shop.env.run(["audit", &url, "--json", "--bearer-env", "SYNAPSOR_RUNNER_HTTP_TOKEN"]).json();
    assert_eq!((counts(&over_http)[0], counts(&over_http)[1]), (0, 0), "{over_http:#}");
    assert_eq!(over_http["summary"]["tools_inspected"], 2);
    for wrong in [vec![], vec!["--bearer-env", "WRONG"]] {
        let refused = shop.env.run(["audit", "--url", &url, "--json"].iter().chain(&wrong)).json();
        assert_eq!(codes(&refused), ["SERVER_NOT_AUDITED", "NO_TOOLS_FOUND"], "{refused:#}");
        assert!(refused.to_string().contains("status 401"), "{refused:#}");
    }
    // The configuration itself, without a server.
    let file = shop.env.run(["mcp", "audit", "synapsor.runner.json", "--json"]).json();
    assert_eq!(file["summary"], over_http["summary"]);
}

#[test]
fn a_server_of_the_older_era_is_greeted() {
    let provided = |variable: &str| std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onboarding/older_server.cjs");
    let mut node = Command::new(provided(NODE));
    node.arg(script).env("NODE_PATH", provided(NODE_MODULES)).stdout(Stdio::piped());
    let mut server = Ended(node.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let env = TestEnv::new(binary());
    let url = format!("http://127.0.0.1:{}/mcp", port.trim());
    let report = env.run(["audit", &url, "--json", "--timeout-ms", "60000"]).json();
    assert_eq!(report["summary"]["tools_inspected"], 1, "{report:#}");
    assert!(codes(&report).contains(&"NO_STRUCTURED_OUTPUT_SCHEMA"), "{report:#}");
}

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_clients_servers_are_started_after_asking() {
    let shop = configured().await;
    shop.env.run(["mcp", "install", "cursor", "--project", ".", "--yes"]).expect(0);
    let asked = shop.env.run(["audit", ".cursor/mcp.json"]);
    assert!(asked.status != 0 && asked.stderr.contains("mcp serve"), "{asked:?}");
    let settings: Json = serde_json::from_str(&shop.env.read(".cursor/mcp.json")).unwrap();
    let mut settings = settings;
    // The program is not on the path here.
    settings["mcpServers"]["synapsor"]["command"] = json!(binary().display().to_string());
    settings["mcpServers"]["gone"] = json!({ "command": "no-such-program" });
    settings["mcpServers"]["far"] = json!({ "url": "http://127.0.0.1:1/mcp" });
    shop.env.write("settings.json", settings.to_string());
    let report = shop.env.run(["audit", "--mcp-config", "settings.json", "--yes", "--json"]).json();
    assert_eq!(report["summary"]["tools_inspected"], 2, "{report:#}");
    assert_eq!(codes(&report).iter().filter(|code| **code == "SERVER_NOT_AUDITED").count(), 2, "{report:#}");
}

#[test]
fn servers_see_little_and_are_ended_with_their_children() {
    let mut env = TestEnv::new(binary());
    env.set("DATABASE_URL", "postgres://a:s3cret@h/d").set("PATH", "/usr/bin:/bin");
    let started = Instant::now();
    let spying = "stdio:sh -c 'env > seen; sleep 1000 & echo $! > child; wait'";
    let report = env.run(["audit", spying, "--json", "--timeout-ms", "1000"]).json();
    assert_eq!(codes(&report)[0], "SERVER_NOT_AUDITED");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(!env.read("seen").contains("s3cret"), "{}", env.read("seen"));
    let child = env.read("child").trim().to_owned();
    while Path::new(&format!("/proc/{child}")).exists()
        && !std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default().contains(" Z ")
    {
        assert!(started.elapsed() < Duration::from_secs(60), "its child is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    for (hostile, expected) in [
        ("stdio:sleep 1000", "in time"),
        ("stdio:false", "SERVER_NOT_AUDITED"),
        ("stdio:yes", "SERVER_NOT_AUDITED"),
        ("stdio:no-such-program", "cannot be started"),
        ("stdio:echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":7}}'", "SERVER_NOT_AUDITED"),
    ] {
        let report = env.run(["audit", hostile, "--json", "--timeout-ms", "1000"]);
        assert!(report.status == 0 && report.stdout.contains(expected), "{hostile}: {report:?}");
    }
}

#[test]
fn a_lock_notices_what_changed_and_may_be_renewed() {
    let env = TestEnv::new(binary());
    let list = |description: &str| {
        let tools = json!({ "tools": [{ "name": "inspect", "description": description, "outputSchema": {} }] });
        env.write("tools.json", tools.to_string());
    };
    let audit = |more: &[&str]| env.run(["audit", "tools.json", "--json", "--lock", "tools.lock"].iter().chain(more));
    list("Looks.");
    assert!(audit(&[]).stderr.contains("locked 1 tool(s)"));
    assert_eq!(counts(&audit(&["--fail-on", "high"]).json())[0], 0);
    list("Looks at everything.");
    let drifted = audit(&["--fail-on", "high"]);
    assert_eq!((drifted.status, codes(&drifted.json())[0]), (1, "TOOL_DRIFT"));
    assert!(audit(&["--update-lock"]).stderr.contains("accepted"));
    assert_eq!(counts(&audit(&[]).json())[0], 0);
    env.write("tools.lock", "something else");
    assert!(audit(&[]).stderr.contains("no lock file"));
}

#[test]
fn what_cannot_be_reviewed_is_told() {
    let mut env = TestEnv::new(binary());
    env.set("TOKEN", "s3cret-token");
    env.write("text.json", "no json");
    env.write("empty.json", "{}");
    let bad = json!([{ "name": "a\u{1b}[31m`b", "description": "x\u{1b}]0;y\u{7}" }]);
    env.write("odd.json", bad.to_string());
    for (args, status, expected) in [
        (vec!["audit"], 2, "no target is named"),
        (vec!["audit", "a", "--url", "http://x"], 2, "more than one target"),
        (vec!["audit", "missing.json"], 1, "cannot be read"),
        (vec!["audit", "text.json"], 2, "is no JSON"),
        (vec!["audit", "stdio:"], 2, "the command is empty"),
        (vec!["audit", "https://user:s3cret@host/"], 2, "holds a user name"),
        (vec!["audit", "--url", "ftp://host/"], 2, "neither `http` nor `https`"),
        (vec!["audit", "http://127.0.0.1:1/", "--bearer-env", "UNSET"], 2, "`UNSET` is not set"),
        (vec!["audit", "empty.json", "--bearer-env", "TOKEN"], 2, "for one server"),
        (vec!["audit", "http://192.0.2.1/mcp", "--bearer-env", "TOKEN"], 2, "is not encrypted"),
        (vec!["audit", "empty.json"], 0, "NO_TOOLS_FOUND"),
        (vec!["audit", "http://127.0.0.1:1/mcp?key=s3cret"], 0, "cannot be reached"),
    ] {
        let said = env.run(&args);
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(said.status == status && text.contains(expected), "{args:?}: {said:?}");
        assert!(!text.contains("s3cret"), "{args:?}: {said:?}");
    }
    for format in ["text", "json", "markdown", "sarif"] {
        let said = env.run(["audit", "odd.json", "--format", format]);
        assert!(said.status == 0 && !said.stdout.contains('\u{1b}'), "{format}: {said:?}");
    }
}
