//! What names, types and keys suggest.

use super::*;
use crate::contract::EngineKind;
use crate::wire::inspection::{TableKind, Unique};

fn table(name: &str, key: &[&str], columns: &[(&str, &str)]) -> Table {
    let column = |(index, (name, ty)): (usize, &(&str, &str))| Column {
        name: (*name).to_owned(),
        data_type: ty.trim_end_matches('?').to_owned(),
        nullable: ty.ends_with('?'),
        default: None,
        generated: false,
        ordinal_position: u32::try_from(index + 1).expect("few columns"),
        comment: None,
    };
    Table {
        schema: "public".to_owned(),
        name: name.to_owned(),
        kind: TableKind::Table,
        writable: true,
        row_estimate: None,
        comment: None,
        columns: columns.iter().enumerate().map(column).collect(),
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        unique_constraints: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
    }
}

fn inspection(tables: Vec<Table>) -> Inspection {
    Inspection {
        engine: EngineKind::Postgres,
        server_version: "18".to_owned(),
        current_user: "reader".to_owned(),
        inspected_at: jiff::Timestamp::UNIX_EPOCH,
        schemas: vec!["public".to_owned()],
        tables,
    }
}

fn of(table: &Table) -> Suggestions {
    Suggestions::of(table, &inspection(vec![table.clone()]))
}

fn names(hints: &[Hint]) -> Vec<&str> {
    hints.iter().map(|hint| hint.column.as_str()).collect()
}

#[test]
fn the_key_is_what_the_catalog_says_and_else_what_names_say() {
    let key = |table: &Table| of(table).key.map(|hint| hint.column);
    let found = |key: &str| Some(key.to_owned());
    let columns = [("id", "integer"), ("number", "text"), ("invoice_id", "text")];
    assert_eq!(key(&table("invoices", &["number"], &columns)), found("number"));
    assert_eq!(key(&table("invoices", &[], &columns)), found("id"));
    assert_eq!(key(&table("invoices", &[], &[("invoice_id", "text")])), found("invoice_id"));
    assert_eq!(key(&table("invoices", &["a", "b"], &[("a", "int"), ("b", "int")])), None);
    let mut unique = table("invoices", &["a", "b"], &[("a", "int"), ("b", "int"), ("c", "int"), ("d", "int?")]);
    let on = |column: &str| Unique { name: column.to_owned(), columns: vec![column.to_owned()] };
    unique.unique_constraints = vec![on("d"), on("c")];
    assert_eq!(key(&unique), found("c"), "a key that may be null finds no row");
}

#[test]
fn the_surest_tenant_comes_first_and_a_tables_own_key_is_none() {
    let columns = [("account_id", "uuid"), ("org_id", "uuid"), ("Tenant_ID", "uuid?"), ("name", "text")];
    let found = of(&table("invoices", &[], &columns));
    assert_eq!(names(&found.tenant), ["Tenant_ID", "org_id", "account_id"]);
    assert!(found.tenant.first().is_some_and(|hint| hint.reason.contains("belong to nobody")));
    let accounts = of(&table("accounts", &["account_id"], &[("account_id", "uuid"), ("name", "text")]));
    assert_eq!(names(&accounts.tenant), [""; 0]);
}

#[test]
fn a_version_that_tells_more_apart_comes_first() {
    let versions = |columns: &[(&str, &str)]| {
        names(&of(&table("t", &[], columns)).version).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let both = [("updated_at", "timestamp with time zone"), ("row_version", "bigint")];
    assert_eq!(versions(&both), ["row_version", "updated_at"]);
    assert_eq!(versions(&[("updated_at", "datetime"), ("modified_at", "datetime(6)")]), ["modified_at", "updated_at"]);
    assert_eq!(versions(&[("updated_at", "date"), ("version", "boolean")]), [""; 0]);
    assert_eq!(versions(&[("etag", "uuid"), ("version", "text")]), ["version", "etag"]);
}

#[test]
fn a_model_sees_no_secrets_and_nothing_large() {
    let columns = [
        ("id", "integer"),
        ("password_hash", "text"),
        ("apiToken", "text"),
        ("ssn", "text"),
        ("card_number", "text"),
        ("cookies_accepted", "boolean"),
        ("assassin", "text"),
        ("settings", "jsonb"),
        ("photo", "bytea"),
        ("embedding", "vector(3)"),
        ("status", "text"),
    ];
    let table = table("users", &["id"], &columns);
    let found = of(&table);
    assert_eq!(names(&found.large), ["settings", "photo", "embedding"]);
    for name in ["password_hash", "apiToken", "ssn", "card_number"] {
        assert!(names(&found.sensitive).contains(&name), "{name}: {:?}", found.sensitive);
    }
    let visible: Vec<&str> = found.visible(&table).collect();
    assert!(visible.contains(&"assassin") && visible.contains(&"status"), "{visible:?}");
    assert!(!visible.contains(&"photo") && !visible.contains(&"ssn"), "{visible:?}");
}

#[test]
fn what_separates_tenants_comes_before_what_serves_the_program() {
    let business = table(
        "invoices",
        &["id"],
        &[("id", "int"), ("tenant_id", "text"), ("status", "text"), ("updated_at", "timestamp")],
    );
    let tables = vec![
        table("api_tokens", &["id"], &[("id", "int"), ("tenant_id", "text"), ("token", "text")]),
        table("countries", &["code"], &[("code", "text"), ("name", "text")]),
        table("schema_migrations", &["version"], &[("version", "bigint")]),
        business,
    ];
    let seen = inspection(tables);
    let first: Vec<&str> = best_first(&seen).into_iter().map(|table| table.name.as_str()).collect();
    assert_eq!(first, ["invoices", "countries", "api_tokens", "schema_migrations"]);
}

#[test]
fn one_row_has_a_name() {
    for (table, expect) in [
        ("invoices", "invoice"),
        ("support_tickets", "support_ticket"),
        ("companies", "company"),
        ("address", "address"),
        ("status", "status"),
        ("Order-Items", "order_item"),
        ("2fa_codes", "record_2fa_code"),
        ("ties", "tie"),
        ("data", "data"),
    ] {
        assert_eq!(object_name(table), expect, "{table}");
    }
}
