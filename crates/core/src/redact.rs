//! Secrets by their looks: names that promise one, texts that hold one, and texts with them masked.
//!
//! What is found here is kept out of answers, records and logs. Ordinary rows must pass, so every shape asks for more than
//! a word: a URL needs a password, a token its length and its mix of characters. Every text is read in linear time.

mod scan;

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::digest;
use crate::value::{Cell, Kept, Kind, MASK};

/// Whether a column's or key's name says that it holds a secret: one of the words below, alone or bounded by anything but
/// letters and digits, or by camel case.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    names_one_of(name, &SECRET_PHRASES)
}

/// Whether the words of one of the phrases stand in a name, one after another.
pub(crate) fn names_one_of(name: &str, phrases: &[&[&str]]) -> bool {
    let words = words(name);
    let at_start = |rest: &[String], phrase: &[&str]| {
        rest.len() >= phrase.len() && rest.iter().zip(phrase).all(|(word, wanted)| word == wanted)
    };
    (0..words.len()).any(|from| {
        let rest = words.get(from..).unwrap_or_default();
        phrases.iter().any(|phrase| at_start(rest, phrase))
    })
}

const SECRET_PHRASES: [&[&str]; 18] = [
    &["password"],
    &["passwords"],
    &["passwd"],
    &["secret"],
    &["secrets"],
    &["token"],
    &["apikey"],
    &["api", "key"],
    &["access", "key"],
    &["private", "key"],
    &["cookie"],
    &["credential"],
    &["credentials"],
    &["connection", "string"],
    &["database", "url"],
    &["read", "url"],
    &["write", "url"],
    &["passphrase"],
];

/// The words of a name in lower case: `userAPIKey_2` is user, api, key, 2.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    for (at, &c) in chars.iter().enumerate() {
        let hump = c.is_uppercase()
            && before.is_some_and(|b| !b.is_uppercase() || chars.get(at + 1).is_some_and(|next| next.is_lowercase()));
        let number = c.is_numeric() != before.is_some_and(char::is_numeric);
        if (hump || number || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether a text holds a URL with a password, a `password=` setting, a bearer token, a private key, or a token of a
/// well-known shape.
#[must_use]
pub fn is_secret_value(text: &str) -> bool {
    scan::Scan::new(text).next().is_some()
}

/// The text with every secret in it replaced by [`MASK`], for logs and command output.
#[must_use]
pub fn mask_text(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut done = 0;
    for found in scan::Scan::new(text) {
        masked.push_str(text.get(done..found.start).unwrap_or_default());
        masked.push_str(MASK);
        done = found.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}

/// Whether a value must be masked: by its text, by any text inside a JSON document or under a secret name there, or by the
/// text that its bytes spell.
#[must_use]
pub fn is_secret(cell: &Cell) -> bool {
    let Some(text) = cell.text() else { return false };
    match cell.kind() {
        Kind::Json => {
            serde_json::from_str(text).map_or_else(|_| is_secret_value(text), |json: Json| holds_secret(&json))
        }
        Kind::Bytes => {
            let bytes = text.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok());
            bytes.is_some_and(|bytes| is_secret_value(&String::from_utf8_lossy(&bytes)))
        }
        _ => is_secret_value(text),
    }
}

/// Whether a JSON value holds a secret text anywhere, or a non-empty text under a secret name.
#[must_use]
pub fn holds_secret(json: &Json) -> bool {
    match json {
        Json::String(text) => is_secret_value(text),
        Json::Array(items) => items.iter().any(holds_secret),
        Json::Object(entries) => entries.iter().any(|(name, value)| {
            let named = is_secret_name(name) && value.as_str().is_some_and(|text| !text.is_empty() && text != MASK);
            named || is_secret_value(name) || holds_secret(value)
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// The value as a record keeps it: exactly, or as a digest under the ledger's secret if it looks like a secret.
#[must_use]
pub fn keep(cell: Cell, secret: &[u8; 32]) -> Kept {
    match cell.text() {
        Some(text) if is_secret(&cell) => Kept::Masked { kind: cell.kind().clone(), mac: digest::mac(secret, text) },
        _ => Kept::Exact(cell),
    }
}

impl Kept {
    /// Whether a value is the one that was kept: same kind, same exact text.
    #[must_use]
    pub fn matches(&self, cell: &Cell, secret: &[u8; 32]) -> bool {
        match self {
            Self::Exact(kept) => kept == cell,
            Self::Masked { kind, mac } => {
                kind == cell.kind() && cell.text().is_some_and(|text| digest::mac_matches(secret, text, mac))
            }
        }
    }
}

#[cfg(test)]
mod tests;
