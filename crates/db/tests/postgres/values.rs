//! Every common type at its limits: how it reads, and that what was read passes as a guard and as a patch, whatever the
//! roles' own formats are.

use serde_json::{Value as Json, json};
use synapsor_core::sql::Filter;
use synapsor_core::value::normalise::normalise;
use synapsor_core::value::{Cell, Kind, Native, Table};
use synapsor_core::writeback::Effect;

use crate::site::{Site, cell, change, column, filter, site};

const TYPES: &str = "
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE SCHEMA \"Odd.schema\";
CREATE TYPE \"Odd.schema\".\"my \"\"mood\" AS ENUM ('sad', 'o k', 'Ünder \"q\"');
CREATE DOMAIN short AS varchar(5);
CREATE DOMAIN shorter AS short CHECK (value <> 'bad') NOT NULL;
CREATE DOMAIN grid AS int[];
CREATE TYPE pair AS (a int, b timestamptz);
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
GRANT USAGE ON SCHEMA \"Odd.schema\" TO {reader}, {writer};";

/// Formats under which a careless cast would read or print another value.
const HOSTILE: &str = "
ALTER ROLE {role} SET datestyle = 'SQL, DMY';
ALTER ROLE {role} SET timezone = 'America/St_Johns';
ALTER ROLE {role} SET intervalstyle = 'sql_standard';
ALTER ROLE {role} SET extra_float_digits = -15;
ALTER ROLE {role} SET bytea_output = 'escape';
ALTER ROLE {role} SET array_nulls = off;
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET default_transaction_isolation = 'serializable';
ALTER ROLE {role} SET synchronous_commit = off;
ALTER ROLE {role} SET standard_conforming_strings = off;";

/// A stored value: how SQL writes it, how it reads, how it shows, and whether it may be set.
struct Case(&'static str, &'static str, Json, Set);

#[derive(PartialEq)]
enum Set {
    /// `normalise` takes what is shown.
    Yes,
    /// Not by a capability.
    No,
}
use Set::{No, Yes};

struct Kindred {
    native: &'static str,
    kind: Kind,
    cases: Vec<Case>,
}

fn of(native: &'static str, kind: Kind, cases: Vec<Case>) -> Kindred {
    Kindred { native, kind, cases }
}

fn numbers() -> Vec<Kindred> {
    vec![
        of(
            "int2",
            Kind::Integer,
            vec![Case("'-32768'", "-32768", json!(-32768), Yes), Case("'32767'", "32767", json!(32767), Yes)],
        ),
        of(
            "int4",
            Kind::Integer,
            vec![Case("'-2147483648'", "-2147483648", json!(-2_147_483_648_i64), Yes), Case("0", "0", json!(0), Yes)],
        ),
        of(
            "int8",
            Kind::Integer,
            vec![
                Case("'-9223372036854775808'", "-9223372036854775808", json!("-9223372036854775808"), Yes),
                Case("'9007199254740991'", "9007199254740991", json!(9_007_199_254_740_991_i64), Yes),
                Case("'9007199254740992'", "9007199254740992", json!("9007199254740992"), Yes),
            ],
        ),
        of("oid", Kind::Integer, vec![Case("'4294967295'", "4294967295", json!(4_294_967_295_i64), Yes)]),
        of(
            "numeric",
            Kind::Decimal,
            vec![
                Case("'1.10'", "1.10", json!("1.10"), Yes),
                Case("'1.1'", "1.1", json!("1.1"), Yes),
                Case("'NaN'", "NaN", json!("NaN"), No),
                Case(
                    "'12345678901234567890123456789012345678.000000001'",
                    "12345678901234567890123456789012345678.000000001",
                    json!("12345678901234567890123456789012345678.000000001"),
                    Yes,
                ),
            ],
        ),
        of(
            "numeric(10,2)",
            Kind::Decimal,
            vec![
                Case("10.005", "10.01", json!("10.01"), Yes),
                Case("'-99999999.99'", "-99999999.99", json!("-99999999.99"), Yes),
            ],
        ),
        of(
            "money",
            Kind::Decimal,
            vec![Case("'12.34'", "12.34", json!("12.34"), No), Case("'-0.01'", "-0.01", json!("-0.01"), No)],
        ),
        of(
            "float4",
            Kind::Float,
            vec![
                Case("'0.1'", "0.1", json!(0.1), Yes),
                Case("'3.4028235e38'", "3.4028235e+38", json!(3.4028235e38), No),
                Case("'NaN'", "NaN", json!("NaN"), No),
            ],
        ),
        of(
            "float8",
            Kind::Float,
            vec![
                Case("'0.1'", "0.1", json!(0.1), Yes),
                Case("0.1::float8 + 0.2::float8", "0.30000000000000004", json!(0.30000000000000004), Yes),
                Case("'-Infinity'", "-Infinity", json!("-Infinity"), No),
                Case("'-0'", "-0", serde_json::from_str("-0").unwrap(), No),
            ],
        ),
        of(
            "bool",
            Kind::Boolean,
            vec![Case("true", "true", json!(true), Yes), Case("false", "false", json!(false), Yes)],
        ),
        of("bit(5)", Kind::Bits, vec![Case("'10110'", "10110", json!("10110"), Yes)]),
        of(
            "bit varying(9)",
            Kind::Bits,
            vec![Case("'101'", "101", json!("101"), Yes), Case("'0101'", "0101", json!("0101"), Yes)],
        ),
        of(
            "bytea",
            Kind::Bytes,
            vec![Case("'\\x00ff5c27'", "\\x00ff5c27", json!("\\x00ff5c27"), Yes), Case("''", "\\x", json!("\\x"), Yes)],
        ),
    ]
}

