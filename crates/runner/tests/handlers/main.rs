//! Handlers in three languages on three databases: the kit, bad handlers, and what the runner makes of lost replies.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the report"
)]

mod app;
mod bad;
mod gateway;
mod kit;
mod lost;
