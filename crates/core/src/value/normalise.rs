//! A value from outside, brought to the form that a column will store.
use serde_json::Value as Json;

use super::{Cell, Column, Kind};

/// A value in the form its column will store.
pub fn normalise(_column: &Column, _value: &Json) -> Result<Cell, String> {
    Err(String::new())
}

/// A key as its column would hold it.
#[must_use]
pub fn key(_column: &Column, value: &Json) -> Option<Cell> {
    Some(Cell::new(Kind::Text, value.as_str().map(str::to_owned)))
}
