use super::calendar::days_from_civil;
use super::*;
use proptest::prelude::*;

/// 2026-06-20 14:31:08.123456 UTC.
const NOW: i64 = 1_781_965_868_123_456;

#[test]
fn versions_move_in_their_own_shape() {
    let check =
        |expected: &str, next: &str| assert_eq!(advance_text(expected, NOW).as_deref(), Some(next), "{expected}");
    check("2026-06-20 10:00:00", "2026-06-20 14:31:08");
    check("2026-06-20 10:00:00.000", "2026-06-20 14:31:08.123");
    check("2026-06-20T10:00:00.000000Z", "2026-06-20T14:31:08.123456Z");
    check("2026-06-20T10:00:00.123456789Z", "2026-06-20T14:31:08.123456000Z");
    check("2026-06-20 10:00:00+00", "2026-06-20 14:31:08+00");
    check("2026-06-20T10:00:00.0+02:00", "2026-06-20T16:31:08.1+02:00");
    check("2026-06-20T08:00:00-0530", "2026-06-20T09:01:08-0530");
    check("2026-06-20 10:00:00 UTC", "2026-06-20 14:31:08 UTC");
    check("2026-06-20 10:00", "2026-06-20 14:31");
    // The clock is behind, or in the same unit: one unit on.
    check("2026-06-20 14:31:08", "2026-06-20 14:31:09");
    check("2026-06-20T14:31:08.123456Z", "2026-06-20T14:31:08.123457Z");
    check("2026-12-31 23:59:59.999", "2027-01-01 00:00:00.000");
    check("2028-02-28T23:59:59.9+14:00", "2028-02-29T00:00:00.0+14:00");
    check("2030-01-01 10:59", "2030-01-01 11:00");
}

#[test]
fn other_text_does_not_move() {
    for text in [
        "",
        "v1",
        "42",
        "2026-06-20",
        "14:31:08",
        "infinity",
        "0000-00-00 00:00:00",
        "2026-02-29 00:00:00",
        "2026-06-20 24:00:00",
        "2026-06-20 14:31:60",
        "2026-06-20 1:31:08",
        "2026-6-20 14:31:08",
        "2026-06-20 14:31:08.",
        "2026-06-20 14:31:08.1234567890",
        "2026-06-20 14:31.5",
        "2026-06-20 14:31:08 CEST",
        "2026-06-20 14:31:08+25",
        "2026-06-20 14:31:08+1",
        "2026-06-20  14:31:08",
        " 2026-06-20 14:31:08",
        "2026-06-20 14:31:08Zx",
        "0044-03-15 00:00:00 BC",
        "10000-01-01 00:00:00",
        "9999-12-31 23:59:59",
        "2026-06-20 14:31:08+1é:0",
        "é",
        "2026-06-20 14:3１:08",
        "2026-06-20t14:31:08",
    ] {
        assert_eq!(advance_text(text, NOW), None, "{text}");
    }
}

#[test]
fn instants_show_as_rfc_3339() {
    let check = |text: &str, expect: &str| assert_eq!(instant_rfc3339(text), expect);
    check("2026-06-20 14:31:08.10+00", "2026-06-20T14:31:08.10Z");
    check("2026-06-20 14:31:08", "2026-06-20T14:31:08Z");
    for kept in [
        "infinity",
        "-infinity",
        "0000-00-00 00:00:00",
        "2026-00-00 00:00:00",
        "0044-03-15 12:00:00+00 BC",
        "10000-01-01 00:00:00+00",
        "2026-06-20 14:31:08+02",
        "2026-06-20",
        "paid late, see 2026",
        "",
    ] {
        check(kept, kept);
    }
}

