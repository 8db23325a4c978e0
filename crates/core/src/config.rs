//! The config file: text in, a [`Contract`] or every problem at once out.
//!
//! The text becomes a tree in which every node knows its place. The tables of the section modules say which keys there
//! are and what they look like; [`read`] checks them for the whole file and then builds the contract, reporting what is
//! wrong between fields on the way. The JSON Schema is made from the same tables.

pub mod code;

mod address;
mod age;
pub(crate) mod args;
mod capabilities;
mod cloud;
mod contexts;
mod executors;
mod http;
mod lexical;
mod migrate;
pub(crate) mod proposal;
mod render;
pub(crate) mod report;
mod root;
pub(crate) mod schema;
pub(crate) mod shape;
mod sources;
mod target;
pub(crate) mod transitions;
pub(crate) mod tree;

use serde_json::Value as Json;

pub use migrate::{Migrated, migrate};
pub use render::render;
pub use report::Report;
pub use schema::schema;

use crate::problem::Problem;
use report::Problems;

/// How a config is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Read to serve reads only: the mode becomes `read_only`, and what matters for writing alone is left alone.
    pub read_only: bool,
}

/// Reads and checks a config. Reports every problem, or one if the text is not JSON.
#[must_use]
pub fn read(text: &str, options: &ReadOptions) -> Report {
    let tree = match tree::parse(text) {
        Ok(tree) => tree,
        Err(problem) => return Report { contract: None, problems: vec![*problem] },
    };
    let Some(root) = tree.root() else { return Report { contract: None, problems: Vec::new() } };
    let mut problems = Problems::new(root.get_flag("strict") == Some(false), options.read_only);
    shape::check(&shape::Shape::Section(&root::ROOT), &code::CONFIG_NOT_OBJECT, root, &mut problems);
    let built = if root.is_object() { root::build(root, &mut problems) } else { None };
    let contract = built.filter(|_| !problems.has_errors());
    Report { contract, problems: problems.into_sorted() }
}

/// The text as plain JSON, without comments.
///
/// # Errors
/// The one problem that keeps the text from being JSON.
pub fn to_json(text: &str) -> Result<Json, Box<Problem>> {
    Ok(tree::parse(text)?.root().map_or(Json::Null, |root| root.json()))
}
