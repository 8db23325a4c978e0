//! The only crate with database drivers: source engines and the ledger. No driver type leaves it.

pub mod crash;
pub mod engine;
pub mod fault;
pub mod ledger;
pub mod link;
mod mysql;
mod postgres;
mod rehearse;
mod sqlite;
mod tx;
