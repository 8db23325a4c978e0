//! SQLite as a source: what it makes of values, files, locks and triggers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests report by panicking")]

mod bench;
mod catalog;
mod files;
mod triggers;
mod values;
mod writes;
