//! The commands that read the ledger and look after it: the real binary on the ledger that the demo leaves behind.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a wrong answer may end the test")]

mod documents;
mod exports;
mod filters;
mod follow;
mod hostile;
mod missing;
mod shadow;
mod store;
mod texts;
mod world;
