//! The source databases.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::code;
use super::report::Problems;
use super::shape::{Field, Literal, Name, Section, Shape};
use super::tree::Node;
use crate::contract::{EngineKind, Pool, Receipts, Session, Source, Tls, TlsMode};
use crate::id::Ident;

pub(crate) static SOURCE: Section = Section {
    name: "source",
    doc: "One source database",
    rules: Some(source_rules),
    fields: &[
        Field::new(
            "engine",
            "The engine; `mysql` serves MariaDB too, and `sqlite` takes a path as its URL",
            Shape::Word(&["postgres", "mysql", "sqlite"]),
            &code::INVALID_SOURCE_ENGINE,
        )
        .required(),
        Field::new(
            "read_url_env",
            "The variable that holds the reader's URL; `NAME_FILE` may name a file that holds it",
            Shape::Name(Name::Env),
            &code::READ_URL_ENV_REQUIRED,
        )
        .required(),
        Field::new(
            "write_url_env",
            "The variable that holds the writer's URL; without it nothing can be applied directly",
            Shape::Name(Name::Env),
            &code::INVALID_WRITE_URL_ENV,
        ),
        Field::new("read_only", "Forbids direct writes to this source", Shape::Flag, &code::INVALID_SOURCE_READ_ONLY)
            .default(Literal::Flag(false)),
        Field::new("connect_timeout_ms", "Longest wait for a connection", TIMEOUT, &code::INVALID_TIMEOUT)
            .default(Literal::Whole(CONNECT_MS)),
        Field::new("lock_timeout_ms", "Longest wait for a lock", TIMEOUT, &code::INVALID_TIMEOUT)
            .default(Literal::Whole(LOCK_MS)),
        Field::new("statement_timeout_ms", "Longest run of a statement", TIMEOUT, &code::INVALID_TIMEOUT)
            .default(Literal::Whole(STATEMENT_MS)),
        Field::new("pool", "The connection pool", Shape::Section(&POOL), &code::POOL_NOT_OBJECT),
        Field::new("ssl", "Transport security", Shape::Section(&SSL), &code::SSL_NOT_OBJECT),
        Field::new("receipts", "Where the receipt table is", Shape::Section(&RECEIPTS), &code::RECEIPTS_NOT_OBJECT),
        Field::new("session", "Settings for row-level security", Shape::Section(&SESSION), &code::SESSION_NOT_OBJECT),
    ],
};

static POOL: Section = Section {
    name: "pool",
    doc: "The bounds of a connection pool",
    rules: None,
    fields: &[
        Field::new(
            "max_connections",
            "Most connections held to the source by one credential",
            Shape::Whole { from: 1, to: 1000 },
            &code::INVALID_POOL_SIZE,
        )
        .default(Literal::Whole(POOL_SIZE)),
        Field::new("acquire_timeout_ms", "Longest wait for a free connection", TIMEOUT, &code::INVALID_TIMEOUT)
            .default(Literal::Whole(ACQUIRE_MS)),
    ],
};

static SSL: Section = Section {
    name: "ssl",
    doc: "Transport security to a source; not together with an `sslmode` in its URL",
    rules: Some(ssl_rules),
    fields: &[
        Field::new(
            "mode",
            "How much is demanded; the default is `prefer`",
            Shape::Word(&["disable", "prefer", "require", "verify-ca", "verify-full"]),
            &code::INVALID_SSL_MODE,
        ),
        Field::new(
            "ca_file",
            "A PEM file of certificate authorities, in place of the system's; needs a mode that verifies",
            Shape::Text { blank: false },
            &code::INVALID_SSL_CA_FILE,
        ),
    ],
};

static RECEIPTS: Section = Section {
    name: "receipts",
    doc: "Where the receipt table is",
    rules: None,
    fields: &[
        Field::new(
            "schema",
            "Its schema; the default is the target's schema",
            Shape::Name(Name::Ident),
            &code::INVALID_RECEIPTS_IDENTIFIER,
        ),
        Field::new("table", "Its name", Shape::Name(Name::Ident), &code::INVALID_RECEIPTS_IDENTIFIER)
            .default(Literal::Text(RECEIPTS_TABLE)),
    ],
};

static SESSION: Section = Section {
    name: "session",
    doc: "Settings that each transaction on a tenant's rows sets, for PostgreSQL's row-level security",
    rules: Some(session_rules),
    fields: &[
        Field::new(
            "tenant_setting",
            "Set to the trusted tenant; a policy reads it with `current_setting`",
            Shape::Name(Name::Setting),
            &code::INVALID_SESSION_SETTING,
        ),
        Field::new(
            "principal_setting",
            "Set to the trusted principal",
            Shape::Name(Name::Setting),
            &code::INVALID_SESSION_SETTING,
        ),
    ],
};

const TIMEOUT: Shape = Shape::Whole { from: 1, to: 2_147_483_647 };
const CONNECT_MS: u64 = 3000;
const LOCK_MS: u64 = 2000;
const STATEMENT_MS: u64 = 3000;
const POOL_SIZE: u64 = 10;
const ACQUIRE_MS: u64 = 2000;
const RECEIPTS_TABLE: &str = "synapsor_writeback_receipts";

