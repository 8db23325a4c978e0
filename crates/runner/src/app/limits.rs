//! How much each caller may use of a server that many share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::http;
use synapsor_core::refusal::Refusal;

use super::trace::Trace;

/// What everybody who calls uses, and how much that may be.
pub struct Limits {
    bounds: http::Limits,
    used: Arc<Used>,
}

/// What everybody uses. A reload changes the bounds, not this.
#[derive(Debug, Default)]
struct Used {
    running: AtomicU32,
    shares: Mutex<HashMap<(String, String), Arc<Share>>>,
}

/// What one principal of one tenant uses, whatever its credentials and sessions are.
#[derive(Debug)]
struct Share {
    everybody: Arc<Used>,
    running: AtomicU32,
    begun: Mutex<Bucket>,
}

/// Calls that may begin now, filled up as time passes.
#[derive(Debug)]
struct Bucket {
    calls: f64,
    filled: Instant,
}

/// Somebody who calls, with their share; none for the one client of a process.
#[derive(Debug, Clone)]
pub struct Visitor {
    caller: Arc<Caller>,
    share: Option<(Arc<Share>, http::Limits)>,
    trace: Option<Trace>,
}

/// A call that counts until it is dropped.
#[derive(Debug)]
pub struct Running(Option<Arc<Share>>);

/// The one client of a process waits as long as it likes; what bounds its calls are the sources' own timeouts.
const UNBOUNDED: Duration = Duration::from_secs(24 * 60 * 60);

impl Limits {
    /// Limits of which nothing is used yet.
    #[must_use]
    pub fn new(bounds: http::Limits) -> Self {
        Self { bounds, used: Arc::default() }
    }

    /// Other bounds for what is used already.
    #[must_use]
    pub fn under(&self, bounds: http::Limits) -> Self {
        Self { bounds, used: Arc::clone(&self.used) }
    }

    /// A caller with the share that all its connections have together.
    #[must_use]
    pub fn visitor(&self, caller: Arc<Caller>) -> Visitor {
        let principal = match &*caller {
            Caller::Process => (String::new(), String::new()),
            Caller::Client(identity) => (identity.tenant.clone(), identity.principal.clone()),
        };
        Visitor { caller, share: Some((self.share(principal), self.bounds)), trace: None }
    }

    fn share(&self, principal: (String, String)) -> Arc<Share> {
        let mut shares = self.used.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&principal) {
            return Arc::clone(share);
        }
        let rate = self.bounds.per_principal_rate.map(f64::from);
        // Those who left are forgotten whenever somebody new comes, once they would find all of their share again.
        shares.retain(|_, share| Arc::strong_count(share) > 1 || !share.is_whole(rate));
        let bucket = Bucket { calls: rate.unwrap_or_default(), filled: Instant::now() };
        let share = Arc::new(Share {
            everybody: Arc::clone(&self.used),
            running: AtomicU32::new(0),
            begun: Mutex::new(bucket),
        });
        shares.insert(principal, Arc::clone(&share));
        share
    }

    /// How many calls run now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.used.running.load(Ordering::Acquire)
    }
}

impl Visitor {
    /// The one client of a process.
    #[must_use]
    pub fn process() -> Self {
        Self { caller: Arc::new(Caller::Process), share: None, trace: None }
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same with the trace that its request belongs to.
    #[must_use]
    pub fn traced(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    /// The trace that the request belongs to, for the log.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// How long a call may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.share.as_ref().map_or(UNBOUNDED, |(_, bounds)| bounds.deadline)
    }

    /// Begins a call, or says at once that there is no room for it.
    pub fn begin(&self) -> Result<Running, Refusal> {
        let Some((share, bounds)) = &self.share else { return Ok(Running(None)) };
        if let Some(rate) = bounds.per_principal_rate {
            share.take_one(f64::from(rate))?;
        }
        let all = bounds.concurrent;
        // A quarter is left for everybody else.
        let own = all - all / 4;
        if !count(&share.running, own) {
            return Err(Refusal::new(Code::Overloaded, "this principal has as many calls running as it may have"));
        }
        if !count(&share.everybody.running, all) {
            share.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::new(Code::Overloaded, "the server has as many calls running as it may have"));
        }
        Ok(Running(Some(Arc::clone(share))))
    }
}

