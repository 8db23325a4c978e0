//! Rules about what has one place: drivers, time, randomness, the environment, snapshots.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::Tree;

/// Lists all that the pure core may depend on: nothing that waits, connects, or asks the machine.
const CORE_DEPENDENCIES: &[&str] = &[
    "hex",
    "hmac",
    "jiff",
    "jsonc-parser",
    "schemars",
    "serde",
    "serde_json",
    "serde_json_canonicalizer",
    "sha2",
    "strsim",
    "thiserror",
];

/// Lists database drivers, which only these may have.
const DRIVERS: &[&str] = &["deadpool-postgres", "mysql_async", "rusqlite", "tokio-postgres", "tokio-postgres-rustls"];
const DRIVERS_IN: &[&str] =
    &["Cargo.toml", "crates/db/Cargo.toml", "crates/handler/Cargo.toml", "crates/testkit/Cargo.toml"];

/// Says of a pattern where it may not stand: in files under `within`, unless the file or the line is excepted.
struct Place {
    pattern: &'static str,
    within: &'static [&'static str],
    except_files: &'static [&'static str],
    except_lines: &'static str,
    why: &'static str,
}

const PLACES: &[Place] = &[
    Place {
        pattern: r"\b(Timestamp|Zoned|SystemTime)::now\b|\bgetrandom::",
        within: &["crates/runner/src/"],
        except_files: &["crates/runner/src/clock.rs"],
        except_lines: NOTHING,
        why: "time and randomness are made in `clock.rs` and passed as values",
    },
    Place {
        pattern: r"\benv::vars?(_os)?\b",
        within: &["crates/runner/src/", "crates/db/src/"],
        except_files: &["crates/runner/src/secrets.rs", "crates/db/src/ledger/tests/", "crates/db/src/crash.rs"],
        // How the command line looks is no secret.
        except_lines: r#""(CI|COLUMNS|LOGNAME|NO_COLOR|SYNAPSOR_LOG_LEVEL|TERM|USER)""#,
        why: "the environment is read in `secrets.rs`",
    },
    Place {
        pattern: r"\.(transact|writer|apply|approve|decide|reject|reconcile)\(|app::(apply|decide|reconcile)\b",
        within: &[
            "crates/runner/src/mcp",
            "crates/runner/src/app/call.rs",
            "crates/runner/src/app/propose.rs",
            "crates/runner/src/app/records",
            "crates/runner/src/app/share.rs",
        ],
        except_files: &[],
        except_lines: NOTHING,
        why: "nothing that a model can reach decides or writes",
    },
];

const NOTHING: &str = r"[^\s\S]";

#[expect(clippy::unwrap_used, reason = "fixed patterns, compiled in the tests too")]
static COMPILED: LazyLock<Vec<[Regex; 2]>> = LazyLock::new(|| {
    PLACES.iter().map(|place| [place.pattern, place.except_lines].map(|pattern| Regex::new(pattern).unwrap())).collect()
});

/// Core stays pure, and a driver's types cannot leave the crate that has it.
pub(super) fn dependencies_stay_where_they_belong(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending("Cargo.toml") {
        for name in dependencies(text, path == "crates/core/Cargo.toml") {
            if path == "crates/core/Cargo.toml" && !CORE_DEPENDENCIES.contains(&name) {
                broken.push(format!("{path}: core is pure and may not depend on `{name}`"));
            }
            if DRIVERS.contains(&name) && !DRIVERS_IN.contains(&path) {
                broken.push(format!("{path}: `{name}` is a driver, and drivers stay in `crates/db`"));
            }
        }
    }
    broken
}

/// The machine is asked for time, randomness and the environment in one place each, and writing has its places too.
pub(super) fn what_has_a_place_stays_there(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (place, [pattern, excepted]) in PLACES.iter().zip(COMPILED.iter()) {
            let is_in = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
            if !is_in(place.within) || is_in(place.except_files) {
                continue;
            }
            let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
            for (number, _) in code.filter(|(_, line)| pattern.is_match(line) && !excepted.is_match(line)) {
                broken.push(format!("{path}:{}: {}", number + 1, place.why));
            }
        }
    }
    broken
}

