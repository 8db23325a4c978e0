//! The billing example on an engine: its tables, its rows, its accounts, and an environment that names them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

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
    billing_at(Database::fresh(engine).await, change).await
}

/// As [`configured`], on a database that is there already.
pub(crate) async fn billing_at(db: Database, change: impl Fn(String) -> String) -> Stage {
    varied(db, |sql| sql, change).await
}

/// As [`billing_at`], with other tables and rows too.
pub(crate) async fn varied(db: Database, sql: impl Fn(String) -> String, change: impl Fn(String) -> String) -> Stage {
    let engine = db.engine();
    let name = engine.name();
    let example = Path::new(EXAMPLE);
    let read = |file: String| std::fs::read_to_string(example.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let file = if engine == Engine::Postgres {
        "synapsor.runner.json".to_owned()
    } else {
        format!("synapsor.runner.{name}.json")
    };
    let [schema, seed] = ["schema", "seed"].map(|kind| sql(read(format!("{kind}.{name}.sql"))));
    stage_at(db, &schema, &seed, &change(read(file))).await
}

/// Sets any tables up, with a configuration whose MySQL schema is called `app`.
pub(crate) async fn stage(engine: Engine, schema: &str, seed: &str, config: &str) -> Stage {
    stage_at(Database::fresh(engine).await, schema, seed, config).await
}

async fn stage_at(db: Database, schema: &str, seed: &str, config: &str) -> Stage {
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

    /// Grants what another configuration needs as well.
    pub(crate) async fn regrant(&self) {
        if self.db.engine() != Engine::Sqlite {
            self.grant().await;
        }
    }

    /// Gives claims the shortest lease that a busy machine keeps: twice the limits here and five seconds.
    pub(crate) fn shorten_leases(&self) {
        let config = self.env.read("synapsor.runner.json");
        self.env.write("synapsor.runner.json", config.replace("_ms\": 20000", "_ms\": 2000"));
    }

    /// Starts an applier of each proposal, waits until all have claimed, and kills them before they can write.
    pub(crate) async fn leave_unfinished(&self, ids: &[&str]) {
        let session = self.db.session().await;
        session.execute(if self.db.engine() == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }).await.unwrap();
        session.execute("UPDATE invoices SET customer_id = customer_id").await.unwrap();
        for id in ids {
            let mut command = self.env.command(["apply", id]);
            let mut applier = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            while self.state(id) != "pending_worker" {
                assert!(applier.try_wait().unwrap().is_none(), "the applier ended before it was seen applying");
            }
            applier.kill().unwrap();
            applier.wait().unwrap();
        }
        session.execute("ROLLBACK").await.unwrap();
    }

    /// Reconciles until no lease is in the way any more.
    pub(crate) fn reconciled<const N: usize>(&self, args: [&str; N]) -> Output {
        loop {
            let output = self.run(args);
            if output.status != 5 {
                return output;
            }
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    }

    /// A proposal's state.
    pub(crate) fn state(&self, id: &str) -> String {
        let shown = self.run(["proposals", "show", id, "--json"]).json();
        shown["proposal"]["state"].as_str().unwrap().to_owned()
    }

    /// The line of `proposals show` that says what is true of the source database.
    pub(crate) fn truth(&self, id: &str) -> String {
        let shown = self.run(["proposals", "show", id]).expect(0);
        let line = shown.lines().find_map(|line| line.strip_prefix("Source DB changed: ")).unwrap();
        line.to_owned()
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
