use proptest::prelude::*;
use serde_json::json;

use super::*;

fn any_column() -> impl Strategy<Value = Column> {
    let small = Limits { range: Some((-32768, 32767)), ..none() };
    let one_of = Limits { labels: vec!["open".into(), "paid".into(), "1".into()], ..none() };
    let mut columns = vec![
        pg(Kind::Integer, "int2", small),
        pg(Kind::Decimal, "numeric", digits(8, 3)),
        pg(Kind::Decimal, "numeric", none()),
        pg(Kind::Float, "float4", none()),
        pg(Kind::Float, "float8", none()),
        pg(Kind::Boolean, "bool", none()),
        pg(Kind::Text, "bpchar", chars(6)),
        pg(Kind::Enum, "status", one_of),
        pg(Kind::Uuid, "uuid", none()),
        pg(Kind::Instant, "timestamptz", fraction(2)),
        pg(Kind::DateTime, "timestamp", none()),
        pg(Kind::Date, "date", none()),
        pg(Kind::Time, "timetz", fraction(3)),
        pg(Kind::Time, "time", none()),
        pg(Kind::Json, "jsonb", none()),
        pg(Kind::Json, "json", none()),
        pg(Kind::Bytes, "bytea", none()),
        pg(Kind::Bits, "varbit", chars(9)),
        my(Kind::Integer, "bigint", none()),
        my(Kind::Decimal, "decimal", digits(8, 3)),
        my(Kind::Float, "float", none()),
        my(Kind::Float, "double", digits(10, 3)),
        my(Kind::Text, "char", chars(6)),
        my(Kind::Instant, "timestamp", fraction(3)),
        my(Kind::DateTime, "datetime", none()),
        my(Kind::Time, "time", fraction(2)),
        my(Kind::Json, "json", none()),
        my(Kind::Bits, "bit", chars(9)),
    ];
    for kind in [Kind::Integer, Kind::Decimal, Kind::Float, Kind::Boolean, Kind::Text, Kind::Json, Kind::Other] {
        for affinity in [Affinity::Integer, Affinity::Text, Affinity::Blob, Affinity::Real, Affinity::Numeric] {
            columns.push(lite(kind.clone(), affinity));
        }
    }
    prop::sample::select(columns)
}

/// Whether a value shows as itself: where SQLite has no type at all, a long whole number shows as a text, and is one then.
fn shows_as_itself(column: &Column, cell: &Cell) -> bool {
    column.native != Native::Sqlite { affinity: Affinity::Blob }
        || cell.kind() != &Kind::Integer
        || cell.json().is_number()
}

fn any_value() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-100_i32..100).prop_map(Json::from),
        "-?[0-9]{1,7}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?".prop_map(Json::from),
        "-?[1-9][0-9]{0,20}(\\.[0-9]{1,9})?(e-?[0-9]{1,3})?".prop_map(|text| parse(&text)),
        "[01]{1,9}".prop_map(Json::from),
        "\\\\x([0-9a-fA-F]{2}){0,6}".prop_map(Json::from),
        "[ a-zé]{0,8}".prop_map(Json::from),
        "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]0[0-9](:30)?)?)?"
            .prop_map(Json::from),
        "-?[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]0[0-9](:30)?)?".prop_map(Json::from),
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Json::from),
        prop::collection::vec(("[a-c]{0,3}", -1e20..1e20), 0..4)
            .prop_map(|list| list.into_iter().map(|(key, number)| (key, json!([number, "x"]))).collect()),
        any::<String>().prop_map(Json::from),
        prop::sample::select(vec![json!(null), json!("open"), json!("infinity"), json!("true"), json!("[1.50]")]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_stored_value_stays_as_it_is(column in any_column(), value in any_value()) {
        if let Ok(cell) = normalise(&column, &value)
            && shows_as_itself(&column, &cell) {
            prop_assert_eq!(normalise(&column, &cell.json()), Ok(cell), "{:?} {}", column, value);
        }
    }

    #[test]
    fn a_key_is_a_stored_value_and_finds_itself(column in any_column(), value in any_value()) {
        if let Some(cell) = key(&column, &value)
            && shows_as_itself(&column, &cell) {
            let told = if column.kind == Kind::Boolean { cell.json() } else { value.clone() };
            prop_assert_eq!(normalise(&column, &told), Ok(cell.clone()), "{:?} {}", column, value);
            prop_assert_eq!(key(&column, &cell.json()), Some(cell), "{:?} {}", column, value);
        }
    }

    #[test]
    fn decimals_round_as_whole_numbers_do(units in -(10_i64.pow(11))..10_i64.pow(11), have in 0_u32..9, scale in 0_u32..9) {
        let column = pg(Kind::Decimal, "numeric", digits(12, scale));
        let scaled = i128::from(units) * 10_i128.pow(9 - have);
        let step = 10_i128.pow(9 - scale);
        let rounded = (scaled.abs() * 2 + step) / (step * 2) * scaled.signum();
        let text = normalise(&column, &Json::from(format!("{units}e-{have}"))).map(|cell| cell.text().unwrap_or_default().replace('.', ""));
        if rounded.abs() < 10_i128.pow(12) {
            prop_assert_eq!(text.map(|text| text.parse::<i128>().unwrap()), Ok(rounded));
        } else {
            prop_assert_eq!(text, Err(Unfit::TooManyDigits { max: 12 - i64::from(scale) }));
        }
    }
}
