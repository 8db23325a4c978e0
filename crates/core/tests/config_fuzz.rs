//! The reader holds up against any text, and the checker and the JSON Schema agree about any change of a valid file.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a wrong sample may end the test")]

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use synapsor_core::config::{self, ReadOptions, code};

const VALID: &[&str] = &[
    include_str!("config/valid/postgres-billing.json"),
    include_str!("config/valid/mysql-orders.json"),
    include_str!("config/valid/sqlite-everything.json"),
    include_str!("config/valid/postgres-served.json"),
];

/// Codes that the checker may give although the JSON Schema accepts the file, because they need a look elsewhere.
const BEYOND_SHAPE: &[&str] = &[
    "CONFLICT_GUARD_COLUMN_IS_KEY",
    "DUPLICATE_CAPABILITY_NAME",
    "DUPLICATE_HTTP_TOKEN",
    "DUPLICATE_PATCH_COLUMN",
    "EXECUTOR_INVALID_IN_READ_ONLY",
    "FIXED_VALUE_NOT_A_TRANSITION",
    "FIXED_VALUE_OUT_OF_BOUNDS",
    "HANDLER_NEEDS_TENANT",
    "HANDLER_NEEDS_VERSION",
    "HTTP_CLAIMS_WITHOUT_CLIENTS",
    "INVALID_ARG_DEFAULT",
    "INVALID_ARG_ENUM",
    "INVALID_NUMERIC_RANGE",
    "LOOKUP_ARG_MUST_BE_REQUIRED",
    "NOT_SUPPORTED_YET",
    "NUMERIC_BOUNDS_REQUIRE_NUMBER",
    "NUMERIC_BOUND_PATCH_COLUMN_REQUIRED",
    "PATCH_COLUMN_NOT_ALLOWED",
    "PROTECTED_COLUMN_ALLOWED",
    "QUORUM_NEEDS_OPERATORS",
    "READ_ONLY_SOURCE_DIRECT_WRITEBACK",
    "SECRET_VALUE_FORBIDDEN",
    "SENSITIVE_COLUMN_NOT_ACKNOWLEDGED",
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

fn schema() -> &'static Validator {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| jsonschema::draft202012::new(&config::schema()).unwrap())
}

/// One change of a file, at the node with that number.
#[derive(Debug, Clone)]
enum Change {
    Replace(Json),
    Remove,
    Rename(String),
    Insert(String, Json),
}

fn change(value: &mut Json, at: &mut usize, change: &Change) {
    if *at == 0 {
        match (change, &mut *value) {
            (Change::Replace(new), value) => *value = new.clone(),
            (Change::Insert(key, new), Json::Object(object)) => drop(object.insert(key.clone(), new.clone())),
            _ => {}
        }
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match value {
        Json::Array(items) => {
            for index in 0..items.len() {
                if *at == 0 && matches!(change, Change::Remove) {
                    items.remove(index);
                    *at = usize::MAX;
                    return;
                }
                if let Some(item) = items.get_mut(index) {
                    self::change(item, at, change);
                }
                if *at == usize::MAX {
                    return;
                }
            }
        }
        Json::Object(object) => *object = change_object(std::mem::take(object), at, change),
        _ => {}
    }
}

fn change_object(object: Map<String, Json>, at: &mut usize, change: &Change) -> Map<String, Json> {
    let mut changed = Map::new();
    for (key, mut value) in object {
        if *at == usize::MAX {
            changed.insert(key, value);
            continue;
        }
        match change {
            Change::Remove if *at == 0 => *at = usize::MAX,
            Change::Rename(name) if *at == 0 => {
                *at = usize::MAX;
                changed.insert(name.clone(), value);
            }
            _ => {
                self::change(&mut value, at, change);
                changed.insert(key, value);
            }
        }
    }
    changed
}

fn any_value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!([])),
        Just(json!([""])),
        any::<bool>().prop_map(Json::from),
        (-3_i64..12).prop_map(Json::from),
        Just(json!(1.0)),
        Just(json!(2.5)),
        Just(json!(9_000_000_000_000_000_000_u64)),
        any_word().prop_map(Json::from),
        any_word().prop_map(|word| json!([word, word])),
        any_word().prop_map(|word| json!({ word: {"type": "number"} })),
    ]
}

fn any_word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS).prop_map(str::to_owned)
}

const WORDS: &[&str] = &[
    "",
    " ",
    "x",
    "a.b",
    "a b",
    "id",
    "Id",
    "tenant_id",
    "APP_URL",
    "review",
    "cloud",
    "read_only",
    "sqlite",
    "mysql",
    "http_handler",
    "sql_update",
    "static_dev",
    "http_claims",
    "number",
    "boolean",
    "read",
    "proposal",
    "7d",
    "0s",
    "verify-ca",
    "require",
    "now",
    "patched",
    "main",
    "status",
    "cloud",
    "http",
    "operators",
    "ssl",
    "executors",
    "default",
    "enum",
    "minimum",
    "maximum",
    "max_length",
    "required",
    "single_tenant_dev",
    "weak_guard_ack",
    "tenant_key",
    "evidence",
    "url",
    "jwks_file",
    "jwks_url",
    "https://a",
    "localhost",
    "a:80",
    "propose",
    "EdDSA",
    "é",
    "1a",
];

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => any_value().prop_map(Change::Replace),
        2 => Just(Change::Remove),
        2 => any_word().prop_map(Change::Rename),
        2 => (any_word(), any_value()).prop_map(|(key, value)| Change::Insert(key, value)),
    ]
}

