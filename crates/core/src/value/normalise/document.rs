//! JSON documents, laid out as the engine prints them.

use std::borrow::Cow;

use serde_json::{Number, Value as Json};

use super::number::{MOST_PLACES, MOST_WHOLE_DIGITS, written_places};
use super::{Typed, Unfit, expected};
use crate::value::decimal::Decimal;

/// How an engine rewrites documents. Both sort keys by length, then by bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// PostgreSQL's `jsonb`: numbers keep their digits, without exponents.
    Jsonb,
    /// MySQL's `json`: whole numbers of 64 bits, doubles otherwise.
    Mysql,
}

pub(super) fn document(typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let document = read(value)?;
    let layout = match typed {
        Typed::Postgres("jsonb") => Layout::Jsonb,
        Typed::Mysql("json") => Layout::Mysql,
        // Stored as the text it is.
        Typed::Postgres(_) | Typed::Mysql(_) => return Ok(document.to_string()),
    };
    let mut text = String::new();
    write(&mut text, layout, &document)?;
    Ok(text)
}

/// The document that a value is, or, given as a text, that the text holds. Bare texts and null are refused: they could be
/// meant either way.
pub(super) fn read(value: &Json) -> Result<Cow<'_, Json>, Unfit> {
    let document = match value {
        Json::String(text) => serde_json::from_str(text).map_or(Cow::Owned(Json::Null), Cow::Owned),
        other => Cow::Borrowed(other),
    };
    if matches!(*document, Json::String(_) | Json::Null) {
        return expected("a JSON document: an object, an array, a number, true or false");
    }
    Ok(document)
}

fn write(out: &mut String, layout: Layout, json: &Json) -> Result<(), Unfit> {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(bit) => out.push_str(if *bit { "true" } else { "false" }),
        Json::Number(number) => out.push_str(&number_text(layout, number)?),
        Json::String(text) => write_text(out, layout, text)?,
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(out, layout, item)?;
            }
            out.push(']');
        }
        Json::Object(entries) => {
            let mut sorted: Vec<(&String, &Json)> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| (key.len(), *key));
            out.push('{');
            for (index, (key, item)) in sorted.into_iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_text(out, layout, key)?;
                out.push_str(": ");
                write(out, layout, item)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(out: &mut String, layout: Layout, text: &str) -> Result<(), Unfit> {
    if layout == Layout::Jsonb && text.contains('\0') {
        return Err(Unfit::Nul);
    }
    out.push_str(&Json::from(text).to_string());
    Ok(())
}

fn number_text(layout: Layout, number: &Number) -> Result<String, Unfit> {
    let text = number.to_string();
    if layout == Layout::Mysql {
        let whole = number.is_i64() || number.is_u64();
        let double = || text.parse::<f64>().ok().filter(|double| double.is_finite());
        return if whole {
            Ok(text)
        } else {
            double()
                .map(|double| format!("{double:?}"))
                .ok_or(Unfit::WrongType { expected: "JSON with numbers of a double" })
        };
    }
    let places = written_places(&text);
    match Decimal::parse(&text)
        .filter(|number| number.whole_digits() <= MOST_WHOLE_DIGITS && number.places() <= MOST_PLACES.into())
    {
        Some(number) => Ok(number.plain(places)),
        None => Err(Unfit::TooManyDigits { max: MOST_WHOLE_DIGITS }),
    }
}
