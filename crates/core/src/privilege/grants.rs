//! Privileges as GRANT statements.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Action, Privilege, Relation};
use crate::contract::EngineKind;
use crate::id::Ident;

/// Whom a statement grants to: an account, or a word that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleName {
    /// An account.
    Account(Account),
    /// A placeholder, printed as it is: `<writer_role>`.
    Placeholder(&'static str),
}

/// Why a text names no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadRole(&'static str);

impl RoleName {
    /// Reads an account as people write it: `name`, `"name"`, and on MySQL `name@host` or `'name'@'host'`, where the host
    /// is `%` unless it is said.
    pub fn parse(engine: EngineKind, text: &str) -> Result<Self, BadRole> {
        // A statement may be run from a script, where a line's end or a zero byte means something.
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(BadRole("a name without control characters"));
        }
        let (name, host) = match (engine, text.rsplit_once('@')) {
            (EngineKind::Mysql, Some((name, host))) => (name, Some(unquoted(host))),
            (EngineKind::Mysql, None) => (text, Some("%".to_owned())),
            _ => (text, None),
        };
        let name = unquoted(name);
        if name.is_empty() || host.as_ref().is_some_and(String::is_empty) {
            return Err(BadRole("a name that is not empty"));
        }
        Ok(Self::Account(Account { name, host }))
    }

    pub(super) fn render(&self, engine: EngineKind) -> String {
        match self {
            Self::Placeholder(word) => (*word).to_owned(),
            Self::Account(Account { name, host: Some(host) }) => format!("{}@{}", user(name), user(host)),
            Self::Account(Account { name, host: None }) => quoted(engine, name),
        }
    }
}

/// A name without the quotes around it.
fn unquoted(text: &str) -> String {
    for quote in ['"', '\'', '`'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    text.to_owned()
}

/// An identifier between the engine's quotes.
pub(super) fn quoted(engine: EngineKind, name: &str) -> String {
    let quote = if engine == EngineKind::Mysql { '`' } else { '"' };
    format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
}

/// A part of a MySQL account. What a backslash means between single quotes depends on `sql_mode`; between backticks it is
/// only itself.
fn user(part: &str) -> String {
    let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '%' | ':' | '/'));
    if plain { format!("'{part}'") } else { quoted(EngineKind::Mysql, part) }
}

/// The statements that grant these privileges, each ending in `;`: the ways in, then one for each table. SQLite knows none.
/// `database` is PostgreSQL's, or a placeholder.
#[must_use]
pub fn grants(
    engine: EngineKind,
    privileges: &BTreeSet<Privilege>,
    role: &RoleName,
    database: Option<&str>,
) -> Vec<String> {
    if engine == EngineKind::Sqlite {
        return Vec::new();
    }
    let to = role.render(engine);
    let mut statements = Vec::new();
    let mut tables: BTreeMap<&Relation, BTreeMap<Action, Vec<&Ident>>> = BTreeMap::new();
    for privilege in privileges {
        match privilege {
            Privilege::Connect => {
                let database = database.map_or_else(|| "<database>".to_owned(), |name| quoted(engine, name));
                statements.push(format!("GRANT CONNECT ON DATABASE {database} TO {to};"));
            }
            Privilege::Usage(schema) => {
                statements.push(format!("GRANT USAGE ON SCHEMA {} TO {to};", quoted(engine, schema.as_str())));
            }
            Privilege::Column(relation, action, column) => {
                tables.entry(relation).or_default().entry(*action).or_default().push(column);
            }
        }
    }
    for (relation, actions) in tables {
        let parts: Vec<String> = actions
            .into_iter()
            .map(|(action, columns)| {
                let columns: Vec<String> = columns.iter().map(|column| quoted(engine, column.as_str())).collect();
                format!("{} ({})", action.word(), columns.join(", "))
            })
            .collect();
        statements.push(format!("GRANT {} ON {} TO {to};", parts.join(", "), on(engine, relation)));
    }
    statements
}

/// A table in a statement.
pub(super) fn on(engine: EngineKind, relation: &Relation) -> String {
    format!("{}.{}", quoted(engine, relation.schema.as_str()), quoted(engine, relation.table.as_str()))
}

/// What SQLite has in place of grants, one sentence a line.
#[must_use]
pub fn file_permissions(writes: bool) -> Vec<&'static str> {
    let mut lines = vec![
        "SQLite has no grants: the operating system's permissions on the file and its folder decide.",
        "the account that serves tools: read on the database file; in WAL mode also write on the `-shm` and `-wal` files beside it",
    ];
    if writes {
        lines.push(
            "the account that applies: read and write on the database file, and write on its folder, where `-journal`, `-wal` and `-shm` are made",
        );
    }
    lines.push("anyone else: nothing");
    lines
}
