//! The billing example with as many invoices as a test needs, and a trigger that counts what is really committed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use synapsor_db::crash::Point;
use synapsor_testkit::database::{Database, Engine, Session};
use synapsor_testkit::env::TestEnv;

use crate::process::{Ended, together, until};

/// Invoices on one engine, and the commands that are run against them.
pub(crate) struct Office {
    pub(crate) env: TestEnv,
    pub(crate) db: Database,
}

/// One approved proposal. Its reason is its own, so that what was written tells who wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) id: String,
    pub(crate) reason: String,
}

/// With these limits a claim holds for eight seconds: connect + lock + statement + 5 s.
const LIMITS: &str = "\"statement_timeout_ms\": 1000, \"connect_timeout_ms\": 1000, \"lock_timeout_ms\": 1000";
/// A link that reads what passes needs it in the clear.
const IN_THE_CLEAR: &str = ", \"ssl\": {\"mode\": \"disable\"}";

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/support-billing-agent");

/// The release binary where the whole suite runs, else the one built for this test.
pub(crate) fn shipped() -> PathBuf {
    std::env::var_os("SYNAPSOR_TEST_RELEASE")
        .map_or_else(|| env!("CARGO_BIN_EXE_synapsor-runner").into(), PathBuf::from)
}

/// The binary that dies and stops at named points.
pub(crate) fn faulty() -> PathBuf {
    std::env::var_os("SYNAPSOR_TEST_FAULTS").map_or_else(|| env!("CARGO_BIN_EXE_synapsor-runner").into(), PathBuf::from)
}

/// Opens an office with so many invoices, numbered from 0.
pub(crate) async fn office(engine: Engine, binary: PathBuf, invoices: usize) -> Office {
    let example = Path::new(EXAMPLE);
    let read = |file: String| std::fs::read_to_string(example.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let name = engine.name();
    let config = match engine {
        Engine::Postgres => "synapsor.runner.json".to_owned(),
        _ => format!("synapsor.runner.{name}.json"),
    };
    let config = read(config);
    let db = Database::fresh(engine).await;
    if let Some(path) = db.path() {
        std::fs::write(path, "").unwrap();
    }
    db.execute(&read(format!("schema.{name}.sql"))).await;
    db.execute(audit(engine)).await;
    let moment = if engine == Engine::Sqlite { "2026-06-20T14:31:08.000Z" } else { "2026-06-20 14:31:08" };
    let rows: Vec<_> = (0..invoices)
        .map(|number| format!("('INV-{number}', 'acme', 'cust_acme_1', 125000, 5500, 'overdue', NULL, '{moment}')"))
        .collect();
    db.execute(&format!("INSERT INTO invoices VALUES {}", rows.join(", "))).await;
    let config = config.replace("\"schema\": \"app\"", &format!("\"schema\": \"{}\"", db.schema()));
    assert!(config.contains("\"statement_timeout_ms\": 3000"), "the example sets a limit");
    let limits = format!("{LIMITS}{}", if engine == Engine::Sqlite { "" } else { IN_THE_CLEAR });
    let mut env = TestEnv::new(binary);
    env.write("synapsor.runner.json", config.replace("\"statement_timeout_ms\": 3000", &limits));
    env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "support.agent");
    env.set("BILLING_READ_URL", db.reader_url()).set("BILLING_WRITE_URL", db.writer_url());
    env.set("ADMIN_URL", db.admin_url());
    env.run(["writeback", "migration", "--execute", "--admin-url-env", "ADMIN_URL", "--yes"]).expect(0);
    env.unset("ADMIN_URL");
    grant(&env, &db).await;
    Office { env, db }
}

/// What a row was changed to is noted in the same transaction, by whoever defined the trigger. It takes its time, so that
/// a process which dies at a random moment often leaves an open transaction.
fn audit(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "CREATE TABLE audit (id text NOT NULL, reason text NOT NULL); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS \
             $$ BEGIN INSERT INTO audit VALUES (new.id, new.waiver_reason); PERFORM pg_sleep(random() * 0.05); \
             RETURN NULL; END $$; \
             CREATE TRIGGER audited AFTER UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION note()"
        }
        Engine::Mysql => {
            "CREATE TABLE audit (id varchar(190) NOT NULL, reason varchar(190) NOT NULL); \
             CREATE TRIGGER audited AFTER UPDATE ON invoices FOR EACH ROW BEGIN \
             INSERT INTO audit VALUES (new.id, new.waiver_reason); DO SLEEP(RAND() * 0.05); END"
        }
        Engine::Sqlite => {
            "CREATE TABLE audit (id TEXT NOT NULL, reason TEXT NOT NULL) STRICT; \
             CREATE TRIGGER audited AFTER UPDATE ON invoices FOR EACH ROW BEGIN \
             INSERT INTO audit VALUES (new.id, new.waiver_reason); \
             SELECT count(*) FROM (WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000) \
             SELECT x FROM n); END"
        }
    }
}

