//! Bodies of HTTP requests, through every check and every handler that a real one passes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::{Durability, ResultFormat};
use synapsor_core::tool::AliasMode;
use synapsor_db::ledger::{Ledger, OpenOptions};
use synapsor_runner::app::App;
use synapsor_runner::http::{Service, Site, Terms, Transport};
use synapsor_runner::mcp::ServeOptions;
use synapsor_testkit::database::Session;
use tower::ServiceExt as _;

const CONFIG: &str = include_str!("bodies.json");
const SCHEMA: &str = "
CREATE TABLE invoices (id TEXT NOT NULL, tenant_id TEXT NOT NULL, note TEXT, updated_at TEXT NOT NULL, PRIMARY KEY (id)) STRICT;
INSERT INTO invoices VALUES ('INV-1', 'acme', 'ours', '2026-06-20T14:31:08.000Z'),
  ('INV-2', 'globex', 'of-another-tenant', '2026-06-20T14:31:08.000Z');
";
/// What no answer may hold, whatever is asked for: another tenant's row, statements, and where things lie.
const BEHIND: [&str; 5] = ["of-another-tenant", "SELECT ", "updated_at\" =", "source.db", "rusqlite"];

/// A server that nobody listens for.
struct Stage {
    runtime: tokio::runtime::Runtime,
    router: Router,
    /// What steers the service lives as long as it does.
    _service: Service,
    _folder: tempfile::TempDir,
}

/// The endpoint: no body breaks it, and none gets what its sender may not have. The first byte chooses the headers, the
/// rest is the body. Returns the status of the answer and its text.
pub fn http(bytes: &[u8]) -> (u16, String) {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    let stage = STAGE.get_or_init(|| match Stage::new() {
        Ok(stage) => stage,
        Err(error) => panic!("no stage: {error}"),
    });
    let (first, body) = bytes.split_first().unwrap_or((&b'0', &[]));
    let request = request(*first, body);
    let (status, text) = stage.runtime.block_on(async {
        let Ok(response): Result<Response<Body>, _> = stage.router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        // A stream that only listens has no end.
        let streams = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if streams {
            Vec::new()
        } else {
            to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default().to_vec()
        };
        (status, String::from_utf8_lossy(&text).into_owned())
    });
    assert!((200..500).contains(&status), "{status} {text}");
    for word in BEHIND {
        assert!(!text.contains(word), "the answer tells of {word:?}: {text}");
    }
    (status, text)
}

/// A request of either era, with headers that fit a call of the tool, or some other method, or none.
fn request(first: u8, body: &[u8]) -> Request<Body> {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    let (revision, method, name) = match first {
        b'0' => ("2026-07-28", "tools/call", Some("billing.inspect_invoice")),
        b'1' => ("2026-07-28", "tools/list", None),
        b'2' => ("2026-07-28", "resources/read", Some("synapsor://proposals/wrp_00000000000000000000")),
        b'3' => ("2026-07-28", "tools/call", Some("billing.propose_note")),
        b'4' => ("2026-07-28", "server/discover", None),
        b'5' => ("2025-11-25", "", None),
        _ => ("", "", None),
    };
    if !revision.is_empty() {
        request = request.header("mcp-protocol-version", revision);
    }
    if !method.is_empty() {
        request = request.header("mcp-method", method);
    }
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    match request.body(Body::from(body.to_vec())) {
        Ok(request) => request,
        Err(error) => panic!("no request: {error}"),
    }
}

impl Stage {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = format!("sqlite:{}", folder.path().join("source.db").display());
        let service = runtime.block_on(async {
            Session::open(&url).await.execute(SCHEMA).await.map_err(|error| error.to_string())?;
            service(folder.path())
        })?;
        Ok(Self { runtime, router: service.router(), _service: service, _folder: folder })
    }
}

fn service(folder: &Path) -> Result<Service, Box<dyn std::error::Error>> {
    let contract =
        config::read(CONFIG, &ReadOptions { read_only: false }).contract.ok_or("the configuration is not good")?;
    let options = OpenOptions { create: true, durability: Durability::Full };
    let ledger = Ledger::open(&folder.join("ledger.db"), options)?;
    let config = folder.join("synapsor.runner.json");
    let app = Arc::new(App::new(contract, ledger, &config)?);
    let terms = Terms {
        token_env: "SYNAPSOR_FUZZ_NO_TOKEN".to_owned(),
        open: true,
        origins: Vec::new(),
        base: folder.to_owned(),
        serve: ServeOptions { alias_mode: AliasMode::default(), result_format: ResultFormat::V2 },
    };
    Ok(Service::new(Arc::new(Site::new(app, &terms)?), Transport::Streamable, false))
}
