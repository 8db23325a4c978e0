//! The ledger under load, under tampering, and under a failing disk.

mod append;
mod disk;
mod fixture;
mod load;
mod open;
mod process;
mod search;
mod tamper;
mod upkeep;
