//! The decisions of Synapsor Runner.
//!
//! Text and rows go in, decisions come out as data. Nothing here reads a clock, the environment or randomness, opens a
//! file or talks to a database: the manifest and `clippy.toml` keep it so.

pub mod config;
pub mod contract;
pub mod digest;
pub mod id;
pub mod problem;
pub mod redact;
pub mod value;
