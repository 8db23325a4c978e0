//! Following the ledger while it grows.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use super::world::{STORE, World};

fn follow(world: &World, args: &[&str]) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut command = world.env.command(["events", "tail", "--follow", "--interval-ms", "250"].iter().chain(args));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn event_id(line: Option<std::io::Result<String>>) -> u64 {
    line.unwrap().unwrap().split(' ').next().unwrap().parse().unwrap()
}

fn status(mut child: Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if started.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it goes on and on");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn events_that_come_are_printed_once_until_interrupted() {
    let world = World::new();
    let (child, mut lines) = follow(&world, &["--limit", "2"]);
    assert_eq!([event_id(lines.next()), event_id(lines.next())], [15, 16]);
    world.propose("INV-3002", "asked again");
    assert_eq!([17, 18, 19].map(|_| event_id(lines.next())), [17, 18, 19]);
    world.propose("INV-3001", "once more");
    assert_eq!([20, 21, 22].map(|_| event_id(lines.next())), [20, 21, 22]);
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(status(child), Some(0));
    assert!(lines.next().is_none());
}

#[test]
fn it_ends_with_its_reader_and_with_its_time() {
    let world = World::new();
    let (child, mut lines) = follow(&world, &["--kind", "proposal_created"]);
    assert_eq!([event_id(lines.next()), event_id(lines.next())], [5, 13]);
    drop(lines);
    world.propose("INV-3002", "asked again");
    assert_eq!(status(child), Some(0));

    let (child, lines) = follow(&world, &["--to", "2999-01-01", "--kind", "proposal_rejected"]);
    drop(lines);
    let mut child = child;
    std::thread::sleep(Duration::from_millis(600));
    assert!(child.try_wait().unwrap().is_none(), "nothing was printed, so it goes on");
    child.kill().unwrap();
    child.wait().unwrap();

    let (child, lines) = follow(&world, &["--to", "2020-01-01"]);
    assert_eq!(status(child), Some(0));
    assert_eq!(lines.count(), 0);
}

#[test]
fn it_says_when_the_ledger_is_taken_away() {
    let world = World::new();
    let (child, mut lines) = follow(&world, &["--limit", "1"]);
    assert_eq!(event_id(lines.next()), 16);
    std::fs::remove_file(world.env.path(STORE)).unwrap();
    assert_eq!(status(child), Some(5));
    assert!(lines.next().is_none());
}
