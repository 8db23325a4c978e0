//! The databases, the configuration and the commands under measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Session;
use synapsor_testkit::servers::OwnPostgres;
use tempfile::TempDir;

/// How many rows there are to propose changes of; each is proposed once.
const ROWS: u64 = 300_000;

pub(super) const READ: &str = "billing.inspect_invoice";
pub(super) const READ_SQLITE: &str = "local.inspect_invoice";
pub(super) const PROPOSE: &str = "billing.propose_late_fee";

/// What the reading tool reads, as a script of the database's own.
pub(super) const BARE_READ: &str =
    "SELECT id, customer, late_fee_cents, note FROM invoices WHERE id = 'INV-1' AND tenant_id = 'acme';\n";
/// What an apply writes, written by hand.
pub(super) const BARE_WRITE: &str = "\\set n random(1, 2000000000)\nBEGIN;\n\
     INSERT INTO bare_receipts (idempotency_key, job_id, proposal_id, status) \
     VALUES ('bench:' || :n || ':' || clock_timestamp(), 'bench:' || :n || ':' || clock_timestamp(), 'bench', 'applied');\n\
     UPDATE invoices SET late_fee_cents = 55, updated_at = now() WHERE id = 'INV-2' AND tenant_id = 'acme';\nCOMMIT;\n";

pub(super) const TOKEN: &str = "bench-token-0123456789";

/// Servers and files that are thrown away afterwards.
pub(super) struct World {
    pub(super) postgres: OwnPostgres,
    pub(super) binary: PathBuf,
    folder: TempDir,
    stores: AtomicU64,
    next_row: Arc<AtomicU64>,
}

impl World {
    /// Starts the server and fills the tables.
    pub(super) async fn new(binary: &Path) -> Result<World, String> {
        let postgres = OwnPostgres::start(&["max_connections = 200"])?;
        let folder = tempfile::tempdir().map_err(|e| format!("temp dir: {e}"))?;
        let (stores, next_row) = (AtomicU64::new(0), Arc::new(AtomicU64::new(10)));
        let world = World { postgres, binary: binary.to_owned(), folder, stores, next_row };
        let config = config().to_string();
        fs::write(world.path("synapsor.runner.json"), config).map_err(|e| format!("the configuration: {e}"))?;
        let admin = connect(&world.postgres.url()).await?;
        let receipts = world.command(&world.store(), &["writeback", "migration", "--engine", "postgres"]).output();
        let receipts = receipts.map_err(|e| format!("cannot start the program: {e}"))?;
        let receipts = String::from_utf8_lossy(&receipts.stdout).into_owned();
        for sql in [&format!("{TABLE};\n{FILL}"), &receipts, GRANTS] {
            admin.execute(sql).await.map_err(|e| format!("preparing the database: {e}"))?;
        }
        let local = connect(&world.sqlite_url()).await?;
        local.execute(&format!("{TABLE};\n{FILL_SQLITE}")).await.map_err(|e| format!("preparing the file: {e}"))?;
        Ok(world)
    }

    /// Connects to the file that is the other source.
    pub(super) async fn sqlite(&self) -> Result<Session, String> {
        connect(&self.sqlite_url()).await
    }

    /// Names a ledger that does not exist yet.
    pub(super) fn store(&self) -> PathBuf {
        self.path(&format!("ledger-{}.db", self.stores.fetch_add(1, Ordering::Relaxed)))
    }

    /// Names a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns what numbers rows of which nothing was proposed yet.
    pub(super) fn rows(&self) -> impl Fn() -> u64 + use<> {
        let next = Arc::clone(&self.next_row);
        move || next.fetch_add(1, Ordering::Relaxed) % ROWS
    }

    /// Makes a command of the program with a ledger.
    pub(super) fn command(&self, store: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        let url = |role: &str| {
            self.postgres.url().replacen("postgres:", &format!("{role}:"), 2).replacen(
                &format!("{role}://"),
                "postgres://",
                1,
            )
        };
        command
            .env("READ_URL", url("bench_reader"))
            .env("WRITE_URL", url("bench_writer"))
            .env("LOCAL_URL", self.sqlite_url())
            .env("HOME", self.folder.path())
            .env("TENANT", "acme")
            .env("PRINCIPAL", "bench.agent")
            .env("SYNAPSOR_RUNNER_HTTP_TOKEN", TOKEN)
            .env("SYNAPSOR_LOCAL_STORE", store);
        command
    }

