//! A small billing database of two tenants, and a configuration under which clients prove whom they stand for.

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Session;
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::http::{Connection, HttpServer, legacy};
use synapsor_testkit::stdio::LEGACY;

/// The tokens: of an agent of each tenant, and of somebody who may only read.
pub const ACME: &str = "acme-token-5f2b8c1d9e";
pub const GLOBEX: &str = "globex-token-7a3e6f0b2c";
pub const READER: &str = "reader-token-1c9d4e8f7a";

pub const INSPECT: &str = "billing.inspect_invoice";
pub const PROPOSE: &str = "billing.propose_late_fee";

const SCHEMA: &str = "
CREATE TABLE invoices (
  id TEXT NOT NULL, tenant_id TEXT NOT NULL, late_fee_cents INTEGER NOT NULL, note TEXT, updated_at TEXT NOT NULL,
  PRIMARY KEY (id, tenant_id)
) STRICT;
INSERT INTO invoices VALUES
  ('INV-1', 'acme', 5500, 'acme-secret-note', '2026-06-20T14:31:08.000Z'),
  ('INV-1', 'globex', 7700, 'globex-secret-note', '2026-06-20T14:31:08.000Z'),
  ('INV-2', 'acme', 100, NULL, '2026-06-22T08:15:44.000Z');
";

/// An isolated place with the database and the configuration.
pub struct World {
    /// Where commands run.
    pub env: TestEnv,
    /// The configuration, as it was written.
    pub config: Json,
}

impl World {
    /// Makes the place.
    pub fn new() -> World {
        World::with(|_| {})
    }

    /// Makes the place with another configuration.
    pub fn with(change: impl FnOnce(&mut Json)) -> World {
        let mut env = TestEnv::new(env!("CARGO_BIN_EXE_synapsor-runner"));
        let url = format!("sqlite:{}", env.path("billing.db").display());
        env.set("BILLING_URL", &url).set("ACME_TOKEN", ACME).set("GLOBEX_TOKEN", GLOBEX).set("READER_TOKEN", READER);
        let mut config = config();
        change(&mut config);
        env.write("synapsor.runner.json", config.to_string());
        block_on(async { Session::open(&url).await.execute(SCHEMA).await }).unwrap();
        World { env, config }
    }

    /// Starts a server.
    #[track_caller]
    pub fn serve(&self, args: &[&str]) -> HttpServer {
        self.env.spawn_http(args)
    }
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The envelope of a tool's answer.
#[track_caller]
pub fn envelope(reply: &synapsor_testkit::http::Reply) -> Json {
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert!(json["result"]["structuredContent"].is_object(), "{json}");
    json["result"]["structuredContent"].clone()
}

/// Begins a session of an older revision; returns its id.
#[track_caller]
pub fn begin(connection: &mut Connection, token: &str) -> String {
    let bearer = format!("Bearer {token}");
    let client = json!({ "name": "testkit", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    let reply = connection.request("POST", "/mcp", &[("authorization", &bearer)], &legacy(1, "initialize", &params));
    assert_eq!(reply.status, 200, "{reply:?}");
    let id = reply.header("mcp-session-id").expect("a session").to_owned();
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let headers = [("authorization", bearer.as_str()), ("mcp-session-id", &id), ("mcp-protocol-version", LEGACY)];
    assert_eq!(connection.request("POST", "/mcp", &headers, &body).status, 202);
    id
}

/// The headers of a request in a session.
pub fn in_session<'a>(bearer: &'a str, session: &'a str) -> [(&'a str, &'a str); 3] {
    [("authorization", bearer), ("mcp-session-id", session), ("mcp-protocol-version", LEGACY)]
}

pub fn config() -> Json {
    let target = json!({ "schema": "main", "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id" });
    let key = json!({ "type": "string", "max_length": 64, "required": true });
    let token = |name: &str, tenant: &str, scopes: Json| {
        let (env, principal) = (format!("{}_TOKEN", name.to_uppercase()), format!("{name}.agent"));
        json!({ "name": name, "token_env": env, "tenant_id": tenant, "principal": principal, "scopes": scopes })
    };
    json!({
        "version": 1,
        "mode": "review",
        "storage": { "sqlite_path": "./.synapsor/local.db" },
        "sources": {
            "billing": { "engine": "sqlite", "read_url_env": "BILLING_URL", "write_url_env": "BILLING_URL" },
        },
        "trusted_context": { "provider": "http_claims" },
        "http": {
            "tokens": [
                token("acme", "acme", json!(["read", "propose"])),
                token("globex", "globex", json!(["read", "propose"])),
                token("reader", "acme", json!(["read"])),
            ],
        },
        "capabilities": [
            {
                "name": INSPECT,
                "kind": "read",
                "source": "billing",
                "target": target,
                "args": { "invoice_id": key },
                "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": ["id", "late_fee_cents", "note"],
            },
            {
                "name": PROPOSE,
                "kind": "proposal",
                "source": "billing",
                "target": target,
                "args": {
                    "invoice_id": key,
                    "late_fee_cents": { "type": "number", "minimum": 0, "maximum": 10000, "required": true },
                },
                "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": ["id", "late_fee_cents"],
                "patch": { "late_fee_cents": { "from_arg": "late_fee_cents" } },
                "allowed_columns": ["late_fee_cents"],
                "conflict_guard": { "column": "updated_at" },
            },
        ],
    })
}
