//! Rules about pages.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{Tree, normal};

const MAP: &str = "ARCHITECTURE.md";

#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").unwrap());
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static INVARIANT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bINV-\d{1,2}\b").unwrap());
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`([^`]+)`").unwrap());

/// Every relative link of a page names a file, and its anchor a heading there.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending(".md") {
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        for (number, line) in prose(text) {
            for link in LINK.captures_iter(line).filter_map(|found| found.get(1)).map(|link| link.as_str()) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
                let target = if file.is_empty() { Some(path.into()) } else { normal(&folder.join(file)) };
                let reached = target.filter(|target| tree.has(target));
                if !reached.is_some_and(|target| anchor.is_none_or(|anchor| has_heading(tree, &target, anchor))) {
                    broken.push(format!("{path}:{number}: `{link}` leads nowhere"));
                }
            }
        }
    }
    broken
}

/// Every invariant is written down once, with what keeps it; and what keeps it exists.
pub(super) fn invariants_are_kept_by_something(tree: &Tree) -> Vec<String> {
    let Some((_, map)) = tree.texts().find(|(path, _)| *path == MAP) else { return Vec::new() };
    let mut broken = Vec::new();
    let mut defined: Vec<&str> = Vec::new();
    for entry in entries(map) {
        let Some(name) = INVARIANT.find(entry).map(|found| found.as_str()) else { continue };
        if defined.contains(&name) {
            broken.push(format!("{MAP}: {name} is written down twice"));
        }
        defined.push(name);
        let keepers = entry.split_once("ept by").map_or("", |(_, keepers)| keepers);
        let keepers: Vec<&str> =
            QUOTED.captures_iter(keepers).filter_map(|found| found.get(1)).map(|keeper| keeper.as_str()).collect();
        if !entry.contains("ept by") {
            broken.push(format!("{MAP}: {name} does not say what it is kept by"));
        }
        for keeper in keepers.into_iter().filter(|keeper| !exists(tree, keeper)) {
            broken.push(format!("{MAP}: {name} is kept by `{keeper}`, which is not there"));
        }
    }
    let speaks_of_ours = |path: &str| path.ends_with(".md") || path.ends_with(".rs") && !path.starts_with("xtask/");
    for (path, text) in tree.texts().filter(|(path, _)| speaks_of_ours(path)) {
        for name in INVARIANT.find_iter(text).map(|found| found.as_str()).filter(|name| !defined.contains(name)) {
            broken.push(format!("{path}: {name} is not in {MAP}"));
        }
    }
    broken
}

/// Cuts the map into what begins with an invariant's name: a list item, a table row or a paragraph.
fn entries(map: &str) -> Vec<&str> {
    let is_start = |line: &str| line.trim_start_matches(['|', '-', '*', '#', ' ']).starts_with("INV-");
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    let mut at = 0;
    let mut open = false;
    for line in map.split_inclusive('\n') {
        let ends_here = open && (line.trim().is_empty() || is_start(line));
        if ends_here {
            ends.push(at);
            open = false;
        }
        if is_start(line) {
            starts.push(at);
            open = true;
        }
        at += line.len();
    }
    if open {
        ends.push(at);
    }
    starts.into_iter().zip(ends).filter_map(|(start, end)| map.get(start..end)).collect()
}

/// Tells whether a keeper is a path (of the root or of `crates`), or a name (the last part of `module::name`) that occurs in a file that is no page.
fn exists(tree: &Tree, keeper: &str) -> bool {
    let name = keeper.rsplit("::").next().unwrap_or(keeper);
    let word = Regex::new(&format!(r"\b{}\b", regex::escape(name)));
    tree.has(Path::new(keeper))
        || tree.has(&Path::new("crates").join(keeper))
        || word.is_ok_and(|word| tree.texts().any(|(path, text)| !path.ends_with(".md") && word.is_match(text)))
}

/// Returns the numbered lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().map(|(number, line)| (number + 1, line)).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

fn has_heading(tree: &Tree, page: &Path, anchor: &str) -> bool {
    let Some((_, text)) = tree.texts().find(|(path, _)| Path::new(path) == page) else { return false };
    prose(text).any(|(_, line)| line.starts_with('#') && slug(line.trim_start_matches('#')) == anchor)
}

/// Makes an anchor of a heading as code hosts do: lower case, blanks to hyphens, punctuation dropped.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn links_are_followed() {
        let good = "[a](docs/b.md) [c](docs/b.md#two-words-here) [d](#top) [e](https://example.com) [f](docs)\n# Top\n```\n[x](gone)\n```";
        check(
            links_lead_somewhere,
            &[("README.md", good), ("docs/b.md", "## Two `words`, here\n[up](../README.md)")],
            &[],
        );
        let bad = "[a](gone.md)\n[b](b.md#none) [c](../../x)";
        check(
            links_lead_somewhere,
            &[("docs/b.md", bad)],
            &["docs/b.md:1: `gone.md`", "docs/b.md:2: `b.md#none`", "docs/b.md:2: `../../x`"],
        );
    }

    #[test]
    fn invariants_name_what_keeps_them() {
        let code = ("crates/a.rs", "fn core_is_pure() {} // INV-1");
        let good = "Intro to INV-1.\n\n- **INV-1** Core is pure. Kept by `a.rs` and\n  `tests::core_is_pure`.\n- INV-2 More. Kept by types. See INV-3001.\n";
        check(invariants_are_kept_by_something, &[code, (MAP, good)], &[]);
        let bad = "INV-1 Pure. Kept by `gone`.\n\nINV-1 Again.\n";
        check(
            invariants_are_kept_by_something,
            &[("crates/a.rs", "// INV-7"), (MAP, bad)],
            &[
                "ARCHITECTURE.md: INV-1 is kept by `gone`",
                "ARCHITECTURE.md: INV-1 is written down twice",
                "ARCHITECTURE.md: INV-1 does not say",
                "crates/a.rs: INV-7",
            ],
        );
    }
}
