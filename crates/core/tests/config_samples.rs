//! Sample configs: the valid ones pass the checker and the JSON Schema, the others give the code they are named for.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "the samples are files")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use synapsor_core::config::{self, ReadOptions, Report, code};
use synapsor_core::problem::Level;

/// Samples whose mistake needs a look elsewhere in the file, or at the text itself: the JSON Schema cannot see it.
const BEYOND_SHAPE: &[&str] = &[
    "CONFLICT_GUARD_COLUMN_IS_KEY",
    "DUPLICATE_CAPABILITY_NAME",
    "DUPLICATE_HTTP_TOKEN",
    "DUPLICATE_HTTP_TOKEN-variable",
    "DUPLICATE_KEY",
    "DUPLICATE_PATCH_COLUMN",
    "EXECUTOR_INVALID_IN_READ_ONLY",
    "FIXED_VALUE_NOT_A_TRANSITION",
    "FIXED_VALUE_OUT_OF_BOUNDS",
    "HANDLER_NEEDS_TENANT",
    "HANDLER_NEEDS_VERSION",
    "HTTP_CLAIMS_WITHOUT_CLIENTS",
    "HTTP_CLAIMS_WITHOUT_CLIENTS-named",
    "INLINE_DATABASE_URL_FORBIDDEN-opaque",
    "INVALID_ARG_DEFAULT-enum",
    "INVALID_ARG_DEFAULT-length",
    "INVALID_ARG_ENUM-bounds",
    "INVALID_ALLOWED_HOST-groups",
    "INVALID_EXECUTOR_NAME-reserved",
    "INVALID_HTTP_ADDRESS-groups",
    "INVALID_NUMERIC_RANGE",
    "INVALID_NUMERIC_RANGE-bound",
    "LOOKUP_ARG_MUST_BE_REQUIRED",
    "NOT_SUPPORTED_YET-cloud",
    "NOT_SUPPORTED_YET-cloud-session",
    "NOT_SUPPORTED_YET-events",
    "NOT_SUPPORTED_YET-ledger",
    "NOT_SUPPORTED_YET-operators",
    "NUMERIC_BOUNDS_REQUIRE_NUMBER-patched",
    "NUMERIC_BOUND_PATCH_COLUMN_REQUIRED",
    "PATCH_COLUMN_NOT_ALLOWED",
    "PROTECTED_COLUMN_ALLOWED",
    "PROTECTED_COLUMN_ALLOWED-key",
    "PROTECTED_COLUMN_ALLOWED-principal",
    "QUORUM_NEEDS_OPERATORS",
    "READ_ONLY_SOURCE_DIRECT_WRITEBACK",
    "READ_ONLY_SOURCE_DIRECT_WRITEBACK-named",
    "SECRET_VALUE_FORBIDDEN",
    "SECRET_VALUE_FORBIDDEN-description",
    "SENSITIVE_COLUMN_NOT_ACKNOWLEDGED",
    "SENSITIVE_COLUMN_NOT_ACKNOWLEDGED-patched",
    "SQLITE_SCHEMA_MUST_BE_MAIN",
    "TRANSITION_FROM_COLUMN_NOT_VISIBLE",
    "TRANSITION_PATCH_COLUMN_REQUIRED",
    "UNKNOWN_CONTEXT",
    "UNKNOWN_EXECUTOR",
    "UNKNOWN_LOOKUP_ARG",
    "UNKNOWN_PATCH_ARG",
    "UNKNOWN_SOURCE",
    "VERSION_COLUMN_PATCHED",
];

struct Sample {
    name: String,
    text: String,
}

impl Sample {
    /// The code that the sample is named for.
    fn code(&self) -> &str {
        self.name.split('-').next().unwrap()
    }

    fn read(&self) -> Report {
        config::read(&self.text, &ReadOptions::default())
    }
}

fn samples(folder: &str) -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = paths
        .map(|path| Sample {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(path).unwrap(),
        })
        .collect();
    samples.sort_by(|left, right| left.name.cmp(&right.name));
    samples
}

fn lines(report: &Report) -> String {
    report.problems.iter().fold(String::new(), |mut lines, problem| {
        let place = problem.span.map(|span| format!("{}:{}", span.line, span.column)).unwrap_or_default();
        writeln!(lines, "  {place} {problem}").unwrap();
        lines
    })
}

fn schema_errors(text: &str) -> Vec<String> {
    let schema = jsonschema::draft202012::new(&config::schema()).unwrap();
    let json = config::to_json(text).unwrap();
    schema.iter_errors(&json).map(|error| error.to_string()).collect()
}

#[test]
fn valid_samples_give_a_contract() {
    let samples = samples("valid");
    assert!(samples.len() >= 4);
    for sample in samples {
        let report = sample.read();
        assert!(report.is_ok(), "{}:\n{}", sample.name, lines(&report));
        assert_eq!(report.errors().count(), 0, "{}", sample.name);
        assert_eq!(schema_errors(&sample.text), Vec::<String>::new(), "{}", sample.name);
    }
}

#[test]
fn each_sample_gives_its_code() {
    let warnings = samples("warning");
    for sample in samples("invalid").iter().chain(&warnings) {
        let report = sample.read();
        let problem = report.problems.iter().find(|problem| problem.code == sample.code());
        let problem = problem.unwrap_or_else(|| panic!("{} does not give it:\n{}", sample.name, lines(&report)));
        let span = problem.span.unwrap();
        assert!(span.start <= span.end && sample.text.get(span.start..span.end).is_some(), "{}", sample.name);
        assert!(problem.fix.is_some(), "{}", sample.name);
        assert_eq!(report.is_ok(), problem.level == Level::Warning, "{}:\n{}", sample.name, lines(&report));
    }
}

#[test]
fn each_code_has_a_sample() {
    let all: Vec<_> = samples("invalid").into_iter().chain(samples("warning")).collect();
    let sampled: BTreeSet<_> = all.iter().map(Sample::code).collect();
    let mut known: BTreeSet<_> = code::all().map(|code| code.name).collect();
    assert_eq!(known.len(), code::all().count(), "a code is there twice");
    // It is about the files that a configuration is drafted from; `draft/tests.rs` has samples.
    known.remove("INVALID_SELECTION");
    assert_eq!(sampled, known);
}

#[test]
fn the_schema_refuses_what_is_wrong_in_shape() {
    let beyond: BTreeSet<_> = BEYOND_SHAPE.iter().copied().collect();
    let mut passing = BTreeSet::new();
    for sample in samples("invalid").iter().filter(|sample| config::to_json(&sample.text).is_ok()) {
        if schema_errors(&sample.text).is_empty() {
            passing.insert(sample.name.clone());
        }
    }
    assert_eq!(passing.iter().map(String::as_str).collect::<BTreeSet<_>>(), beyond);
}

#[test]
fn the_schema_accepts_what_only_warns() {
    for sample in samples("warning") {
        assert_eq!(schema_errors(&sample.text), Vec::<String>::new(), "{}", sample.name);
    }
}

#[test]
fn messages_are_as_reviewed() {
    let all: Vec<_> = samples("invalid").into_iter().chain(samples("warning")).collect();
    let shown: String = all.iter().map(|sample| format!("{}\n{}", sample.name, lines(&sample.read()))).collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn nothing_shown_holds_a_secret_put_in_the_wrong_place() {
    for sample in samples("invalid") {
        let report = sample.read();
        let shown = config::render(&sample.text, "c.json", &report.problems) + &lines(&report);
        assert!(!shown.contains("hunter2"), "{}:\n{shown}", sample.name);
    }
}
