//! Other processes: killed in the middle of appending, and without the right to write.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures_util::future::join_all;
use synapsor_core::code::Code;
use tempfile::tempdir;

use super::fixture::{CREATE, EXISTING, at, evidence_id, new, open, read_event, slot};
use crate::ledger::Ledger;
use synapsor_core::event::Event;

const STORE: &str = "LEDGER_TEST_STORE";
const FIRST: &str = "LEDGER_TEST_FIRST";

/// A test of this file as a process of its own.
fn child(exe: &Path, test: &str, store: &Path) -> Command {
    let mut command = Command::new(exe);
    command.args(["--exact", &format!("ledger::tests::process::{test}"), "--ignored", "--nocapture"]).env(STORE, store);
    command
}

/// What the other test passed on.
#[expect(clippy::disallowed_methods, reason = "a process of its own has no other arguments")]
fn passed_on(name: &str) -> String {
    std::env::var(name).expect("started by another test")
}

/// Appends from eight tasks for ever, and tells each subject once its append was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test as a process of its own"]
async fn append_until_killed() {
    let ledger = open(Path::new(&passed_on(STORE)));
    let first: u64 = passed_on(FIRST).parse().unwrap();
    let tasks = (0..8).map(|task| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for n in (first + task..).step_by(8) {
                let group = vec![read_event(n), new(format!("slot:{n}"), 0, slot(n, 0).event)];
                ledger.append(group, at(0)).await.unwrap();
                std::io::stdout().write_all(format!("\n:{n}\n").as_bytes()).unwrap();
            }
        })
    });
    join_all(tasks).await;
}

/// Reads so many answers of a child, kills it, and reads what it had still said.
fn kill_after(child: &mut Child, answers: usize) -> Vec<u64> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    for line in lines {
        told.extend(line.unwrap().strip_prefix(':').map(|n| n.parse::<u64>().unwrap()));
        if told.len() == answers {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    told
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let exe = std::env::current_exe().unwrap();
    let mut told = Vec::new();
    for round in 0..4_u64 {
        let mut children: Vec<_> = (0..2)
            .map(|n| {
                let mut command = child(&exe, "append_until_killed", &path);
                command.env(FIRST, ((round * 2 + n) * 1_000_000).to_string()).stdout(Stdio::piped());
                command.stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        let answers = 40 + usize::try_from(round).unwrap() * 13;
        told.extend(std::thread::scope(|scope| {
            let readers: Vec<_> =
                children.iter_mut().map(|child| scope.spawn(move || kill_after(child, answers))).collect();
            readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
        }));
        let ledger = open(&path);
        let verified = ledger.verify().await.unwrap();
        assert!(verified.is_sound(), "{:?}", verified.flaws);
        assert!(verified.events >= 2 * told.len() as u64);
        for n in &told {
            let stored = ledger.load(&evidence_id(*n)).await.unwrap();
            assert!(matches!(stored[0].event, Event::EvidenceRecorded(_)), "{n}");
            assert_eq!(ledger.load(&format!("slot:{n}")).await.unwrap().len(), 1, "{n}");
        }
    }
    assert!(told.len() >= 8 * 40);
}

#[test]
fn of_many_who_make_the_ledger_at_once_all_get_the_same() {
    for _round in 0..5 {
        let dir = tempdir().unwrap();
        let path = dir.path().join("deep/local.db");
        let ids: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..16).map(|_| scope.spawn(|| open(&path).id().clone())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

/// Expects to be nobody in particular.
#[cfg(unix)]
#[test]
#[ignore = "started by another test as a process of its own"]
fn open_without_rights() {
    for (file, options) in
        [("readonly.db", EXISTING), ("readonly.db", CREATE), ("secret.db", EXISTING), ("new.db", CREATE)]
    {
        match Ledger::open(&Path::new(&passed_on(STORE)).join(file), options) {
            Err(fault) => assert_eq!(fault.code(), Code::StoreUnreadable, "{file}: {fault:?}"),
            Ok(_) => panic!("opened {file}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_ledger_one_may_not_write_is_a_clear_fault() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let dir = tempdir().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for (name, its_mode) in [("readonly.db", 0o444), ("secret.db", 0o000)] {
        drop(open(&dir.path().join(name)));
        mode(&dir.path().join(name), its_mode);
    }
    // Root may do anything, so root makes the attempt as nobody, with a copy of the program that nobody can reach.
    let exe = dir.path().join("child");
    fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    mode(&exe, 0o755);
    mode(dir.path(), 0o555);
    let mut command = child(&exe, "open_without_rights", dir.path());
    if fs::metadata(dir.path()).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    let output = command.current_dir("/").output().unwrap();
    mode(dir.path(), 0o755);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
