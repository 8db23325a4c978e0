//! The HTTP server: who may come in, how much they get, and how it starts, changes and stops.

pub mod clients;
pub mod drain;
pub mod flood;
pub mod jwt;
pub mod metrics;
pub mod names;
pub mod ready;
mod refusals;
pub mod router;
pub mod serve;
pub mod site;
pub mod tls;

pub use clients::TOKEN_ENV;
pub use router::Transport;
pub use serve::{Listen, Listening, Service};
pub use site::{Site, Terms};
