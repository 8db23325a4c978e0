//! A value from outside, brought to the form that a column will store.
//!
//! Engines round, pad, trim, fold and reorder on the way in. Doing the same before a proposal is recorded lets the reviewer
//! see what will be stored, and lets the write check that exactly this was.

mod document;
mod key;
mod number;
mod sqlite;
mod text;
mod time;

use serde_json::Value as Json;

use super::{Cell, Column, Kind, Native};

pub use key::key;
pub use number::mysql_float;
pub use sqlite::real_text;

/// Why a value does not fit a column. Reads after the column's name: "`fee` must be a whole number".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// NULL, where none may be.
    #[error("may not be null")]
    Null,
    /// Of another type, or in another notation.
    #[error("must be {expected}")]
    WrongType {
        /// What is expected, with an article.
        expected: &'static str,
    },
    /// Too long.
    #[error("may hold at most {max} {unit}")]
    TooLong {
        /// The longest.
        max: u64,
        /// What is counted, in the plural.
        unit: &'static str,
    },
    /// A bit string of another length.
    #[error("must have exactly {bits} bits")]
    WrongLength {
        /// The length.
        bits: u64,
    },
    /// Outside the type's range.
    #[error("must lie between {smallest} and {largest}")]
    OutOfRange {
        /// The smallest that fits.
        smallest: String,
        /// The largest that fits.
        largest: String,
    },
    /// A number with too many digits before the point.
    #[error("may have at most {max} digits before the point")]
    TooManyDigits {
        /// The most digits.
        max: i64,
    },
    /// A negative number in an unsigned column.
    #[error("may not be negative")]
    Negative,
    /// None of an enum's labels.
    #[error("must be one of {labels}")]
    NotALabel {
        /// The labels in backticks, the first twenty of them.
        labels: String,
    },
    /// Holds the NUL character.
    #[error("may not contain a NUL character")]
    Nul,
    /// Holds characters outside the column's character set.
    #[error("contains a character that the character set `{charset}` lacks")]
    Charset {
        /// The character set.
        charset: String,
    },
    /// No value of this type can be set.
    #[error("is of type {kind}, which cannot be set here")]
    NotPatchable {
        /// The kind's word.
        kind: String,
    },
}

/// The engines that have a type per column; SQLite has a class per value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed<'a> {
    /// PostgreSQL, with the type's bare name.
    Postgres(&'a str),
    /// MySQL and MariaDB, with the catalog's name for the type.
    Mysql(&'a str),
}

/// The value as this column will store and print it. Rounds, trims and pads as the engine does; refuses what the engine would
/// refuse, cut, or guess at.
pub fn normalise(column: &Column, value: &Json) -> Result<Cell, Unfit> {
    if value.is_null() {
        return if column.nullable { Ok(Cell::null(column.kind.clone())) } else { Err(Unfit::Null) };
    }
    let typed = match &column.native {
        Native::Sqlite { affinity } => return sqlite::stored(column, *affinity, value),
        // The catalog qualifies and quotes the name.
        Native::Postgres { own, .. } => Typed::Postgres(own.rsplit('.').next().unwrap_or(own).trim_matches('"')),
        Native::Mysql { data_type, .. } => Typed::Mysql(data_type),
    };
    let text = match &column.kind {
        Kind::Integer => number::integer(column, typed, value),
        Kind::Decimal if typed == Typed::Postgres("money") => return Err(not_patchable(column)),
        Kind::Decimal => number::decimal(column, typed, value),
        Kind::Float => number::float(column, typed, value),
        Kind::Boolean => number::boolean(typed, value),
        Kind::Text => text::text(column, typed, value),
        Kind::Uuid => text::uuid(value),
        Kind::Enum => text::label(column, value),
        Kind::Bytes => text::bytes(column, typed, value),
        Kind::Bits => text::bits(column, typed, value),
        Kind::Instant => time::instant(column, typed, value),
        Kind::DateTime => time::date_time(column, typed, value),
        Kind::Date => time::date(typed, value),
        Kind::Time => time::time_of_day(column, typed, value),
        Kind::Json => document::document(typed, value),
        Kind::Interval | Kind::Array(_) | Kind::Other => return Err(not_patchable(column)),
    }?;
    Ok(Cell::new(column.kind.clone(), Some(text)))
}

fn not_patchable(column: &Column) -> Unfit {
    Unfit::NotPatchable { kind: column.kind.word() }
}

fn expected<T>(expected: &'static str) -> Result<T, Unfit> {
    Err(Unfit::WrongType { expected })
}

#[cfg(test)]
mod tests;
