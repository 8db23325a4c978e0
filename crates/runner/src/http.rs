//! Serving over HTTP.

pub mod jwt;
