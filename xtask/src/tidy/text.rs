//! Rules about any text.

use std::sync::LazyLock;

use regex::Regex;

use super::Tree;

/// Is the one source that the lock file may name.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

// Split, so that this file passes its own rules.
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static UNDONE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(concat!(r"\b(TO", "DO|FIX", "ME|XX", r"X|HA", r"CK)\b")).unwrap());
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static MACHINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(r#"(^|[\s"'`(=:])(/root|/home/[a-z]+|/Users/\w+|/wo"#, r#"rk|/tmp/\w+)/"#)).unwrap()
});
#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static MIRROR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"https?://[^/\s]*(artifactory|jfrog|nexus|mirror|proxy)").unwrap());

/// What is not done is left out, or is an issue.
pub(super) fn nothing_is_left_to_do(tree: &Tree) -> Vec<String> {
    lines_with(tree, &UNDONE, "do it, leave it out, or file it as an issue")
}

/// Nothing committed depends on where somebody works.
pub(super) fn no_place_of_one_machine(tree: &Tree) -> Vec<String> {
    let mut broken = lines_with(tree, &MACHINE, "a path of one machine");
    broken.extend(lines_with(tree, &MIRROR, "a registry of one place"));
    broken
}

/// The lock file names no other registry and no git repository.
pub(super) fn dependencies_come_from_the_public_registry(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending("Cargo.lock") {
        for source in text.lines().filter_map(|line| line.strip_prefix("source = ")) {
            if source.trim_matches('"') != REGISTRY {
                broken.push(format!("{path}: {source} is not the public registry"));
            }
        }
    }
    broken
}

fn lines_with(tree: &Tree, pattern: &Regex, why: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| pattern.is_match(line)) {
            let number = number + 1;
            broken.push(format!("{path}:{number}: {why}: {}", line.trim()));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn what_is_left_to_do_is_found() {
        let text = concat!("fine\n// TO", "DO: later\nTODOS are fine");
        check(nothing_is_left_to_do, &[("a.rs", text)], &["a.rs:2:"]);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        check(no_place_of_one_machine, &[("a.md", concat!("see `/wo", "rk/main` or /ro", "ot/.cargo"))], &["a.md:1:"]);
        check(no_place_of_one_machine, &[("a.md", concat!("http://art", "ifactory.example/x"))], &["a.md:1:"]);
        check(
            no_place_of_one_machine,
            &[("a.md", "[DIR]/work/x, /usr/lib/postgresql, /tmp, https://example.com/work/")],
            &[],
        );
    }

    #[test]
    fn other_registries_are_found() {
        let lock = format!("source = \"{REGISTRY}\"\nsource = \"git+https://example.com/x\"\n");
        check(dependencies_come_from_the_public_registry, &[("Cargo.lock", &lock)], &["Cargo.lock: \"git+"]);
    }
}
