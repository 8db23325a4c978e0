//! The ledger under load, under tampering, and under a failing disk.

mod append;
mod fixture;
mod open;
mod search;
mod tamper;
mod upkeep;
