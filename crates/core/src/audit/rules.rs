//! The rules about one tool.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Code, Finding, Listed};
use crate::unseen::is_unseen;

/// Deeper than this no argument is looked for.
const DEEPEST: usize = 10;

const SQL_NAMES: [&str; 8] =
    ["executesql", "runsql", "runquery", "querydatabase", "databasequery", "sqlquery", "rawsql", "executequery"];
const SQL_FIELDS: [&str; 4] = ["sql", "query", "statement", "rawsql"];
const IDENTIFIER_FIELDS: [&str; 9] =
    ["table", "tablename", "schema", "schemaname", "column", "columns", "columnname", "database", "databasename"];
const TRUST_FIELDS: [&str; 11] = [
    "tenantid",
    "principal",
    "principalid",
    "userid",
    "projectid",
    "sourceid",
    "databaseid",
    "allowedcolumns",
    "rowversion",
    "currentversion",
    "expectedversion",
];
const APPROVAL_FIELD: &str = "approvalidentity";
const IDEMPOTENCY_FIELDS: [&str; 4] = ["idempotencykey", "requestid", "requestkey", "dedupekey"];
const CONFLICT_FIELDS: [&str; 6] =
    ["expectedversion", "rowversion", "updatedat", "etag", "conflictguard", "previousversion"];
const WRITING: [&str; 20] = [
    "update", "insert", "delete", "upsert", "write", "mutate", "refund", "waive", "charge", "cancel", "commit",
    "approve", "settle", "apply", "merge", "resolve", "close", "create", "drop", "alter",
];
const READING: [&str; 7] = ["read", "get", "list", "search", "inspect", "select", "query"];
const BOUNDARY: [&str; 9] = [
    "proposal",
    "propose",
    "change-set",
    "review-required",
    "approval",
    "approve-required",
    "approval-required",
    "guarded writeback",
    "trusted worker",
];
const COMMITTING: [&str; 5] = ["approve", "commit", "apply", "settle", "merge"];
const COMMITTED: [&str; 4] = ["proposal", "write", "change", "writeback"];
const EXAMPLES: [&str; 5] = ["examples", "example", "input_examples", "test_fixture", "x_synapsor_test_fixture"];
const INPUTS: [&str; 5] = ["inputSchema", "input_schema", "parameters", "schema", "args_schema"];

/// What texts say that are meant for a model and not for its user.
const ORDERS: [&str; 20] = [
    "ignore previous",
    "ignore all previous",
    "ignore prior",
    "ignore the above",
    "ignore your instructions",
    "disregard previous",
    "disregard all",
    "disregard your",
    "do not tell the user",
    "don't tell the user",
    "do not mention",
    "don't mention",
    "do not inform",
    "without telling",
    "without informing",
    "never reveal",
    "system prompt",
    "before using any other tool",
    "~/.ssh",
    "id_rsa",
];
/// Marks that set text apart for a model.
const MARKS: [&str; 5] = ["<important>", "<system>", "<instructions>", "<secret>", "[system]"];

/// What is found of one tool.
pub(super) fn check(tool: &Listed) -> Vec<Finding> {
    let seen = Seen::of(tool);
    let mut findings: Vec<Finding> = Vec::new();
    let mut add = |code: Code, detail: String| {
        let evidence = [format!("path {}", tool.path), detail].into_iter().filter(|part| !part.is_empty());
        findings.push(Finding { code, tool: Some(tool.name.clone()), evidence: evidence.collect() });
    };
    let fields = |names: &[&str]| -> Vec<String> {
        seen.fields.iter().filter(|(plain, _)| names.contains(&plain.as_str())).map(|(_, name)| name.clone()).collect()
    };
    let named = |fields: &[String]| format!("arguments {}", fields.join(", "));
    let sql_fields = fields(&SQL_FIELDS);
    if seen.sql {
        add(Code::GenericSqlTool, String::new());
        if !sql_fields.is_empty() {
            add(Code::WriteToolAcceptsArbitrarySql, named(&sql_fields));
        }
    }
    for (code, names) in
        [(Code::ArbitraryIdentifierInput, &IDENTIFIER_FIELDS[..]), (Code::ModelControlledTrustScope, &TRUST_FIELDS[..])]
    {
        let mut found = fields(names);
        if code == Code::ModelControlledTrustScope {
            found.extend(fields(&[APPROVAL_FIELD]));
        }
        if !found.is_empty() {
            add(code, named(&found));
        }
    }
    if seen.commits {
        add(Code::ModelCallableCommitOrApproval, String::new());
    }
    let writes_alone = seen.writes && !seen.boundary;
    if writes_alone {
        add(Code::WriteWithoutProposalBoundary, String::new());
        if fields(&IDEMPOTENCY_FIELDS).is_empty() {
            add(Code::NoIdempotencyField, String::new());
        }
        if fields(&CONFLICT_FIELDS).is_empty() {
            add(Code::NoConflictGuard, String::new());
        }
        if seen.reads {
            add(Code::AmbiguousReadWriteTool, String::new());
        }
    }
    if !tool.describes_output {
        add(Code::NoStructuredOutputSchema, String::new());
    }
    if let Some(order) = order(&tool.entry) {
        add(Code::HiddenInstructions, format!("says `{order}`"));
    }
    if let Some(unseen) = unseen(&tool.entry) {
        add(Code::InvisibleUnicode, format!("U+{:04X}", u32::from(unseen)));
    }
    if tool.description.trim().is_empty() {
        add(Code::MissingBusinessDescription, String::new());
    }
    if tool.annotations.is_empty() {
        add(Code::MissingRiskAnnotations, String::new());
    }
    if !EXAMPLES.iter().any(|key| tool.entry.get(*key).is_some()) {
        add(Code::MissingTestFixture, String::new());
    }
    findings
}

