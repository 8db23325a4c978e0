//! What an account holds, as its own connection tells it.

use std::collections::{BTreeMap, BTreeSet};

use super::Relation;

/// What an engine tells of an account's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// A server knows accounts and privileges.
    Account(Box<Held>),
    /// A file knows permissions.
    Files(Files),
}

/// What the operating system lets this process do with a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// Whether the file may be written.
    pub file_writable: bool,
    /// Whether anyone may write in its folder, where a write puts its journal.
    pub folder_writable: bool,
}

/// What an account of a server holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// The account as the database names it.
    pub account: Account,
    /// The database it is connected to.
    pub database: String,
    /// Whether it may connect there; if not, nothing else is known.
    pub connect: bool,
    /// The schemas it can reach into (PostgreSQL).
    pub usage: BTreeSet<String>,
    /// The tables that were asked about, where there is one that it can see.
    pub tables: BTreeMap<Relation, HeldTable>,
    /// What it may do beside.
    pub powers: Vec<Power>,
}

/// An account: a role of PostgreSQL, or a user at a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// The role or user.
    pub name: String,
    /// The host (MySQL).
    pub host: Option<String>,
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What an account holds on one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeldTable {
    /// What works on each column it can see, through whatever grant: for what is missing.
    pub works: BTreeMap<String, BTreeSet<String>>,
    /// What was granted on the whole table: for what is too much.
    pub whole: BTreeSet<String>,
    /// What was granted on single columns: for what is too much.
    pub columns: BTreeMap<String, BTreeSet<String>>,
}

/// What an account may do beside its grants on the tables that were asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// An attribute of a PostgreSQL role, in the word that takes it away: `NOSUPERUSER`.
    Attribute(&'static str),
    /// It can take this role's privileges on.
    Member(String),
    /// It owns this: `table`, `schema` or `database`, and the name.
    Owns(&'static str, String),
    /// It may create things in this: `schema` or `database`, and the name.
    Creates(&'static str, String),
    /// A privilege on every database of a server (MySQL).
    Everywhere(String),
    /// Privileges on a whole database (MySQL): its name or pattern, and the words.
    Database(String, BTreeSet<String>),
    /// Privileges on a table that nothing here needs: qualified name, and the words.
    Elsewhere(String, BTreeSet<String>),
}
