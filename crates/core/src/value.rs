//! Database values, kept exactly: the text the engine gave, and the kind that says how to show and compare it.
//!
//! Reads pin every session setting that changes how a value prints (zone UTC, ISO dates, full digits), so a value's
//! text is its identity: what was read is what is compared.

pub mod array;
pub mod decimal;
pub mod moment;
pub mod normalise;
pub mod table;

use std::fmt;

use serde_json::{Number, Value as Json};

pub use table::{Affinity, Column, Limits, Native, RefusedTarget, Table};

/// What a value is, as far as showing, comparing and patching it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A whole number of any width.
    Integer,
    /// An exact decimal or money.
    Decimal,
    /// A binary floating point number.
    Float,
    /// True or false.
    Boolean,
    /// Text of any length.
    Text,
    /// A UUID.
    Uuid,
    /// One of a closed list of labels.
    Enum,
    /// A point in time; its text is in UTC.
    Instant,
    /// A date and time without a zone.
    DateTime,
    /// A date.
    Date,
    /// A time of day, with or without a zone.
    Time,
    /// A span of time.
    Interval,
    /// A JSON document.
    Json,
    /// Bytes; the text is `\x` and lower-case hex on every engine.
    Bytes,
    /// A bit string; the text is ones and zeros.
    Bits,
    /// An array; the text is PostgreSQL's array literal.
    Array(Box<Kind>),
    /// Anything else: shown as the engine's own text.
    Other,
}

impl Kind {
    /// The word for this kind in stored records and messages.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Integer => "integer".to_owned(),
            Self::Decimal => "decimal".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Uuid => "uuid".to_owned(),
            Self::Enum => "enum".to_owned(),
            Self::Instant => "instant".to_owned(),
            Self::DateTime => "datetime".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Time => "time".to_owned(),
            Self::Interval => "interval".to_owned(),
            Self::Json => "json".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::Bits => "bits".to_owned(),
            Self::Array(element) => format!("{}[]", element.word()),
            Self::Other => "other".to_owned(),
        }
    }

    /// Reads [`Kind::word`] back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some(element) = word.strip_suffix("[]") {
            return Some(Self::Array(Box::new(Self::from_word(element)?)));
        }
        let kinds = [
            Self::Integer,
            Self::Decimal,
            Self::Float,
            Self::Boolean,
            Self::Text,
            Self::Uuid,
            Self::Enum,
            Self::Instant,
            Self::DateTime,
            Self::Date,
            Self::Time,
            Self::Interval,
            Self::Json,
            Self::Bytes,
            Self::Bits,
            Self::Other,
        ];
        kinds.into_iter().find(|kind| kind.word() == word)
    }
}

/// One database value, exactly. `Debug` never prints the value itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    kind: Kind,
    text: Option<String>,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.text.is_some() { "value" } else { "null" };
        write!(f, "Cell({}, {state})", self.kind.word())
    }
}

impl Cell {
    /// A value from its exact text; `None` is SQL NULL.
    #[must_use]
    pub fn new(kind: Kind, text: Option<String>) -> Self {
        Self { kind, text }
    }

    /// SQL NULL.
    #[must_use]
    pub fn null(kind: Kind) -> Self {
        Self { kind, text: None }
    }

