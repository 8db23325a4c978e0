//! What tools take of a model's context, in the vocabulary that the budget is set in, and what `tools preview` says of it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use synapsor_core::config;
use synapsor_core::tool::{self, AliasMode};
use synapsor_runner::mcp::listing;

use crate::world::World;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What hosts give the model of a tool, part by part, and its whole entry.
fn texts(tool: &Json) -> ([String; 3], String) {
    (["name", "description", "inputSchema"].map(|part| tool[part].to_string()), tool.to_string())
}

fn count(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}

/// The tools of every configuration that the repository holds, by its path.
fn every_tool(folders: &[&str]) -> Vec<(PathBuf, Json)> {
    let mut tools = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let contract = config::read(&text, &config::ReadOptions::default()).contract.unwrap();
            tools.extend(listing(&contract, AliasMode::Canonical).into_iter().map(|tool| (path.clone(), tool)));
        }
    }
    tools
}

const EXAMPLES: [&str; 4] = [
    "examples/support-billing-agent",
    "examples/mysql-refund-agent",
    "examples/raw-sql-vs-synapsor",
    "examples/reference-support-billing-app",
];

#[test]
fn the_tools_of_the_examples_keep_to_the_budget() {
    let tools = every_tool(&EXAMPLES);
    assert!(tools.len() >= 12, "{}", tools.len());
    for (path, tool) in tools {
        let (shown, entry) = texts(&tool);
        let shown: usize = shown.iter().map(|text| count(text)).sum();
        let (path, name) = (path.display(), &tool["name"]);
        assert!(shown <= 220, "{path}: {name} takes {shown} tokens of a model's context");
        assert!(count(&entry) <= 450, "{path}: the entry of {name} takes {} tokens", count(&entry));
    }
}

#[test]
fn what_is_estimated_is_close_to_what_is_counted() {
    let mut folders = EXAMPLES.to_vec();
    folders.push("crates/core/tests/config/valid");
    for (path, tool) in every_tool(&folders) {
        let (shown, entry) = texts(&tool);
        for (what, texts) in [("what is shown", &shown[..]), ("the entry", &[entry])] {
            let estimated: usize = texts.iter().map(|text| tool::estimate_tokens(text)).sum();
            let counted: usize = texts.iter().map(|text| count(text)).sum();
            let off = estimated.abs_diff(counted) as f64 / counted as f64;
            assert!(off <= 0.1, "{}: {what} of {} is {counted}, not {estimated}", path.display(), tool["name"]);
        }
    }
}

#[test]
fn a_preview_says_what_each_tool_takes() {
    let world = World::new();
    let preview = world.env.run(["tools", "preview", "--json"]).json();
    let text = world.env.run(["tools", "preview"]).expect(0);
    let mut all = 0;
    for (name, cost) in
        preview["exposed_to_mcp"].as_array().unwrap().iter().zip(preview["token_costs"].as_array().unwrap())
    {
        assert_eq!(&cost["tool"], name);
        let shown = cost["shown_to_model"].as_u64().unwrap();
        assert!(shown > 20 && shown < cost["entry"].as_u64().unwrap(), "{cost}");
        assert!(text.contains(&format!("{} (about {shown} tokens)", name.as_str().unwrap())), "{text}");
        all += shown;
    }
    assert!(text.contains(&format!("about {all} tokens of a model's context")), "{text}");
}
