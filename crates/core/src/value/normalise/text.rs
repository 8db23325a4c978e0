//! Text, labels, UUIDs, bytes and bits.

use serde_json::Value as Json;

use super::{Typed, Unfit, expected};
use crate::value::{Column, Native};

pub(super) fn text(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let mut text = plain(value)?;
    // Fixed-width text loses its trailing blanks: PostgreSQL does not count them, MySQL does not return them.
    if matches!(typed, Typed::Postgres("bpchar") | Typed::Mysql("char")) {
        text.truncate(text.trim_end_matches(' ').len());
    }
    check_length(column, &text)?;
    Ok(text)
}

/// A text, or a number in the digits it was given in.
pub(super) fn plain(value: &Json) -> Result<String, Unfit> {
    match value {
        Json::String(text) if text.contains('\0') => Err(Unfit::Nul),
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        _ => expected("text"),
    }
}

pub(super) fn check_length(column: &Column, text: &str) -> Result<(), Unfit> {
    let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if let Some(max) = column.limits.chars.filter(|max| chars > *max) {
        return Err(Unfit::TooLong { max, unit: "characters" });
    }
    let charset = match &column.native {
        Native::Mysql { charset, .. } => charset.as_deref().unwrap_or("utf8mb4"),
        Native::Postgres { .. } | Native::Sqlite { .. } => "utf8mb4",
    };
    let (fits, bytes): (fn(char) -> bool, _) = match charset {
        "ascii" => (|c| c.is_ascii(), chars),
        "latin1" => (in_latin1, chars),
        "utf8" | "utf8mb3" => (in_basic_plane, bytes_of(text)),
        "ucs2" => (in_basic_plane, chars.saturating_mul(2)),
        "utf16" | "utf16le" => (|_| true, u64::try_from(text.encode_utf16().count() * 2).unwrap_or(u64::MAX)),
        "utf32" => (|_| true, chars.saturating_mul(4)),
        "utf8mb4" | "binary" => (|_| true, bytes_of(text)),
        // Not known here; the server, in strict mode, refuses what it cannot convert or hold.
        _ => (|_| true, 0),
    };
    if !text.chars().all(fits) {
        return Err(Unfit::Charset { charset: charset.to_owned() });
    }
    match column.limits.bytes.filter(|max| bytes > *max) {
        Some(max) => Err(Unfit::TooLong { max, unit: "bytes" }),
        None => Ok(()),
    }
}

fn bytes_of(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn in_basic_plane(c: char) -> bool {
    u32::from(c) <= 0xffff
}

/// MySQL's `latin1` is Windows-1252, with its five unassigned bytes as control characters.
fn in_latin1(c: char) -> bool {
    const WINDOWS: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u{81}\u{8d}\u{8f}\u{90}\u{9d}";
    c.is_ascii() || ('\u{a0}'..='\u{ff}').contains(&c) || WINDOWS.contains(c)
}

pub(super) fn uuid(value: &Json) -> Result<String, Unfit> {
    const EXPECTED: &str = "a UUID such as `3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e`";
    let Json::String(text) = value else { return expected(EXPECTED) };
    let bare: String = if text.len() == 36 {
        let dashes = text.char_indices().filter(|(_, c)| *c == '-').map(|(at, _)| at);
        if dashes.eq([8, 13, 18, 23]) { text.replace('-', "") } else { String::new() }
    } else {
        text.clone()
    };
    let mut raw = [0; 16];
    if hex::decode_to_slice(&bare, &mut raw).is_err() {
        return expected(EXPECTED);
    }
    let mut shown = hex::encode(raw);
    for at in [20, 16, 12, 8] {
        shown.insert(at, '-');
    }
    Ok(shown)
}

pub(super) fn label(column: &Column, value: &Json) -> Result<String, Unfit> {
    let labels = &column.limits.labels;
    match value {
        _ if labels.is_empty() => plain(value),
        Json::String(text) if labels.contains(text) => Ok(text.clone()),
        _ => {
            let shown: Vec<String> = labels.iter().take(20).map(|label| format!("`{label}`")).collect();
            Err(Unfit::NotALabel { labels: shown.join(", ") })
        }
    }
}

pub(super) fn bytes(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let mut bytes = raw_bytes(column, value)?;
    if let (Typed::Mysql("binary"), Some(width)) = (typed, column.limits.bytes) {
        bytes.resize(usize::try_from(width).unwrap_or(bytes.len()), 0);
    }
    Ok(format!("\\x{}", hex::encode(bytes)))
}

pub(super) fn raw_bytes(column: &Column, value: &Json) -> Result<Vec<u8>, Unfit> {
    let Some(bytes) = value.as_str().and_then(|text| hex::decode(text.strip_prefix("\\x")?).ok()) else {
        return expected("bytes: `\\x` and two hex digits for each");
    };
    match column.limits.bytes.filter(|max| u64::try_from(bytes.len()).is_ok_and(|length| length > *max)) {
        Some(max) => Err(Unfit::TooLong { max, unit: "bytes" }),
        None => Ok(bytes),
    }
}

pub(super) fn bits(column: &Column, typed: Typed<'_>, value: &Json) -> Result<String, Unfit> {
    let text = match (value, typed) {
        (Json::String(text), _) if !text.is_empty() && text.bytes().all(|b| matches!(b, b'0' | b'1')) => text.clone(),
        (Json::Bool(bit), Typed::Mysql(_)) => u8::from(*bit).to_string(),
        _ => return expected("a text of ones and zeros"),
    };
    let have = bytes_of(&text);
    match (typed, column.limits.chars) {
        (Typed::Postgres("bit"), Some(bits)) if have != bits => Err(Unfit::WrongLength { bits }),
        (_, Some(max)) if have > max => Err(Unfit::TooLong { max, unit: "bits" }),
        (Typed::Mysql(_), Some(width)) => {
            let missing = usize::try_from(width - have).unwrap_or(0);
            Ok(format!("{}{text}", "0".repeat(missing)))
        }
        _ => Ok(text),
    }
}
