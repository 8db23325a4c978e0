//! Replays the committed corpus.

#![expect(clippy::expect_used, reason = "in a test a panic is the report")]

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
        run(&std::fs::read(entry.expect("readable").path()).expect("readable"));
        files += 1;
    }
    assert!(files > 0, "the corpus of {target} is empty");
}

#[test]
fn config() {
    replay("config", synapsor_fuzz::config);
}

#[test]
fn job() {
    replay("job", synapsor_fuzz::job);
}

#[test]
fn canonical() {
    replay("canonical", synapsor_fuzz::canonical);
}

#[test]
fn line() {
    replay("line", synapsor_fuzz::line);
}

#[test]
fn http() {
    replay("http", |bytes| {
        synapsor_fuzz::http(bytes);
    });
    // The road goes all the way, or the rest would say little.
    for (name, found) in [
        ("call-good.txt", "\"note\":\"ours\""),
        ("call-foreign.txt", "NOT_FOUND_IN_TENANT"),
        ("propose-good.txt", "review_required"),
        ("list-good.txt", "billing.propose_note"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/http").join(name);
        let (status, text) = synapsor_fuzz::http(&std::fs::read(path).expect("readable"));
        assert!(status == 200 && text.contains(found), "{name}: {status} {text}");
    }
}

#[test]
fn jwt() {
    replay("jwt", |bytes| {
        synapsor_fuzz::jwt(bytes);
    });
    // Both roads lead to tokens that are accepted, or the rest would say little.
    for name in ["good-claims.txt", "good-token.txt"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/jwt").join(name);
        assert!(synapsor_fuzz::jwt(&std::fs::read(path).expect("readable")), "{name} is not accepted");
    }
}

#[test]
fn handler() {
    replay("handler", |bytes| {
        synapsor_fuzz::handler(bytes);
    });
    for name in ["apply.json", "status.json", "handshake.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/handler").join(name);
        assert!(synapsor_fuzz::handler(&std::fs::read(path).expect("readable")), "{name} is not accepted");
    }
}
