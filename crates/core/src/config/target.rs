//! The row that a capability is about.

use serde_json::{Value as Json, json};

use super::code;
use super::report::Problems;
use super::shape::{Field, Literal, Name, Section, Shape};
use super::tree::Node;
use crate::contract::{EngineKind, Source, Target, TenantRule};

pub(crate) static TARGET: Section = Section {
    name: "target",
    doc: "The row that a capability is about",
    rules: Some(rules),
    fields: &[
        Field::new(
            "schema",
            "The schema: for MySQL and MariaDB the database, for SQLite `main`",
            Shape::Name(Name::Ident),
            &code::INVALID_TARGET_IDENTIFIER,
        )
        .required(),
        Field::new("table", "The table", Shape::Name(Name::Ident), &code::INVALID_TARGET_IDENTIFIER).required(),
        Field::new("primary_key", "The key column", Shape::Name(Name::Ident), &code::INVALID_TARGET_IDENTIFIER)
            .required(),
        Field::new(
            "tenant_key",
            "The column that holds the tenant",
            Shape::Name(Name::Ident),
            &code::TENANT_GUARD_REQUIRED,
        ),
        Field::new(
            "single_tenant_dev",
            "Development only: rows are not separated by tenant",
            Shape::Flag,
            &code::TENANT_GUARD_REQUIRED,
        )
        .default(Literal::Flag(false)),
    ],
};

fn rules() -> Json {
    json!({
        "oneOf": [
            {"required": ["tenant_key"], "properties": {"single_tenant_dev": {"const": false}}},
            {"required": ["single_tenant_dev"], "properties": {"single_tenant_dev": {"const": true}, "tenant_key": false}},
        ],
    })
}

/// The capability's target; `None` if it is wrong.
pub(crate) fn build(capability: Node<'_>, source: Option<&Source>, problems: &mut Problems) -> Option<Target> {
    let node = capability.get("target").filter(Node::is_object)?;
    let single = node.get("single_tenant_dev").filter(|single| single.flag() == Some(true));
    match (node.get("tenant_key"), single) {
        (None, None) => problems.missing(&code::TENANT_GUARD_REQUIRED, node, "tenant_key"),
        (Some(_), Some(single)) => {
            let message = "`single_tenant_dev` contradicts `tenant_key`";
            problems.add_key(&code::TENANT_GUARD_REQUIRED, single, message);
        }
        (None, Some(single)) => {
            problems.add_key(&code::SINGLE_TENANT_DEV_EXCEPTION, single, "rows are not separated by tenant");
        }
        (Some(_), None) => {}
    }
    let is_sqlite = source.is_some_and(|source| source.engine == EngineKind::Sqlite);
    let elsewhere = |schema: &Node<'_>| is_sqlite && schema.text().is_some_and(|text| text != "main");
    if let Some(schema) = node.get("schema").filter(elsewhere) {
        problems.add(&code::SQLITE_SCHEMA_MUST_BE_MAIN, schema, "a SQLite source has only the schema `main`");
    }
    Some(Target {
        schema: node.get_ident("schema")?,
        table: node.get_ident("table")?,
        primary_key: node.get_ident("primary_key")?,
        tenant: match node.get_ident("tenant_key") {
            Some(column) => TenantRule::Column(column),
            None => TenantRule::SingleTenantDev,
        },
        principal: capability.get("principal_scope").and_then(|scope| scope.get_ident("column")),
    })
}
