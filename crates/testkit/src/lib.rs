//! What tests share: throwaway database servers, fresh databases on them, and an isolated environment for the binary.
//!
//! Failing loudly is this crate's way to report: a test that cannot get its database must fail, never pass by skipping.
#![cfg_attr(
    feature = "tests",
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "this crate is used by tests only, where a panic is the report"
    )
)]

#[cfg(feature = "tests")]
pub mod database;
#[cfg(feature = "tests")]
pub mod env;
#[cfg(feature = "tests")]
pub mod http;
#[cfg(feature = "tests")]
pub mod issuer;
#[cfg(feature = "tests")]
pub mod link;
#[cfg(feature = "tests")]
mod running;
pub mod servers;
#[cfg(feature = "tests")]
pub mod stdio;
#[cfg(feature = "tests")]
pub mod terminal;

/// Names the variable that holds the path of a Python interpreter which has the official `mcp` package and `openai-agents`.
pub const PYTHON: &str = "SYNAPSOR_TEST_PYTHON";

/// Names the variable that holds the path of a Node.
pub const NODE: &str = "SYNAPSOR_TEST_NODE";

/// Names the variable that holds the folder of the packed handler SDKs: `typescript` with the package and its drivers in
/// `node_modules`, and `python` with the wheel and what is installed of it in `site`.
pub const SDK: &str = "SYNAPSOR_TEST_SDK";

/// Names the variable that holds the folder of the JavaScript packages: MCP clients and the conformance suite.
pub const NODE_MODULES: &str = "SYNAPSOR_TEST_NODE_MODULES";
