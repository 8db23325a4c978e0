//! The template's app as a person gets it: made, its tables loaded, started.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::{NODE, PYTHON, SDK};

pub(crate) const ARGS: &str = r#"{"account_id": "AC-1", "cents": 5, "reason": "test"}"#;
pub(crate) const FAILING: &str = r#"{"credit_cents": 2000000, "credit_reason": "too much"}"#;

/// An app on a database of its own, with an environment for the runner.
pub(crate) struct App {
    pub(crate) env: TestEnv,
    pub(crate) db: Database,
    kind: &'static str,
    running: Option<Child>,
    port: u16,
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn named(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("run the tests with `cargo xtask test`: {variable} is not set"))
        .into()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl App {
    /// Makes the template and loads its tables; starts nothing.
    pub(crate) async fn make(kind: &'static str, engine: Engine) -> Self {
        let db = Database::fresh(engine).await;
        let mut env = TestEnv::new(PathBuf::from(env!("CARGO_BIN_EXE_synapsor-runner")));
        env.run(["handler", "template", kind, "--engine", engine.name(), "--output", "."]).expect(0);
        let sql = env.read("schema.sql");
        let schema = db.schema().to_owned();
        if engine == Engine::Postgres {
            db.execute(&format!("SET search_path TO \"{schema}\"; {sql}")).await;
        } else {
            db.execute(&sql).await;
        }
        let config = env.read("synapsor.runner.json");
        let config = config.replace("\"schema\": \"public\"", &format!("\"schema\": \"{schema}\""));
        env.write("synapsor.runner.json", config.replace("\"schema\": \"app\"", &format!("\"schema\": \"{schema}\"")));
        // Everything that the app writes is also what the kit watches.
        let admin = db.admin_url();
        let plain = admin.split('?').next().unwrap_or_default().to_owned();
        let url = match engine {
            Engine::Postgres if kind == "rust" => format!("{plain}?sslmode=disable&options=-csearch_path%3D{schema}"),
            Engine::Postgres => format!("{plain}?options=-csearch_path%3D{schema}"),
            Engine::Mysql => plain,
            Engine::Sqlite => admin,
        };
        let port = free_port();
        env.set("SYNAPSOR_APP_WRITE_URL", url).set("SYNAPSOR_DATABASE_READ_URL", db.admin_url());
        env.set("SYNAPSOR_APP_WRITEBACK_URL", format!("http://127.0.0.1:{port}/synapsor/writeback"));
        env.set("SYNAPSOR_APP_HANDLER_TOKEN", "a-token").set("SYNAPSOR_APP_HANDLER_SIGNING_SECRET", "secret older");
        env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "support.agent");
        let home = named(SDK);
        match kind {
            "node" | "command" => {
                std::os::unix::fs::symlink(home.join("typescript/node_modules"), env.path("node_modules")).unwrap();
            }
            "python" => {
                let path = home.join("python/site");
                env.set("PYTHONPATH", path.display().to_string()).set("PYTHONDONTWRITEBYTECODE", "1");
            }
            _ => {}
        }
        if kind == "command" {
            let command = format!("{} --no-warnings {}", named(NODE).display(), env.path("handler.mjs").display());
            env.set("SYNAPSOR_APP_WRITEBACK_COMMAND", command);
        }
        Self { env, db, kind, running: None, port }
    }

    /// As [`App::make`], and starts it.
    pub(crate) async fn start(kind: &'static str, engine: Engine) -> Self {
        let mut app = Self::make(kind, engine).await;
        app.run(&[]);
        app
    }

    /// Starts the app, with more variables; waits until it listens.
    pub(crate) fn run(&mut self, more: &[(&str, &str)]) {
        let program = match self.kind {
            "node" => (named(NODE), vec![self.env.path("app.mjs")]),
            "python" => (named(PYTHON), vec![self.env.path("app.py")]),
            "bad" => (named(PYTHON), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handlers/bad.py")]),
            "asgi" => (named(PYTHON), ["-m", "uvicorn", "app:app", "--port"].map(PathBuf::from).to_vec()),
            "rust" => (example(), Vec::new()),
            _ => return,
        };
        let template = self.env.command(["--version"]);
        let mut command = Command::new(program.0);
        command
            .args(program.1)
            .args((self.kind == "asgi").then(|| self.port.to_string()))
            .current_dir(self.env.work_dir())
            .stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.env("PORT", self.port.to_string());
        command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(more.iter().copied());
        self.running = Some(command.spawn().expect("the app starts"));
        self.wait();
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the app does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// Waits until the app has ended by itself.
    pub(crate) fn died(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.wait().unwrap();
        }
    }

    /// Puts a gateway before the app, at the address that the runner calls.
    pub(crate) fn behind(&mut self, gateway: u16) {
        self.env.set("SYNAPSOR_APP_WRITEBACK_URL", format!("http://127.0.0.1:{gateway}/synapsor/writeback"));
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Puts the example of an SDK's page in the place of the template's app.
    pub(crate) fn as_the_page_says(&mut self, page: &str, language: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        let example = text.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap();
        assert!(example.lines().count() < 40, "{page}");
        if language == "python" {
            self.env.write("app.py", example);
            self.kind = "asgi";
        } else {
            self.env.write("app.mjs", example.replace("8787", &self.port.to_string()));
        }
    }

    /// Makes a python template run as a bad one.
    pub(crate) fn spoil(&mut self) {
        self.kind = "bad";
    }

    /// Runs the kit; its report.
    pub(crate) fn conformance(&self) -> Value {
        let args = ["handler", "conformance", "--json", "--args", ARGS, "--failing-patch", FAILING];
        self.env.run(args).json()
    }

    /// Proposes a credit and approves it; the proposal.
    pub(crate) fn approved(&self, cents: u32) -> String {
        let args = format!("{{\"account_id\": \"AC-1\", \"cents\": {cents}, \"reason\": \"outage\"}}");
        let said = self.env.run(["propose", "billing.propose_account_credit", "--json", &args]).json();
        let id = said["proposal"]["id"].as_str().unwrap_or_else(|| panic!("no proposal: {said}")).to_owned();
        self.env.run(["proposals", "approve", &id, "--yes"]).expect(0);
        id
    }

    /// How many credits were booked, and their sum as the account has it.
    pub(crate) async fn booked(&self) -> (usize, String) {
        let place = |table: &str| match self.db.engine() {
            Engine::Postgres => format!("\"{}\".{table}", self.db.schema()),
            _ => table.to_owned(),
        };
        let credits = self.db.query_text(&format!("SELECT id FROM {}", place("account_credits"))).await.len();
        let sum = format!("SELECT CAST(credited_cents AS char(20)) FROM {} WHERE id = 'AC-1'", place("accounts"));
        let sum = self.db.query_text(&sum).await.remove(0).remove(0).unwrap_or_default();
        (credits, sum.trim().to_owned())
    }

    /// The proposal's state.
    pub(crate) fn state(&self, id: &str) -> String {
        self.env.run(["proposals", "show", id, "--json"]).json()["proposal"]["state"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// The Rust app, which is an example of its SDK.
fn example() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_synapsor-runner")).with_file_name("examples").join("account_credit");
    assert!(path.exists(), "run the whole workspace's tests, or `cargo build -p synapsor-handler --examples`");
    path
}
