//! Many processes apply many proposals while others kill and stop them at random times.

use std::collections::BTreeSet;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use synapsor_testkit::database::{Engine, Session};

use crate::office::{Office, Proposal, office, shipped};
use crate::process::{Chance, Ended, signal, together};
use crate::truth::settle;

/// How many processes there are at once.
const PROCESSES: usize = 16;
/// How long a storm rages, if it has not applied everything before, for each of its proposals.
const SPAN: Duration = Duration::from_millis(1200);
/// About as long as a write takes once it is claimed.
const WRITE: Duration = Duration::from_millis(80);

/// What is to happen to an applier.
#[derive(Debug, Clone, Copy)]
enum Act {
    Die,
    Stop,
    Continue,
}

/// When that happens.
#[derive(Debug, Clone, Copy)]
enum Hour {
    At(Instant),
    /// So long after it was seen to have claimed.
    Claimed(Duration),
}

struct Applier {
    child: Child,
    name: String,
    of: usize,
    began: Instant,
    fate: Option<(Hour, Act)>,
}

/// A raging storm.
struct Storm<'a> {
    office: &'a Office,
    proposals: &'a [Proposal],
    ledger: Session,
    chance: Chance,
    /// Those that have not been seen to end.
    open: BTreeSet<usize>,
    appliers: Vec<Applier>,
    launched: usize,
    /// How long it takes to apply, lately: the reach of a random death.
    reach: Duration,
    killed: usize,
    stopped: usize,
}

impl Storm<'_> {
    async fn rage(&mut self) {
        let until = Instant::now() + SPAN * u32::try_from(self.proposals.len()).unwrap();
        while !self.open.is_empty() && Instant::now() < until {
            while self.appliers.len() < PROCESSES {
                self.launch();
            }
            self.look().await;
        }
        while !self.appliers.is_empty() {
            self.look().await;
        }
    }

    fn launch(&mut self) {
        let open: Vec<usize> = self.open.iter().copied().collect();
        let of = open[self.chance.below(open.len())];
        self.launched += 1;
        let name = format!("applier-{}", self.launched);
        let child = self.office.command(["apply", &self.proposals[of].id, "--runner", &name]).spawn().unwrap();
        let began = Instant::now();
        let any_time = Hour::At(began + self.chance.up_to(self.reach));
        let claimed = Hour::Claimed(self.chance.up_to(WRITE));
        let fate = match self.chance.below(10) {
            0..3 => Some((any_time, Act::Die)),
            3..6 => Some((claimed, Act::Die)),
            6 => Some((any_time, Act::Stop)),
            7 => Some((claimed, Act::Stop)),
            _ => None,
        };
        self.appliers.push(Applier { child, name, of, began, fate });
    }

    /// Lets fate take its course, and notes who ended how.
    async fn look(&mut self) {
        let claims =
            "SELECT json_extract(body, '$.runner_id') FROM ledger_events WHERE kind = 'proposal_pending_worker'";
        let claims: BTreeSet<_> = self.ledger.query_text(claims).await.unwrap().into_iter().flatten().collect();
        for mut applier in std::mem::take(&mut self.appliers) {
            if applier.child.try_wait().unwrap().is_some() {
                self.ended(applier);
                continue;
            }
            let now = Instant::now();
            applier.fate = match applier.fate {
                Some((Hour::Claimed(after), act)) if claims.contains(&Some(applier.name.clone())) => {
                    Some((Hour::At(now + after), act))
                }
                Some((Hour::At(at), act)) if now >= at => self.strike(&mut applier.child, act),
                fate => fate,
            };
            self.appliers.push(applier);
        }
        sleep(Duration::from_millis(2));
    }

    fn strike(&mut self, child: &mut Child, act: Act) -> Option<(Hour, Act)> {
        match act {
            Act::Die => {
                child.kill().unwrap();
                self.killed += 1;
                None
            }
            Act::Stop => {
                signal(child, "STOP");
                self.stopped += 1;
                // Sometimes longer than any lease.
                Some((Hour::At(Instant::now() + self.chance.up_to(Duration::from_secs(12))), Act::Continue))
            }
            Act::Continue => {
                signal(child, "CONT");
                None
            }
        }
    }

    fn ended(&mut self, applier: Applier) {
        let took = applier.began.elapsed();
        let ended = Ended::of(applier.child);
        if ended.code.is_none() {
            return;
        }
        // Settled one way or the other, or to be tried again.
        if let 0 | 3 = ended.expect(&[0, 3, 5, 6]) {
            self.open.remove(&applier.of);
            if ended.stdout.contains("writeback applied") {
                self.reach = (self.reach + took) / 2;
            }
        }
    }
}