impl Share {
    /// Takes one call out of the bucket.
    fn take_one(&self, rate: f64) -> Result<(), Refusal> {
        let mut bucket = self.bucket(rate);
        if bucket.calls < 1.0 {
            return Err(Refusal::new(Code::Overloaded, "this principal begins more calls a second than it may"));
        }
        bucket.calls -= 1.0;
        Ok(())
    }

    /// Whether the bucket is full, if there is a rate.
    fn is_whole(&self, rate: Option<f64>) -> bool {
        rate.is_none_or(|rate| self.bucket(rate).calls >= rate)
    }

    /// The bucket as it is now.
    fn bucket(&self, rate: f64) -> MutexGuard<'_, Bucket> {
        let mut bucket = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.saturating_duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.calls = (bucket.calls + gained).min(rate);
        bucket.filled = now;
        bucket
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(share) = &self.0 {
            share.running.fetch_sub(1, Ordering::AcqRel);
            share.everybody.running.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Counts one more, unless that would be too many.
fn count(counter: &AtomicU32, most: u32) -> bool {
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < most).then(|| now.saturating_add(1))).is_ok()
}

#[cfg(test)]
mod tests {
    use synapsor_core::caller::{Grants, Identity};

    use super::*;

    fn client(principal: &str) -> Arc<Caller> {
        Arc::new(Caller::Client(Identity {
            credential: "desk".to_owned(),
            tenant: "acme".to_owned(),
            principal: principal.to_owned(),
            provenance: "http_token",
            grants: Grants::ALL,
        }))
    }

    #[test]
    fn one_principal_leaves_a_quarter_to_others_and_all_get_no_more_than_there_is() {
        let limits = Limits::new(http::Limits { concurrent: 4, ..http::Limits::default() });
        let (first, again, other) =
            (limits.visitor(client("a")), limits.visitor(client("a")), limits.visitor(client("b")));
        let held: Vec<_> = [&first, &again, &first].map(|visitor| visitor.begin().expect("room")).into();
        assert_eq!(again.begin().expect_err("three quarters").code(), Code::Overloaded);
        let others = other.begin().expect("the last quarter");
        assert_eq!(limits.running(), 4);
        let full = other.begin().expect_err("full");
        assert!(full.message().contains("server"), "{full}");
        drop(held);
        assert_eq!(limits.running(), 1);
        // What was refused is not counted.
        let _more: Vec<_> = (0..2).map(|_| other.begin().expect("room again")).collect();
        drop(others);
        first.begin().expect("room again");
    }

    #[test]
    fn other_bounds_hold_for_what_runs_already() {
        let before = Limits::new(http::Limits { concurrent: 8, ..http::Limits::default() });
        let running: Vec<_> = (0..4).map(|_| before.visitor(client("a")).begin().expect("room")).collect();
        let after = before.under(http::Limits { concurrent: 4, ..http::Limits::default() });
        assert_eq!(after.running(), 4);
        assert_eq!(after.visitor(client("b")).begin().expect_err("full").code(), Code::Overloaded);
        drop(running);
        assert_eq!(after.running(), 0);
        after.visitor(client("b")).begin().expect("room");
    }

    #[test]
    fn a_principal_begins_no_more_than_its_rate() {
        let limits = Limits::new(http::Limits { per_principal_rate: Some(3), ..http::Limits::default() });
        let started = Instant::now();
        // One after another, nothing of it in between.
        let begun = |principal: &str| (0..10).filter(|_| limits.visitor(client(principal)).begin().is_ok()).count();
        let first = begun("a");
        // Another principal has its own, and its coming forgets nobody who used theirs.
        let (other, again) = (begun("b"), begun("a"));
        let most = 3 + (started.elapsed().as_secs_f64() * 3.0).ceil() as usize;
        assert!(first >= 3 && first + again <= most, "{first} and {again} of {most}");
        assert!((3..=most).contains(&other), "{other} of {most}");
    }

    #[test]
    fn shares_of_those_who_left_are_forgotten() {
        let limits = Limits::new(http::Limits::default());
        for number in 0..100 {
            drop(limits.visitor(client(&format!("p{number}"))));
        }
        assert!(limits.used.shares.lock().expect("whole").len() <= 1);
    }
}
