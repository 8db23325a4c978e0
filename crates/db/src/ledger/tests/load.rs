//! Many at once: tasks, handles, racers, and how much of it is written together.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use futures_util::future::join_all;
use proptest::prelude::*;
use rusqlite::{Connection, StatementStatus};
use synapsor_core::contract::Durability;
use synapsor_core::event::Event;
use synapsor_core::proposal::{Proposal, Stage};
use tempfile::tempdir;

use super::fixture::{CREATE, any_step, at, decision, evidence_id, new, open, proposal_id, proposed, read_event, slot};
use crate::ledger::writer::{Work, Writer};
use crate::ledger::{AppendError, Kind, Ledger, OpenOptions, Query, sql};

/// What a task saw when its append was answered: the event's id and the proposal's state after it.
type Seen = Arc<Mutex<BTreeMap<u64, BTreeMap<u64, &'static str>>>>;

/// Takes a step of a proposal as a runner does: load, decide, append; again if someone was faster.
async fn take_step(ledger: Ledger, n: u64, choice: u8, seen: Seen) {
    loop {
        let events = ledger.load(&proposal_id(n)).await.unwrap();
        let event = any_step(n, choice);
        let (seq, stage) = if events.is_empty() {
            (0, None)
        } else {
            let proposal = Proposal::replay(events.into_iter().map(|stored| stored.event)).unwrap();
            match proposal.stage().clone().step(&event) {
                Ok(stage) => (proposal.next_seq(), Some(stage)),
                Err(_) => return,
            }
        };
        let event = if seq == 0 { proposed(n).event } else { event };
        match ledger.append(vec![new(proposal_id(n), seq, event)], at(1)).await {
            Ok(ids) => {
                let state = stage.as_ref().unwrap_or(&Stage::Pending).state();
                let replaced = seen.lock().unwrap().entry(n).or_default().insert(ids[0], state);
                assert_eq!(replaced, None, "an event id is given once");
                return;
            }
            Err(AppendError::Stale { subject }) => assert_eq!(subject, proposal_id(n)),
            Err(fault) => panic!("{fault:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_is_what_is_replayed(steps in prop::collection::vec((0..4_u64, any::<u8>(), any::<bool>()), 1..120)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempdir().unwrap();
            let path = dir.path().join("local.db");
            let (one, two) = (open(&path), open(&path));
            let seen = Seen::default();
            let tasks: Vec<_> = steps
                .into_iter()
                .map(|(n, choice, other)| {
                    tokio::spawn(take_step(if other { two.clone() } else { one.clone() }, n, choice, Arc::clone(&seen)))
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let verified = one.verify().await.unwrap();
            assert!(verified.is_sound(), "{:?}", verified.flaws);
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            assert_eq!(verified.events, seen.values().map(|events| events.len() as u64).sum::<u64>());
            for (n, answers) in seen {
                let stored = two.load(&proposal_id(n)).await.unwrap();
                assert!(stored.iter().map(|stored| stored.event_id).eq(answers.keys().copied()));
                let live = answers.last_key_value().unwrap().1;
                let replayed = Proposal::replay(stored.into_iter().map(|stored| stored.event)).unwrap();
                assert_eq!(replayed.stage().state(), *live);
                let mut query = Query::new(Kind::Proposal, at(2));
                query.proposal = Some(proposal_id(n));
                assert_eq!(one.search(query).await.unwrap()[0].state.as_deref(), Some(*live));
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_racers_one_wins() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let handles = [open(&path), open(&path)];
    for seq in 0..15 {
        let racers = (0..20_usize).map(|racer| {
            let ledger = handles[racer % 2].clone();
            tokio::spawn(async move { ledger.append(vec![slot(racer as u64, seq)], at(0)).await })
        });
        let results: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(AppendError::Stale { .. }))), "{results:?}");
    }
    assert_eq!(handles[0].head().await.unwrap().batch, 15);
}

/// Keeps the writer busy until the returned sender is dropped.
fn hold(ledger: &Ledger) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let wait = Box::new(move |_: &mut Writer| {
        let _released = held.recv();
    });
    ledger.submit(Work::Task(wait)).unwrap();
    release
}

#[tokio::test]
async fn what_waits_is_committed_together_and_only_the_stale_is_refused() {
    let ledger = open(Path::new(":memory:"));
    ledger.append(vec![slot(0, 0)], at(0)).await.unwrap();
    let release = hold(&ledger);
    let mut groups: Vec<_> = (0..50).map(|n| vec![read_event(n), proposed(n)]).collect();
    groups.insert(20, vec![read_event(90), slot(1, 0)]);
    groups.insert(30, vec![slot(2, 1)]);
    groups.insert(31, vec![read_event(91), slot(3, 1)]);
    let mut all = pin!(join_all(groups.into_iter().map(|group| ledger.append(group, at(1)))));
    let waiting = poll_fn(|cx| Poll::Ready(all.as_mut().poll(cx).is_pending())).await;
    assert!(waiting);
    drop(release);
    let results = all.await;
    let refused: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_err()).map(|(n, _)| n).collect();
    assert_eq!(refused, [20, 31]);
    let ids: Vec<u64> = results.into_iter().flatten().flatten().collect();
    assert!(ids.iter().copied().eq(2..=102), "{ids:?}");
    assert_eq!(ledger.head().await.unwrap().batch, 2);
    assert_eq!(ledger.load(&evidence_id(90)).await.unwrap(), []);
    assert!(ledger.verify().await.unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_there_are_fewer_commits_than_groups() {
    let dir = tempdir().unwrap();
    let ledger = open(&dir.path().join("local.db"));
    let callers = (0..32).map(|caller| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                ledger.append(vec![proposed(caller * 10 + n)], at(0)).await.unwrap();
            }
        })
    });
    join_all(callers).await.into_iter().for_each(|caller| caller.unwrap());
    let batches = ledger.head().await.unwrap().batch;
    assert!(batches < 320, "{batches} commits for 320 groups");
}

