//! What a source database's catalog says of a table, as far as reading and writing it needs.

use crate::id::Ident;
use crate::value::Kind;

/// A table or view as the catalog describes it, cut to the columns a capability names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The schema; on MySQL the database, on SQLite `main`.
    pub schema: Ident,
    /// The table's name.
    pub name: Ident,
    /// Its columns, in the catalog's order.
    pub columns: Vec<Column>,
    /// Why a guarded write may never target it, if so.
    pub refused: Option<RefusedTarget>,
    /// Columns that other tables reference with CASCADE, SET NULL or SET DEFAULT on update.
    pub cascading: Vec<Ident>,
    /// Whether a constraint of the table itself may delete other rows to make room (`ON CONFLICT REPLACE` of SQLite).
    pub replaces: bool,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| &column.name == name)
    }
}

/// Why an object is no target for a guarded write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedTarget {
    /// A view or materialised view.
    View,
    /// A foreign table, or one with foreign partitions.
    Foreign,
    /// A child in an inheritance tree, or a parent with children.
    Inheritance,
    /// A table with rewrite rules.
    Rules,
    /// A SQLite virtual table.
    Virtual,
    /// A storage engine without transactions.
    NonTransactional,
    /// A sequence, which databases let one read like a table.
    Sequence,
}

impl RefusedTarget {
    /// What the object is, in words for a message: "`x` is …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::View => "a view",
            Self::Foreign => "a foreign table",
            Self::Inheritance => "part of an inheritance tree",
            Self::Rules => "a table with rewrite rules",
            Self::Virtual => "a virtual table",
            Self::NonTransactional => "stored by an engine without transactions",
            Self::Sequence => "a sequence",
        }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// What its values are.
    pub kind: Kind,
    /// Whether NULL may be stored.
    pub nullable: bool,
    /// Whether the database computes it.
    pub generated: bool,
    /// What fits into it.
    pub limits: Limits,
    /// What the engine calls its type.
    pub native: Native,
}

/// What fits into a column; `None` and empty mean unlimited or not applicable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Text: the longest, in characters.
    pub chars: Option<u64>,
    /// Text and bytes: the longest, in bytes.
    pub bytes: Option<u64>,
    /// Integers: the smallest and largest.
    pub range: Option<(i128, i128)>,
    /// Decimals: digits in all.
    pub precision: Option<u32>,
    /// Decimals: digits after the point.
    pub scale: Option<u32>,
    /// Times: digits of a second's fraction that are kept.
    pub fraction: Option<u8>,
    /// Enums: the labels.
    pub labels: Vec<String>,
}

/// An engine's own name for a column's type, as rendering needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Native {
    /// PostgreSQL.
    Postgres {
        /// The column's own type, qualified and quoted, without length or precision.
        own: String,
        /// The type to cast to for reading and comparing: `own`, or one through which identity is kept (`text` for `bpchar`).
        cast: String,
        /// The qualified, quoted function that gives a value's exact bytes (`typsend`) after that cast.
        send: String,
    },
    /// MySQL and MariaDB.
    Mysql {
        /// `DATA_TYPE` of the catalog in lower case, such as `varchar` or `timestamp`.
        data_type: String,
        /// Whether integers are unsigned.
        unsigned: bool,
        /// The character set of text columns.
        charset: Option<String>,
        /// The collation of text columns; without it, looking a text up cannot use an index.
        collation: Option<String>,
    },
    /// SQLite.
    Sqlite {
        /// The affinity of the declared type.
        affinity: Affinity,
    },
}

/// SQLite's column affinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Prefers integers.
    Integer,
    /// Prefers text.
    Text,
    /// Prefers nothing.
    Blob,
    /// Prefers floating point.
    Real,
    /// Prefers numbers, keeps text that is none.
    Numeric,
}
