//! `handler template`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use synapsor_core::refusal::Refusal;

use crate::cli::Ended;
use crate::cli::init::files::{Planned, write};
use crate::cli::print::{Out, Tone};
use synapsor_core::code::{Code, Exit};

/// Make a small, complete app with a handler, its tables and its configuration.
///
/// The app credits accounts: a credit is one row in a table and a sum in another, which one guarded update cannot do. It
/// passes `handler conformance` as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// In which language, or `command` for a program that the runner starts.
    #[arg(value_enum)]
    kind: Kind,
    /// The database.
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    engine: Database,
    /// The folder to make it in; files that are there and differ are left alone.
    #[arg(long, visible_alias = "out", value_name = "FOLDER", default_value = "app-handler")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Node,
    Python,
    Rust,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Postgres,
    Mysql,
    Sqlite,
}

const CONFIG: &str = include_str!("../../../../../examples/app-handler/synapsor.runner.json");
const NODE: &str = include_str!("../../../../../examples/app-handler/node/app.mjs");
const COMMAND: &str = include_str!("../../../../../examples/app-handler/command/handler.mjs");
const PYTHON: &str = include_str!("../../../../../examples/app-handler/python/app.py");
const RUST: &str = include_str!("../../../../handler/examples/account_credit.rs");

impl Database {
    fn schema_sql(self) -> &'static str {
        match self {
            Self::Postgres => include_str!("../../../../../examples/app-handler/schema.postgres.sql"),
            Self::Mysql => include_str!("../../../../../examples/app-handler/schema.mysql.sql"),
            Self::Sqlite => include_str!("../../../../../examples/app-handler/schema.sqlite.sql"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// The schema that the tables are in; on MySQL the database's name.
    fn schema(self) -> &'static str {
        match self {
            Self::Postgres => "public",
            Self::Mysql => "app",
            Self::Sqlite => "main",
        }
    }

    fn example_url(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql://app:password@127.0.0.1:5432/app?sslmode=disable",
            Self::Mysql => "mysql://app:password@127.0.0.1:3306/app",
            Self::Sqlite => "sqlite:./shop.db",
        }
    }

    fn load(self) -> &'static str {
        match self {
            Self::Postgres => "psql \"$SYNAPSOR_APP_WRITE_URL\" -f schema.sql",
            Self::Mysql => "mysql app < schema.sql",
            Self::Sqlite => "sqlite3 shop.db < schema.sql",
        }
    }

    fn driver(self) -> &'static str {
        match self {
            Self::Postgres => ",\n    \"pg\": \"^8.13.0\"",
            Self::Mysql => ",\n    \"mysql2\": \"^3.11.0\"",
            Self::Sqlite => "",
        }
    }
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let mut files = Vec::new();
    for (name, text) in content(args.kind, args.engine) {
        let path = args.output.join(name);
        files.push(Planned::new(path.clone(), |old| match old {
            Some(old) if old != text => Err(taken(&path)),
            _ => Ok(text),
        })?);
    }
    write(&files)?;
    out.line(out.paint(Tone::Good, "Made a handler:"));
    for file in &files {
        out.line(format!("  {}", file.path().display()));
    }
    out.line(format!("Next: read {}", args.output.join("README.md").display()));
    Ok(Exit::Done)
}

fn taken(path: &Path) -> Refusal {
    Refusal::new(Code::OutputExists, format!("`{}` is there already, and is something else", path.display()))
        .with_fix("choose another folder with `--output`")
}