fn check_agreement(value: &Json) -> Result<(), TestCaseError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let report = config::read(&text, &ReadOptions::default());
    let codes: BTreeSet<_> = report.errors().map(|problem| problem.code).collect();
    let by_schema: Vec<_> = schema().iter_errors(value).map(|error| error.to_string()).collect();
    if by_schema.is_empty() {
        let surprising: Vec<_> = codes.iter().filter(|code| !BEYOND_SHAPE.contains(code)).collect();
        prop_assert!(surprising.is_empty(), "the schema accepts {surprising:?}:\n{text}");
    } else {
        prop_assert!(!codes.is_empty(), "only the schema refuses {by_schema:?}:\n{text}");
    }
    prop_assert_eq!(report.is_ok(), codes.is_empty());
    prop_assert!(report.problems.iter().all(|problem| code::find(problem.code).is_some() && problem.span.is_some()));
    Ok(())
}

fn count(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Json::Object(object) => 1 + object.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// A file with every field there is, but for `cloud`.
fn everything() -> Json {
    let mut file = config::to_json(include_str!("config/valid/sqlite-everything.json")).unwrap();
    file["executors"]["app.http"] = json!({
        "type": "http_handler", "url_env": "U", "method": "PUT", "signing_secret_env": "S", "timeout_ms": 1,
        "auth": {"type": "bearer_env", "token_env": "T"},
    });
    file["executors"]["app-command"] = json!({"type": "command_handler", "command_env": "C", "pass_env": ["A"]});
    file["trusted_context"] = json!({"provider": "http_claims", "values": {}});
    file["storage"]["postgres_url_env"] = json!("LEDGER_URL");
    file["operators"] = json!({"sam": {"keys": []}});
    file
}

fn cloud() -> Json {
    json!({
        "version": 1,
        "mode": "cloud",
        "cloud": {
            "base_url_env": "U", "runner_token_env": "T", "adapter_id": "a", "source_id": "s", "runner_id": "r",
            "runner_version": "1", "project_id": "p", "engines": ["mysql"], "capabilities": ["c"], "session": {},
        },
    })
}

/// Makes each of the changes at each place of the file.
fn check_everywhere(file: &Json, changes: &[Change]) {
    for at in 0..count(file) {
        for change in changes {
            let mut value = file.clone();
            self::change(&mut value, &mut at.clone(), change);
            check_agreement(&value).unwrap();
        }
    }
}

fn replacements(values: &[Json]) -> Vec<Change> {
    values.iter().cloned().map(Change::Replace).collect()
}

#[test]
fn checker_and_schema_agree_on_wrong_types() {
    let values = [json!(null), json!(true), json!({}), json!([]), json!([7]), json!([{}])];
    check_everywhere(&everything(), &replacements(&values));
}

#[test]
fn checker_and_schema_agree_on_wrong_numbers() {
    let values = [json!(0), json!(-1), json!(1.0), json!(1.5), json!(11), json!(3_000_000_000_u64)];
    check_everywhere(&everything(), &replacements(&values));
}

#[test]
fn checker_and_schema_agree_on_wrong_text() {
    let values = [json!(""), json!(" "), json!("a b"), json!("a.b.c"), json!("x"), json!("É_1"), json!(["a b"])];
    check_everywhere(&everything(), &replacements(&values));
}

#[test]
fn checker_and_schema_agree_on_keys() {
    let changes = [
        Change::Remove,
        Change::Rename("a b".to_owned()),
        Change::Rename("tenantId".to_owned()),
        Change::Insert("extra".to_owned(), json!({})),
        Change::Insert("9".to_owned(), json!("x")),
    ];
    check_everywhere(&everything(), &changes);
}

#[test]
fn checker_and_schema_agree_on_cloud() {
    let mut changes = replacements(&[json!(null), json!(""), json!("x"), json!(1), json!([]), json!({}), json!([" "])]);
    changes.extend([Change::Remove, Change::Rename("x".to_owned()), Change::Insert("x".to_owned(), json!(1))]);
    check_everywhere(&cloud(), &changes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checker_and_schema_agree(file in 0..VALID.len(), at in 0_usize..300, changes in prop::collection::vec(any_change(), 1..3)) {
        let mut value = config::to_json(VALID[file]).unwrap_or_default();
        for (round, change) in changes.iter().enumerate() {
            self::change(&mut value, &mut (at + round * 7), change);
        }
        check_agreement(&value)?;
    }

    #[test]
    fn any_text_is_read(text in "\\PC*") {
        let report = config::read(&text, &ReadOptions::default());
        let _ = config::render(&text, "c.json", &report.problems);
        prop_assert!(!report.problems.is_empty());
    }

    #[test]
    fn any_tokens_are_read(tokens in prop::collection::vec(prop::sample::select(&[
        "{", "}", "[", "]", ":", ",", "\"a\"", "\"version\"", "\"", "\\", "1", "-", "1e9", "//", "/*", "*/", "\n", "true", "null", "é", "\t",
    ][..]), 0..40)) {
        let text = tokens.concat();
        let report = config::read(&text, &ReadOptions { read_only: true });
        let _ = config::render(&text, "c.json", &report.problems);
        let _ = config::migrate(&text);
        prop_assert!(report.contract.is_none() && !report.problems.is_empty());
    }

    #[test]
    fn any_cut_of_a_file_is_read(file in 0..VALID.len(), cut in 0_usize..4000, inserted in "\\PC{0,3}") {
        let at = (0..=cut.min(VALID[file].len())).rev().find(|at| VALID[file].is_char_boundary(*at)).unwrap_or(0);
        let (head, tail) = VALID[file].split_at(at);
        for text in [head.to_owned(), format!("{head}{inserted}{tail}")] {
            let report = config::read(&text, &ReadOptions::default());
            let _ = config::render(&text, "c.json", &report.problems);
            prop_assert!(report.is_ok() == (report.errors().count() == 0));
        }
    }
}
