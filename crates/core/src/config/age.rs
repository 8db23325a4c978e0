//! Lengths of time as they are written in the file.

/// The same as [`seconds`] accepts, but for the upper end.
pub(crate) const PATTERN: &str = "^0*[1-9][0-9]{0,8}[smhd]$";

const LONGEST: u64 = 3650 * 24 * 3600;

/// Reads a length of time such as `90s`, `15m`, `12h` or `7d`, from one second to 3650 days.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| all_digits)?;
    count.checked_mul(unit).filter(|seconds| (1..=LONGEST).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn ages_are_read() {
        let cases =
            [("1s", 1), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("3650d", 315_360_000), ("007d", 604_800)];
        for (text, expect) in cases {
            assert_eq!(seconds(text), Some(expect), "{text}");
        }
        for bad in ["", "d", "0s", "7", "7 d", "+7d", "-7d", "1.5h", "3651d", "99999999999999999999d", "7D", "7é", "٧d"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
