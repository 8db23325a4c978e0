//! Killing, stopping and racing the real binary while it applies: whatever happens to a process, a change is written once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test a panic is the report"
)]

mod links;
mod office;
mod pause;
mod points;
mod process;
mod storm;
mod truth;
