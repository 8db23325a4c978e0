//! The whole loop through the real binary: look, propose, decide, apply, replay.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "in a test a panic is the report")]

mod again;
mod apply;
mod bad_input;
mod doctor;
mod examples;
mod lessons;
mod many;
mod policies;
mod provision;
mod secrets;
mod stage;
mod story;
mod tenants;
mod unfinished;