async fn grant(env: &TestEnv, db: &Database) {
    let printed = env.run(["writeback", "grants"]).expect(0);
    let statements: Vec<&str> = printed.lines().filter(|line| !line.starts_with("--")).collect();
    let statements = statements.join("\n").replace("<reader_role>", "{reader}").replace("<writer_role>", "{writer}");
    match db.engine() {
        Engine::Postgres => {
            let database = db.query_text("SELECT current_database()").await.remove(0).remove(0).unwrap();
            db.execute(&statements.replace("<database>", &database)).await;
        }
        Engine::Mysql => db.execute(&statements).await,
        Engine::Sqlite => assert_eq!(statements, "", "a file knows no grants"),
    }
}

impl Office {
    /// A command with its output captured, not yet started.
    pub(crate) fn command<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = self.env.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The command, ordered to `die` or to `stop` at a point.
    pub(crate) fn struck<const N: usize>(&self, args: [&str; N], what: &str, point: Point) -> Command {
        let mut command = self.command(args);
        command.env("SYNAPSOR_CRASH_POINT", format!("{what}:{}", point.name()));
        command
    }

    /// Proposes and approves one change for each of these invoices; the same invoice may come again.
    pub(crate) fn approved(&self, invoices: impl IntoIterator<Item = usize>) -> Vec<Proposal> {
        let reasons: Vec<(usize, String)> =
            invoices.into_iter().enumerate().map(|(at, invoice)| (invoice, format!("reason {at}"))).collect();
        let proposing = reasons.iter().map(|(invoice, reason)| {
            let arguments = json!({ "invoice_id": format!("INV-{invoice}"), "reason": reason }).to_string();
            self.command(["propose", "billing.propose_late_fee_waiver", "--json", &arguments])
        });
        let proposals: Vec<_> = together(proposing)
            .into_iter()
            .zip(&reasons)
            .map(|(ended, (_, reason))| Proposal {
                id: ended.json(0)["proposal"]["id"].as_str().unwrap().to_owned(),
                reason: reason.clone(),
            })
            .collect();
        for ended in together(proposals.iter().map(|one| self.command(["proposals", "approve", &one.id, "--yes"]))) {
            ended.expect(&[0]);
        }
        proposals
    }

    /// The ledger's file, to look at what others append.
    pub(crate) async fn ledger(&self) -> Session {
        Session::open(&format!("sqlite:{}", self.env.path(".synapsor/local.db").display())).await
    }

    /// Runs a command about one proposal to its end.
    pub(crate) fn run<const N: usize>(&self, args: [&str; N]) -> Ended {
        Ended::of(self.command(args).spawn().unwrap())
    }

    /// Reconciles once nobody may go on with the apply any more.
    pub(crate) fn reconcile(&self, id: &str) -> Ended {
        let mut ended = None;
        until("a lease that passes", || {
            let tried = self.run(["reconcile", id]);
            let over = tried.code != Some(5);
            ended = Some(tried);
            over
        });
        ended.unwrap()
    }

    /// How often this row was changed, and how many events the ledger has.
    pub(crate) async fn marks(&self) -> (usize, String) {
        let written = self.db.query_text("SELECT reason FROM audit").await.len();
        let events = self.ledger().await.query_text("SELECT count(*) FROM ledger_events").await.unwrap();
        (written, events[0][0].clone().unwrap())
    }

    /// The state of one proposal, from its record.
    pub(crate) fn state(&self, id: &str) -> String {
        state_of(&self.run(["proposals", "show", id, "--json"]).json(0))
    }
}

pub(crate) fn state_of(shown: &Value) -> String {
    shown["proposal"]["state"].as_str().unwrap_or_else(|| panic!("no state in {shown}")).to_owned()
}