/// The files, by name within the folder.
fn content(kind: Kind, engine: Database) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("synapsor.runner.json", config(kind, engine)),
        ("schema.sql", engine.schema_sql().to_owned()),
        (".env.example", environment(kind, engine)),
        ("README.md", readme(kind, engine)),
    ];
    let version = env!("CARGO_PKG_VERSION");
    let package = format!(
        "{{\n  \"private\": true,\n  \"type\": \"module\",\n  \"dependencies\": {{\n    \
         \"synapsor-handler\": \"^{version}\"{}\n  }}\n}}\n",
        engine.driver()
    );
    match kind {
        Kind::Node => files.extend([("app.mjs", NODE.to_owned()), ("package.json", package)]),
        Kind::Command => files.extend([("handler.mjs", COMMAND.to_owned()), ("package.json", package)]),
        Kind::Python => {
            let extra = if engine == Database::Sqlite { String::new() } else { format!("[{}]", engine.word()) };
            files.extend([
                ("app.py", PYTHON.to_owned()),
                ("requirements.txt", format!("synapsor-handler{extra}~={version}\n")),
            ]);
        }
        Kind::Rust => {
            let manifest = format!(
                "[package]\nname = \"app-handler\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
                 axum = \"0.8\"\nserde_json = \"1\"\n\
                 synapsor-handler = {{ version = \"{version}\", default-features = false, features = [\"{}\"] }}\n\
                 tokio = {{ version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }}\n",
                engine.word()
            );
            files.extend([("src/main.rs", RUST.to_owned()), ("Cargo.toml", manifest)]);
        }
    }
    files
}

fn config(kind: Kind, engine: Database) -> String {
    let kept = |line: &&str| !line.contains("\"$schema\"") && !line.trim_start().starts_with("//");
    let mut text: String = CONFIG.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
    text = text.replace("\"engine\": \"postgres\"", &format!("\"engine\": \"{}\"", engine.word()));
    text = text.replace("\"schema\": \"public\"", &format!("\"schema\": \"{}\"", engine.schema()));
    if kind == Kind::Command {
        let (before, rest) = text.split_once("      \"type\": \"http_handler\"").unwrap_or((&text, ""));
        let (_, after) = rest.split_once("      \"timeout_ms\"").unwrap_or(("", rest));
        text = format!(
            "{before}      \"type\": \"command_handler\",\n      \"command_env\": \"SYNAPSOR_APP_WRITEBACK_COMMAND\",\n      \
             \"pass_env\": [\"SYNAPSOR_APP_WRITE_URL\"],\n      \"timeout_ms\"{after}"
        );
    }
    text
}

fn environment(kind: Kind, engine: Database) -> String {
    let url = engine.example_url();
    let way = if kind == Kind::Command {
        "SYNAPSOR_APP_WRITEBACK_COMMAND=\"node handler.mjs\"\n".to_owned()
    } else {
        "SYNAPSOR_APP_WRITEBACK_URL=http://127.0.0.1:8787/synapsor/writeback\n\
         SYNAPSOR_APP_HANDLER_TOKEN=change-me\nSYNAPSOR_APP_HANDLER_SIGNING_SECRET=change-me-too\n"
            .to_owned()
    };
    format!(
        "# What the app needs.\nSYNAPSOR_APP_WRITE_URL={url}\n{way}\n# What the runner needs besides.\n\
         SYNAPSOR_DATABASE_READ_URL={url}\nSYNAPSOR_TENANT_ID=acme\nSYNAPSOR_PRINCIPAL=support.agent\n"
    )
}

fn readme(kind: Kind, engine: Database) -> String {
    let (install, start) = match kind {
        Kind::Node => ("npm install", "node app.mjs"),
        Kind::Command => ("npm install", "true    # the runner starts it"),
        Kind::Python => ("pip install -r requirements.txt", "python app.py"),
        Kind::Rust => ("cargo build", "cargo run"),
    };
    format!(
        "# An app that books account credits itself\n\nAn agent proposes a credit, a person approves it, and this app books it: \
         once, and only if the account still is what\nthe person saw.\n\n```sh\ncp .env.example .env && set -a && . ./.env && set +a\n\
         {install}\n{}\n{start}\n```\n\nIn another terminal, with the same variables:\n\n```sh\n\
         synapsor-runner doctor --check-handlers\n\
         synapsor-runner propose billing.propose_account_credit --json '{{\"account_id\": \"AC-1\", \"cents\": 500, \"reason\": \"outage\"}}'\n\
         synapsor-runner proposals approve latest --yes\nsynapsor-runner apply latest\n\
         synapsor-runner handler conformance --args '{{\"account_id\": \"AC-1\", \"cents\": 5, \"reason\": \"test\"}}' \\\n    \
         --failing-patch '{{\"credit_cents\": 2000000, \"credit_reason\": \"too much\"}}'\n```\n\n\
         The last one tests every guard, with real changes; use it on data of its own.\n",
        engine.load()
    )
}
