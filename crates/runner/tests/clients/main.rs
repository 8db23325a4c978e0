//! Other people's MCP clients against the program, the release binary where the whole suite runs, on the billing example.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a wrong answer may end the test")]

mod talk;
mod world;
