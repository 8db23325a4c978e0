//! The documents that leave the program: stored, exported or sent. A derive here is a promise to strangers.

pub mod change_set;
pub mod envelope;
pub mod handler;
pub mod inspection;
pub mod job;
pub mod receipt;

#[cfg(test)]
mod fixtures;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::value::{Cell, Kept, Kind};

/// A column with one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnValue {
    /// The column.
    pub column: String,
    /// The value as shown.
    pub value: Json,
}

/// A value exactly: its kind and the engine's own text, or only a keyed digest where the text looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// What the value is, such as `integer` or `instant`.
    pub kind: String,
    /// The exact text; null is SQL NULL.
    #[serde(default)]
    pub text: Option<String>,
    /// HMAC-SHA256 of the exact text under the ledger's secret, in place of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

impl From<&Kept> for Exact {
    fn from(kept: &Kept) -> Self {
        match kept {
            Kept::Exact(cell) => Self::from(cell),
            Kept::Masked { kind, mac } => Self { kind: kind.word(), text: None, mac: Some(mac.clone()) },
        }
    }
}

impl From<&Cell> for Exact {
    fn from(cell: &Cell) -> Self {
        Self { kind: cell.kind().word(), text: cell.text().map(str::to_owned), mac: None }
    }
}

impl Exact {
    /// Reads the value back; `None` if the kind is not one of ours.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        let kind = Kind::from_word(&self.kind)?;
        Some(match &self.mac {
            Some(mac) => Kept::Masked { kind, mac: mac.clone() },
            None => Kept::Exact(Cell::new(kind, self.text.clone())),
        })
    }

    /// Reads an unmasked value back.
    #[must_use]
    pub fn cell(&self) -> Option<Cell> {
        match self.kept()? {
            Kept::Exact(cell) => Some(cell),
            Kept::Masked { .. } => None,
        }
    }
}
