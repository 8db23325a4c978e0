//! SQLite as a source: what it makes of values, files, locks and triggers.

mod bench;
mod catalog;
mod files;
mod triggers;
mod values;
mod writes;
