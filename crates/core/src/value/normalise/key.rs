//! Keys, tenants and principals: a value as a column holds it, or nothing.

use serde_json::Value as Json;

use super::{normalise, number};
use crate::value::decimal::Decimal;
use crate::value::{Cell, Column, Kind, moment};

/// A value to find a row by, as this column would hold it; `None` if the column can hold no such value. Nothing is rounded,
/// trimmed, padded or converted: `01`, ` 1` and `1abc` are no integers, so that a scope never matches more than it says.
#[must_use]
pub fn key(column: &Column, value: &Json) -> Option<Cell> {
    let told = match (value.as_str(), &column.kind) {
        (Some("true"), Kind::Boolean) => &Json::Bool(true),
        (Some("false"), Kind::Boolean) => &Json::Bool(false),
        _ => value,
    };
    let cell = normalise(column, told).ok()?;
    let stored = cell.text()?;
    let same = match (told, cell.kind()) {
        (Json::Bool(_), kind) => kind == &Kind::Boolean,
        (Json::Number(given), Kind::Decimal | Kind::Float) => {
            Decimal::parse(&given.to_string()) == Decimal::parse(stored)
        }
        (Json::Number(given), Kind::Integer | Kind::Text) => given.to_string() == stored && is_whole(stored),
        (Json::String(given), kind) => is_same_text(kind, given, stored),
        _ => false,
    };
    same.then_some(cell)
}

fn is_same_text(kind: &Kind, given: &str, stored: &str) -> bool {
    match kind {
        Kind::Integer | Kind::Text | Kind::Enum | Kind::Date | Kind::Bits => given == stored,
        Kind::Uuid | Kind::Bytes => given.eq_ignore_ascii_case(stored),
        Kind::Decimal | Kind::Float => {
            let number = Decimal::parse(given);
            let plain = number.as_ref().is_some_and(|number| number.plain(number::written_places(given)) == given);
            plain && number == Decimal::parse(stored)
        }
        Kind::Instant | Kind::DateTime => moment::order_key(given) == moment::order_key(stored),
        // Rounding would have cut digits that are not zero.
        Kind::Time => fraction(given) == fraction(stored),
        Kind::Boolean | Kind::Interval | Kind::Json | Kind::Array(_) | Kind::Other => false,
    }
}

fn is_whole(text: &str) -> bool {
    text.parse::<i128>().is_ok_and(|number| number.to_string() == text)
}

fn fraction(time: &str) -> &str {
    moment::split_zone(time.trim_start_matches('-'))
        .0
        .split_once('.')
        .map_or("", |(_, digits)| digits.trim_end_matches('0'))
}
