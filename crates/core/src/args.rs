//! A call's arguments, checked against the capability: if [`Args`] exists, they fit.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use crate::code::Code;
use crate::contract::{Arg, ArgType, Capability};
use crate::id::Ident;
use crate::refusal::Refusal;
use crate::value::decimal::Decimal;

/// Longest text argument without a `max_length` of its own, in characters.
pub const DEFAULT_MAX_LENGTH: u64 = 10_000;

/// Argument names that only the trusted side may set; config refuses to declare them, calls refuse to carry them.
pub const RESERVED: &[&str] = &[
    "tenant_id",
    "tenantId",
    "principal",
    "principal_id",
    "principalId",
    "project_id",
    "projectId",
    "source_id",
    "sourceId",
    "allowed_columns",
    "allowedColumns",
    "row_version",
    "rowVersion",
    "current_version",
    "currentVersion",
    "expected_version",
    "expectedVersion",
    "approval_identity",
    "approvalIdentity",
    "table",
    "table_name",
    "tableName",
    "schema",
    "schema_name",
    "schemaName",
    "column",
    "columns",
    "column_name",
    "columnName",
    "database",
    "database_name",
    "databaseName",
];

/// Arguments that fit their capability. `Debug` never prints values.
#[derive(Clone, PartialEq)]
pub struct Args(BTreeMap<Ident, Json>);

impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Args {
    /// Checks every argument; the refusal names all that do not fit.
    pub fn parse(capability: &Capability, given: &Map<String, Json>) -> Result<Self, Refusal> {
        let mut wrong = Vec::new();
        for name in given.keys() {
            if !capability.args.iter().any(|arg| arg.name.as_str() == name) {
                wrong.push(unknown(name));
            }
        }
        let mut args = BTreeMap::new();
        for arg in &capability.args {
            match given.get(arg.name.as_str()).or(arg.default.as_ref()) {
                None if arg.required => wrong.push(format!("`{}` is required", arg.name)),
                None => {}
                Some(value) => match fit(arg, value) {
                    Ok(()) => {
                        args.insert(arg.name.clone(), value.clone());
                    }
                    Err(why) => wrong.push(format!("`{}` {why}", arg.name)),
                },
            }
        }
        if wrong.is_empty() { Ok(Self(args)) } else { Err(Refusal::new(Code::InvalidArgument, wrong.join("; "))) }
    }

    /// The value of an argument; `None` if it was omitted and has no default.
    #[must_use]
    pub fn get(&self, name: &Ident) -> Option<&Json> {
        self.0.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Ident, &Json)> {
        self.0.iter()
    }
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if RESERVED.contains(&name) {
        format!("`{shown}` comes from the trusted context and cannot be sent")
    } else {
        format!("`{shown}` is not an argument of this tool")
    }
}

fn fit(arg: &Arg, value: &Json) -> Result<(), String> {
    match (&arg.ty, value) {
        (ArgType::Text { max_length }, Json::String(text)) => {
            let limit = max_length.unwrap_or(DEFAULT_MAX_LENGTH);
            // Counting stops early: a huge text is refused without walking all of it.
            let over = text.chars().take(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1)).count();
            if over as u64 > limit {
                return Err(format!("is longer than {limit} characters"));
            }
        }
        (ArgType::Number { minimum, maximum }, Json::Number(number)) => {
            if minimum.as_ref().is_some_and(|minimum| less(number, minimum)) {
                return Err(format!("is below {}", shown(minimum.as_ref())));
            }
            if maximum.as_ref().is_some_and(|maximum| less(maximum, number)) {
                return Err(format!("is above {}", shown(maximum.as_ref())));
            }
        }
        (ArgType::Boolean, Json::Bool(_)) => {}
        (ArgType::Text { .. }, _) => return Err("must be a string".to_owned()),
        (ArgType::Number { .. }, _) => return Err("must be a number".to_owned()),
        (ArgType::Boolean, _) => return Err("must be true or false".to_owned()),
    }
    if !arg.allowed.is_empty() && !arg.allowed.contains(value) {
        let allowed: Vec<String> = arg.allowed.iter().map(ToString::to_string).collect();
        return Err(format!("must be one of {}", allowed.join(", ")));
    }
    Ok(())
}

fn shown(bound: Option<&Number>) -> String {
    bound.map(ToString::to_string).unwrap_or_default()
}

/// Whether `a` is smaller than `b`, exactly, however many digits they have.
#[must_use]
pub fn less(a: &Number, b: &Number) -> bool {
    matches!((Decimal::parse(&a.to_string()), Decimal::parse(&b.to_string())), (Some(a), Some(b)) if a < b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use serde_json::json;

    #[test]
    fn arguments_fit_or_are_all_named() {
        let capability = fixture::proposal();
        let check = |given: Json, expect: &str| {
            let given = given.as_object().expect("object").clone();
            let shown = match Args::parse(&capability, &given) {
                Ok(_) => "ok".to_owned(),
                Err(refusal) => {
                    assert_eq!(refusal.code(), Code::InvalidArgument);
                    refusal.message().to_owned()
                }
            };
            assert_eq!(shown, expect, "{given:?}");
        };
        check(json!({"invoice_id": "INV-1", "fee": 10, "reason": "x"}), "ok");
        check(json!({"invoice_id": "INV-1", "fee": 10}), "ok");
        check(json!({"fee": 10}), "`invoice_id` is required");
        check(json!({"invoice_id": 7, "fee": "10"}), "`invoice_id` must be a string; `fee` must be a number");
        check(json!({"invoice_id": "INV-1", "fee": -1}), "`fee` is below 0");
        check(
            serde_json::from_str(r#"{"invoice_id": "INV-1", "fee": 10000.0000000000000000001}"#).expect("JSON"),
            "`fee` is above 10000",
        );
        check(
            json!({"invoice_id": "INV-1", "fee": 1, "tenant_id": "globex", "x\u{0}": 1}),
            "`tenant_id` comes from the trusted context and cannot be sent; `x\u{fffd}` is not an argument of this tool",
        );
        check(json!({"invoice_id": "é".repeat(129), "fee": 1}), "`invoice_id` is longer than 128 characters");
        check(json!({"invoice_id": null, "fee": 1}), "`invoice_id` must be a string");
    }
}
