//! The MCP server over standard input and output, as a client sees it: the real binary on a real SQLite database.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a wrong answer may end the test"
)]

mod calls;
mod cost;
mod endings;
mod hostile;
mod lessons;
mod official;
mod resources;
mod revisions;
mod world;
