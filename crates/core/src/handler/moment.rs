//! Comparing a version as a database shows it with a version as a request holds it.

use serde_json::Value as Json;

/// Whether the text that the row holds (read with the session at UTC) is the expected version, to the last digit.
#[must_use]
pub fn same_version(stored: Option<&str>, expected: &Json) -> bool {
    let expected = match expected {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    match (stored, expected.as_deref()) {
        (None, None) => true,
        (Some(stored), Some(expected)) => {
            stored == expected || moment(stored).zip(moment(expected)).is_some_and(|(a, b)| a == b)
        }
        _ => false,
    }
}

/// Date, time and the fraction without trailing zeros, of text like `2026-06-20 14:31:08.120+00` or with `T` and `Z`.
fn moment(text: &str) -> Option<(&str, &str, &str)> {
    let text = ["Z", "+00:00", "+00"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (date, time) = whole.split_once(['T', ' '])?;
    let shaped = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    let plain = shaped(date, "0000-00-00") && shaped(time, "00:00:00") && fraction.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| (date, time, fraction.trim_end_matches('0')))
}