/// No manifest turns on what kills the program: neither by default nor for a dependency.
pub(super) fn faults_are_turned_on_by_hand(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.ending("Cargo.toml") {
        let defines = |line: &str| line.starts_with("faults = [") || line.starts_with("required-features");
        let lines = text.lines().enumerate().filter(|(_, line)| line.contains("faults\"") && !defines(line));
        broken.extend(
            lines.map(|(number, _)| format!("{path}:{}: `faults` is given on the command line of tests", number + 1)),
        );
    }
    broken
}

/// A snapshot belongs to a test that exists.
pub(super) fn snapshots_have_their_source(tree: &Tree) -> Vec<String> {
    let mut broken: Vec<String> = tree
        .texts()
        .filter(|(path, _)| path.ends_with(".snap.new"))
        .map(|(path, _)| format!("{path}: review it"))
        .collect();
    for (path, text) in tree.ending(".snap") {
        let source = text.lines().find_map(|line| line.strip_prefix("source: ")).unwrap_or_default();
        if source.is_empty() || !tree.has(Path::new(source)) {
            broken.push(format!("{path}: its test is gone"));
        }
    }
    broken
}

/// Returns the names of a manifest's dependencies; those for tests only if not `shipped`.
fn dependencies(manifest: &str, shipped: bool) -> Vec<&str> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies") && !(shipped && section.ends_with("dev-dependencies"));
        } else if inside && !line.starts_with('#') {
            let end = line.find(['.', ' ', '=']).unwrap_or(0);
            names.extend(line.get(..end).filter(|name| !name.is_empty()));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn core_and_drivers_are_kept_apart() {
        let core =
            "[dependencies]\nserde.workspace = true\ntokio = \"1\"\n\n[dev-dependencies]\ninsta.workspace = true\n";
        let runner =
            "[dependencies]\n# rusqlite\nclap.workspace = true\n[dev-dependencies]\nrusqlite = { workspace = true }\n";
        check(
            dependencies_stay_where_they_belong,
            &[("crates/core/Cargo.toml", core), ("crates/db/Cargo.toml", runner), ("crates/runner/Cargo.toml", runner)],
            &[
                "crates/core/Cargo.toml: core is pure and may not depend on `tokio`",
                "crates/runner/Cargo.toml: `rusqlite`",
            ],
        );
    }

    #[test]
    fn time_environment_and_writing_have_their_places() {
        let text = "// Timestamp::now()\nlet now = Timestamp::now();\nstd::env::var_os(\"X\");\nenv::var(\"NO_COLOR\");\nengine.transact(&batch)";
        check(
            what_has_a_place_stays_there,
            &[
                ("crates/runner/src/app/apply.rs", text),
                ("crates/runner/src/clock.rs", text),
                ("crates/runner/src/mcp/tools.rs", "//! app.apply(\napp.call(name); app.apply(name)"),
                ("crates/core/src/a.rs", text),
            ],
            &[
                "crates/runner/src/app/apply.rs:2: time",
                "crates/runner/src/app/apply.rs:3: the env",
                "crates/runner/src/clock.rs:3: the env",
                "crates/runner/src/mcp/tools.rs:2: nothing that a model",
            ],
        );
    }

    #[test]
    fn faults_are_found_where_they_are_turned_on() {
        let fine = "[features]\nfaults = [\"synapsor-db/faults\"]\n[[test]]\nrequired-features = [\"faults\"]\n";
        let on = "[features]\ndefault = [\"faults\"]\n[dependencies]\nsynapsor-db = { path = \"../db\", features = [\"faults\"] }\n";
        check(
            faults_are_turned_on_by_hand,
            &[("crates/db/Cargo.toml", fine), ("crates/runner/Cargo.toml", on)],
            &["crates/runner/Cargo.toml:2: ", "crates/runner/Cargo.toml:4: "],
        );
    }

    #[test]
    fn snapshots_are_looked_up() {
        check(
            snapshots_have_their_source,
            &[
                ("a/tests/cli.rs", ""),
                ("a/tests/snapshots/cli__x.snap", "---\nsource: a/tests/cli.rs\n---\n"),
                ("a/tests/snapshots/cli__y.snap.new", "---\nsource: a/tests/cli.rs\n---\n"),
                ("a/tests/snapshots/gone__x.snap", "---\nsource: a/tests/gone.rs\n---\n"),
            ],
            &["a/tests/snapshots/cli__y.snap.new", "a/tests/snapshots/gone__x.snap: its test"],
        );
    }
}
