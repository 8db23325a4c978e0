mod properties;

use super::*;
use crate::id::Ident;
use crate::value::{Affinity, Limits};

fn column(kind: Kind, native: Native, limits: Limits) -> Column {
    Column { name: Ident::parse("c").unwrap(), kind, nullable: true, generated: false, limits, native }
}

fn pg(kind: Kind, own: &str, limits: Limits) -> Column {
    let own = format!("\"pg_catalog\".\"{own}\"");
    column(kind, Native::Postgres { cast: own.clone(), send: "\"pg_catalog\".\"x\"".to_owned(), own }, limits)
}

fn my(kind: Kind, data_type: &str, limits: Limits) -> Column {
    my_in(kind, data_type, "utf8mb4", limits)
}

fn my_in(kind: Kind, data_type: &str, charset: &str, limits: Limits) -> Column {
    let native = Native::Mysql {
        data_type: data_type.to_owned(),
        unsigned: false,
        charset: Some(charset.to_owned()),
        collation: None,
    };
    column(kind, native, limits)
}

fn lite(kind: Kind, affinity: Affinity) -> Column {
    column(kind, Native::Sqlite { affinity }, Limits::default())
}

fn none() -> Limits {
    Limits::default()
}

fn chars(max: u64) -> Limits {
    Limits { chars: Some(max), ..none() }
}

fn digits(precision: u32, scale: u32) -> Limits {
    Limits { precision: Some(precision), scale: Some(scale), ..none() }
}

fn fraction(digits: u8) -> Limits {
    Limits { fraction: Some(digits), ..none() }
}

fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// The stored text, or the message after `!`. Values are JSON text.
fn check(column: &Column, value: &str, expect: &str) {
    let shown = match normalise(column, &parse(value)) {
        Ok(cell) => cell.text().unwrap_or("NULL").to_owned(),
        Err(unfit) => format!("!{unfit}"),
    };
    assert_eq!(shown, expect, "{} {value}", column.kind.word());
}

#[test]
fn null_needs_a_nullable_column() {
    let mut c = pg(Kind::Integer, "int4", none());
    check(&c, "null", "NULL");
    c.nullable = false;
    check(&c, "null", "!may not be null");
}

#[test]
fn integers() {
    let c = pg(Kind::Integer, "int2", Limits { range: Some((-32768, 32767)), ..none() });
    check(&c, "5", "5");
    check(&c, "\"007\"", "7");
    check(&c, "\"+7\"", "7");
    check(&c, "-0", "0");
    check(&c, "1e2", "100");
    check(&c, "7.0", "7");
    check(&c, "1.5", "!must be a whole number");
    check(&c, "\"1.0\"", "!must be a whole number");
    check(&c, "\" 1\"", "!must be a whole number");
    check(&c, "true", "!must be a whole number");
    check(&c, "32768", "!must lie between -32768 and 32767");
    check(&c, "1e999999999", "!must be a whole number");
    check(&my(Kind::Integer, "tinyint", none()), "true", "1");
    let wide = my(Kind::Integer, "bigint", Limits { range: Some((0, u64::MAX.into())), ..none() });
    check(&wide, "18446744073709551615", "18446744073709551615");
    check(&wide, "18446744073709551616", "!must lie between 0 and 18446744073709551615");
    check(&wide, "-1", "!must lie between 0 and 18446744073709551615");
}

