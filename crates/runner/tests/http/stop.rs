//! Stopping and reloading while everybody is busy.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use synapsor_testkit::http::{Connection, modern};
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, GLOBEX, INSPECT, World, begin, in_session};

/// Opens a stream that only listens: of the newest revision, or of a session.
fn listen(address: &str, number: usize) -> Connection {
    let mut connection = Connection::open(address);
    let bearer = format!("Bearer {ACME}");
    if number.is_multiple_of(2) {
        let session = begin(&mut connection, ACME);
        let headers: Vec<_> = in_session(&bearer, &session).to_vec();
        connection.send("GET", "/mcp", &headers, "");
    } else {
        let listen = modern("subscriptions/listen", &json!({ "notifications": { "toolsListChanged": true } }));
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "subscriptions/listen"),
        ];
        connection.send("POST", "/mcp", &headers, &listen);
    }
    let (status, _) = connection.head().expect("an answer");
    assert_eq!(status, 200);
    connection
}

/// Reads a stream to its end.
fn rest(connection: &mut Connection) -> String {
    let mut all = String::new();
    while let Some(chunk) = connection.chunk() {
        all.push_str(&String::from_utf8_lossy(&chunk));
    }
    all
}

/// Reads a stream until it has said that the lists are others.
fn until_changed(stream: &mut Connection) {
    let mut seen = String::new();
    while !seen.contains("notifications/tools/list_changed") {
        seen.push_str(&String::from_utf8_lossy(&stream.chunk().expect("the stream goes on")));
    }
}

#[test]
fn open_streams_do_not_keep_the_server_and_calls_end_first() {
    let world = World::new();
    let mut server = world.serve(&[]);
    let mut streams: Vec<_> = (0..50).map(|number| listen(server.address(), number)).collect();
    let stopping = AtomicBool::new(false);
    let (answered, broken) = thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (address, stopping) = (server.address().to_owned(), &stopping);
                scope.spawn(move || {
                    let mut connection = Connection::open(&address);
                    let mut answered = 0;
                    loop {
                        let was_stopping = stopping.load(Ordering::SeqCst);
                        let bearer = format!("Bearer {ACME}");
                        let call =
                            modern("tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1" } }));
                        let headers = [
                            ("authorization", bearer.as_str()),
                            ("mcp-protocol-version", MODERN),
                            ("mcp-method", "tools/call"),
                            ("mcp-name", INSPECT),
                        ];
                        connection.send("POST", "/mcp", &headers, &call);
                        match connection.receive() {
                            Some(reply) => {
                                assert_eq!(reply.status, 200, "{reply:?}");
                                answered += 1;
                            }
                            // Only what was sent before the server was told to stop must be answered.
                            None => return (answered, !was_stopping),
                        }
                    }
                })
            })
            .collect();
        while server.connect().request("GET", "/healthz", &[], "").json()["sessions"] != json!(25) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(200));
        stopping.store(true, Ordering::SeqCst);
        server.signal("TERM");
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .fold((0, 0), |(all, lost), (answered, broken)| (all + answered, lost + usize::from(broken)))
    });
    assert!(answered > 8, "{answered}");
    assert_eq!(broken, 0, "calls were cut off");
    let ended: Vec<_> = streams.iter_mut().map(rest).collect();
    // Who listened under the newest revision was told properly that it is over.
    let told = ended.iter().filter(|text| text.contains("\"resultType\":\"complete\"")).count();
    assert_eq!(told, 25, "{ended:?}");
    assert_eq!(server.wait(), 0, "{}", server.stderr());
    // The lease is gone: the next server starts.
    world.serve(&[]);
}

#[test]
fn a_reload_changes_what_is_served_and_breaks_nothing() {
    let mut world = World::new();
    let mut server = world.serve(&[]);
    let (mut modern_stream, mut session_stream) = (listen(server.address(), 1), listen(server.address(), 0));
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..8 {
            let (address, stop, calls) = (server.address().to_owned(), &stop, &calls);
            scope.spawn(move || {
                let mut connection = Connection::open(&address);
                while !stop.load(Ordering::SeqCst) {
                    let token = if number % 2 == 0 { ACME } else { GLOBEX };
                    let reply = connection.call(token, INSPECT, &json!({ "invoice_id": "INV-1" }));
                    let answer = crate::world::envelope(&reply);
                    assert_eq!(answer["ok"], json!(true), "{answer}");
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=10 {
            world.config["capabilities"][0]["description"] = json!(format!("Round {round}."));
            world.env.write("synapsor.runner.json", world.config.to_string());
            server.signal("HUP");
            let started = Instant::now();
            while !list(&mut server.connect()).contains(&format!("Round {round}.")) {
                assert!(started.elapsed() < Duration::from_secs(20), "{}", server.stderr());
                thread::sleep(Duration::from_millis(5));
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert!(calls.load(Ordering::SeqCst) > 10);
    until_changed(&mut modern_stream);
    until_changed(&mut session_stream);

    // Who comes now has seen all of that.
    let mut late = [listen(server.address(), 1), listen(server.address(), 0)];

    // A file that is wrong, and one that only a restart can follow, leave everything as it is.
    let mut bad = world.config.clone();
    bad["capabilities"][0]["source"] = json!("nowhere");
    let mut moved = world.config.clone();
    moved["storage"]["sqlite_path"] = json!("elsewhere.db");
    for (config, why) in [(bad, "UNKNOWN_SOURCE"), (moved, "`storage` changed")] {
        world.env.write("synapsor.runner.json", config.to_string());
        server.signal("HUP");
        server.until_said(why);
        assert!(list(&mut server.connect()).contains("Round 10."));
    }

    // A token that is taken back opens nothing any more, for sessions either.
    let mut connection = server.connect();
    let session = begin(&mut connection, GLOBEX);
    let mut without = world.config.clone();
    without["http"]["tokens"].as_array_mut().unwrap().remove(1);
    world.env.write("synapsor.runner.json", without.to_string());
    server.signal("HUP");
    let bearer = format!("Bearer {GLOBEX}");
    let started = Instant::now();
    loop {
        let body = synapsor_testkit::http::legacy(2, "tools/list", &json!({}));
        let reply = connection.request("POST", "/mcp", &in_session(&bearer, &session), &body);
        if reply.status == 401 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{}", server.stderr());
        thread::sleep(Duration::from_millis(5));
    }
    for stream in &mut late {
        until_changed(stream);
    }
    server.signal("TERM");
    for stream in &mut late {
        let told = rest(stream);
        assert!(!told.contains("notifications/tools/list_changed"), "{told}");
    }
    assert_eq!(server.wait(), 0);
}

fn list(connection: &mut Connection) -> String {
    let bearer = format!("Bearer {ACME}");
    let headers = [("authorization", bearer.as_str()), ("mcp-protocol-version", MODERN), ("mcp-method", "tools/list")];
    connection.request("POST", "/mcp", &headers, &modern("tools/list", &json!({}))).body
}
