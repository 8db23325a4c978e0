//! SQLite: the column's affinity decides the class in which a value is stored.

use serde_json::Value as Json;

use super::{Unfit, document, expected, not_patchable, number, text};
use crate::value::decimal::Decimal;
use crate::value::{Affinity, Cell, Column, Kind};

/// The value in the class it will have: its kind is integer, float, text or bytes, or what the column calls a 0, a 1 or a
/// document.
pub(super) fn stored(column: &Column, affinity: Affinity, value: &Json) -> Result<Cell, Unfit> {
    match &column.kind {
        Kind::Array(_) => Err(not_patchable(column)),
        Kind::Bytes => {
            let hex = hex::encode(text::raw_bytes(column, value)?);
            Ok(Cell::new(Kind::Bytes, Some(format!("\\x{hex}"))))
        }
        Kind::Boolean if !matches!(affinity, Affinity::Text | Affinity::Real) => match (value, number::whole(value)) {
            (Json::Bool(bit), _) => Ok(Cell::new(Kind::Boolean, Some(u8::from(*bit).to_string()))),
            (Json::Number(_), Some(bit @ 0..=1)) => Ok(Cell::new(Kind::Boolean, Some(bit.to_string()))),
            _ => expected("true or false"),
        },
        Kind::Json => match document::read(value)? {
            // A document that is a number is stored as one, unless the column prefers text.
            number if number.is_number() && affinity != Affinity::Text => by_affinity(column, affinity, &number),
            document => Ok(Cell::new(Kind::Json, Some(document.to_string()))),
        },
        _ => by_affinity(column, affinity, value),
    }
}

fn by_affinity(column: &Column, affinity: Affinity, value: &Json) -> Result<Cell, Unfit> {
    if affinity == Affinity::Text {
        return as_text(column, value);
    }
    let found = match value {
        // A column without a preference keeps what it gets: texts that look like numbers, and the point of 2.0.
        Json::String(_) if affinity == Affinity::Blob => None,
        Json::Number(number) if affinity == Affinity::Blob && !number.is_i64() => {
            return as_real(affinity, number::finite(&number.to_string(), f64::is_finite, "1.7e308")?);
        }
        Json::String(text) => Decimal::parse(text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])),
        Json::Number(number) => Decimal::parse(&number.to_string()),
        Json::Bool(bit) if affinity != Affinity::Real => Decimal::parse(if *bit { "1" } else { "0" }),
        _ => None,
    };
    match found {
        Some(number) => as_number(column, affinity, &number),
        None => match column.kind {
            Kind::Integer => expected("a whole number"),
            Kind::Decimal | Kind::Float => expected("a number"),
            _ => as_text(column, value),
        },
    }
}

fn as_text(column: &Column, value: &Json) -> Result<Cell, Unfit> {
    let text = text::plain(value)?;
    text::check_length(column, &text)?;
    Ok(Cell::new(Kind::Text, Some(text)))
}

fn as_number(column: &Column, affinity: Affinity, number: &Decimal) -> Result<Cell, Unfit> {
    let whole = number.is_whole() && number.whole_digits() <= 19;
    let integer = if whole { number.plain(0).parse::<i64>().ok() } else { None };
    match integer {
        Some(integer) if affinity != Affinity::Real => {
            Ok(Cell::new(Kind::Integer, Some(number::in_range(column, integer.into())?)))
        }
        None if column.kind == Kind::Integer && number.is_whole() => {
            let (smallest, largest) = column.limits.range.unwrap_or((i64::MIN.into(), i64::MAX.into()));
            Err(Unfit::OutOfRange { smallest: smallest.to_string(), largest: largest.to_string() })
        }
        None if column.kind == Kind::Integer => expected("a whole number"),
        _ => as_real(affinity, number::finite(&number.scientific(), f64::is_finite, "1.7e308")?),
    }
}

/// A double; one without a fraction becomes an integer again where the column prefers that.
fn as_real(affinity: Affinity, double: f64) -> Result<Cell, Unfit> {
    // SQLite keeps no negative zero.
    let double = if double == 0.0 { 0.0 } else { double };
    let prefers_integer = matches!(affinity, Affinity::Integer | Affinity::Numeric);
    let plain = double.to_string();
    match plain.parse::<i64>() {
        Ok(integer) if prefers_integer => Ok(Cell::new(Kind::Integer, Some(integer.to_string()))),
        _ => Ok(Cell::new(Kind::Float, Some(real_text(double)))),
    }
}

/// The text of a SQLite real: the fewest digits that give it back, with a point or an exponent.
#[must_use]
pub fn real_text(number: f64) -> String {
    format!("{number:?}")
}