#[test]
fn decimals() {
    let c = pg(Kind::Decimal, "numeric", digits(10, 2));
    check(&c, "10.005", "10.01");
    check(&c, "\"-10.005\"", "-10.01");
    check(&c, "-0.004", "0.00");
    check(&c, "5", "5.00");
    check(&c, "99999999.994", "99999999.99");
    check(&c, "99999999.995", "!may have at most 8 digits before the point");
    check(&c, "1e999999999", "!may have at most 8 digits before the point");
    check(&c, "1e-999999999", "0.00");
    check(&c, "\"NaN\"", "!must be a decimal number");
    let free = pg(Kind::Decimal, "numeric", none());
    check(&free, "1.10", "1.10");
    check(&free, "\"1.10e1\"", "11.0");
    check(&free, "1e2", "100");
    check(&free, "\"1e-3\"", "0.001");
    check(&free, "0.00", "0.00");
    let tiny = pg(Kind::Decimal, "numeric", digits(2, 4));
    check(&tiny, "0.00985", "0.0099");
    check(&tiny, "0.00995", "!may have at most 0 digits before the point");
    check(&pg(Kind::Decimal, "money", none()), "1", "!is of type decimal, which cannot be set here");
    let native = Native::Mysql { data_type: "decimal".to_owned(), unsigned: true, charset: None, collation: None };
    let unsigned = column(Kind::Decimal, native, digits(4, 1));
    check(&unsigned, "-1", "!may not be negative");
    check(&unsigned, "-0.04", "0.0");
    check(&unsigned, "999.94", "999.9");
}

#[test]
fn floats() {
    let c = pg(Kind::Float, "float8", none());
    check(&c, "0.1", "0.1");
    check(&c, "1e15", "1e+15");
    check(&c, "123456789012345", "123456789012345");
    check(&c, "1234567890123456", "1.234567890123456e+15");
    check(&c, "0.0001", "0.0001");
    check(&c, "0.00001", "1e-05");
    check(&c, "1e300", "1e+300");
    check(&c, "1e400", "!must lie between -1.7e308 and 1.7e308");
    check(&c, "\"1e2\"", "100");
    check(&c, "\"inf\"", "!must be a number");
    let single = pg(Kind::Float, "float4", none());
    check(&single, "0.1", "0.1");
    check(&single, "16777217", "1.6777216e+07");
    check(&single, "123456", "123456");
    check(&single, "1e39", "!must lie between -3.4e38 and 3.4e38");
    check(&my(Kind::Float, "float", none()), "0.1", "0.10000000149011612");
    check(&my(Kind::Float, "double", none()), "0.1", "0.1");
    check(&my(Kind::Float, "double", none()), "1e20", "1e20");
    check(&my(Kind::Float, "double", digits(10, 2)), "1.235", "1.24");
    check(&my(Kind::Float, "double", digits(3, 2)), "12", "!may have at most 1 digits before the point");
}

#[test]
fn truth_values() {
    check(&pg(Kind::Boolean, "bool", none()), "true", "true");
    check(&pg(Kind::Boolean, "bool", none()), "1", "!must be true or false");
    check(&my(Kind::Boolean, "tinyint", none()), "false", "0");
    check(&my(Kind::Boolean, "tinyint", none()), "1", "1");
    check(&my(Kind::Boolean, "tinyint", none()), "2", "!must be true or false");
}