/// How many proposals there are: a few in every run, many in a long one.
fn proposals() -> usize {
    std::env::var("SYNAPSOR_TEST_PROPOSALS").ok().map_or(16, |text| text.parse().unwrap())
}

/// Every fourth invoice has two proposals, of which only one can be applied.
async fn storm(engine: Engine) {
    let count = proposals();
    let invoices = count - count / 4;
    let office = office(engine, shipped(), invoices).await;
    let proposals = office.approved((0..count).map(|at| at % invoices));
    let mut storm = Storm {
        office: &office,
        proposals: &proposals,
        ledger: office.ledger().await,
        chance: Chance::seeded(&format!("storm on {}", engine.name())),
        open: (0..count).collect(),
        appliers: Vec::new(),
        launched: 0,
        reach: Duration::from_millis(100),
        killed: 0,
        stopped: 0,
    };
    storm.rage().await;
    let (launched, killed, stopped, left) = (storm.launched, storm.killed, storm.stopped, storm.open.len());
    let truth = settle(&office, &proposals).await;
    let applied = truth.states.iter().filter(|state| *state == "applied").count();
    let conflicts = truth.states.iter().filter(|state| *state == "conflict").count();
    eprintln!(
        "storm on {}: {count} proposals, {launched} processes, {killed} killed, {stopped} stopped, {left} left to reconcile, {} fences",
        engine.name(),
        truth.fences
    );
    assert_eq!((applied, conflicts), (invoices, count - invoices), "{:?}", truth.states);
    assert!(killed >= count / 2, "{killed} kills make no storm");
}

#[tokio::test]
async fn a_storm_of_kills_writes_each_change_once_on_postgres() {
    storm(Engine::Postgres).await;
}

#[tokio::test]
async fn a_storm_of_kills_writes_each_change_once_on_mariadb() {
    storm(Engine::Mysql).await;
}

#[tokio::test]
async fn a_storm_of_kills_writes_each_change_once_on_sqlite() {
    storm(Engine::Sqlite).await;
}

/// Sixteen approved proposals about one row, sixteen processes at once: one change, fifteen conflicts.
#[tokio::test]
async fn of_sixteen_changes_of_one_row_one_is_written() {
    for engine in Engine::ALL {
        let office = office(engine, shipped(), 1).await;
        let proposals = office.approved([0; PROCESSES]);
        let racers: Vec<Child> =
            proposals.iter().map(|one| office.command(["apply", &one.id]).spawn().unwrap()).collect();
        for racer in racers {
            // A row that is locked for long is given up and tried again.
            Ended::of(racer).expect(&[0, 3, 5]);
        }
        let truth = settle(&office, &proposals).await;
        let of = |state: &str| truth.states.iter().filter(|known| *known == state).count();
        assert_eq!((of("applied"), of("conflict")), (1, PROCESSES - 1), "{engine:?} {:?}", truth.states);
    }
}

/// Sixteen processes apply one proposal and half of them die at it: it is written once.
#[tokio::test]
async fn of_sixteen_appliers_of_one_change_half_may_die() {
    for engine in Engine::ALL {
        let office = office(engine, shipped(), 1).await;
        let proposals = office.approved([0]);
        let mut chance = Chance::seeded(&format!("race on {}", engine.name()));
        let id = &proposals[0].id;
        let racers: Vec<Child> = (0..PROCESSES).map(|_| office.command(["apply", id]).spawn().unwrap()).collect();
        let mut survivors = Vec::new();
        for (number, mut racer) in racers.into_iter().enumerate() {
            if number % 2 == 0 {
                sleep(chance.up_to(Duration::from_millis(20)));
                racer.kill().unwrap();
                racer.wait().unwrap();
            } else {
                survivors.push(racer);
            }
        }
        for survivor in survivors {
            Ended::of(survivor).expect(&[0, 5, 6]);
        }
        let truth = settle(&office, &proposals).await;
        assert_eq!(truth.states, ["applied"], "{engine:?}");
        let again = together((0..2).map(|_| office.command(["apply", id])));
        assert!(again.iter().all(|ended| ended.code == Some(0)), "{again:?}");
    }
}