fn texts() -> Vec<Kindred> {
    let text = |text: &'static str| json!(text);
    vec![
        of(
            "text",
            Kind::Text,
            vec![
                Case("E'a\\\\b''\"$1\\n€𝄞'", "a\\b'\"$1\n€𝄞", text("a\\b'\"$1\n€𝄞"), Yes),
                Case("''", "", text(""), Yes),
                Case("'NULL'", "NULL", text("NULL"), Yes),
            ],
        ),
        of(
            "text COLLATE loose",
            Kind::Text,
            vec![Case("'Acme'", "Acme", text("Acme"), Yes), Case("'acme'", "acme", text("acme"), Yes)],
        ),
        of("varchar(5)", Kind::Text, vec![Case("'a b  '", "a b  ", text("a b  "), Yes)]),
        of("char(6)", Kind::Text, vec![Case("'ab'", "ab", text("ab"), Yes), Case("'  ab'", "  ab", text("  ab"), Yes)]),
        of("name", Kind::Text, vec![Case("'n'", "n", text("n"), Yes)]),
        of("\"char\"", Kind::Text, vec![Case("'x'", "x", text("x"), Yes)]),
        of(
            "citext",
            Kind::Text,
            vec![Case("'Acme'", "Acme", text("Acme"), Yes), Case("'acme'", "acme", text("acme"), Yes)],
        ),
        of("short", Kind::Text, vec![Case("'abcde'", "abcde", text("abcde"), Yes)]),
        of(
            "uuid",
            Kind::Uuid,
            vec![Case(
                "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                Yes,
            )],
        ),
        of(
            "\"Odd.schema\".\"my \"\"mood\"",
            Kind::Enum,
            vec![
                Case("'o k'", "o k", text("o k"), Yes),
                Case("'Ünder \"q\"'", "Ünder \"q\"", text("Ünder \"q\""), Yes),
            ],
        ),
        of(
            "json",
            Kind::Json,
            vec![Case(
                "'{\"b\": 1.10,  \"a\":[null]}'",
                "{\"b\": 1.10,  \"a\":[null]}",
                json!({"b": serde_json::from_str::<Json>("1.10").unwrap(), "a": [null]}),
                No,
            )],
        ),
        of(
            "jsonb",
            Kind::Json,
            vec![Case(
                "'{\"b\": 12345678901234567890.50, \"a\": \"x\"}'",
                "{\"a\": \"x\", \"b\": 12345678901234567890.50}",
                serde_json::from_str("{\"a\": \"x\", \"b\": 12345678901234567890.50}").unwrap(),
                Yes,
            )],
        ),
        of("xml", Kind::Other, vec![Case("'<a b=\"1\">x</a>'", "<a b=\"1\">x</a>", text("<a b=\"1\">x</a>"), No)]),
    ]
}