#[test]
fn texts() {
    let c = pg(Kind::Text, "varchar", chars(3));
    check(&c, "\"äöü\"", "äöü");
    check(&c, "\"abcd\"", "!may hold at most 3 characters");
    check(&c, "\"abc \"", "!may hold at most 3 characters");
    check(&c, "42", "42");
    check(&c, "true", "!must be text");
    check(&c, r#""a\u0000""#, "!may not contain a NUL character");
    check(&pg(Kind::Text, "bpchar", chars(3)), "\"ab    \"", "ab");
    check(&my(Kind::Text, "char", chars(3)), "\"ab    \"", "ab");
    check(&my(Kind::Text, "varchar", chars(6)), "\"ab    \"", "ab    ");
    check(&my(Kind::Text, "text", Limits { bytes: Some(3), ..none() }), "\"ää\"", "!may hold at most 3 bytes");
    check(&my_in(Kind::Text, "text", "latin1", Limits { bytes: Some(3), ..none() }), "\"ää€\"", "ää€");
    check(
        &my_in(Kind::Text, "text", "latin1", none()),
        "\"Ω\"",
        "!contains a character that the character set `latin1` lacks",
    );
    check(
        &my_in(Kind::Text, "text", "ascii", none()),
        "\"ä\"",
        "!contains a character that the character set `ascii` lacks",
    );
    check(&my_in(Kind::Text, "text", "utf8mb3", none()), "\"漢\"", "漢");
    check(
        &my_in(Kind::Text, "text", "utf8", none()),
        "\"😀\"",
        "!contains a character that the character set `utf8` lacks",
    );
    check(&my(Kind::Text, "text", none()), "\"😀\"", "😀");
}

#[test]
fn closed_and_packed_texts() {
    let uuid = pg(Kind::Uuid, "uuid", none());
    check(&uuid, "\"3F2B8C1E-9a77-4c1d-8f7e-2b1f0a9c4d5e\"", "3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e");
    check(&uuid, "\"3f2b8c1e9a774c1d8f7e2b1f0a9c4d5e\"", "3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e");
    let refused = "!must be a UUID such as `3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e`";
    check(&uuid, "\"3f2b8c1-e9a77-4c1d-8f7e-2b1f0a9c4d5e\"", refused);
    check(&uuid, "\"3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5\"", refused);
    check(&uuid, "\"x\"", refused);
    let label = pg(Kind::Enum, "status", Limits { labels: vec!["open".into(), "paid".into()], ..none() });
    check(&label, "\"paid\"", "paid");
    check(&label, "\"Paid\"", "!must be one of `open`, `paid`");
    let bytes = pg(Kind::Bytes, "bytea", Limits { bytes: Some(2), ..none() });
    check(&bytes, r#""\\xDEad""#, "\\xdead");
    check(&bytes, r#""\\x""#, "\\x");
    check(&bytes, r#""\\xdeadbe""#, "!may hold at most 2 bytes");
    check(&bytes, "\"dead\"", "!must be bytes: `\\x` and two hex digits for each");
    check(&my(Kind::Bytes, "binary", Limits { bytes: Some(4), ..none() }), r#""\\xdead""#, "\\xdead0000");
    check(&pg(Kind::Bits, "bit", chars(3)), "\"101\"", "101");
    check(&pg(Kind::Bits, "bit", chars(3)), "\"1\"", "!must have exactly 3 bits");
    check(&pg(Kind::Bits, "varbit", chars(3)), "\"1\"", "1");
    check(&pg(Kind::Bits, "varbit", chars(3)), "\"1111\"", "!may hold at most 3 bits");
    check(&my(Kind::Bits, "bit", chars(4)), "\"11\"", "0011");
    check(&my(Kind::Bits, "bit", chars(1)), "true", "1");
    check(&my(Kind::Bits, "bit", chars(1)), "\"2\"", "!must be a text of ones and zeros");
    for kind in [Kind::Interval, Kind::Other, Kind::Array(Box::new(Kind::Text))] {
        let word = kind.word();
        check(&pg(kind, "x", none()), "\"1\"", &format!("!is of type {word}, which cannot be set here"));
    }
}

#[test]
fn instants() {
    let c = pg(Kind::Instant, "timestamptz", none());
    check(&c, "\"2026-06-20T16:31:08.100+02:00\"", "2026-06-20 14:31:08.1+00");
    check(&c, "\"2026-06-20 14:31:08Z\"", "2026-06-20 14:31:08+00");
    check(&c, "\"2026-06-20T14:31:08.1234565Z\"", "2026-06-20 14:31:08.123456+00");
    check(&c, "\"2026-06-20T14:31:08.1234575Z\"", "2026-06-20 14:31:08.123458+00");
    check(&c, "\"2026-12-31T23:59:59.9999999Z\"", "2027-01-01 00:00:00+00");
    check(&c, "\"infinity\"", "infinity");
    let needs_zone = "!must be a time with its zone, such as `2026-06-20T14:31:08Z`";
    check(&c, "\"2026-06-20T14:31:08\"", needs_zone);
    check(&c, "\"2026-06-20\"", needs_zone);
    check(&c, "\"2026-02-29T00:00:00Z\"", needs_zone);
    check(&c, "1750000000", needs_zone);
    check(&c, "\"9999-12-31T23:00:00-02\"", "!must lie between 0001-01-01 and 9999-12-31");
    let coarse = pg(Kind::Instant, "timestamptz", fraction(0));
    check(&coarse, "\"2026-06-20T14:31:08.5Z\"", "2026-06-20 14:31:09+00");
    // Halves go away from 2000, as the server counts from there.
    check(&coarse, "\"1999-06-20T14:31:08.5Z\"", "1999-06-20 14:31:08+00");
    check(&pg(Kind::Instant, "timestamptz", fraction(3)), "\"2026-06-20T14:31:08.1Z\"", "2026-06-20 14:31:08.1+00");
    let stamp = my(Kind::Instant, "timestamp", fraction(3));
    check(&stamp, "\"2026-06-20T14:31:08.1Z\"", "2026-06-20 14:31:08.100");
    check(&stamp, "\"2026-06-20T14:31:08.1235Z\"", "2026-06-20 14:31:08.124");
    check(&stamp, "\"2038-01-19T03:14:08Z\"", "!must lie between 1970-01-01T00:00:01Z and 2038-01-19T03:14:07Z");
    check(&stamp, "\"1970-01-01T00:00:00Z\"", "!must lie between 1970-01-01T00:00:01Z and 2038-01-19T03:14:07Z");
    check(&my(Kind::Instant, "timestamp", none()), "\"2026-06-20T14:31:08.5Z\"", "2026-06-20 14:31:09");
}

#[test]
fn local_times_and_dates() {
    let c = pg(Kind::DateTime, "timestamp", none());
    check(&c, "\"2026-06-20T14:31:08.250\"", "2026-06-20 14:31:08.25");
    check(&c, "\"2026-06-20 14:31\"", "2026-06-20 14:31:00");
    check(&c, "\"2026-06-20\"", "2026-06-20 00:00:00");
    let no_zone = "!must be a date and time without a zone, such as `2026-06-20 14:31:08`";
    check(&c, "\"2026-06-20T14:31:08Z\"", no_zone);
    check(&my(Kind::DateTime, "datetime", fraction(6)), "\"2026-06-20T14:31:08.25\"", "2026-06-20 14:31:08.250000");
    check(
        &my(Kind::DateTime, "datetime", none()),
        "\"9999-12-31 23:59:59.5\"",
        "!must lie between 0001-01-01 and 9999-12-31",
    );
    check(&my(Kind::DateTime, "datetime", none()), "\"0000-00-00 00:00:00\"", no_zone);
    let date = pg(Kind::Date, "date", none());
    check(&date, "\"2028-02-29\"", "2028-02-29");
    check(&date, "\"2026-02-29\"", "!must be a date such as `2026-06-20`");
    check(&date, "\"2026-06-20T00:00:00\"", "!must be a date such as `2026-06-20`");
    check(&date, "\"10000-01-01\"", "!must lie between 0001-01-01 and 9999-12-31");
    let time = pg(Kind::Time, "time", none());
    check(&time, "\"14:31\"", "14:31:00");
    check(&time, "\"14:31:08.500\"", "14:31:08.5");
    check(&time, "\"23:59:59.9999999\"", "24:00:00");
    check(&time, "\"24:00:00\"", "24:00:00");
    check(&time, "\"14:31:08Z\"", "!must be a time of day such as `14:31:08`");
    let zoned = pg(Kind::Time, "timetz", fraction(3));
    check(&zoned, "\"14:31:08.1234+05:30\"", "14:31:08.123+05:30");
    check(&zoned, "\"14:31:08Z\"", "14:31:08+00");
    check(&zoned, "\"14:31:08-0200\"", "14:31:08-02");
    check(&zoned, "\"14:31:08\"", "!must be a time of day with its offset, such as `14:31:08+00`");
    let span = my(Kind::Time, "time", fraction(1));
    check(&span, "\"-100:31:08.25\"", "-100:31:08.3");
    check(&span, "\"9:31\"", "09:31:00.0");
    check(&span, "\"-0:00:00.04\"", "00:00:00.0");
    check(&span, "\"838:59:59.1\"", "!must lie between -838:59:59 and 838:59:59");
}

#[test]
fn documents() {
    let text = r#"{"bb":1e2,"a":[1.10,null,true],"c":"x\ny","b":{}}"#;
    let quoted = Json::from(text).to_string();
    let c = pg(Kind::Json, "jsonb", none());
    let laid_out = r#"{"a": [1.10, null, true], "b": {}, "c": "x\ny", "bb": 100}"#;
    check(&c, text, laid_out);
    check(&c, &quoted, laid_out);
    check(&c, "true", "true");
    check(&c, r#"{"a":"\u0000"}"#, "!may not contain a NUL character");
    check(&c, "1e400", &format!("1{}", "0".repeat(400)));
    let refused = "!must be a JSON document: an object, an array, a number, true or false";
    check(&c, "\"{\"", refused);
    check(&c, r#""\"x\"""#, refused);
    check(&c, "\"null\"", refused);
    check(&pg(Kind::Json, "json", none()), &quoted, r#"{"bb":1e+2,"a":[1.10,null,true],"c":"x\ny","b":{}}"#);
    check(&my(Kind::Json, "json", none()), text, r#"{"a": [1.1, null, true], "b": {}, "c": "x\ny", "bb": 100.0}"#);
    check(
        &my(Kind::Json, "json", none()),
        "[18446744073709551615,18446744073709551616]",
        "[18446744073709551615, 1.8446744073709552e19]",
    );
}

#[test]
fn sqlite_stores_by_affinity() {
    let check = |kind: Kind, affinity: Affinity, value: &str, expect: &str| {
        let shown = match normalise(&lite(kind, affinity), &parse(value)) {
            Ok(cell) => format!("{} {}", cell.kind().word(), cell.text().unwrap_or("NULL")),
            Err(unfit) => format!("!{unfit}"),
        };
        assert_eq!(shown, expect, "{affinity:?} {value}");
    };
    use Affinity::{Blob, Integer, Numeric, Real, Text};
    check(Kind::Integer, Integer, "\"42\"", "integer 42");
    check(Kind::Integer, Integer, "42.0", "integer 42");
    check(Kind::Integer, Integer, "true", "integer 1");
    check(Kind::Integer, Integer, "1.5", "!must be a whole number");
    check(Kind::Integer, Integer, "\"1abc\"", "!must be a whole number");
    check(
        Kind::Integer,
        Integer,
        "9223372036854775808",
        "!must lie between -9223372036854775808 and 9223372036854775807",
    );
    check(Kind::Integer, Integer, "1e300", "!must lie between -9223372036854775808 and 9223372036854775807");
    check(Kind::Decimal, Numeric, "10.50", "float 10.5");
    check(Kind::Decimal, Numeric, "\"10.00\"", "integer 10");
    check(Kind::Decimal, Numeric, "\"x\"", "!must be a number");
    check(Kind::Text, Numeric, "\" 1e2 \"", "integer 100");
    check(Kind::DateTime, Numeric, "\"2026-06-20 14:31:08\"", "text 2026-06-20 14:31:08");
    check(Kind::Decimal, Numeric, "1e400", "!must lie between -1.7e308 and 1.7e308");
    check(Kind::Decimal, Numeric, "9223372036854775808", "float 9.223372036854776e18");
    check(Kind::Float, Real, "5", "float 5.0");
    check(Kind::Float, Real, "true", "!must be a number");
    check(Kind::Text, Text, "\"5\"", "text 5");
    check(Kind::Text, Text, "5", "text 5");
    check(Kind::Text, Text, r#""\u0000""#, "!may not contain a NUL character");
    check(Kind::Text, Blob, "\"5\"", "text 5");
    check(Kind::Other, Blob, "5", "integer 5");
    check(Kind::Bytes, Blob, r#""\\xDE""#, "bytes \\xde");
    check(Kind::Boolean, Numeric, "true", "boolean 1");
    check(Kind::Boolean, Numeric, "0", "boolean 0");
    check(Kind::Boolean, Real, "1", "float 1.0");
    check(Kind::Boolean, Numeric, "\"yes\"", "!must be true or false");
    check(Kind::Json, Text, "{\"b\": 1, \"a\": 2}", "json {\"b\":1,\"a\":2}");
    check(Kind::Json, Numeric, "5", "integer 5");
    check(Kind::Text, Text, "[]", "!must be text");
    check(Kind::Integer, Integer, "null", "integer NULL");
}

#[test]
fn keys_are_taken_literally_or_not_at_all() {
    let check = |column: &Column, value: &str, expect: Option<&str>| {
        let cell = key(column, &parse(value));
        assert_eq!(cell.as_ref().and_then(Cell::text), expect, "{} {value}", column.kind.word());
    };
    let int = pg(Kind::Integer, "int8", Limits { range: Some((i64::MIN.into(), i64::MAX.into())), ..none() });
    for integer in [int, my(Kind::Integer, "bigint", none()), lite(Kind::Integer, Affinity::Integer)] {
        check(&integer, "\"42\"", Some("42"));
        check(&integer, "42", Some("42"));
        for not in [
            "\"1abc\"", "\" 1\"", "\"01\"", "\"+1\"", "\"-0\"", "42.0", "1e2", "true", "\"\"", "\"1e2\"", "null", "[1]",
        ] {
            check(&integer, not, None);
        }
    }
    check(&pg(Kind::Integer, "int2", Limits { range: Some((-32768, 32767)), ..none() }), "32768", None);
    let text = pg(Kind::Text, "text", none());
    check(&text, "\" a \"", Some(" a "));
    check(&text, "42", Some("42"));
    check(&text, "4.20", None);
    check(&text, r#""a\u0000""#, None);
    check(&pg(Kind::Text, "bpchar", chars(5)), "\"a \"", None);
    check(&my(Kind::Text, "char", chars(5)), "\"a \"", None);
    check(&my(Kind::Text, "varchar", chars(5)), "\"a \"", Some("a "));
    check(&my(Kind::Text, "varchar", chars(2)), "\"abc\"", None);
    check(&my_in(Kind::Text, "varchar", "ascii", none()), "\"acmé\"", None);
    check(
        &pg(Kind::Uuid, "uuid", none()),
        "\"3F2B8C1E-9a77-4c1d-8f7e-2b1f0a9c4d5e\"",
        Some("3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e"),
    );
    check(&pg(Kind::Uuid, "uuid", none()), "\"3f2b8c1e9a774c1d8f7e2b1f0a9c4d5e\"", None);
    let money = pg(Kind::Decimal, "numeric", digits(10, 2));
    check(&money, "\"10.5\"", Some("10.50"));
    check(&money, "10.50", Some("10.50"));
    check(&money, "\"10.505\"", None);
    check(&money, "\"010.5\"", None);
    check(&pg(Kind::Boolean, "bool", none()), "\"true\"", Some("true"));
    check(&pg(Kind::Boolean, "bool", none()), "\"TRUE\"", None);
    let instant = pg(Kind::Instant, "timestamptz", fraction(3));
    check(&instant, "\"2026-06-20T16:31:08.120+02:00\"", Some("2026-06-20 14:31:08.12+00"));
    check(&instant, "\"2026-06-20T14:31:08.1234Z\"", None);
    check(&my(Kind::Time, "time", none()), "\"-10:00:00.4\"", None);
    check(&my(Kind::Time, "time", none()), "\"-10:00:00.0\"", Some("-10:00:00"));
    check(&pg(Kind::Date, "date", none()), "\"2026-06-20\"", Some("2026-06-20"));
    check(&my(Kind::Bytes, "binary", Limits { bytes: Some(2), ..none() }), r#""\\xDEAD""#, Some("\\xdead"));
    check(&my(Kind::Bytes, "binary", Limits { bytes: Some(2), ..none() }), r#""\\xDE""#, None);
    check(&lite(Kind::Text, Affinity::Text), "\"01\"", Some("01"));
    check(&lite(Kind::Other, Affinity::Numeric), "\"01\"", None);
    check(&lite(Kind::Other, Affinity::Numeric), "\"INV-1\"", Some("INV-1"));
    check(&lite(Kind::Float, Affinity::Real), "1.5", Some("1.5"));
    check(&lite(Kind::Float, Affinity::Real), "9007199254740993", None);
    check(&pg(Kind::Other, "inet", none()), "\"::1\"", None);
}
