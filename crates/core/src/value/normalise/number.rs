//! Numbers and truth values.

use serde_json::Value as Json;

use super::{Typed, Unfit, expected};
use crate::value::decimal::Decimal;
use crate::value::{Column, Native};

/// The longest numbers that PostgreSQL's `numeric` holds; no engine holds longer ones.
pub(super) const MOST_WHOLE_DIGITS: i64 = 131_072;
pub(super) const MOST_PLACES: u32 = 16_383;

pub(super) fn integer(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let number = match (value, typed) {
        (Json::Bool(bit), Typed::Mysql(_)) => i128::from(*bit),
        _ => match whole(value) {
            Some(number) => number,
            None => return expected("a whole number"),
        },
    };
    in_range(column, number)
}

/// A JSON number without a fraction, or a text of digits.
pub(super) fn whole(value: &Json) -> Option<i128> {
    match value {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => {
            let number = Decimal::parse(&number.to_string())?;
            let short = number.is_whole() && number.whole_digits() <= 39;
            if short { number.plain(0).parse().ok() } else { None }
        }
        _ => None,
    }
}

pub(super) fn in_range(column: &Column, number: i128) -> Result<String, Unfit> {
    match column.limits.range {
        Some((smallest, largest)) if !(smallest..=largest).contains(&number) => {
            Err(Unfit::OutOfRange { smallest: smallest.to_string(), largest: largest.to_string() })
        }
        _ => Ok(number.to_string()),
    }
}

pub(super) fn decimal(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let Some((text, number)) = read(value) else { return expected("a decimal number") };
    // PostgreSQL's unconstrained numeric keeps the zeros it was given.
    let scale = match (column.limits.scale, typed) {
        (Some(scale), _) => scale,
        (None, Typed::Postgres(_)) => written_places(&text),
        (None, Typed::Mysql(_)) => 0,
    };
    let rounded = number.round(scale);
    let most = column.limits.precision.map_or(MOST_WHOLE_DIGITS, |digits| i64::from(digits) - i64::from(scale));
    if !rounded.is_zero() && rounded.whole_digits() > most {
        return Err(Unfit::TooManyDigits { max: most.max(0) });
    }
    if rounded.is_negative() && is_unsigned(column) {
        return Err(Unfit::Negative);
    }
    Ok(rounded.plain(scale))
}

/// A number from JSON, or from a text that is one, with its spelling.
pub(super) fn read(value: &Json) -> Option<(String, Decimal)> {
    let text = match value {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    let number = Decimal::parse(&text)?;
    Some((text, number))
}

/// The digits after the point that PostgreSQL keeps of this spelling.
pub(super) fn written_places(text: &str) -> u32 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let written = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let places = i64::try_from(written).unwrap_or(i64::MAX).saturating_sub(exponent.parse().unwrap_or(0));
    u32::try_from(places.max(0)).unwrap_or(MOST_PLACES).min(MOST_PLACES)
}

pub(super) fn float(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let Some((mut text, number)) = read(value) else { return expected("a number") };
    // FLOAT(m,d) and DOUBLE(m,d) round and bound like decimals.
    if let (Some(_), Typed::Mysql(_)) = (column.limits.scale, typed) {
        text = decimal(column, typed, value)?;
    }
    if number.is_negative() && is_unsigned(column) {
        return Err(Unfit::Negative);
    }
    match typed {
        Typed::Postgres("float4") => {
            let single: f32 = finite(&text, f32::is_finite, "3.4e38")?;
            Ok(postgres_float(&single.to_string(), &format!("{single:e}"), 6))
        }
        Typed::Postgres(_) => {
            let double: f64 = finite(&text, f64::is_finite, "1.7e308")?;
            Ok(postgres_float(&double.to_string(), &format!("{double:e}"), 15))
        }
        // Read and compared as the double that it widens to.
        Typed::Mysql("float") => Ok(mysql_float(finite(&text, f32::is_finite, "3.4e38")?.into())),
        Typed::Mysql(_) => Ok(mysql_float(finite(&text, f64::is_finite, "1.7e308")?)),
    }
}

pub(super) fn finite<T: std::str::FromStr + Copy>(
    text: &str,
    is_finite: fn(T) -> bool,
    largest: &'static str,
) -> Result<T, Unfit> {
    text.parse().ok().filter(|number| is_finite(*number)).ok_or_else(|| too_large(largest))
}

fn too_large(largest: &str) -> Unfit {
    Unfit::OutOfRange { smallest: format!("-{largest}"), largest: largest.to_owned() }
}

/// PostgreSQL's shortest form: an exponent of two digits or more from `10^large` on and below `10^-4`.
fn postgres_float(plain: &str, scientific: &str, large: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return plain.to_owned() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..large).contains(&exponent) {
        return plain.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// The text of a MySQL or MariaDB double: the fewest digits that give it back, in the notation their clients print.
#[must_use]
pub fn mysql_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) { number.to_string() } else { format!("{number:e}") }
}

pub(super) fn boolean(typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let bit = match (value, typed) {
        (Json::Bool(bit), _) => *bit,
        (Json::Number(number), Typed::Mysql(_)) if number.as_u64().is_some_and(|bit| bit < 2) => {
            number.as_u64() == Some(1)
        }
        _ => return expected("true or false"),
    };
    Ok(match (typed, bit) {
        (Typed::Postgres(_), _) => bit.to_string(),
        (Typed::Mysql(_), bit) => u8::from(bit).to_string(),
    })
}

fn is_unsigned(column: &Column) -> bool {
    matches!(column.native, Native::Mysql { unsigned: true, .. })
}
