//! The statements on a PostgreSQL table, as a reviewer should see them.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use synapsor_core::contract::{EngineKind, Target, TenantRule};
use synapsor_core::id::Ident;
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::{Place, ReceiptKeys, fence, migration};
use synapsor_core::sql::write::{Change, Version, VersionMove, guarded_write};
use synapsor_core::sql::{Filter, Sql, read};
use synapsor_core::value::{Cell, Column, Kind, Limits, Native, Table};

fn ident(text: &str) -> Ident {
    Ident::parse(text).unwrap()
}

fn column(name: &str, kind: Kind, own: &str, [cast, send]: [&str; 2]) -> Column {
    let quoted = |name: &str| name.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".");
    let native = Native::Postgres { own: quoted(own), cast: quoted(cast), send: quoted(send) };
    Column { name: ident(name), kind, nullable: true, generated: false, limits: Limits::default(), native }
}

fn table() -> Table {
    let text = ["pg_catalog.text", "pg_catalog.textsend"];
    let time = ["pg_catalog.timestamptz", "pg_catalog.timestamptz_send"];
    let columns = vec![
        column("id", Kind::Integer, "pg_catalog.int4", ["pg_catalog.int4", "pg_catalog.int4send"]),
        column("tenant_id", Kind::Text, "pg_catalog.bpchar", text),
        column("status", Kind::Enum, "app.status", ["app.status", "pg_catalog.enum_send"]),
        column(
            "tags",
            Kind::Array(Box::new(Kind::Text)),
            "pg_catalog._text",
            ["pg_catalog._text", "pg_catalog.array_send"],
        ),
        column("updated_at", Kind::Instant, "pg_catalog.timestamptz", time),
        column("version", Kind::Integer, "pg_catalog.int8", ["pg_catalog.int8", "pg_catalog.int8send"]),
    ];
    Table {
        schema: ident("app"),
        name: ident("orders"),
        columns,
        refused: None,
        cascading: Vec::new(),
        replaces: false,
    }
}

fn named(name: &str) -> Column {
    table().column(&ident(name)).unwrap().clone()
}

fn cell(name: &str, text: &str) -> Cell {
    Cell::new(named(name).kind, Some(text.to_owned()))
}

fn filter() -> Filter {
    let target = Target {
        schema: ident("app"),
        table: ident("orders"),
        primary_key: ident("id"),
        tenant: TenantRule::Column(ident("tenant_id")),
        principal: None,
    };
    Filter::scoped(&target, &table(), &Scope::of_record("acme", "support.agent"), &serde_json::json!(7)).unwrap()
}

fn shown(name: &str, sql: &Sql) -> String {
    let values: Vec<String> = sql.binds().iter().map(|bind| format!("{bind:?}")).collect();
    format!("{name}\n{}\n-- {}", sql.text(), values.join(", "))
}

fn write(advance: VersionMove, version: &str, expected: &str) -> Vec<String> {
    let change = Change {
        table: table(),
        filter: filter().and(named("tags"), cell("tags", "{a}")).and(named("status"), Cell::null(Kind::Enum)),
        patch: vec![(named("status"), cell("status", "paid")), (named("tags"), Cell::null(named("tags").kind))],
        version: Some(Version { column: named(version), expected: cell(version, expected), advance }),
    };
    let place = Place { schema: ident("app"), table: ident("synapsor_writeback_receipts") };
    let text = |text: &str| text.to_owned();
    let keys = ReceiptKeys {
        idempotency_key: text("key"),
        job_id: text("job"),
        proposal_id: text("proposal"),
        proposal_hash: text("hash"),
        ledger_id: text("ledger"),
        ledger_head: text("head"),
        server_id: Some(text("server")),
    };
    let write = guarded_write(EngineKind::Postgres, &change, &place, &keys);
    vec![
        shown("identity", &write.identity),
        shown("insert_receipt", &write.insert_receipt),
        shown("update", &write.update),
        shown("after", &write.after),
        shown("finish", &write.finish.with_version(Some("8"))),
        shown("look", &write.look),
        shown("receipt_by_key", &write.receipt_by_key),
        shown("receipt_by_job", &write.receipt_by_job),
        shown("fence", &fence(EngineKind::Postgres, &place, &keys)),
    ]
}

#[test]
fn a_read() {
    let table = table();
    insta::assert_snapshot!(shown("select", &read::select(EngineKind::Postgres, &table, &table.columns, &filter())));
}

#[test]
fn a_guarded_write_with_a_counter() {
    insta::assert_snapshot!(write(VersionMove::Increment, "version", "7").join("\n\n"));
}

#[test]
fn a_guarded_write_with_a_clock() {
    let write = write(VersionMove::Clock { unit_micros: 1000 }, "updated_at", "2026-01-02 03:04:05.678+00");
    insta::assert_snapshot!(write[2..4].join("\n\n"));
}

#[test]
fn values_are_bound_never_written() {
    for statement in write(VersionMove::Increment, "version", "7") {
        for value in ["'acme'", "paid", "{a}", "'job'", "'key'"] {
            assert!(!statement.contains(value), "{value} in {statement}");
        }
    }
}

#[test]
fn a_migration() {
    let place = Place { schema: ident("app"), table: ident("synapsor_writeback_receipts") };
    insta::assert_snapshot!(migration(EngineKind::Postgres, &place, "0123456789abcdef0123").join("\n"));
}
