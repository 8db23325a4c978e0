//! The decisions of Synapsor Runner.
//!
//! Text and rows go in, decisions come out as data. Nothing here reads a clock, the environment or randomness, opens a
//! file or talks to a database: the manifest and `clippy.toml` keep it so.

pub mod answer;
pub mod args;
pub mod audit;
pub mod caller;
pub mod check;
pub mod code;
pub mod config;
pub mod contract;
pub mod digest;
pub mod draft;
pub mod event;
pub mod evidence;
pub mod handler;
pub mod id;
pub mod inspection;
pub mod plan;
pub mod privilege;
pub mod problem;
pub mod proposal;
pub mod redact;
pub mod refusal;
pub mod scope;
pub mod sql;
pub mod tool;
pub mod unseen;
pub mod value;
pub mod wire;
pub mod writeback;

#[cfg(test)]
mod fixture;
