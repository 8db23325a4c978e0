//! Times as text: the shapes engines print, read with the shape they had, shown as RFC 3339, ordered, and moved on.

mod calendar;

pub(crate) use calendar::{date_text, parse_date};

pub(crate) const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// A date and time with the shape of the text it came from. Years have four digits or more, days exist, hours end at 23.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Nanoseconds since 1970-01-01 00:00:00 on the clock that the text shows.
    pub(crate) local: i128,
    /// Seconds east of UTC, if the text says.
    pub(crate) offset: Option<i32>,
    separator: char,
    clock: Clock,
    zone: String,
    long_year: bool,
}

impl Moment {
    /// Reads `2026-06-20 14:31[:08[.123456789]]`, `T` for the blank, with nothing, `Z`, `UTC` or an offset after it, and
    /// PostgreSQL's ` BC`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, before_christ) = match text.strip_suffix(" BC") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (date, rest) = text.split_once(['T', ' '])?;
        let separator = if text.get(date.len()..)?.starts_with('T') { 'T' } else { ' ' };
        let days = parse_date(date, before_christ)?;
        let (clock, zone) = split_zone(rest);
        let offset = if zone.is_empty() { None } else { Some(parse_zone(zone)?) };
        let (clock, nanos) = Clock::parse(clock)?;
        let local = i128::from(days) * DAY + i128::from(nanos);
        let long_year = before_christ || date.len() > 10;
        Some(Self { local, offset, separator, clock, zone: zone.to_owned(), long_year })
    }

    /// Nanoseconds since 1970-01-01 00:00:00 UTC; a text without a zone counts as UTC.
    pub(crate) fn utc(&self) -> i128 {
        self.local - self.east()
    }

    fn east(&self) -> i128 {
        i128::from(self.offset.unwrap_or(0)) * SECOND
    }

    /// Another time on the same clock in the same shape; `None` outside the years 1 to 9999.
    fn shaped(&self, local: i128) -> Option<String> {
        let date = date_text(i64::try_from(local.div_euclid(DAY)).ok()?)?;
        let clock = self.clock.text(local.rem_euclid(DAY));
        Some(format!("{date}{}{clock}{}", self.separator, self.zone))
    }
}

/// How finely a time of day is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Whether there are seconds.
    pub(crate) seconds: bool,
    /// Digits of a second's fraction.
    pub(crate) fraction: u8,
}

impl Clock {
    /// Reads `14:31[:08[.123456789]]`, and the nanoseconds since midnight that it shows.
    pub(crate) fn parse(text: &str) -> Option<(Self, i64)> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let mut parts = whole.split(':');
        let hours = calendar::two_digits(parts.next()?, 23)?;
        let minutes = calendar::two_digits(parts.next()?, 59)?;
        let seconds = parts.next();
        if parts.next().is_some() || (fraction.is_some() && seconds.is_none()) {
            return None;
        }
        let second = seconds.map_or(Some(0), |seconds| calendar::two_digits(seconds, 59))?;
        let nanos = fraction.map_or(Some(0), parse_fraction)?;
        let clock = Self { seconds: seconds.is_some(), fraction: u8::try_from(fraction.map_or(0, str::len)).ok()? };
        Some((clock, ((hours * 60 + minutes) * 60 + second) * 1_000_000_000 + nanos))
    }

    /// The smallest step it can show, in nanoseconds.
    fn unit(self) -> i128 {
        if self.seconds { SECOND / 10_i128.pow(u32::from(self.fraction.min(9))) } else { 60 * SECOND }
    }

    /// A time of day, cut to what the shape shows. Hours may pass 23.
    pub(crate) fn text(self, nanos: i128) -> String {
        let seconds = nanos / SECOND;
        let mut text = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
        if self.seconds {
            text.push_str(&format!(":{:02}", seconds % 60));
        }
        if self.fraction > 0 {
            let digits = usize::from(self.fraction.min(9));
            text.push_str(&format!(".{:0digits$}", nanos % SECOND / self.unit()));
        }
        text
    }
}