fn source_rules() -> Json {
    json!({
        "allOf": [
            {
                "if": {"properties": {"engine": {"const": "sqlite"}}, "required": ["engine"]},
                "then": {"properties": {"ssl": false, "receipts": {"properties": {"schema": {"const": "main"}}}}},
            },
            {
                "if": {"properties": {"engine": {"enum": ["mysql", "sqlite"]}}, "required": ["engine"]},
                "then": {"properties": {"session": false}},
            },
        ],
    })
}

fn session_rules() -> Json {
    json!({"minProperties": 1})
}

fn ssl_rules() -> Json {
    json!({
        "if": {"required": ["ca_file"]},
        "then": {"properties": {"mode": {"enum": ["verify-ca", "verify-full"]}}, "required": ["mode"]},
    })
}

/// The sources that are right, by name.
pub(crate) fn build(root: Node<'_>, problems: &mut Problems) -> BTreeMap<Ident, Source> {
    let entries = root.get("sources").into_iter().flat_map(|sources| sources.entries());
    let built = entries.filter_map(|node| build_one(node, problems));
    built.map(|source| (source.name.clone(), source)).collect()
}

fn build_one(node: Node<'_>, problems: &mut Problems) -> Option<Source> {
    let engine = node.get_text("engine").and_then(EngineKind::from_word);
    let pool = node.get("pool");
    let receipts = node.get("receipts");
    if engine == Some(EngineKind::Sqlite) {
        check_sqlite(node, problems);
    }
    let tls = tls(node.get("ssl"), problems);
    let session = session(node.get("session"), engine, problems);
    Some(Source {
        name: Ident::parse(node.key()?).ok()?,
        engine: engine?,
        read_url_env: node.get_env("read_url_env")?,
        write_url_env: node.get_env("write_url_env"),
        read_only: node.get_flag("read_only").unwrap_or(false),
        connect_timeout: millis(Some(node), "connect_timeout_ms", CONNECT_MS),
        lock_timeout: millis(Some(node), "lock_timeout_ms", LOCK_MS),
        statement_timeout: millis(Some(node), "statement_timeout_ms", STATEMENT_MS),
        pool: Pool {
            max_connections: u32::try_from(whole(pool, "max_connections", POOL_SIZE)).ok()?,
            acquire_timeout: millis(pool, "acquire_timeout_ms", ACQUIRE_MS),
        },
        tls,
        receipts: Receipts {
            schema: receipts.and_then(|receipts| receipts.get_ident("schema")),
            table: receipts
                .and_then(|receipts| receipts.get_ident("table"))
                .or_else(|| Ident::parse(RECEIPTS_TABLE).ok())?,
        },
        session,
    })
}

fn session(node: Option<Node<'_>>, engine: Option<EngineKind>, problems: &mut Problems) -> Session {
    let Some(node) = node else { return Session::default() };
    if engine.is_some_and(|engine| engine != EngineKind::Postgres) {
        problems.add_key(&code::SESSION_NOT_FOR_ENGINE, node, "only PostgreSQL has settings that policies can read");
    } else if node.is_object() && node.get("tenant_setting").is_none() && node.get("principal_setting").is_none() {
        problems.add_key(&code::SESSION_EMPTY, node, "neither setting is named");
    }
    Session {
        tenant_setting: node.get_setting("tenant_setting"),
        principal_setting: node.get_setting("principal_setting"),
    }
}

fn whole(node: Option<Node<'_>>, key: &str, default: u64) -> u64 {
    node.and_then(|node| node.get_whole(key)).unwrap_or(default)
}

fn millis(node: Option<Node<'_>>, key: &str, default: u64) -> Duration {
    Duration::from_millis(whole(node, key, default))
}

fn check_sqlite(node: Node<'_>, problems: &mut Problems) {
    if let Some(ssl) = node.get("ssl") {
        problems.add_key(&code::SSL_NOT_FOR_SQLITE, ssl, "a SQLite file has no transport to secure");
    }
    let schema = node.get("receipts").and_then(|receipts| receipts.get("schema"));
    if let Some(schema) = schema.filter(|schema| schema.text().is_some_and(|text| text != "main")) {
        problems.add(&code::SQLITE_SCHEMA_MUST_BE_MAIN, schema, "a SQLite source has only the schema `main`");
    }
}

fn tls(ssl: Option<Node<'_>>, problems: &mut Problems) -> Tls {
    let Some(ssl) = ssl else { return Tls::default() };
    let mode = ssl.get_text("mode").and_then(|word| match word {
        "disable" => Some(TlsMode::Disable),
        "prefer" => Some(TlsMode::Prefer),
        "require" => Some(TlsMode::Require),
        "verify-ca" => Some(TlsMode::VerifyCa),
        "verify-full" => Some(TlsMode::VerifyFull),
        _ => None,
    });
    let verifies = matches!(mode, Some(TlsMode::VerifyCa | TlsMode::VerifyFull));
    if let Some(file) = ssl.get("ca_file").filter(|_| !verifies) {
        problems.add_key(&code::SSL_CA_FILE_UNUSED, file, "`ca_file` is only used where certificates are verified");
    }
    Tls { mode, ca_file: ssl.get_text("ca_file").map(str::to_owned) }
}
