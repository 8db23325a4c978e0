//! Exact decimal numbers of any length: read, compared and rounded without a float in between.

use std::cmp::Ordering;

/// A decimal number in one form per value: `digits × 10^exponent`, digits without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `-12.50`, `.5`, `5.` or `1e2`; `None` if it is no number, or its exponent has more digits than an `i32` holds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let places = i64::try_from(fraction.len()).ok()?;
        Some(Self::normal(negative, &format!("{whole}{fraction}"), i64::from(exponent) - places))
    }

    fn normal(negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        let cut = i64::try_from(digits.len() - kept.len()).unwrap_or(i64::MAX);
        Self { negative, digits: kept.to_owned(), exponent: exponent.saturating_add(cut) }
    }

    /// Whether it is zero, which has no sign.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it has no fraction.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// The number of digits before the point; zero or less for numbers below one.
    #[must_use]
    pub fn whole_digits(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX).saturating_add(self.exponent)
    }

    /// The number of digits needed after the point.
    #[must_use]
    pub fn places(&self) -> i64 {
        self.exponent.saturating_neg().max(0)
    }

    /// Rounds to so many digits after the point, halves away from zero, as SQL does.
    #[must_use]
    pub fn round(&self, places: u32) -> Self {
        let drop = self.places() - i64::from(places);
        if drop <= 0 {
            return self.clone();
        }
        let keep = usize::try_from(drop).ok().and_then(|drop| self.digits.len().checked_sub(drop));
        let Some((kept, dropped)) = keep.and_then(|keep| self.digits.split_at_checked(keep)) else {
            return Self::normal(false, "", 0);
        };
        let up = dropped.starts_with(['5', '6', '7', '8', '9']);
        let kept = if up { plus_one(kept) } else { kept.to_owned() };
        Self::normal(self.negative, &kept, -i64::from(places))
    }

    /// The number as digits and exponent; short whatever its size.
    #[must_use]
    pub fn scientific(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        format!("{sign}{digits}e{}", self.exponent)
    }

    /// The number in plain digits with at least so many after the point; the caller bounds its length first.
    #[must_use]
    pub fn plain(&self, places: u32) -> String {
        let places = usize::try_from(self.places().max(i64::from(places))).unwrap_or(0);
        let zeros = usize::try_from(self.exponent.max(0)).unwrap_or(0);
        let mut all = format!("{}{}", self.digits, "0".repeat(zeros));
        let have = usize::try_from(self.places()).unwrap_or(0);
        all.push_str(&"0".repeat(places - have));
        if all.len() <= places {
            all = format!("{}{all}", "0".repeat(places + 1 - all.len()));
        }
        let sign = if self.negative { "-" } else { "" };
        match all.split_at_checked(all.len() - places) {
            Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
            _ => format!("{sign}{all}"),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_size = || self.whole_digits().cmp(&other.whole_digits()).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| if self.negative { by_size().reverse() } else { by_size() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn read_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn plus_one(digits: &str) -> String {
    let stem = digits.trim_end_matches('9');
    let nines = digits.len() - stem.len();
    let mut bumped = stem.to_owned();
    let last = bumped.pop().and_then(|c| c.to_digit(10)).unwrap_or(0) + 1;
    format!("{bumped}{last}{}", "0".repeat(nines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_read_round_and_print() {
        let check = |text: &str, places: u32, expect: &str| {
            assert_eq!(Decimal::parse(text).unwrap().round(places).plain(places), expect, "{text}");
        };
        check("10.005", 2, "10.01");
        check("-10.005", 2, "-10.01");
        check("10.0049999999999999999999999", 2, "10.00");
        check("999.995", 2, "1000.00");
        check("0.5", 0, "1");
        check("0.49", 0, "0");
        check("-0.004", 2, "0.00");
        check("0.0005", 2, "0.00");
        check("0.005", 2, "0.01");
        check("1e2", 1, "100.0");
        check("1E-3", 3, "0.001");
        check("+.5", 1, "0.5");
        check("5.", 0, "5");
        check("00012.3400", 2, "12.34");
        check("123456789012345678901234567890.125", 2, "123456789012345678901234567890.13");
    }

    #[test]
    fn other_text_is_no_number() {
        for bad in
            ["", ".", "-", "+-1", "1 ", " 1", "1e", "1e+", "e5", "1,0", "0x1", "NaN", "1e99999999999", "1e2e3", "１"]
        {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn rounding_agrees_with_whole_number_arithmetic(units in any::<i64>(), have in 0u32..12, want in 0u32..12) {
            let text = Decimal::parse(&format!("{units}e-{have}")).unwrap().round(want).plain(want);
            let scaled = i128::from(units) * 10_i128.pow(12 - have);
            let step = 10_i128.pow(12 - want);
            let rounded = (scaled.abs() + step / 2) / step * scaled.signum();
            prop_assert_eq!(text.replace('.', "").parse::<i128>().unwrap(), rounded);
        }

        #[test]
        fn order_agrees_with_whole_number_arithmetic(a in any::<i32>(), b in any::<i32>(), x in 0u32..9, y in 0u32..9) {
            let number = |units: i32, places: u32| Decimal::parse(&format!("{units}e-{places}")).unwrap();
            let scaled = |units: i32, places: u32| i128::from(units) * 10_i128.pow(9 - places);
            prop_assert_eq!(number(a, x).cmp(&number(b, y)), scaled(a, x).cmp(&scaled(b, y)));
        }
    }
}
