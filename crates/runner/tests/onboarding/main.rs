//! From a database to reviewed tools: looking at it, choosing, and what gets written.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "in a test a panic is the report")]

mod audit;
mod benchmark;
mod examples;
mod init;
mod inspect;
mod recipes;
mod shop;
mod up;
mod wizard;
