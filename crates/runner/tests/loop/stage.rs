//! The billing example on an engine: its tables, its rows, its accounts, and an environment that names them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::env::{Output, TestEnv};

/// The example on one engine.
pub(crate) struct Stage {
    pub(crate) env: TestEnv,
    pub(crate) db: Database,
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/support-billing-agent");

/// Limits for a machine that runs every test at once.
const PATIENT: &str = "\"statement_timeout_ms\": 20000, \"connect_timeout_ms\": 20000, \"lock_timeout_ms\": 20000";

/// The release binary where the whole suite runs, else the one built for this test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("SYNAPSOR_TEST_RELEASE")
        .map_or_else(|| env!("CARGO_BIN_EXE_synapsor-runner").into(), PathBuf::from)
}

/// Sets the billing example up on a fresh database, with the receipt table and column-level grants.
pub(crate) async fn billing(engine: Engine) -> Stage {
    configured(engine, |config| config).await
}

/// As [`billing`], with another configuration from the start.
pub(crate) async fn configured(engine: Engine, change: impl Fn(String) -> String) -> Stage {
    let name = engine.name();
    let example = Path::new(EXAMPLE);
    let read = |file: String| std::fs::read_to_string(example.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let file = if engine == Engine::Postgres {
        "synapsor.runner.json".to_owned()
    } else {
        format!("synapsor.runner.{name}.json")
    };
    stage(engine, &read(format!("schema.{name}.sql")), &read(format!("seed.{name}.sql")), &change(read(file))).await
}

/// Sets any tables up, with a configuration whose MySQL schema is called `app`.
pub(crate) async fn stage(engine: Engine, schema: &str, seed: &str, config: &str) -> Stage {
    let db = Database::fresh(engine).await;
    if let Some(path) = db.path() {
        std::fs::write(path, "").unwrap();
    }
    db.execute(schema).await;
    db.execute(seed).await;
    let mut env = TestEnv::new(binary());
    let config = config.replace("\"schema\": \"app\"", &format!("\"schema\": \"{}\"", db.schema()));
    env.write("synapsor.runner.json", config.replace("\"statement_timeout_ms\": 3000", PATIENT));
    env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "support.agent");
    env.set("BILLING_READ_URL", db.reader_url()).set("BILLING_WRITE_URL", db.writer_url());
    let mut stage = Stage { env, db };
    stage.migrate().await;
    stage.grant().await;
    stage
}

impl Stage {
    async fn migrate(&mut self) {
        self.env.set("ADMIN_URL", self.db.admin_url());
        self.run(["writeback", "migration", "--execute", "--admin-url-env", "ADMIN_URL", "--yes"]).expect(0);
        self.env.unset("ADMIN_URL");
    }

    /// Grants exactly what the program prints. Nothing may come through everyone's privileges instead.
    async fn grant(&self) {
        let printed = self.run(["writeback", "grants"]).expect(0);
        let statements: Vec<&str> = printed.lines().filter(|line| !line.starts_with("--")).collect();
        let statements =
            statements.join("\n").replace("<reader_role>", "{reader}").replace("<writer_role>", "{writer}");
        match self.db.engine() {
            Engine::Postgres => {
                let database = self.db.query_text("SELECT current_database()").await.remove(0).remove(0).unwrap();
                self.db.execute(&format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await;
                self.db.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC").await;
                self.db.execute(&statements.replace("<database>", &database)).await;
            }
            Engine::Mysql => self.db.execute(&statements).await,
            Engine::Sqlite => assert_eq!(statements, "", "a file knows no grants"),
        }
    }

    pub(crate) fn run<const N: usize>(&self, args: [&str; N]) -> Output {
        self.env.run(args)
    }

    /// Proposes to waive a fee and gives back the envelope.
    pub(crate) fn propose(&self, invoice: &str, reason: &str) -> Value {
        let arguments = json!({ "invoice_id": invoice, "reason": reason }).to_string();
        self.run(["propose", "billing.propose_late_fee_waiver", "--json", &arguments]).json()
    }

    /// Proposes and approves; gives back the proposal's id.
    pub(crate) fn approved(&self, invoice: &str) -> String {
        let id = id_of(&self.propose(invoice, "goodwill"));
        self.run(["proposals", "approve", &id, "--yes"]).expect(0);
        id
    }

    /// One invoice as the database holds it: fee, reason, version.
    pub(crate) async fn invoice(&self, id: &str) -> Vec<Option<String>> {
        let sql = format!("SELECT late_fee_cents, waiver_reason, updated_at FROM invoices WHERE id = '{id}'");
        self.db.query_text(&sql).await.remove(0)
    }

    /// Receipts in the source database: key, status.
    pub(crate) async fn receipts(&self) -> Vec<Vec<Option<String>>> {
        self.db.query_text("SELECT idempotency_key, status FROM synapsor_writeback_receipts").await
    }
}

pub(crate) fn id_of(envelope: &Value) -> String {
    envelope["proposal"]["id"].as_str().unwrap_or_else(|| panic!("no proposal in {envelope}")).to_owned()
}
