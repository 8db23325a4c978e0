//! MySQL as a source, against a real server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

mod catalog;
mod links;
mod reads;
mod stage;
mod tenants;
mod transport;
mod values;
mod writes;
