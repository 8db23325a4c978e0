//! Safe handlers for changes that Synapsor Runner hands to your application.
//!
//! You write only the business effect. Everything else happens before and after it, in one transaction: token,
//! signature, address, protocol, a receipt under the request's key, the row locked by key and tenant, its version
//! compared exactly, and moved at the end. A [`Handler`] is a tower service: mount it in any server that takes one.

mod answer;
mod ddl;
mod engines;
mod error;
mod handler;
mod job;
mod service;
mod transaction;
mod tx;
mod value;

pub use ddl::ddl;
pub use engines::EngineName;
pub use error::{BoxError, Misconfigured, TxError, WritebackFailed};
pub use handler::{Builder, EffectFuture, Handler, Reply};
pub use job::{Effects, Job};
pub use tx::Tx;
pub use value::{Row, Value};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
