//! Dates and times, rounded and printed as the engine does.

use serde_json::Value as Json;

use super::{Typed, Unfit, expected};
use crate::value::Column;
use crate::value::moment::{self, Clock, Moment, SECOND};

const MICRO: i128 = 1000;
const DAY: i128 = 86_400 * SECOND;

pub(super) fn instant(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    const EXPECTED: &str = "a time with its zone, such as `2026-06-20T14:31:08Z`";
    let Json::String(text) = value else { return expected(EXPECTED) };
    if is_endless(typed, text) {
        return Ok(text.clone());
    }
    let Some(utc) = Moment::parse(text).filter(|moment| moment.offset.is_some()).map(|moment| moment.utc()) else {
        return expected(EXPECTED);
    };
    let utc = round(column, typed, utc);
    if typed == Typed::Mysql("timestamp") && !(SECOND..(1 << 31) * SECOND).contains(&utc) {
        let (smallest, largest) = ("1970-01-01T00:00:01Z".to_owned(), "2038-01-19T03:14:07Z".to_owned());
        return Err(Unfit::OutOfRange { smallest, largest });
    }
    let zone = if matches!(typed, Typed::Postgres(_)) { "+00" } else { "" };
    Ok(format!("{}{zone}", date_time_text(column, typed, utc)?))
}

pub(super) fn date_time(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    const EXPECTED: &str = "a date and time without a zone, such as `2026-06-20 14:31:08`";
    let Json::String(text) = value else { return expected(EXPECTED) };
    if is_endless(typed, text) {
        return Ok(text.clone());
    }
    let midnight = || moment::parse_date(text, false).map(|days| i128::from(days) * DAY);
    match Moment::parse(text).filter(|moment| moment.offset.is_none()).map(|moment| moment.local).or_else(midnight) {
        Some(local) => date_time_text(column, typed, round(column, typed, local)),
        None => expected(EXPECTED),
    }
}

pub(super) fn date(typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    const EXPECTED: &str = "a date such as `2026-06-20`";
    match value {
        Json::String(text) if is_endless(typed, text) => Ok(text.clone()),
        Json::String(text) => match moment::parse_date(text, false) {
            Some(days) => moment::date_text(days).ok_or_else(years),
            None => expected(EXPECTED),
        },
        _ => expected(EXPECTED),
    }
}

pub(super) fn time_of_day(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let Json::String(text) = value else { return expected("a time of day such as `14:31:08`") };
    match typed {
        Typed::Mysql(_) => mysql_time(column, typed, text),
        Typed::Postgres(native) => postgres_time(column, typed, text, native == "timetz"),
    }
}

fn postgres_time(column: &Column, typed: Typed<'_>, text: &str, zoned: bool) -> Result<String, Unfit> {
    let (clock, zone) = moment::split_zone(text);
    let east = match (zoned, zone) {
        (false, "") => Some(0),
        (false, _) | (true, "") => None,
        (true, zone) => moment::parse_zone(zone),
    };
    let nanos = if clock == "24:00:00" { Some(DAY) } else { Clock::parse(clock).map(|(_, nanos)| i128::from(nanos)) };
    match (nanos, east) {
        (Some(nanos), Some(east)) => {
            let clock = clock_text(column, typed, round_fraction(column, nanos / SECOND * SECOND, nanos % SECOND));
            Ok(if zoned { format!("{clock}{}", offset_text(east)) } else { clock })
        }
        _ if zoned => expected("a time of day with its offset, such as `14:31:08+00`"),
        _ => expected("a time of day such as `14:31:08`"),
    }
}

