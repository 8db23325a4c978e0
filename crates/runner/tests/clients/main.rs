//! Other people's MCP clients, and the protocol's conformance suite, against the program, the release binary where the whole
//! suite of tests runs, on the billing example.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a wrong answer may end the test")]

mod conformance;
mod settings;
mod talk;
mod world;
