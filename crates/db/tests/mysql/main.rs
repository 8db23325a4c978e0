//! MySQL as a source, against a real server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

mod alone;
mod catalog;
mod links;
mod reads;
mod stage;
mod surroundings;
mod tenants;
mod transport;
mod values;
mod writes;
