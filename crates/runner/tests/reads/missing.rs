//! Records, ledgers and output folders that are not there.

use synapsor_testkit::env::TestEnv;

use super::world::World;

const EMPTY: [(&str, &str); 10] = [
    ("proposals list", "No proposals found."),
    ("evidence list", "No evidence bundles found."),
    ("query-audit list", "No query audit records found."),
    ("receipts list", "No writeback receipts found."),
    ("replay list", "No replay records found."),
    ("activity search", "No local interactions found."),
    ("events tail", "No local events found."),
    ("shadow list", "No shadow proposals found."),
    ("shadow report", "No shadow proposals found."),
    ("store verify", "ledger sound, self-consistent only"),
];

fn empty() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_synapsor-runner"))
}

fn with_store(command: &str, store: &str) -> Vec<String> {
    command.split(' ').chain(["--store", store]).map(str::to_owned).collect()
}

#[test]
fn an_empty_ledger_says_so() {
    let env = empty();
    for (command, line) in EMPTY {
        let text = env.run(with_store(command, ":memory:")).expect(0);
        assert!(text.starts_with(line), "{command}\n{text}");
        let document = env.run(with_store(&format!("{command} --json"), ":memory:")).json();
        let first = document.as_object().unwrap().values().next().unwrap();
        assert!(
            first == &serde_json::json!([]) || command == "shadow report" || command == "store verify",
            "{document}"
        );
    }
    let latest = env.run(with_store("replay latest", ":memory:"));
    assert_eq!(latest.status, 1);
    assert!(latest.stderr.contains("PROPOSAL_NOT_FOUND"), "{}", latest.stderr);
}

#[test]
fn a_ledger_that_is_not_there_is_named_and_not_made() {
    let env = empty();
    env.write("folder/file", "");
    env.write("text.db", "this is no database, and long enough not to be taken for an empty one");
    let commands = EMPTY.map(|(command, _)| command).into_iter().chain([
        "replay latest",
        "proposals show latest",
        "receipts show 1",
        "store stats",
        "store vacuum",
        "events tail --follow",
    ]);
    for command in commands {
        for (store, code) in
            [("none/local.db", "STORE_MISSING"), ("folder", "STORE_UNREADABLE"), ("text.db", "STORE_UNREADABLE")]
        {
            let output = env.run(with_store(command, store));
            assert_eq!(output.status, 1, "{command} {store}\n{}{}", output.stdout, output.stderr);
            assert!(output.stderr.contains(code), "{command} {store}\n{}", output.stderr);
            assert_eq!(output.stdout, "");
        }
        assert!(!env.path("none").exists(), "{command}");
    }
    let usual = env.run(["proposals", "list"]);
    assert!(usual.stderr.contains("./.synapsor/local.db") && usual.stderr.contains("--store"), "{}", usual.stderr);
}

#[test]
fn a_record_that_is_not_there_is_named() {
    let world = World::new();
    let nobody = "wrp_00000000000000000000";
    for (command, code, named) in [
        (format!("replay {nobody}"), "PROPOSAL_NOT_FOUND", nobody),
        (format!("replay --replay replay_{nobody}"), "PROPOSAL_NOT_FOUND", nobody),
        ("replay wrp_short".to_owned(), "PROPOSAL_NOT_FOUND", "wrp_"),
        ("replay --evidence ev_0".to_owned(), "RECORD_NOT_FOUND", "`ev_0`"),
        (format!("evidence show {}", world.applied), "RECORD_NOT_FOUND", &world.applied),
        ("evidence show ev_0".to_owned(), "RECORD_NOT_FOUND", "`ev_0`"),
        ("receipts show 1".to_owned(), "RECORD_NOT_FOUND", "rct_000001"),
        ("query-audit show 9".to_owned(), "RECORD_NOT_FOUND", "`9`"),
        ("query-audit export 9 --output x.json".to_owned(), "RECORD_NOT_FOUND", "`9`"),
        (format!("shadow compare {nobody}"), "PROPOSAL_NOT_FOUND", nobody),
    ] {
        let output = world.run(&command);
        assert_eq!(output.status, 1, "{command}\n{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(code) && output.stderr.contains(named), "{command}\n{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    assert!(!world.env.path("x.json").exists());
}

#[test]
fn a_ledger_that_cannot_be_read_is_told_from_one_that_is_not_there() {
    let world = World::new();
    for name in ["newer.db", "holed.db"] {
        world.text(&format!("store backup --output {name}"), 0);
    }
    world.sql("newer.db", "PRAGMA user_version = 99;");
    world
        .sql("first.db", "CREATE TABLE proposal_store_schema (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);");
    world.sql("business.db", "CREATE TABLE orders (id INTEGER PRIMARY KEY);");
    let mut bytes = std::fs::read(world.env.path("holed.db")).unwrap();
    bytes[4096..].fill(0x5a);
    world.env.write("holed.db", bytes);
    for (store, code) in [
        ("newer.db", "STORE_NEWER"),
        ("holed.db", "STORE_CORRUPT"),
        ("first.db", "STORE_MISSING"),
        ("business.db", "STORE_UNREADABLE"),
    ] {
        let before = std::fs::read(world.env.path(store)).unwrap();
        for command in ["proposals list", "replay latest", "activity search", "store stats", "store verify"] {
            let output = world.env.run(with_store(command, store));
            assert_eq!(output.status, 1, "{command} {store}\n{}{}", output.stdout, output.stderr);
            assert!(output.stderr.contains(code), "{command} {store}\n{}", output.stderr);
        }
        // A ledger that is opened is switched to its log; what is not ours, or newer, is left as it is.
        let unchanged = std::fs::read(world.env.path(store)).unwrap() == before;
        assert!(unchanged || store == "holed.db", "{store} was changed");
    }
    // What is no ledger is not removed; a ledger is, however damaged.
    for (store, status) in [("first.db", 1), ("business.db", 1), ("newer.db", 0), ("holed.db", 0)] {
        let output = world.run(&format!("store reset --yes --store {store}"));
        assert_eq!((output.status, world.env.path(store).exists()), (status, status == 1), "{}", output.stderr);
    }
}
