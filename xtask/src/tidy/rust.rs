//! Rules about Rust sources.

use std::sync::LazyLock;

use regex::Regex;

use super::Tree;

const LONGEST: usize = 400;

/// Lists where serde may be derived: what strangers read and write.
const EDGES: &[&str] = &[
    "crates/core/src/wire",
    "crates/core/src/event",
    "crates/core/src/config",
    "crates/runner/src/mcp",
    "crates/runner/src/http",
    "crates/runner/src/cli",
    "crates/runner/src/lease",
    "crates/handler/",
    "crates/testkit/",
    "xtask/",
    "fuzz/",
];

/// Lists names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "types", "util", "utils"];

#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static DERIVE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"derive\([^)]*\b(Serialize|Deserialize|JsonSchema)\b").unwrap());
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static EDGE_USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\buse\s+(crate|super)\b[^;]*\b(mcp|http|cli)\b[^;]*;").unwrap());
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static EDGE_PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(crate|super)::(mcp|http|cli)\b").unwrap());

/// A file that needs scrolling hides what it does; tests at its end do not count.
pub(super) fn files_are_short(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| !is_test(path)) {
        let length = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        if length > LONGEST {
            broken.push(format!("{path}: {length} lines, more than {LONGEST}: split it by what its parts do"));
        }
    }
    broken
}

/// Use cases are called by MCP, HTTP and the command line and know none of them.
pub(super) fn app_does_not_name_its_edges(tree: &Tree) -> Vec<String> {
    let in_app = |path: &str| path == "crates/runner/src/app.rs" || path.starts_with("crates/runner/src/app/");
    let mut broken = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| in_app(path)) {
        if let Some(found) = EDGE_USE.find(text).or_else(|| EDGE_PATH.find(text)) {
            let line = text.get(..found.start()).unwrap_or_default().lines().count().max(1);
            broken.push(format!("{path}:{line}: `app` may not name `mcp`, `http` or `cli`"));
        }
    }
    broken
}

/// A derive is a promise to strangers.
pub(super) fn serde_is_derived_only_at_the_edges(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| !is_test(path)) {
        let allowed = EDGES.iter().any(|edge| {
            path.strip_prefix(edge).is_some_and(|rest| edge.ends_with('/') || rest.starts_with('/') || rest == ".rs")
        });
        if !allowed && DERIVE.is_match(text) {
            broken.push(format!(
                "{path}: serde is derived only in wire types, event bodies, the config and the runner's edges"
            ));
        }
    }
    broken
}

/// A module is named for what it is about.
pub(super) fn no_file_is_named_for_nothing(tree: &Tree) -> Vec<String> {
    let named_for_nothing = |path: &&str| {
        let mut parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    let found = tree.ending(".rs").map(|(path, _)| path).filter(named_for_nothing);
    found.map(|path| format!("{path}: name the module for what is in it")).collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn long_files_are_found_and_their_tests_not_counted() {
        let long = "//\n".repeat(401);
        let tested = format!("{}#[cfg(test)]\n{}", "//\n".repeat(400), "//\n".repeat(300));
        check(files_are_short, &[("crates/a/src/b.rs", &long)], &["crates/a/src/b.rs: 401 lines"]);
        check(files_are_short, &[("crates/a/src/b.rs", &tested), ("crates/a/tests/b.rs", &long), ("b.md", &long)], &[]);
    }

    #[test]
    fn app_is_kept_from_its_edges() {
        let file = |text| [("crates/runner/src/app/call.rs", text)];
        let found = ["crates/runner/src/app/call.rs:"];
        check(app_does_not_name_its_edges, &file("use crate::mcp::render;"), &found);
        check(app_does_not_name_its_edges, &file("use crate::{\n    clock,\n    cli::exit,\n};"), &found);
        check(app_does_not_name_its_edges, &file("fn f() { crate::http::serve() }"), &found);
        check(app_does_not_name_its_edges, &file("use crate::client;\nuse http_body::Body; // mcp, cli"), &[]);
        check(app_does_not_name_its_edges, &[("crates/runner/src/main.rs", "use crate::cli;")], &[]);
    }

    #[test]
    fn derives_stay_at_the_edges() {
        let text = "#[derive(Debug, Serialize)]\nstruct A;";
        check(serde_is_derived_only_at_the_edges, &[("crates/core/src/plan.rs", text)], &["crates/core/src/plan.rs"]);
        check(
            serde_is_derived_only_at_the_edges,
            &[("crates/core/src/wire_not.rs", text)],
            &["crates/core/src/wire_not.rs"],
        );
        let allowed =
            [("crates/core/src/wire.rs", text), ("crates/core/src/wire/job.rs", text), ("crates/db/tests/a.rs", text)];
        check(serde_is_derived_only_at_the_edges, &allowed, &[]);
    }

    #[test]
    fn names_say_something() {
        check(
            no_file_is_named_for_nothing,
            &[("crates/a/src/utils.rs", ""), ("crates/a/src/common/x.rs", "")],
            &["crates/a/src/utils.rs", "crates/a/src/common/x.rs"],
        );
        check(no_file_is_named_for_nothing, &[("crates/a/src/typed.rs", ""), ("docs/common.md", "")], &[]);
    }
}
