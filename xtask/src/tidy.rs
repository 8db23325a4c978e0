//! `cargo xtask tidy`: rules of this repository that no compiler or linter knows.
//!
//! A rule is a function from the tree to the places that break it. The tree is what would be committed, so that a rule
//! sees a new file before it is added.

mod docs;
mod places;
mod rust;
mod text;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::root;

/// Holds every text file of the repository.
struct Tree {
    /// Paths relative to the root, with `/`, sorted; files that are no UTF-8 have no text.
    files: Vec<(String, Option<String>)>,
}

type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[Rule] = &[
    rust::files_are_short,
    rust::app_does_not_name_its_edges,
    rust::serde_is_derived_only_at_the_edges,
    rust::no_file_is_named_for_nothing,
    places::dependencies_stay_where_they_belong,
    places::what_has_a_place_stays_there,
    places::snapshots_have_their_source,
    places::faults_are_turned_on_by_hand,
    text::nothing_is_left_to_do,
    text::no_place_of_one_machine,
    text::dependencies_come_from_the_public_registry,
    docs::links_lead_somewhere,
    docs::invariants_are_kept_by_something,
];

/// Checks every rule; the error lists every place that breaks one.
pub(crate) fn run_tidy() -> Result<(), String> {
    let tree = Tree::load(&root())?;
    let broken: Vec<String> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("{} untidy places:\n{}", broken.len(), broken.join("\n")))
}

impl Tree {
    fn load(root: &Path) -> Result<Tree, String> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
        let listed = git.output().map_err(|e| format!("cannot start git: {e}"))?;
        if !listed.status.success() {
            return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr)));
        }
        let listed = String::from_utf8(listed.stdout).map_err(|e| format!("a file name is no UTF-8: {e}"))?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // A file that was deleted but not yet from the index is not part of the tree.
            let Ok(bytes) = fs::read(root.join(path)) else { continue };
            files.push((path.to_owned(), String::from_utf8(bytes).ok()));
        }
        files.sort();
        files.dedup();
        Ok(Tree { files })
    }

    /// Returns the text files whose path ends so.
    fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }

    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Tells whether there is a file or folder at this path.
    fn has(&self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        path.is_empty() || self.files.iter().any(|(file, _)| *file == path || file.starts_with(&format!("{path}/")))
    }
}

/// Resolves `.` and `..` without looking at the disk; none if the path leaves the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => normal.push(name),
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if normal.pop() => {}
            _ => return None,
        }
    }
    Some(normal)
}

/// Checks a rule against a few files: for each place that it reports, how the report begins.
#[cfg(test)]
fn check(rule: Rule, files: &[(&str, &str)], expected: &[&str]) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect();
    let found = rule(&Tree { files });
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nshould begin with {expected}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        if let Err(broken) = run_tidy() {
            panic!("{broken}");
        }
    }
}
