//! Tokens made here, signed with keys made here, against every rule there is.

mod address;
mod issuer;
mod key_sets;
mod tokens;
