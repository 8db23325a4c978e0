//! The type matrix: what each column type reads as, and that what was read guards and patches without a false alarm.

use serde_json::{Value as Json, json};
use synapsor_core::value::normalise::normalise;
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::Effect;

use crate::stage::{Stage, change, column};

/// Type, SQL literal, kind, exact text, what is shown.
type Case = (&'static str, &'static str, Kind, &'static str, Json);

fn cases(maria: bool) -> Vec<Case> {
    let text = |text: &str| Json::String(text.to_owned());
    let mut cases: Vec<Case> = vec![
        ("tinyint", "-128", Kind::Integer, "-128", json!(-128)),
        ("tinyint(1)", "1", Kind::Integer, "1", json!(1)),
        ("tinyint unsigned", "255", Kind::Integer, "255", json!(255)),
        ("smallint", "-32768", Kind::Integer, "-32768", json!(-32768)),
        ("mediumint unsigned", "16777215", Kind::Integer, "16777215", json!(16_777_215)),
        ("int", "2147483647", Kind::Integer, "2147483647", json!(2_147_483_647)),
        ("int(6) unsigned zerofill", "42", Kind::Integer, "42", json!(42)),
        ("bigint", "-9223372036854775808", Kind::Integer, "-9223372036854775808", text("-9223372036854775808")),
        (
            "bigint unsigned",
            "18446744073709551615",
            Kind::Integer,
            "18446744073709551615",
            text("18446744073709551615"),
        ),
        ("year", "2155", Kind::Integer, "2155", json!(2155)),
        ("year", "0", Kind::Integer, "0", json!(0)),
        ("decimal(10,2)", "-1.10", Kind::Decimal, "-1.10", text("-1.10")),
        ("decimal(10,2) unsigned zerofill", "1.5", Kind::Decimal, "1.50", text("1.50")),
        ("decimal(5,0)", "99999", Kind::Decimal, "99999", text("99999")),
        ("float", "0.1", Kind::Float, "0.10000000149011612", json!(0.100_000_001_490_116_12)),
        ("double", "0.1", Kind::Float, "0.1", json!(0.1)),
        (
            "double",
            "-2.2250738585072014e-308",
            Kind::Float,
            "-2.2250738585072014e-308",
            json!(-2.225_073_858_507_201_4e-308),
        ),
        ("double", "1.7976931348623157e308", Kind::Float, "1.7976931348623157e308", json!(1.797_693_134_862_315_7e308)),
        ("date", "'9999-12-31'", Kind::Date, "9999-12-31", text("9999-12-31")),
        ("date", "'0000-00-00'", Kind::Date, "0000-00-00", text("0000-00-00")),
        ("date", "'2026-00-00'", Kind::Date, "2026-00-00", text("2026-00-00")),
        ("time", "'-838:59:59'", Kind::Time, "-838:59:59", text("-838:59:59")),
        ("time(6)", "'838:59:59'", Kind::Time, "838:59:59.000000", text("838:59:59.000000")),
        ("time(3)", "'00:00:00.5'", Kind::Time, "00:00:00.500", text("00:00:00.500")),
        ("datetime", "'9999-12-31 23:59:59'", Kind::DateTime, "9999-12-31 23:59:59", text("9999-12-31 23:59:59")),
        (
            "datetime(6)",
            "'2026-06-20 14:31:08.1'",
            Kind::DateTime,
            "2026-06-20 14:31:08.100000",
            text("2026-06-20 14:31:08.100000"),
        ),
        ("datetime(3)", "'0000-00-00'", Kind::DateTime, "0000-00-00 00:00:00.000", text("0000-00-00 00:00:00.000")),
        // The server's zone is +05:45.
        ("timestamp null", "'2026-06-20 14:31:08'", Kind::Instant, "2026-06-20 08:46:08", text("2026-06-20T08:46:08Z")),
        (
            "timestamp(6) null",
            "'2026-06-20 14:31:08.123456'",
            Kind::Instant,
            "2026-06-20 08:46:08.123456",
            text("2026-06-20T08:46:08.123456Z"),
        ),
        (
            "timestamp(2) null",
            "'2038-01-19 08:59:07.25'",
            Kind::Instant,
            "2038-01-19 03:14:07.25",
            text("2038-01-19T03:14:07.25Z"),
        ),
        ("timestamp null", "'0000-00-00 00:00:00'", Kind::Instant, "0000-00-00 00:00:00", text("0000-00-00 00:00:00")),
        ("varchar(20)", "'it''s 😀 é\\\\'", Kind::Text, "it's 😀 é\\", text("it's 😀 é\\")),
        ("varchar(20)", "'trailing  '", Kind::Text, "trailing  ", text("trailing  ")),
        ("varchar(20) character set latin1", "'caf\u{e9}'", Kind::Text, "caf\u{e9}", text("caf\u{e9}")),
        ("varchar(20) character set ucs2", "'caf\u{e9}'", Kind::Text, "caf\u{e9}", text("caf\u{e9}")),
        ("varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci", "'ACMÉ'", Kind::Text, "ACMÉ", text("ACMÉ")),
        ("char(6)", "'ab'", Kind::Text, "ab", text("ab")),
        ("tinytext", "''", Kind::Text, "", text("")),
        ("longtext", "repeat('x', 100)", Kind::Text, "", Json::Null),
        ("enum('new','it''s','b\\\\c','')", "'it''s'", Kind::Enum, "it's", text("it's")),
        ("enum('new','b\\\\c')", "'b\\\\c'", Kind::Enum, "b\\c", text("b\\c")),
        ("set('a','b','c')", "'a,c'", Kind::Other, "a,c", text("a,c")),
        ("binary(4)", "'ab'", Kind::Bytes, "\\x61620000", text("\\x61620000")),
        ("varbinary(4)", "x'00ff'", Kind::Bytes, "\\x00ff", text("\\x00ff")),
        ("blob", "x'c328'", Kind::Bytes, "\\xc328", text("\\xc328")),
        ("blob", "''", Kind::Bytes, "\\x", text("\\x")),
        ("bit(1)", "b'1'", Kind::Bits, "1", text("1")),
        ("bit(5)", "b'101'", Kind::Bits, "00101", text("00101")),
        (
            "point",
            "point(1, 2)",
            Kind::Bytes,
            "\\x000000000101000000000000000000f03f0000000000000040",
            text("\\x000000000101000000000000000000f03f0000000000000040"),
        ),
    ];
    if maria {
        const UUID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        cases.push(("uuid", "'F47AC10B-58CC-4372-A567-0E02B2C3D479'", Kind::Uuid, UUID, text(UUID)));
        cases.push(("inet6", "'::1'", Kind::Other, "::1", text("::1")));
        const KEPT: &str = "{\"b\": 1.10, \"a\": [12345678901234567890.5]}";
        cases.push(("json", "'{\"b\": 1.10, \"a\": [12345678901234567890.5]}'", Kind::Json, KEPT, Json::Null));
    } else {
        // MySQL keeps documents in a form of its own.
        let stored = "{\"a\": [18446744073709551615, null], \"b\": 1.5}";
        let shown = json!({"a": [18_446_744_073_709_551_615_u64, null], "b": 1.5});
        cases.push(("json", "'{\"b\":1.50, \"a\":[18446744073709551615,null]}'", Kind::Json, stored, shown));
    }
    const NINES: &str = "-99999999999999999999999999999999999.999999999999999999999999999999";
    cases.push(("decimal(65,30)", NINES, Kind::Decimal, NINES, text(NINES)));
    const ONES: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    cases.push(("bit(64)", "18446744073709551615", Kind::Bits, ONES, text(ONES)));
    cases
}

#[tokio::test]
async fn every_type_reads_exactly_guards_and_patches() {
    let stage = Stage::new().await;
    for (index, (sql_type, literal, kind, exact, shown)) in cases(stage.maria).into_iter().enumerate() {
        let name = format!("t{index}");
        let comment = format!("{sql_type} {literal}");
        stage
            .db
            .execute(&format!(
                "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'; CREATE TABLE {name} (id varchar(10) PRIMARY KEY, tenant varchar(10) NOT NULL, \
                 v {sql_type}, n int NOT NULL) CHARACTER SET utf8mb4; \
                 INSERT INTO {name} VALUES ('full', 'acme', {literal}, 1), ('empty', 'acme', NULL, 1);"
            ))
            .await;
        let table = stage.table(&name, &["id", "tenant", "v", "n"]).await;
        assert_eq!(column(&table, "v").kind, kind, "{comment}");
        let full = stage.filter(&table, "full", "acme");
        let rows = stage.read(&table, &["v", "n"], &full).await.unwrap();
        let read = rows[0][0].clone();
        if !exact.is_empty() || sql_type == "tinytext" {
            assert_eq!(read.text(), Some(exact), "{comment}");
        }
        if shown != Json::Null {
            assert_eq!(read.json(), shown, "{comment}");
        }
        // What was read is what guards.
        let one = Cell::new(Kind::Integer, Some("1".to_owned()));
        let two = Cell::new(Kind::Integer, Some("2".to_owned()));
        let guarded = full.clone().and(column(&table, "v"), read.clone()).and(column(&table, "n"), one.clone());
        let effect = stage.apply(&change(&table, guarded, &[("n", two.clone())], None), &format!("{name}a")).await;
        assert_eq!(effect.unwrap(), Effect::Committed { new_version: None }, "{comment}");
        // What was read is what is stored, and stored as such, in place of NULL.
        let empty = stage.filter(&table, "empty", "acme");
        let was_null = empty.clone().and(column(&table, "v"), Cell::null(kind.clone()));
        let effect =
            stage.apply(&change(&table, was_null.clone(), &[("v", read.clone())], None), &format!("{name}b")).await;
        assert_eq!(effect.unwrap(), Effect::Committed { new_version: None }, "{comment}");
        let stored = stage.read(&table, &["v"], &empty).await.unwrap();
        assert_eq!(stored[0][0], read, "{comment}");
        // NULL no longer guards, and a value does not guard NULL.
        let effect = stage.apply(&change(&table, was_null, &[("n", two.clone())], None), &format!("{name}c")).await;
        assert_eq!(effect.unwrap(), Effect::Missed { affected: 0, look: vec![vec![false]] }, "{comment}");
        let effect =
            stage.apply(&change(&table, full.clone(), &[("v", Cell::null(kind))], None), &format!("{name}d")).await;
        assert_eq!(effect.unwrap(), Effect::Committed { new_version: None }, "{comment}");
        let guarded = full.and(column(&table, "v"), read);
        let effect = stage.apply(&change(&table, guarded, &[("n", one)], None), &format!("{name}e")).await;
        assert_eq!(effect.unwrap(), Effect::Missed { affected: 0, look: vec![vec![false]] }, "{comment}");
    }
}

/// A value that comes from outside is stored as it was shown to the reviewer: the write finds what it approved.
#[tokio::test]
async fn a_normalised_value_is_stored_as_such() {
    let stage = Stage::new().await;
    let mut cases = vec![
        ("tinyint unsigned", json!(200)),
        ("bigint", json!("-9223372036854775808")),
        ("bigint unsigned", json!("18446744073709551615")),
        ("year", json!(2026)),
        ("decimal(10,2)", json!(10.005)),
        ("decimal(10,2)", json!("-0.001")),
        ("decimal(65,30)", json!("12345678901234567890123456789012345.123456789012345678901234567890")),
        ("float", json!(0.1)),
        ("float", json!(16_777_217)),
        ("float(7,2)", json!(1234.567)),
        ("double", json!(0.1)),
        ("double", json!(1e300)),
        ("double", json!(-2.225_073_858_507_201_4e-308)),
        ("double(9,3)", json!(1.0005)),
        ("varchar(10)", json!("é 😀 ")),
        ("char(10)", json!("padded   ")),
        ("varchar(10) character set latin1", json!("caf\u{e9} €")),
        ("tinytext", json!("")),
        ("enum('a','B')", json!("B")),
        ("date", json!("2026-02-28")),
        ("time", json!("-838:59:59")),
        ("time(3)", json!("12:34:56.789")),
        ("datetime", json!("2026-06-20 14:31:08")),
        ("datetime(6)", json!("2026-06-20T14:31:08.1")),
        ("datetime(1)", json!("2026-06-20 14:31:08.16")),
        ("timestamp null", json!("2026-06-20T14:31:08Z")),
        ("timestamp(6) null", json!("2026-06-20T14:31:08.123456+02:00")),
        ("timestamp(3) null", json!("2026-06-20T14:31:08.9996Z")),
        ("json", json!({"b": [1, 2.50, null], "a": "x"})),
        ("binary(4)", json!("\\x6162")),
        ("varbinary(4)", json!("\\x00ff")),
        ("blob", json!("\\x")),
        ("bit(5)", json!("101")),
        ("tinyint(1)", json!(1)),
    ];
    if stage.maria {
        cases.push(("uuid", json!("F47AC10B-58CC-4372-A567-0E02B2C3D479")));
    }
    for (index, (sql_type, value)) in cases.into_iter().enumerate() {
        let name = format!("n{index}");
        let script = format!(
            "CREATE TABLE {name} (id varchar(10) PRIMARY KEY, tenant varchar(10) NOT NULL, v {sql_type}) CHARACTER SET utf8mb4; \
             INSERT INTO {name} VALUES ('1', 'acme', NULL);"
        );
        stage.db.execute(&script).await;
        let table = stage.table(&name, &["id", "tenant", "v"]).await;
        let cell = match normalise(&column(&table, "v"), &value) {
            Ok(cell) => cell,
            Err(unfit) => panic!("{sql_type} {value}: {unfit}"),
        };
        let filter = stage.filter(&table, "1", "acme");
        let effect = stage.apply(&change(&table, filter.clone(), &[("v", cell.clone())], None), &name).await.unwrap();
        assert_eq!(effect, Effect::Committed { new_version: None }, "{sql_type} {value} as {:?}", cell.text());
        let read = stage.read(&table, &["v"], &filter).await.unwrap()[0][0].clone();
        if column(&table, "v").kind == Kind::Json {
            assert_eq!(read.json(), cell.json());
        } else {
            assert_eq!(read.text(), cell.text(), "{sql_type} {value}");
        }
    }
}