#[tokio::test]
async fn an_append_is_done_though_its_caller_and_the_ledger_go_away() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    let release = hold(&ledger);
    {
        let mut append = pin!(ledger.append(vec![proposed(1)], at(0)));
        assert!(poll_fn(|cx| Poll::Ready(append.as_mut().poll(cx).is_pending())).await);
    }
    drop(release);
    drop(ledger);
    let again = open(&path);
    assert_eq!(again.load(&proposal_id(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_disk_is_waited_for_where_it_must() {
    const NORMAL: u8 = 1;
    const FULL: u8 = 2;
    let dir = tempdir().unwrap();
    let synchronous = async |ledger: &Ledger| {
        let read = |conn: &Connection| conn.pragma_query_value(None, "synchronous", |row| row.get::<_, u8>(0));
        ledger.write(move |writer| Ok(read(&writer.conn)?)).await.unwrap()
    };
    let approved = || new(proposal_id(1), 1, Event::ProposalApproved(decision()));
    let ledger = open(&dir.path().join("full.db"));
    for (group, expect) in [
        (vec![read_event(1)], NORMAL),
        (vec![read_event(2), proposed(1)], FULL),
        (vec![read_event(3)], NORMAL),
        (vec![approved()], FULL),
    ] {
        ledger.append(group, at(0)).await.unwrap();
        assert_eq!(synchronous(&ledger).await, expect);
    }
    let options = OpenOptions { durability: Durability::Paranoid, ..CREATE };
    let ledger = Ledger::open(&dir.path().join("paranoid.db"), options).unwrap();
    ledger.append(vec![read_event(1)], at(0)).await.unwrap();
    assert_eq!(synchronous(&ledger).await, FULL);
}

/// Steps of SQLite's machine, which do not depend on the machine it runs on.
fn steps(conn: &Connection, sql: &str) -> i32 {
    let mut statement = conn.prepare(sql).unwrap();
    let subject = proposal_id(3);
    let mut rows = match statement.parameter_count() {
        0 => statement.query([]),
        1 => statement.query([subject]),
        _ => statement.query((subject, i64::MAX)),
    }
    .unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

#[tokio::test]
async fn appending_reading_and_opening_cost_the_same_at_any_size() {
    let dir = tempdir().unwrap();
    let cost = async |size: u64| {
        let path = dir.path().join(format!("{size}.db"));
        let ledger = open(&path);
        for from in (0..size).step_by(100) {
            ledger.append((from..size.min(from + 100)).map(proposed).collect(), at(0)).await.unwrap();
        }
        ledger.search(Query::new(Kind::Proposal, at(0))).await.unwrap();
        let conn = Connection::open(&path).unwrap();
        [sql::WHOSE_TABLES, sql::META, sql::HEAD, sql::NEXT_SEQ, sql::SUBJECT, sql::LATEST_PROPOSAL, sql::LAG]
            .map(|sql| (sql, steps(&conn, sql)))
    };
    assert_eq!(cost(10).await, cost(3000).await);
}