    /// Runs a command of the program to its end, which must be good, and returns what it printed.
    pub(super) fn run(&self, store: &Path, args: &[&str]) -> Result<String, String> {
        let output = self.command(store, args).output().map_err(|e| format!("cannot start the program: {e}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        Err(format!("`{}` failed: {said}{}", args.join(" "), String::from_utf8_lossy(&output.stderr)))
    }

    fn sqlite_url(&self) -> String {
        format!("sqlite:{}", self.path("local.db").display())
    }
}

async fn connect(url: &str) -> Result<Session, String> {
    Session::connect(url).await.map_err(|e| format!("cannot connect: {e}"))
}

const TABLE: &str = "CREATE TABLE invoices (id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, \
     customer TEXT NOT NULL, late_fee_cents INTEGER NOT NULL, note TEXT, updated_at TEXT NOT NULL)";

const FILL: &str = "ALTER TABLE invoices ALTER updated_at TYPE timestamptz USING updated_at::timestamptz; \
     INSERT INTO invoices SELECT 'INV-' || n, 'acme', 'Customer ' || n, 5500, NULL, now() \
     FROM generate_series(0, 300000) n; ANALYZE invoices";

const FILL_SQLITE: &str = "INSERT INTO invoices WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n \
     WHERE n < 1000) SELECT 'INV-' || n, 'acme', 'Customer ' || n, 5500, NULL, '2026-06-20T14:31:08.000Z' FROM n";

/// The hand-written change has a receipt table of its own, of the same shape.
const GRANTS: &str = "CREATE TABLE bare_receipts (LIKE synapsor_writeback_receipts INCLUDING ALL); \
     CREATE ROLE bench_reader LOGIN PASSWORD 'admin-of-a-throwaway-server'; \
     CREATE ROLE bench_writer LOGIN PASSWORD 'admin-of-a-throwaway-server'; \
     GRANT SELECT ON invoices, synapsor_writeback_receipts_id TO bench_reader; \
     GRANT SELECT, UPDATE ON invoices TO bench_writer; \
     GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO bench_writer; \
     GRANT SELECT ON synapsor_writeback_receipts_id TO bench_writer";

fn config() -> Json {
    let target =
        |schema: &str| json!({ "schema": schema, "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id" });
    let key = json!({ "type": "string", "max_length": 64, "required": true });
    let read = |name: &str, source: &str, schema: &str| {
        json!({
            "name": name,
            "kind": "read",
            "description": "Look up one invoice: customer, late fee and note.",
            "source": source,
            "target": target(schema),
            "args": { "invoice_id": key },
            "lookup": { "id_from_arg": "invoice_id" },
            "visible_columns": ["id", "customer", "late_fee_cents", "note"],
        })
    };
    json!({
        "version": 1,
        "mode": "review",
        "sources": {
            "billing": { "engine": "postgres", "read_url_env": "READ_URL", "write_url_env": "WRITE_URL" },
            "local": { "engine": "sqlite", "read_url_env": "LOCAL_URL" },
        },
        "trusted_context": {
            "provider": "environment",
            "values": { "tenant_id_env": "TENANT", "principal_env": "PRINCIPAL" },
        },
        "capabilities": [
            read(READ, "billing", "public"),
            read(READ_SQLITE, "local", "main"),
            {
                "name": PROPOSE,
                "kind": "proposal",
                "description": "Propose a late fee for one invoice. A person decides.",
                "source": "billing",
                "target": target("public"),
                "args": {
                    "invoice_id": key,
                    "late_fee_cents": { "type": "number", "minimum": 0, "maximum": 10000, "required": true },
                },
                "lookup": { "id_from_arg": "invoice_id" },
                "visible_columns": ["id", "customer", "late_fee_cents", "note"],
                "patch": { "late_fee_cents": { "from_arg": "late_fee_cents" } },
                "allowed_columns": ["late_fee_cents"],
                "conflict_guard": { "column": "updated_at" },
            },
        ],
    })
}
