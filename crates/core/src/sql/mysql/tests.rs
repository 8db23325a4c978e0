use super::*;
use crate::contract::EngineKind;
use crate::fixture;
use crate::id::Ident;
use crate::sql::receipts::{Place, ReceiptKeys, migration};
use crate::sql::write::{Change, Version, VersionMove, guarded_write};
use crate::sql::{Filter, Sql};
use crate::value::Limits;

fn column(kind: Kind, data_type: &str, limits: Limits) -> Column {
    let is_text = matches!(kind, Kind::Text | Kind::Enum);
    let native = Native::Mysql {
        data_type: data_type.to_owned(),
        unsigned: false,
        charset: is_text.then(|| "latin1".to_owned()),
        collation: is_text.then(|| "latin1_general_ci".to_owned()),
    };
    Column { name: Ident::parse("c").unwrap(), kind, nullable: true, generated: false, limits, native }
}

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::new(EngineKind::Mysql);
    write(&mut out);
    let sql = out.finish();
    let binds: Vec<String> = sql.binds().iter().map(shown).collect();
    if binds.is_empty() { sql.text().to_owned() } else { format!("{}  -- {}", sql.text(), binds.join(", ")) }
}

fn shown(bind: &Bind) -> String {
    match bind {
        Bind::Null => "NULL".to_owned(),
        Bind::Text(text) => format!("{text:?}"),
        Bind::Int(number) => number.to_string(),
        Bind::Uint(number) => format!("{number}u"),
        Bind::Real(number) => format!("{number:?}"),
        Bind::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

#[test]
fn columns_are_read_compared_found_and_set() {
    let decimal = Limits { precision: Some(10), scale: Some(2), ..Limits::default() };
    let bits = Limits { chars: Some(5), ..Limits::default() };
    let cases = [
        (Kind::Integer, "bigint", Limits::default(), "18446744073709551615"),
        (Kind::Integer, "int", Limits::default(), "1abc"),
        (Kind::Integer, "year", Limits::default(), "70"),
        (Kind::Decimal, "decimal", decimal, "1.10"),
        (Kind::Float, "float", Limits::default(), "0.1"),
        (Kind::Float, "double", Limits::default(), "many"),
        (Kind::Text, "varchar", Limits::default(), "acme"),
        (Kind::Enum, "enum", Limits::default(), "new"),
        (Kind::Other, "set", Limits::default(), "a,b"),
        (Kind::Uuid, "uuid", Limits::default(), "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        (Kind::Json, "json", Limits::default(), "{\"a\": 1}"),
        (Kind::Bytes, "varbinary", Limits::default(), "\\x00ff"),
        (Kind::Bytes, "point", Limits::default(), "\\x00ff"),
        (Kind::Bits, "bit", bits, "00101"),
        (Kind::Instant, "timestamp", Limits::default(), "2026-06-20 08:46:08.250000"),
        (Kind::Instant, "timestamp", Limits::default(), "0000-00-00 00:00:00"),
        (Kind::DateTime, "datetime", Limits::default(), "2026-06-20 08:46:08"),
        (Kind::Time, "time", Limits::default(), "-838:59:59"),
    ];
    let mut report = String::new();
    for (kind, data_type, limits, text) in cases {
        let column = column(kind.clone(), data_type, limits);
        let cell = Cell::new(kind, Some(text.to_owned()));
        let mut lines = vec![
            ("read", written(|out| read(out, &column))),
            ("identical", written(|out| identical(out, &column, &cell))),
            ("set", written(|out| assigned(out, &column, &cell))),
        ];
        let optional = |write: &dyn Fn(&mut Writer) -> bool| {
            let mut there = false;
            let text = written(|out| there = write(out));
            there.then_some(text)
        };
        lines.extend(optional(&|out| indexable(out, &column, &cell)).map(|text| ("found", text)));
        lines.extend(optional(&|out| greater(out, &column, &cell)).map(|text| ("greater", text)));
        report.push_str(&format!("{data_type} {text}\n"));
        lines.iter().for_each(|(what, text)| report.push_str(&format!("  {what}: {text}\n")));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_clock_moves_by_the_columns_own_step() {
    let check = |text: &str, digits: u8, unit: u64, expect: &str| {
        let column = column(Kind::Instant, "timestamp", Limits { fraction: Some(digits), ..Limits::default() });
        let expected = Cell::new(Kind::Instant, Some(text.to_owned()));
        assert_eq!(written(|out| clock(out, &column, &expected, unit)), expect);
    };
    let second = "GREATEST(CURRENT_TIMESTAMP(0), `c` + INTERVAL 1000000 MICROSECOND)";
    check("2026-06-20 08:46:08", 0, 1_000_000, second);
    check("2026-06-20 08:46:08.000000", 6, 1, "GREATEST(CURRENT_TIMESTAMP(6), `c` + INTERVAL 1 MICROSECOND)");
    check("0000-00-00 00:00:00", 0, 1_000_000, "CURRENT_TIMESTAMP(0)");
    check("2026-00-00 00:00:00", 0, 1_000_000, "CURRENT_TIMESTAMP(0)");
}

#[test]
fn a_guarded_write_in_full() {
    let table = fixture::table(EngineKind::Mysql);
    let target = fixture::proposal().target;
    let named = |name: &str| table.column(&Ident::parse(name).unwrap()).unwrap().clone();
    let cell = |kind: Kind, text: &str| Cell::new(kind, Some(text.to_owned()));
    let key = serde_json::Value::String("INV-1".to_owned());
    let filter = Filter::scoped(&target, &table, &fixture::scope(), &key)
        .unwrap()
        .and(named("late_fee_cents"), cell(Kind::Integer, "5500"))
        .and(named("waiver_reason"), Cell::null(Kind::Text));
    let change = Change {
        table: table.clone(),
        filter,
        patch: vec![
            (named("late_fee_cents"), cell(Kind::Integer, "0")),
            (named("waiver_reason"), cell(Kind::Text, "goodwill")),
        ],
        version: Some(Version {
            column: named("updated_at"),
            expected: cell(Kind::Instant, "2026-06-20 08:46:08.250000"),
            advance: VersionMove::Clock { unit_micros: 1 },
        }),
    };
    let place =
        Place { schema: Ident::parse("app").unwrap(), table: Ident::parse("synapsor_writeback_receipts").unwrap() };
    let keys = ReceiptKeys {
        idempotency_key: "wrp_1:INV-1".to_owned(),
        job_id: "job_1".to_owned(),
        proposal_id: "wrp_1".to_owned(),
        proposal_hash: "sha256:1".to_owned(),
        ledger_id: "ledger_1".to_owned(),
        ledger_head: "1:abc".to_owned(),
        server_id: Some("server".to_owned()),
    };
    let write = guarded_write(EngineKind::Mysql, &change, &place, &keys);
    let finish = write.finish.with_version(Some("2026-06-20 08:46:09.000000"));
    let line = |sql: &Sql| {
        let binds: Vec<String> = sql.binds().iter().map(shown).collect();
        format!("{}\n  -- {}\n", sql.text(), binds.join(", "))
    };
    let statements = [&write.identity, &write.insert_receipt, &write.update, &write.after, &finish, &write.look];
    insta::assert_snapshot!(statements.map(line).concat());
    insta::assert_snapshot!("migration", migration(EngineKind::Mysql, &place, "0123456789abcdef0123").join("\n"));
}
