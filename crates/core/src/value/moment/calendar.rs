//! The proleptic Gregorian calendar.

/// A number of exactly two digits, at most `largest`.
pub(super) fn two_digits(text: &str, largest: i64) -> Option<i64> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok().filter(|number| *number <= largest) } else { None }
}

/// `2026-06-20` as days since 1970-01-01. The year has four to seven digits and is not zero.
pub(crate) fn parse_date(text: &str, before_christ: bool) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let plain = (4..=7).contains(&year.len()) && year.bytes().all(|b| b.is_ascii_digit());
    let year: i64 = if plain { year.parse().ok().filter(|year| *year > 0)? } else { return None };
    let year = if before_christ { 1 - year } else { year };
    days_from_civil(year, two_digits(month, 12)?, two_digits(day, 31)?)
}

/// Days since 1970-01-01 of a day that exists. Year 0 is 1 BC.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Counted from 1 March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970)
}

/// From 1 March of year 0 to 1 January 1970.
const DAYS_TO_1970: i64 = 719_468;

/// Days since 1970-01-01 as `2026-06-20`; `None` outside the years 1 to 9999.
pub(crate) fn date_text(days: i64) -> Option<String> {
    let days = days.checked_add(DAYS_TO_1970)?;
    let cycle = days.div_euclid(146_097);
    let in_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (in_cycle - in_cycle / 1460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year_of_cycle + carry;
    (1..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}