    /// What the value is.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The exact text; `None` is SQL NULL.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The value as shown to people and models: see decisions on values. Integers beyond 2^53−1, decimals, bytes and bits
    /// are strings; an [`Kind::Instant`] is RFC 3339 with `Z`; JSON keeps its digits.
    #[must_use]
    pub fn json(&self) -> Json {
        let Some(text) = &self.text else { return Json::Null };
        match &self.kind {
            Kind::Integer => match text.parse::<i64>() {
                Ok(number) if number.unsigned_abs() < 1 << 53 => Json::from(number),
                _ => Json::String(text.clone()),
            },
            Kind::Float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => text
                    .parse::<Number>()
                    .or_else(|_| number.to_string().parse::<Number>())
                    .map_or_else(|_| Json::String(text.clone()), Json::Number),
                _ => Json::String(text.clone()),
            },
            Kind::Boolean => match text.as_str() {
                "true" | "t" | "1" => Json::Bool(true),
                "false" | "f" | "0" => Json::Bool(false),
                _ => Json::String(text.clone()),
            },
            Kind::Json => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
            Kind::Instant => Json::String(moment::instant_rfc3339(text)),
            Kind::Array(element) => array::to_json(text, element).unwrap_or_else(|| Json::String(text.clone())),
            Kind::Decimal
            | Kind::Text
            | Kind::Uuid
            | Kind::Enum
            | Kind::DateTime
            | Kind::Date
            | Kind::Time
            | Kind::Interval
            | Kind::Bytes
            | Kind::Bits
            | Kind::Other => Json::String(text.clone()),
        }
    }
}

/// A value as it is kept in a record: exactly, or masked because its text looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The exact value.
    Exact(Cell),
    /// A secret-shaped value: only a keyed digest of its exact text is kept, for guards.
    Masked {
        /// What the value is.
        kind: Kind,
        /// HMAC-SHA256 of the exact text under the ledger's secret, in hex.
        mac: String,
    },
}

/// What is shown in place of a masked value.
pub const MASK: &str = "[masked]";

impl Kept {
    /// The value as shown; a masked one shows [`MASK`].
    #[must_use]
    pub fn json(&self) -> Json {
        match self {
            Self::Exact(cell) => cell.json(),
            Self::Masked { .. } => Json::String(MASK.to_owned()),
        }
    }

    /// What the value is.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        match self {
            Self::Exact(cell) => cell.kind(),
            Self::Masked { kind, .. } => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_show_as_the_interface_says() {
        let check = |kind: Kind, text: &str, expect: Json| {
            assert_eq!(Cell::new(kind.clone(), Some(text.to_owned())).json(), expect, "{} {text}", kind.word());
        };
        check(Kind::Integer, "9007199254740991", json!(9_007_199_254_740_991_i64));
        check(Kind::Integer, "9007199254740992", json!("9007199254740992"));
        check(Kind::Integer, "-9007199254740991", json!(-9_007_199_254_740_991_i64));
        check(Kind::Integer, "18446744073709551615", json!("18446744073709551615"));
        check(Kind::Decimal, "1.10", json!("1.10"));
        check(Kind::Float, "0.1", json!(0.1));
        check(Kind::Float, "NaN", json!("NaN"));
        check(Kind::Boolean, "true", json!(true));
        check(Kind::Boolean, "0", json!(false));
        check(Kind::Instant, "2026-06-20 14:31:08.10+00", json!("2026-06-20T14:31:08.10Z"));
        check(Kind::DateTime, "2026-06-20 14:31:08", json!("2026-06-20 14:31:08"));
        check(Kind::Bytes, "\\xdead", json!("\\xdead"));
        check(Kind::Array(Box::new(Kind::Integer)), "{1,NULL,3}", json!([1, null, 3]));
        assert_eq!(Cell::new(Kind::Json, Some("{\"a\":1.10}".to_owned())).json().to_string(), "{\"a\":1.10}");
        assert_eq!(Cell::null(Kind::Text).json(), Json::Null);
    }

    #[test]
    fn debug_never_prints_a_value() {
        let shown = format!("{:?}", Cell::new(Kind::Text, Some("4111 1111".to_owned())));
        assert_eq!(shown, "Cell(text, value)");
    }

    #[test]
    fn kinds_read_back() {
        for kind in [Kind::Integer, Kind::Other, Kind::Array(Box::new(Kind::Enum))] {
            assert_eq!(Kind::from_word(&kind.word()), Some(kind));
        }
        assert_eq!(Kind::from_word("nonsense"), None);
    }
}
