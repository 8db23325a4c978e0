//! Addresses from which one wrong credential after another comes are told to wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many failures in a row an address has before it must wait.
const BURST: u32 = 20;
/// How soon one failure is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(1);
/// How many addresses are remembered.
const MOST: usize = 10_000;

/// Failures by address.
#[derive(Debug, Default)]
pub struct Floods(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Floods {
    /// Counts a failure; whether that was one too many.
    pub fn failed(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, failures| failures.left(now) > 0);
            // All of them are busy failing: whoever comes now is one of many.
            if known.len() >= MOST && !known.contains_key(&address) {
                return true;
            }
        }
        let failures = known.entry(address).or_insert(Failures { count: 0, last: now });
        let left = failures.left(now);
        *failures = Failures { count: left.saturating_add(1).min(BURST.saturating_add(1)), last: now };
        left >= BURST
    }
}

impl Failures {
    /// How many are not forgotten yet.
    fn left(self, now: Instant) -> u32 {
        let seconds = now.saturating_duration_since(self.last).as_secs() / FORGOTTEN_AFTER.as_secs();
        self.count.saturating_sub(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_keeps_failing_must_wait_and_others_need_not() {
        let floods = Floods::default();
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let told = (0..50).filter(|_| floods.failed(one)).count();
        assert!((25..=30).contains(&told), "{told}");
        assert!(!floods.failed(other));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_fit() {
        let floods = Floods::default();
        for number in 0..u32::try_from(MOST + 100).expect("small") {
            floods.failed(IpAddr::from(number.to_be_bytes()));
        }
        assert!(floods.0.lock().expect("whole").len() <= MOST);
    }
}
