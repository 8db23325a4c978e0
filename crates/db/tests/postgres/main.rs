//! The PostgreSQL engine against a real server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's way to report is a panic")]

mod forger;
mod site;

mod alone;
mod catalog;
mod commits;
mod direct;
mod faults;
mod limits;
mod policies;
mod pooled;
mod story;
mod surroundings;
mod tenants;
mod triggers;
mod values;