fn times() -> Vec<Kindred> {
    let text = |text: &'static str| json!(text);
    vec![
        of(
            "timestamptz",
            Kind::Instant,
            vec![
                Case("'2026-06-20 14:31:08.10+02'", "2026-06-20 12:31:08.1+00", text("2026-06-20T12:31:08.1Z"), Yes),
                Case(
                    "'2026-10-25 00:30:00.000001+00'",
                    "2026-10-25 00:30:00.000001+00",
                    text("2026-10-25T00:30:00.000001Z"),
                    Yes,
                ),
                Case(
                    "'2026-10-25 01:30:00.000001+00'",
                    "2026-10-25 01:30:00.000001+00",
                    text("2026-10-25T01:30:00.000001Z"),
                    Yes,
                ),
                Case("'0044-03-15 12:00:00+00 BC'", "0044-03-15 12:00:00+00 BC", text("0044-03-15 12:00:00+00 BC"), No),
                Case("'0099-03-04 12:00:00+00'", "0099-03-04 12:00:00+00", text("0099-03-04T12:00:00Z"), Yes),
                Case(
                    "'294276-12-31 23:59:59.999999+00'",
                    "294276-12-31 23:59:59.999999+00",
                    text("294276-12-31 23:59:59.999999+00"),
                    No,
                ),
                Case("'-infinity'", "-infinity", text("-infinity"), Yes),
            ],
        ),
        of(
            "timestamptz(0)",
            Kind::Instant,
            vec![Case("'2026-06-20 14:31:08.5+00'", "2026-06-20 14:31:09+00", text("2026-06-20T14:31:09Z"), Yes)],
        ),
        of(
            "timestamp",
            Kind::DateTime,
            vec![
                Case(
                    "'2026-02-03 14:31:08.123456'",
                    "2026-02-03 14:31:08.123456",
                    text("2026-02-03 14:31:08.123456"),
                    Yes,
                ),
                Case("'2026-03-29 02:30:00'", "2026-03-29 02:30:00", text("2026-03-29 02:30:00"), Yes),
                Case("'4713-11-24 00:00:00 BC'", "4713-11-24 00:00:00 BC", text("4713-11-24 00:00:00 BC"), No),
            ],
        ),
        of(
            "timestamp(3)",
            Kind::DateTime,
            vec![Case("'2026-02-03 14:31:08.1236'", "2026-02-03 14:31:08.124", text("2026-02-03 14:31:08.124"), Yes)],
        ),
        of(
            "date",
            Kind::Date,
            vec![
                Case("'2026-02-03'", "2026-02-03", text("2026-02-03"), Yes),
                Case("'0001-02-03 BC'", "0001-02-03 BC", text("0001-02-03 BC"), No),
                Case("'infinity'", "infinity", text("infinity"), Yes),
            ],
        ),
        of(
            "time",
            Kind::Time,
            vec![
                Case("'24:00:00'", "24:00:00", text("24:00:00"), Yes),
                Case("'01:02:03.000004'", "01:02:03.000004", text("01:02:03.000004"), Yes),
            ],
        ),
        of("timetz", Kind::Time, vec![Case("'01:02:03-04:30'", "01:02:03-04:30", text("01:02:03-04:30"), Yes)]),
        of(
            "interval",
            Kind::Interval,
            vec![
                Case("'1 year 2 months -3 days 04:05:06.789'", "P1Y2M-3DT4H5M6.789S", text("P1Y2M-3DT4H5M6.789S"), No),
                Case("'30 days'", "P30D", text("P30D"), No),
                Case("'1 month'", "P1M", text("P1M"), No),
                Case("'-1 year +1 month -00:00:00.000001'", "P-11MT-0.000001S", text("P-11MT-0.000001S"), No),
                Case("'24:00:00'", "PT24H", text("PT24H"), No),
            ],
        ),
    ]
}