/// A name's letters and digits, in lower case.
pub(super) fn normalized(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What the rules ask about a tool.
struct Seen {
    /// The arguments' names, plain and as they are.
    fields: Vec<(String, String)>,
    sql: bool,
    writes: bool,
    reads: bool,
    boundary: bool,
    commits: bool,
}

impl Seen {
    fn of(tool: &Listed) -> Self {
        let annotations = Json::Object(tool.annotations.clone()).to_string();
        let text = format!("{} {} {annotations}", tool.name, tool.description).to_lowercase();
        let words: BTreeSet<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let hint = |name: &str| tool.annotations.get(name).and_then(Json::as_bool);
        let has_word = |list: &[&str]| list.iter().any(|word| words.contains(word));
        let name = normalized(&tool.name);
        let mut fields = Vec::new();
        for key in INPUTS {
            collect_fields(tool.entry.get(key), 0, &mut fields);
        }
        let proposes = ["propose", "proposal", "review-required", "approval-required"];
        let joins = COMMITTING.iter().any(|verb| {
            COMMITTED
                .iter()
                .any(|what| name.contains(&format!("{verb}{what}")) || name.contains(&format!("{what}{verb}")))
        });
        // What says that it only reads may speak of refunds and approvals, but is not called `refund_order`.
        let reads_only = hint("readOnlyHint") == Some(true) && hint("destructiveHint") != Some(true);
        let verb = verb(&tool.name);
        let does = |list: &[&str]| if reads_only { list.contains(&verb.as_str()) } else { has_word(list) };
        // A write that is proposed is named for it; one that is committed is not.
        let commits = joins || (does(&COMMITTING) && !proposes.iter().any(|word| text.contains(word)));
        Self {
            sql: SQL_NAMES.contains(&name.as_str()) || speaks_of_sql(&text),
            writes: hint("destructiveHint") == Some(true) || hint("readOnlyHint") == Some(false) || does(&WRITING),
            reads: has_word(&READING),
            boundary: BOUNDARY.iter().any(|word| text.contains(word)),
            commits,
            fields,
        }
    }
}

/// The first word of a name, after its namespace.
fn verb(name: &str) -> String {
    let action = name.rsplit(['.', '/', ':']).next().unwrap_or_default();
    // In `deleteOrder` a capital begins the next word.
    let spaced: String = action.chars().flat_map(|c| if c.is_uppercase() { vec![' ', c] } else { vec![c] }).collect();
    let mut words = spaced.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.next().unwrap_or_default().to_lowercase()
}

/// `run SQL`, `raw-query`, `SQL executor` and the like.
fn speaks_of_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| {
        matches!(pair, ["execute" | "run" | "raw", "sql" | "query"] | ["sql" | "query", "executor" | "database"])
    })
}

fn collect_fields(schema: Option<&Json>, depth: usize, fields: &mut Vec<(String, String)>) {
    let Some(schema) = schema.filter(|_| depth <= DEEPEST) else { return };
    if let Json::Array(list) = schema {
        list.iter().for_each(|one| collect_fields(Some(one), depth + 1, fields));
        return;
    }
    for (name, inner) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        let field = (normalized(name), name.clone());
        if !fields.contains(&field) {
            fields.push(field);
        }
        collect_fields(Some(inner), depth + 1, fields);
    }
    for key in ["items", "additionalProperties", "not", "anyOf", "oneOf", "allOf"] {
        collect_fields(schema.get(key), depth + 1, fields);
    }
}

/// The texts of a tool, wherever they stand.
fn texts<'a>(json: &'a Json, depth: usize, found: &mut Vec<&'a str>) {
    if depth > DEEPEST {
        return;
    }
    match json {
        Json::String(text) => found.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts(item, depth + 1, found)),
        Json::Object(map) => map.iter().for_each(|(key, value)| {
            found.push(key);
            texts(value, depth + 1, found);
        }),
        _ => {}
    }
}

fn order(entry: &Json) -> Option<&'static str> {
    let mut found = Vec::new();
    texts(entry, 0, &mut found);
    found.iter().find_map(|text| {
        let plain: String =
            text.to_lowercase().replace('\u{2019}', "'").split_whitespace().collect::<Vec<_>>().join(" ");
        ORDERS.iter().chain(&MARKS).find(|order| plain.contains(**order)).copied()
    })
}

fn unseen(entry: &Json) -> Option<char> {
    let mut found = Vec::new();
    texts(entry, 0, &mut found);
    // Line breaks and tabs lay text out, and emoji have a selector that shows.
    let is_layout = |c: char| matches!(c, '\n' | '\r' | '\t' | '\u{fe0e}' | '\u{fe0f}');
    found.iter().flat_map(|text| text.chars()).find(|c| is_unseen(*c) && !is_layout(*c))
}
