//! A small billing database, a config for it, and servers on both.

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Session;
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::stdio::{LEGACY, StdioClient};

/// Stands in a column that the proposal tool patches but does not show.
pub const HIDDEN: &str = "hidden-before-value";

const SCHEMA: &str = "
CREATE TABLE invoices (
  id TEXT PRIMARY KEY NOT NULL, tenant_id TEXT NOT NULL, customer TEXT, late_fee_cents INTEGER NOT NULL,
  status TEXT NOT NULL, waiver_reason TEXT, updated_at TEXT NOT NULL
) STRICT;
INSERT INTO invoices VALUES
  ('INV-1', 'acme', 'Northwind', 5500, 'overdue', 'hidden-before-value', '2026-06-20T14:31:08.000Z'),
  ('INV-2', 'acme', 'Harbor', 2500, 'overdue', NULL, '2026-06-22T08:15:44.000Z'),
  ('INV-9', 'globex', 'Summit', 9900, 'overdue', NULL, '2026-06-19T10:00:00.000Z');
CREATE TABLE tickets (id TEXT PRIMARY KEY NOT NULL, tenant_id TEXT NOT NULL, subject TEXT NOT NULL) STRICT;
INSERT INTO tickets VALUES ('T-1', 'acme', 'late fee on INV-1');
";

/// An isolated place with the database and the config.
pub struct World {
    /// Where commands run.
    pub env: TestEnv,
}

impl World {
    /// Makes the place; the tenant is `acme`, the principal `agent`.
    pub fn new() -> World {
        let mut env = TestEnv::new(env!("CARGO_BIN_EXE_synapsor-runner"));
        let url = format!("sqlite:{}", env.path("billing.db").display());
        env.set("BILLING_URL", &url).set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "agent");
        env.write("synapsor.runner.json", config().to_string());
        let world = World { env };
        world.sql(SCHEMA);
        world
    }

    /// Runs statements on the database.
    pub fn sql(&self, sql: &str) {
        let url = format!("sqlite:{}", self.env.path("billing.db").display());
        block_on(async { Session::open(&url).await.execute(sql).await }).unwrap();
    }

    /// Starts a server that nobody has talked to.
    pub fn spawn(&self, args: &[&str]) -> StdioClient {
        self.env.spawn_stdio(["mcp", "serve"].iter().chain(args))
    }

    /// Starts a server and shakes hands.
    pub fn serve(&self, args: &[&str]) -> StdioClient {
        let mut client = self.spawn(args);
        client.initialize(LEGACY);
        client
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Checks what every tool result has in common, and returns the structured one.
#[track_caller]
pub fn envelope(result: &Json) -> &Json {
    let structured = &result["structuredContent"];
    let text = result["content"][0]["text"].as_str().expect("text content");
    assert_eq!(serde_json::from_str::<Json>(text).unwrap(), *structured, "text and structured content differ");
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(result["isError"], json!(structured["ok"] == json!(false)), "{result}");
    structured
}

/// Checks that a call failed with this code, and returns the message.
#[track_caller]
pub fn refused(result: &Json, code: &str) -> String {
    let envelope = envelope(result);
    assert_eq!(envelope["error"]["code"], json!(code), "{envelope}");
    assert!(envelope["data"].is_null() && envelope["proposal"].is_null(), "{envelope}");
    envelope["error"]["message"].as_str().unwrap().to_owned()
}

fn config() -> Json {
    let target = json!({ "schema": "main", "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id" });
    let key =
        json!({ "type": "string", "description": "Invoice id, such as INV-3001.", "max_length": 64, "required": true });
    json!({
        "version": 1,
        "mode": "review",
        "storage": { "sqlite_path": "./.synapsor/local.db" },
        "sources": {
            "billing": { "engine": "sqlite", "read_url_env": "BILLING_URL", "write_url_env": "BILLING_URL" },
        },
        "trusted_context": { "provider": "environment" },
        "capabilities": [
            {
                "name": "billing.inspect_invoice",
                "kind": "read",
                "description": "Look up one invoice: customer, late fee and status.",
                "returns_hint": "Amounts are in cents.",
                "source": "billing",
                "target": target,
                "args": { "invoice_id": key },
                "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": ["id", "customer", "late_fee_cents", "status", "updated_at"],
            },
            {
                "name": "billing.propose_late_fee",
                "kind": "proposal",
                "source": "billing",
                "target": target,
                "args": {
                    "invoice_id": key,
                    "late_fee_cents": { "type": "number", "minimum": 0, "maximum": 10000, "required": true },
                    "reason": { "type": "string", "enum": ["goodwill", "billing_error"], "required": false },
                },
                "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": ["id", "late_fee_cents", "status"],
                "patch": {
                    "late_fee_cents": { "from_arg": "late_fee_cents" },
                    "waiver_reason": { "from_arg": "reason" },
                },
                "allowed_columns": ["late_fee_cents", "waiver_reason"],
                "numeric_bounds": { "late_fee_cents": { "minimum": 0, "maximum": 9000 } },
                "conflict_guard": { "column": "updated_at" },
            },
            {
                "name": "support.inspect_ticket",
                "kind": "read",
                "source": "billing",
                "target": { "schema": "main", "table": "tickets", "primary_key": "id", "tenant_key": "tenant_id" },
                "args": { "ticket_id": { "type": "string", "required": true } },
                "lookup": { "id_from_arg": "ticket_id" },
                "visible_columns": ["id", "subject"],
            },
        ],
    })
}
