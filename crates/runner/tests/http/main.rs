//! The HTTP server, as clients and intruders see it: the real binary, real sockets, real databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a wrong answer may end the test"
)]

mod bridge;
mod gate;
mod jwt;
mod logs;
mod operations;
mod revisions;
mod scopes;
mod sessions;
mod slow;
mod start;
mod stop;
mod tenants;
mod tls;
mod world;
