//! What tests share: throwaway database servers, fresh databases on them, and an isolated environment for the binary.
//!
//! Failing loudly is this crate's way to report: a test that cannot get its database must fail, never pass by skipping.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "this crate is used by tests only, where a panic is the report"
)]

pub mod database;
pub mod env;
pub mod link;
pub mod servers;
pub mod stdio;