/// MySQL's times go from −838:59:59 to 838:59:59.
fn mysql_time(column: &Column, typed: Typed<'_>, text: &str) -> Result<String, Unfit> {
    let (sign, size) = text.strip_prefix('-').map_or(("", text), |size| ("-", size));
    let read = || {
        let (hours, rest) = size.split_once(':')?;
        let plain = (1..=3).contains(&hours.len()) && hours.bytes().all(|b| b.is_ascii_digit());
        let hours: i128 = if plain { hours.parse().ok()? } else { return None };
        let (_, nanos) = Clock::parse(&format!("00:{rest}"))?;
        Some(hours * 3600 * SECOND + i128::from(nanos))
    };
    let Some(nanos) = read() else { return expected("a time such as `14:31:08`") };
    let nanos = round(column, typed, nanos);
    if nanos > (838 * 3600 + 59 * 60 + 59) * SECOND {
        return Err(Unfit::OutOfRange { smallest: "-838:59:59".to_owned(), largest: "838:59:59".to_owned() });
    }
    let sign = if nanos == 0 { "" } else { sign };
    Ok(format!("{sign}{}", clock_text(column, typed, nanos)))
}

/// PostgreSQL's ends of time.
fn is_endless(typed: Typed<'_>, text: &str) -> bool {
    matches!(typed, Typed::Postgres(_)) && matches!(text, "infinity" | "-infinity")
}

fn years() -> Unfit {
    Unfit::OutOfRange { smallest: "0001-01-01".to_owned(), largest: "9999-12-31".to_owned() }
}

fn kept_digits(column: &Column, typed: Typed<'_>) -> u8 {
    let unset = if matches!(typed, Typed::Postgres(_)) { 6 } else { 0 };
    column.limits.fraction.unwrap_or(unset).min(6)
}

/// Nanoseconds since 1970 as the column keeps them.
fn round(column: &Column, typed: Typed<'_>, nanos: i128) -> i128 {
    if matches!(typed, Typed::Mysql(_)) {
        let unit = SECOND / 10_i128.pow(u32::from(kept_digits(column, typed)));
        return (nanos + unit / 2).div_euclid(unit) * unit;
    }
    // PostgreSQL counts from 2000 and rounds halves away from there.
    const FROM_2000: i128 = 946_684_800 * SECOND;
    let since = nanos - FROM_2000;
    FROM_2000 + round_fraction(column, since.div_euclid(SECOND) * SECOND, since.rem_euclid(SECOND))
}

/// PostgreSQL's two steps: the written fraction to microseconds, halves to even, in floating point as the server does it;
/// then the whole to the column's precision, halves away from zero.
fn round_fraction(column: &Column, whole: i128, nanos: i128) -> i128 {
    let fraction: f64 = format!("0.{nanos:09}").parse().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "at most a million")]
    let micros = (fraction * 1e6).round_ties_even() as i128;
    let exact = whole + micros * MICRO;
    let unit = SECOND / 10_i128.pow(u32::from(column.limits.fraction.unwrap_or(6).min(6)));
    (exact.abs() + unit / 2) / unit * unit * exact.signum()
}

fn date_time_text(column: &Column, typed: Typed<'_>, local: i128) -> Result<String, Unfit> {
    let date = i64::try_from(local.div_euclid(DAY)).ok().and_then(moment::date_text).ok_or_else(years)?;
    Ok(format!("{date} {}", clock_text(column, typed, local.rem_euclid(DAY))))
}

/// PostgreSQL drops trailing zeros of the fraction; MySQL prints all the column's digits.
fn clock_text(column: &Column, typed: Typed<'_>, nanos: i128) -> String {
    let text = Clock { seconds: true, fraction: kept_digits(column, typed) }.text(nanos);
    if matches!(typed, Typed::Postgres(_)) && text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// An offset as PostgreSQL prints it: minutes only where there are any.
fn offset_text(east: i32) -> String {
    let sign = if east < 0 { '-' } else { '+' };
    let minutes = east.abs() / 60;
    match minutes % 60 {
        0 => format!("{sign}{:02}", minutes / 60),
        rest => format!("{sign}{:02}:{rest:02}", minutes / 60),
    }
}
