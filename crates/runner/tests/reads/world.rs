//! What the demo leaves behind: one change that was applied, one that met a conflict, and three reads.

use serde_json::Value as Json;
use synapsor_testkit::database::Session;
use synapsor_testkit::env::{Output, TestEnv};

/// Where the demo's ledger is.
pub const STORE: &str = "synapsor-demo/.synapsor/local.db";

/// An isolated place with the demo's files.
pub struct World {
    /// Where commands run.
    pub env: TestEnv,
    /// The proposal that was applied.
    pub applied: String,
    /// The proposal that met a conflict.
    pub stale: String,
}

impl World {
    /// Plays the demo. Commands find its ledger by `SYNAPSOR_LOCAL_STORE` and its config by `SYNAPSOR_MCP_CONFIG`.
    pub fn new() -> World {
        let mut env = TestEnv::new(env!("CARGO_BIN_EXE_synapsor-runner"));
        env.run(["demo", "--quick"]).expect(0);
        let path = |name: &str| env.path(name).display().to_string();
        let (store, config) = (path(STORE), path("synapsor-demo/synapsor.runner.json"));
        env.set("SYNAPSOR_LOCAL_STORE", store).set("SYNAPSOR_MCP_CONFIG", config);
        env.set("BILLING_READ_URL", "sqlite:billing.db").set("BILLING_WRITE_URL", "sqlite:billing.db");
        let list = env.run(["proposals", "list", "--json"]).json();
        let id = |at: usize| list["proposals"][at]["proposal_id"].as_str().unwrap().to_owned();
        World { stale: id(0), applied: id(1), env }
    }

    /// Runs a command that must end with this status, and returns what it printed.
    #[track_caller]
    pub fn text(&self, args: &str, status: i32) -> String {
        self.run(args).expect(status)
    }

    /// Runs a command with `--json`, which must succeed.
    #[track_caller]
    pub fn json(&self, args: &str) -> Json {
        let output = self.run(&format!("{args} --json"));
        assert_eq!(output.status, 0, "{args}\nstdout: {}\nstderr: {}", output.stdout, output.stderr);
        output.json()
    }

    /// Runs a command; arguments are separated by blanks.
    pub fn run(&self, args: &str) -> Output {
        self.env.run(args.split(' '))
    }

    /// Proposes a waiver of an invoice's fee.
    pub fn propose(&self, invoice: &str, reason: &str) -> String {
        let input = serde_json::json!({ "invoice_id": invoice, "reason": reason }).to_string();
        let output = self.env.run(["propose", "billing.propose_late_fee_waiver", "--json", &input]);
        let envelope = output.json();
        envelope["proposal"]["id"].as_str().unwrap_or_else(|| panic!("{envelope}")).to_owned()
    }

    /// Runs statements on a database file of the demo.
    pub fn sql(&self, file: &str, sql: &str) {
        let url = format!("sqlite:{}", self.env.path(file).display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Session::open(&url).await.execute(sql).await }).unwrap();
    }
}