/// One to nine digits after the point, as nanoseconds.
fn parse_fraction(digits: &str) -> Option<i64> {
    let fits = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let scale = 10_i64.pow(9_u32.saturating_sub(u32::try_from(digits.len()).ok()?));
    if fits { Some(digits.parse::<i64>().ok()? * scale) } else { None }
}

/// A time of day and the zone after it.
pub(crate) fn split_zone(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `Z`, `UTC`, `+02`, `+02:00` or `+0200`, in seconds east.
pub(crate) fn parse_zone(zone: &str) -> Option<i32> {
    let zone = zone.trim_start_matches(' ');
    if matches!(zone, "Z" | "z" | "UTC") {
        return Some(0);
    }
    let (sign, digits) = match zone.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        _ => digits.split_once(':')?,
    };
    let seconds = (calendar::two_digits(hours, 23)? * 60 + calendar::two_digits(minutes, 59)?) * 60;
    Some(sign * i32::try_from(seconds).ok()?)
}

/// A UTC instant as an engine prints it (`2026-06-20 14:31:08.10+00` or without offset) as RFC 3339 with `Z`, keeping its
/// digits. Zero dates, infinities and years outside 0001..9999 stay as they are.
#[must_use]
pub fn instant_rfc3339(text: &str) -> String {
    let body = text.strip_suffix("+00").unwrap_or(text);
    match (body.split_once(' '), Moment::parse(body)) {
        (Some((date, time)), Some(moment)) if !moment.long_year && moment.offset.is_none() => format!("{date}T{time}Z"),
        _ => text.to_owned(),
    }
}

/// The next version of a time held as text: the later of the clock, cut to the text's own precision and told in its own
/// offset, and one unit of that precision on; in the same shape. `None` if the text is no date with a time of day, or the
/// next one would need a longer year.
#[must_use]
pub fn advance_text(expected: &str, now_utc_micros: i64) -> Option<String> {
    let moment = Moment::parse(expected).filter(|moment| !moment.long_year)?;
    let unit = moment.clock.unit();
    let now = i128::from(now_utc_micros) * 1000 + moment.east();
    moment.shaped((now.div_euclid(unit) * unit).max(moment.local + unit))
}

/// Where a date or date and time stands in time: nanoseconds since 1970 in UTC. A text without a zone counts as UTC, a date
/// as its first instant; zero dates come first, infinities at the ends. `None` if it is neither.
#[must_use]
pub fn order_key(text: &str) -> Option<i128> {
    match text {
        "infinity" => Some(i128::MAX),
        "-infinity" => Some(i128::MIN),
        _ if is_zero_date(text) => Some(i128::MIN + 1),
        _ => {
            let date = || Some(i128::from(parse_date(text, false)?) * DAY);
            Moment::parse(text).map(|moment| moment.utc()).or_else(date)
        }
    }
}

/// A UTC time such as `2026-06-20 14:31:08.123456` in seconds since 1970, with the digits it had, as MySQL's
/// `UNIX_TIMESTAMP` gives it; the zero date is `0`. `None` for other offsets and times before 1970.
#[must_use]
pub fn epoch_decimal(text: &str) -> Option<String> {
    if is_zero_date(text) {
        return Some("0".to_owned());
    }
    let moment = Moment::parse(text).filter(|moment| moment.offset.unwrap_or(0) == 0 && moment.local >= 0)?;
    let seconds = moment.local / SECOND;
    let digits = usize::from(moment.clock.fraction);
    if digits == 0 {
        return Some(seconds.to_string());
    }
    Some(format!("{seconds}.{:0digits$}", moment.local % SECOND / moment.clock.unit()))
}

fn is_zero_date(text: &str) -> bool {
    text.starts_with("0000-00-00") && text.bytes().all(|b| matches!(b, b'0' | b'-' | b':' | b'.' | b' '))
}

#[cfg(test)]
mod tests;
