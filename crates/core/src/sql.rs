//! SQL text for user tables: the only place it is made. Values are bound, names are parsed [`Ident`]s.

pub mod column;
pub mod filter;
mod mysql;
pub mod read;
pub mod receipts;
pub mod write;

use std::fmt::Write as _;

use crate::contract::EngineKind;
use crate::id::Ident;
use crate::value::{Cell, Column, Kind, Native};

pub use filter::Filter;

/// A statement: text with its bound values, and the kinds of the columns it returns.
#[derive(Clone, PartialEq)]
pub struct Sql {
    text: String,
    binds: Vec<Bind>,
    outputs: Vec<Kind>,
    whose: Option<Whose>,
}

/// Whose rows a statement is about, for policies that the database itself keeps. `Debug` never prints either.
#[derive(Clone, PartialEq, Eq)]
pub struct Whose {
    /// The trusted tenant.
    pub tenant: String,
    /// The trusted principal.
    pub principal: String,
}

impl std::fmt::Debug for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whose")
    }
}

impl std::fmt::Debug for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").field("text", &self.text).field("binds", &self.binds.len()).finish()
    }
}

impl Sql {
    /// A statement that is part of this program; every output is text.
    #[must_use]
    pub fn fixed(text: &'static str, binds: Vec<Bind>, outputs: usize) -> Self {
        Self { text: text.to_owned(), binds, outputs: vec![Kind::Text; outputs], whose: None }
    }

    /// The text, with the dialect's placeholders.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bound values, in placeholder order.
    #[must_use]
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The kinds of the returned columns, in order.
    #[must_use]
    pub fn outputs(&self) -> &[Kind] {
        &self.outputs
    }

    /// Whose rows it is about; `None` if it is about no tenant's rows.
    #[must_use]
    pub fn whose(&self) -> Option<&Whose> {
        self.whose.as_ref()
    }
}

/// A bound value. PostgreSQL statements bind text only and cast it themselves. `Debug` never prints values.
#[derive(Clone, PartialEq)]
pub enum Bind {
    /// SQL NULL.
    Null,
    /// Text.
    Text(String),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A double.
    Real(f64),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Text(_) => "Text",
            Self::Int(_) => "Int",
            Self::Uint(_) => "Uint",
            Self::Real(_) => "Real",
            Self::Bytes(_) => "Bytes",
        })
    }
}

/// A statement being written for one engine.
pub(crate) struct Writer {
    engine: EngineKind,
    text: String,
    binds: Vec<Bind>,
    outputs: Vec<Kind>,
    whose: Option<Whose>,
}

impl Writer {
    pub(crate) fn new(engine: EngineKind) -> Self {
        Self { engine, text: String::new(), binds: Vec::new(), outputs: Vec::new(), whose: None }
    }

    pub(crate) fn engine(&self) -> EngineKind {
        self.engine
    }

    pub(crate) fn raw(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn name(&mut self, name: &Ident) -> &mut Self {
        // SQLite takes a name in double quotes that no column has for text; one in backticks it never does.
        let quote = if self.engine == EngineKind::Postgres { '"' } else { '`' };
        let _ = write!(self.text, "{quote}{name}{quote}");
        self
    }

    pub(crate) fn table(&mut self, schema: &Ident, table: &Ident) -> &mut Self {
        self.name(schema).raw(".").name(table)
    }

    /// A type or function name that the catalog gave already quoted.
    pub(crate) fn catalog_name(&mut self, quoted: &str) -> &mut Self {
        self.text.push_str(quoted);
        self
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        let _ = write!(self.text, "{number}");
        self
    }

    /// A placeholder for a bound value; on PostgreSQL declared as text, so that no server-side coercion is guessed.
    pub(crate) fn bind(&mut self, bind: Bind) -> &mut Self {
        self.binds.push(bind);
        match self.engine {
            EngineKind::Postgres => {
                let _ = write!(self.text, "${}::text", self.binds.len());
            }
            EngineKind::Mysql | EngineKind::Sqlite => self.text.push('?'),
        }
        self
    }

    pub(crate) fn output(&mut self, kind: Kind) -> &mut Self {
        self.outputs.push(kind);
        self
    }

    /// The statement is about rows of this scope.
    pub(crate) fn whose(&mut self, whose: &Whose) -> &mut Self {
        self.whose = Some(whose.clone());
        self
    }

    pub(crate) fn finish(self) -> Sql {
        Sql { text: self.text, binds: self.binds, outputs: self.outputs, whose: self.whose }
    }
}

/// The bound form of a cell for a column: PostgreSQL text, SQLite native types. MySQL has its own.
pub(crate) fn bind_cell(column: &Column, cell: &Cell) -> Bind {
    let Some(text) = cell.text() else { return Bind::Null };
    let as_text = || Bind::Text(text.to_owned());
    match (&column.native, cell.kind()) {
        (Native::Sqlite { .. }, Kind::Integer | Kind::Boolean) => match text {
            "true" => Bind::Int(1),
            "false" => Bind::Int(0),
            _ => text.parse().map(Bind::Int).or_else(|_| text.parse().map(Bind::Uint)).unwrap_or_else(|_| as_text()),
        },
        (Native::Sqlite { .. }, Kind::Float) => text.parse().map_or_else(|_| as_text(), Bind::Real),
        (Native::Sqlite { .. }, Kind::Bytes) => {
            text.strip_prefix("\\x").and_then(|hex| hex::decode(hex).ok()).map_or_else(as_text, Bind::Bytes)
        }
        _ => as_text(),
    }
}