fn composed() -> Vec<Kindred> {
    let array = |kind| Kind::Array(Box::new(kind));
    let text = |text: &'static str| json!(text);
    vec![
        of(
            "int[]",
            array(Kind::Integer),
            vec![
                Case("'{1,NULL,3}'", "{1,NULL,3}", json!([1, null, 3]), No),
                Case("'{}'", "{}", json!([]), No),
                Case("'[0:1]={1,2}'", "[0:1]={1,2}", json!([1, 2]), No),
            ],
        ),
        of("grid", array(Kind::Integer), vec![Case("'{{1,2},{3,4}}'", "{{1,2},{3,4}}", json!([[1, 2], [3, 4]]), No)]),
        of(
            "text[]",
            array(Kind::Text),
            vec![Case(
                "ARRAY['a \"b\" \\', 'NULL', NULL, '']",
                "{\"a \\\"b\\\" \\\\\",\"NULL\",NULL,\"\"}",
                json!(["a \"b\" \\", "NULL", null, ""]),
                No,
            )],
        ),
        of("short[]", array(Kind::Text), vec![Case("'{abcde}'", "{abcde}", json!(["abcde"]), No)]),
        of("char(3)[]", array(Kind::Text), vec![Case("'{a,abc}'", "{a,abc}", json!(["a", "abc"]), No)]),
        of("citext[]", array(Kind::Text), vec![Case("'{A,a}'", "{A,a}", json!(["A", "a"]), No)]),
        of(
            "timestamptz[]",
            array(Kind::Instant),
            vec![Case(
                "'{2026-06-20 14:31:08+02}'",
                "{\"2026-06-20 12:31:08+00\"}",
                json!(["2026-06-20T12:31:08Z"]),
                No,
            )],
        ),
        of(
            "float8[]",
            array(Kind::Float),
            vec![Case(
                "'{0.1,0.30000000000000004}'",
                "{0.1,0.30000000000000004}",
                json!([0.1, 0.30000000000000004]),
                No,
            )],
        ),
        of("money[]", array(Kind::Decimal), vec![Case("'{12.34}'", "{12.34}", json!(["12.34"]), No)]),
        of("bool[]", array(Kind::Boolean), vec![Case("'{t,f}'", "{t,f}", json!([true, false]), No)]),
        of(
            "\"Odd.schema\".\"my \"\"mood\"[]",
            array(Kind::Enum),
            vec![Case(
                "ARRAY['o k', 'sad']::\"Odd.schema\".\"my \"\"mood\"[]",
                "{\"o k\",sad}",
                json!(["o k", "sad"]),
                No,
            )],
        ),
        of("int4range", Kind::Other, vec![Case("'[1,5]'", "[1,6)", text("[1,6)"), No)]),
        of(
            "tstzrange",
            Kind::Other,
            vec![Case(
                "'[2026-01-01 00:00+01,)'",
                "[\"2025-12-31 23:00:00+00\",)",
                text("[\"2025-12-31 23:00:00+00\",)"),
                No,
            )],
        ),
        of(
            "pair",
            Kind::Other,
            vec![Case(
                "ROW(1, '2026-01-01 00:00+01')",
                "(1,\"2025-12-31 23:00:00+00\")",
                text("(1,\"2025-12-31 23:00:00+00\")"),
                No,
            )],
        ),
        of("point", Kind::Other, vec![Case("'(0.1,2)'", "(0.1,2)", text("(0.1,2)"), No)]),
        of("inet", Kind::Other, vec![Case("'10.0.0.1/8'", "10.0.0.1/8", text("10.0.0.1/8"), No)]),
        of(
            "hstore",
            Kind::Other,
            vec![Case("'a=>1, b=>NULL'", "\"a\"=>\"1\", \"b\"=>NULL", text("\"a\"=>\"1\", \"b\"=>NULL"), No)],
        ),
        of("tsvector", Kind::Other, vec![Case("'a:1 b:2A'", "'a':1 'b':2A", text("'a':1 'b':2A"), No)]),
        of("int2vector", Kind::Other, vec![Case("'1 2'", "1 2", text("1 2"), No)]),
        of(
            "aclitem",
            Kind::Other,
            vec![Case("'postgres=r/postgres'", "postgres=r/postgres", text("postgres=r/postgres"), No)],
        ),
        of(
            "aclitem[]",
            array(Kind::Other),
            vec![Case("'{postgres=r/postgres}'", "{postgres=r/postgres}", json!(["postgres=r/postgres"]), No)],
        ),
        of("xid", Kind::Other, vec![Case("'7'", "7", text("7"), No)]),
    ]
}

#[tokio::test]
async fn numbers_keep_their_identity() {
    check(numbers()).await;
}

#[tokio::test]
async fn texts_keep_their_identity() {
    check(texts()).await;
}

#[tokio::test]
async fn times_keep_their_identity() {
    check(times()).await;
}

#[tokio::test]
async fn composed_values_keep_their_identity() {
    check(composed()).await;
}

