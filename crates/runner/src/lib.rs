//! Synapsor Runner: use cases, MCP and command line over the pure core and the drivers.

pub mod app;
pub mod cli;
pub mod clock;
pub mod http;
pub mod mcp;
pub mod outgoing;
pub mod secrets;
