//! Processes that a test kills, stops and continues; and chance that can be had again.

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How many commands run at once where it is only about getting them done.
const AT_ONCE: usize = 6;
/// Longer than any lease, and than any wait for one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A process that ended: with a code, or none if a signal ended it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Waits for the end.
    pub(crate) fn of(child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn expect(&self, codes: &[i32]) -> i32 {
        let code = self.code.filter(|code| codes.contains(code));
        code.unwrap_or_else(|| panic!("not one of {codes:?}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        self.expect(&[code]);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs commands to their ends, a few at a time; the answers are in the order of the commands.
pub(crate) fn together(commands: impl IntoIterator<Item = Command>) -> Vec<Ended> {
    let mut commands: Vec<Command> = commands.into_iter().collect();
    let mut ended = Vec::new();
    for some in commands.chunks_mut(AT_ONCE) {
        let running: Vec<Child> = some.iter_mut().map(|command| command.spawn().unwrap()).collect();
        ended.extend(running.into_iter().map(Ended::of));
    }
    ended
}

/// Asks until the answer is yes; panics where it never is.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20));
    }
}

/// Sends a signal by name: `STOP`, `CONT`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success(), "kill -{name} failed");
}

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    /// Takes the seed from `SYNAPSOR_TEST_SEED`, else from the clock, and prints it.
    pub(crate) fn seeded(test: &str) -> Chance {
        let seed = std::env::var("SYNAPSOR_TEST_SEED").ok().map(|text| text.parse().unwrap()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            u64::try_from(now.as_nanos() % u128::from(u32::MAX)).unwrap()
        });
        eprintln!("{test}: SYNAPSOR_TEST_SEED={seed}");
        Chance(seed)
    }

    /// A number below `limit`, or 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Splitmix: good enough to choose whom to kill.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// Some time up to `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let micros = usize::try_from(most.as_micros()).unwrap();
        Duration::from_micros(u64::try_from(self.below(micros)).unwrap())
    }
}

/// Whether the process is stopped by a signal.
pub(crate) fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // Behind the name, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