#[test]
fn times_are_ordered_over_offsets_and_eras() {
    let ordered = [
        "-infinity",
        "0000-00-00 00:00:00.000000",
        "4713-01-01 00:00:00 BC",
        "0002-12-31 23:59:59+00 BC",
        "0001-01-01 00:00:00 BC",
        "0001-01-01",
        "1969-12-31 23:59:59.999999999",
        "1970-01-01",
        "2026-06-20T14:31:08+02:00",
        "2026-06-20 14:31:08",
        "2026-06-20 14:31:08.1",
        "2026-06-20T14:31:08-02",
        "9999-12-31 23:59:59",
        "10000-01-01 00:00:00+00",
        "infinity",
    ];
    for pair in ordered.windows(2) {
        assert!(order_key(pair[0]).unwrap() < order_key(pair[1]).unwrap(), "{} < {}", pair[0], pair[1]);
    }
    assert_eq!(order_key("2026-06-20T16:31:08+02:00"), order_key("2026-06-20 14:31:08.000"));
    assert_eq!(order_key("1970-01-01T00:00:00.000000001Z"), Some(1));
    assert!(["", "x", "14:31:08", "2026-00-00 00:00:00", "2026-13-01"].iter().all(|text| order_key(text).is_none()));
}

#[test]
fn epochs_keep_their_digits() {
    let check = |text: &str, expect: Option<&str>| assert_eq!(epoch_decimal(text).as_deref(), expect, "{text}");
    check("2026-06-20 14:31:08.123456", Some("1781965868.123456"));
    check("2026-06-20 14:31:08.100", Some("1781965868.100"));
    check("2026-06-20T14:31:08Z", Some("1781965868"));
    check("2026-06-20 14:31:08+00", Some("1781965868"));
    check("1970-01-01 00:00:01.05", Some("1.05"));
    check("0000-00-00 00:00:00", Some("0"));
    check("0000-00-00 00:00:00.000000", Some("0"));
    check("2026-06-20 14:31:08+02", None);
    check("1969-12-31 23:59:59", None);
    check("2026-06-20", None);
    check("0000-00-00 00:00:01", None);
}

#[test]
fn the_calendar_agrees_with_another() {
    let mut date = jiff::civil::date(1, 1, 1);
    while let Ok(next) = date.checked_add(jiff::Span::new().days(17)) {
        let days = i64::from(date.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days());
        assert_eq!(days_from_civil(date.year().into(), date.month().into(), date.day().into()), Some(days), "{date}");
        assert_eq!(date_text(days), Some(date.to_string()), "{date}");
        date = next;
    }
    assert_eq!(date_text(days_from_civil(9999, 12, 31).unwrap() + 1), None);
    assert_eq!(date_text(days_from_civil(1, 1, 1).unwrap() - 1), None);
}

proptest! {
    #[test]
    fn the_next_version_is_later(
        seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000, digits in 0_usize..10,
        separator in prop::sample::select(vec!["T", " "]),
        zone in prop::sample::select(vec!["", "Z", "+00", "+02:00", "-0330", " UTC"]),
        now in any::<i64>(),
    ) {
        let date = date_text(seconds.div_euclid(86_400)).unwrap();
        let second = seconds.rem_euclid(86_400);
        let fraction = format!(".{nanos:09}").chars().take(if digits == 0 { 0 } else { digits + 1 }).collect::<String>();
        let clock = format!("{:02}:{:02}:{:02}{fraction}", second / 3600, second / 60 % 60, second % 60);
        let text = format!("{date}{separator}{clock}{zone}");
        if let Some(next) = advance_text(&text, now) {
            prop_assert_eq!(next.len(), text.len());
            prop_assert!(next > text, "{} after {}", next, text);
            prop_assert!(order_key(&next) > order_key(&text));
            prop_assert!(order_key(&next).unwrap() + 1_000_000_000 > i128::from(now) * 1000);
        } else {
            prop_assert!(now > 253_402_000_000_000_000);
        }
    }

    #[test]
    fn any_text_is_survived(text in "[0-9TZ:. +\\-éBCinfty]{0,40}", now in any::<i64>()) {
        let _ = (advance_text(&text, now), order_key(&text), epoch_decimal(&text), instant_rfc3339(&text));
    }
}
