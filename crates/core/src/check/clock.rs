//! Whether this machine and a server agree on the time.

use jiff::{SignedDuration, Timestamp};

use super::Check;

/// More than this apart, times in records and in rows no longer tell what came first.
const TOLERATED: SignedDuration = SignedDuration::from_secs(5);

/// Compares a server's clock with this machine's, read right before and right after.
#[must_use]
pub fn check(server: Timestamp, before: Timestamp, after: Timestamp) -> Check {
    const ID: &str = "source.clock";
    let ahead = server.duration_since(after);
    let behind = before.duration_since(server);
    let apart = ahead.max(behind).max(SignedDuration::ZERO);
    if apart <= TOLERATED {
        return Check::pass(ID, "its clock and this machine's agree");
    }
    let which = if ahead > behind { "ahead of" } else { "behind" };
    Check::warn(
        ID,
        format!("its clock is {} s {which} this machine's", apart.as_secs()),
        "keep both machines' clocks by NTP: leases, expiry and versions compare times of both",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;

    #[test]
    fn seconds_apart_are_told() {
        let at = |second: i64| Timestamp::from_second(second).expect("in range");
        let of = |server: i64| check(at(server), at(100), at(102));
        for (server, level) in
            [(95, Level::Pass), (101, Level::Pass), (107, Level::Pass), (94, Level::Warn), (108, Level::Warn)]
        {
            assert_eq!(of(server).level, level, "{server}");
        }
        assert!(of(94).message.contains("6 s behind") && of(108).message.contains("6 s ahead of"));
    }
}