async fn check(kindreds: Vec<Kindred>) {
    let mut schema = TYPES.to_owned();
    for (index, kindred) in kindreds.iter().enumerate() {
        schema.push_str(&format!(
            "CREATE TABLE v{index} (id int PRIMARY KEY, tenant_id text, v {}, n int NOT NULL DEFAULT 0);
             INSERT INTO v{index} VALUES (1, 'acme', NULL);",
            kindred.native
        ));
        for (row, Case(literal, ..)) in kindred.cases.iter().enumerate() {
            schema.push_str(&format!("INSERT INTO v{index} VALUES ({}, 'acme', {literal});", row + 2));
        }
    }
    let site = site(&schema).await;
    for role in ["{reader}", "{writer}"] {
        site.db.execute(&HOSTILE.replace("{role}", role)).await;
    }
    let mut wrong = Vec::new();
    for (index, kindred) in kindreds.iter().enumerate() {
        wrong.extend(check_kindred(&site, &format!("v{index}"), kindred).await);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with one type, in words.
async fn check_kindred(site: &Site, name: &str, kindred: &Kindred) -> Vec<String> {
    let table = site.table(name).await;
    let v = column(&table, "v");
    let mut wrong = Vec::new();
    if v.kind != kindred.kind {
        wrong.push(format!("{}: {:?}", kindred.native, v.kind));
    }
    let mut seen: Vec<Cell> = vec![Cell::null(v.kind.clone())];
    for (row, Case(_, text, shown, set)) in kindred.cases.iter().enumerate() {
        let id = json!(row + 2);
        let mut note = |what: String| wrong.push(format!("{} {text}: {what}", kindred.native));
        let rows = site.read(&table, &id, "acme").await;
        let found = rows[0][2].clone();
        if found.text() != Some(text) || found.json() != *shown {
            note(format!("read {:?}, shown {}", found.text(), found.json()));
        }
        let guarded = |cell: &Cell| guard(&table, &id, cell);
        let effect = write_one(site, &table, guarded(&found)).await;
        if !matches!(effect, Effect::Committed { .. }) {
            note(format!("as a guard: {effect:?}"));
        }
        for other in seen.iter().filter(|other| **other != found) {
            let effect = write_one(site, &table, guarded(other)).await;
            if effect != (Effect::Missed { affected: 0, look: vec![vec![false]] }) {
                note(format!("guarded by {:?}: {effect:?}", other.text()));
            }
        }
        if *set == Yes
            && let Err(what) = patched(site, &table, text, shown).await
        {
            note(what);
        }
        seen.push(found);
    }
    wrong
}

fn guard(table: &Table, id: &Json, cell: &Cell) -> Filter {
    filter(table, id, "acme").unwrap().and(column(table, "v"), cell.clone())
}

async fn write_one(site: &Site, table: &Table, filter: Filter) -> Effect {
    let n = column(table, "n");
    let mut change = change_of(table, filter);
    change.patch = vec![(n.clone(), cell(&n, "1"))];
    site.transact(&change).await
}

fn change_of(table: &Table, filter: Filter) -> synapsor_core::sql::write::Change {
    let mut change = change(table, "n", "1");
    change.filter = filter;
    change
}

/// Sets what is shown, through `normalise`, in a row that holds NULL, and reads it back.
async fn patched(site: &Site, table: &Table, text: &str, shown: &Json) -> Result<(), String> {
    let v = column(table, "v");
    let cell = normalise(&v, shown).map_err(|unfit| format!("not taken: {unfit}"))?;
    if cell.text() != Some(text) {
        return Err(format!("normalised to {:?}", cell.text()));
    }
    let mut change = change_of(table, guard(table, &json!(1), &Cell::null(v.kind.clone())));
    change.patch = vec![(v.clone(), cell.clone())];
    let effect = site.transact(&change).await;
    if !matches!(effect, Effect::Committed { .. }) {
        return Err(format!("as a patch: {effect:?}"));
    }
    let rows = site.read(table, &json!(1), "acme").await;
    site.db.execute(&format!("UPDATE {} SET v = NULL WHERE id = 1", table.name)).await;
    if rows[0][2] == cell { Ok(()) } else { Err(format!("patched, it reads {:?}", rows[0][2].text())) }
}

#[tokio::test]
async fn limits_and_names_come_from_the_catalog() {
    let site = site(&format!(
        "{TYPES} CREATE TABLE t (id int PRIMARY KEY, tenant_id text, a varchar(7), b char(4), c numeric(10,2), d numeric(2,-3),
           e timestamp(3), f timestamptz, g bit(9), h shorter, i interval, j \"Odd.schema\".\"my \"\"mood\" NOT NULL,
           k int GENERATED ALWAYS AS (id + 1) STORED, l int GENERATED ALWAYS AS IDENTITY,
           m int GENERATED BY DEFAULT AS IDENTITY, n numeric, o interval(2));
         CREATE TABLE gone (id int, dropped text); ALTER TABLE gone DROP COLUMN dropped;"
    ))
    .await;
    let table = site.table("t").await;
    let shown: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let limits = &column.limits;
            let Native::Postgres { own, cast, send } = &column.native else { panic!() };
            let flags = [(column.nullable, " null"), (column.generated, " generated")];
            let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
            format!(
                "{} {}{flags}: {own} {cast} {send} chars {:?} range {:?} precision {:?} scale {:?} fraction {:?} labels {:?}",
                column.name,
                column.kind.word(),
                limits.chars,
                limits.range,
                limits.precision,
                limits.scale,
                limits.fraction,
                limits.labels
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(site.table("gone").await.columns.len(), 1);
}
