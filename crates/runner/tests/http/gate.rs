//! Every endpoint against everything that should not come in: the right status, and nothing about what is behind it.

use serde_json::json;
use synapsor_testkit::http::{Connection, HttpServer, Reply, legacy, modern};
use synapsor_testkit::stdio::{LEGACY, MODERN};

use crate::jwt::Issuer;
use crate::world::{ACME, INSPECT, World};

/// What no answer to an intruder may hold.
const BEHIND: [&str; 8] = ["acme", "globex", "invoice", "INV-", "secret-note", "sqlite", "TOKEN", "issuer.example"];

/// The endpoints, with what they answer to a proper request.
const ENDPOINTS: [(&str, &str, u16); 7] = [
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("POST", "/mcp", 200),
    ("GET", "/mcp", 400),
    ("DELETE", "/mcp", 400),
    ("GET", "/.well-known/oauth-protected-resource", 200),
    ("GET", "/nothing", 404),
];

fn ask(connection: &mut Connection, (method, path): (&str, &str), headers: &[(&str, &str)]) -> Reply {
    let body = if method == "POST" { modern("tools/list", &json!({})) } else { String::new() };
    let mut all = headers.to_vec();
    if method == "POST" {
        all.extend([("mcp-protocol-version", MODERN), ("mcp-method", "tools/list")]);
    }
    connection.request(method, path, &all, &body)
}

#[track_caller]
fn refused(reply: &Reply, status: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {reply:?}");
    let said = format!("{:?}{}", reply.headers, reply.body);
    for word in BEHIND {
        assert!(!said.contains(word), "{what} tells of {word:?}: {said}");
    }
}

#[test]
fn nobody_comes_in_who_should_not() {
    let issuer = Issuer::new();
    let world = World::with(|config| issuer.configure(config, &[]));
    world.env.write("keys.json", issuer.keys());
    let good = format!("Bearer {ACME}");
    let bad_tokens = issuer.bad_tokens();
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (method, path, usual) in ENDPOINTS {
        // Each on a server of its own: who guesses much has to wait.
        let server = world.serve(&[]);
        let what = format!("{method} {path}");
        let mut connection = server.connect();
        let protected = path == "/mcp";
        let proper = ask(&mut connection, (method, path), &[("authorization", &good)]);
        assert_eq!(proper.status, usual, "{what}: {proper:?}");
        let without = if protected { 401 } else { usual };
        let wrong = [
            "Bearer wrong",
            "Bearer",
            "Bearer ",
            "Basic YWNtZTphY21l",
            "Bearer acme-token-5f2b8c1d9",
            "Bearer acme-token-5f2b8c1d9e0",
        ];
        let wrong = wrong.map(|value| (value, Some(value.to_owned()))).into_iter().chain([("nothing", None)]);
        let bad = bad_tokens.iter().map(|(name, token)| (*name, Some(format!("Bearer {token}"))));
        for (name, credential) in wrong.chain(bad) {
            let headers: Vec<_> = credential.iter().map(|value| ("authorization", value.as_str())).collect();
            let reply = ask(&mut connection, (method, path), &headers);
            if protected {
                refused(&reply, without, &format!("{what} with {name}"));
                let error = if credential.is_some() { "Bearer error=\"invalid_token\", " } else { "Bearer " };
                let challenge = reply.header("www-authenticate").unwrap();
                assert!(challenge.starts_with(error), "{what} with {name}: {challenge}");
                assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp\""), "{challenge}");
            } else {
                assert_eq!(reply.status, without, "{what} with {name}: {reply:?}");
            }
        }
        // A session is looked for only where there are sessions.
        let nowhere = ask(&mut connection, (method, path), &[("authorization", &good), ("mcp-session-id", unknown)]);
        assert_eq!(nowhere.status, if protected { 404 } else { usual }, "{what} in no session: {nowhere:?}");
        let twice = ask(&mut connection, (method, path), &[("authorization", &good), ("authorization", &good)]);
        assert_eq!(twice.status, without, "{what} with two credentials");
        for (name, value) in [
            ("host", "evil.example"),
            ("host", "127.0.0.1.evil.example"),
            ("host", ""),
            ("origin", "http://evil.example"),
            ("origin", "null"),
        ] {
            let reply = ask(&mut connection, (method, path), &[("authorization", &good), (name, value)]);
            refused(&reply, 403, &format!("{what} with {name} {value:?}"));
            assert_eq!(reply.header("access-control-allow-origin"), None, "{reply:?}");
        }
    }
}

#[test]
fn what_is_sent_is_bounded_in_size_and_time() {
    let world = World::with(|config| config["http"]["limits"] = json!({ "body_bytes": 4096 }));
    let server = world.serve(&[]);
    let good = format!("Bearer {ACME}");
    let headers = [("authorization", good.as_str())];

    // Announced too large, and too large without an announcement.
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(5000));
    let reply = server.connect().request("POST", "/mcp", &headers, &large);
    refused(&reply, 413, "a large body");
    let head =
        format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: {good}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let answer = server.raw(format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Nobody reads what a stranger sends.
    let reply = server.connect().request("POST", "/mcp", &[], &large);
    refused(&reply, 401, "a large body of a stranger");

    // A body that does not come.
    let head =
        format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: {good}\r\ncontent-length: 100\r\n\r\n{{");
    let answer = server.raw(head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("body_too_slow"), "{answer}");

    // Elsewhere nobody waits for a body, and none is kept.
    for (method, path, usual) in ENDPOINTS.into_iter().filter(|(method, ..)| *method != "POST") {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {good}\r\naccept: text/event-stream\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n{{"
        );
        let usual = if path.contains("well-known") { 404 } else { usual };
        let answer = server.raw(head.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {usual}")), "{method} {path}: {answer}");
    }

    // Heads that are too long, or hold too much.
    let many = (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = "y".repeat(100_000);
    let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    alive(&server);
}

#[test]
fn what_is_no_message_is_answered_and_harms_nothing() {
    let world = World::new();
    let server = world.serve(&[]);
    let good = format!("Bearer {ACME}");
    let mut connection = server.connect();
    let modern_headers =
        [("authorization", good.as_str()), ("mcp-protocol-version", MODERN), ("mcp-method", "tools/call")];
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\u{feff}{}",
        "{\"jsonrpc\":\"2.0\"}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}",
        &"[".repeat(20_000),
        &format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000)),
    ] {
        let reply = connection.request("POST", "/mcp", &modern_headers, body);
        let start: String = body.chars().take(40).collect();
        assert!((400..500).contains(&reply.status), "{start}: {reply:?}");
    }
    for (method, path) in
        [("PUT", "/mcp"), ("PATCH", "/mcp"), ("TRACE", "/mcp"), ("POST", "/healthz"), ("DELETE", "/readyz")]
    {
        let reply = connection.request(method, path, &[("authorization", &good)], "");
        assert_eq!(reply.status, 405, "{method} {path}: {reply:?}");
    }
    // The newest revision has no streams and sessions to get or to end.
    for method in ["GET", "DELETE"] {
        let headers = [("authorization", good.as_str()), ("mcp-protocol-version", MODERN)];
        let reply = connection.request(method, "/mcp", &headers, "");
        let told = (reply.status, reply.header("allow"), reply.body.as_str());
        assert_eq!(told, (405, Some("POST"), r#"{"ok":false,"error":"method_not_allowed"}"#), "{method}");
    }
    let headers = [("authorization", good.as_str()), ("content-type", "Application/JSON; charset=utf-8")];
    let reply = connection.request("POST", "/mcp", &headers, "{");
    assert!(reply.status == 400 && reply.body.contains("-32700"), "{reply:?}");
    for path in ["/mcp/", "//mcp", "/MCP", "/mcp/../mcp", "/%6dcp", "/mcp%00", "/metrics", "/apply", "/approve", "/"] {
        let reply = connection.request("POST", path, &[("authorization", &good)], "{}");
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
    }
    for junk in ["\r\n\r\n", "GARBAGE\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}"] {
        let answer = server.raw(junk.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{junk:?}: {answer}");
    }
    alive(&server);
}

#[test]
fn who_keeps_guessing_must_wait_and_does_not_lock_others_out() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let told = (0..60)
        .map(|n| connection.call(&format!("guess-{n}"), INSPECT, &json!({ "invoice_id": "INV-1" })))
        .filter(|reply| reply.status == 429)
        .count();
    assert!(told > 20, "{told}");
    let reply = connection.call("guess", INSPECT, &json!({ "invoice_id": "INV-1" }));
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")), "{reply:?}");
    alive(&server);
}

#[test]
fn who_lacks_a_credential_or_let_it_run_out_hears_how_to_get_one_however_often() {
    let issuer = Issuer::new();
    let world = World::with(|config| issuer.configure(config, &[]));
    world.env.write("keys.json", issuer.keys());
    let server = world.serve(&[]);
    let mut connection = server.connect();
    for n in 0..40 {
        connection.call(&format!("guess-{n}"), INSPECT, &json!({}));
    }
    let (_, expired) = issuer.bad_tokens().into_iter().find(|(name, _)| *name == "an expired one").unwrap();
    let bearer = format!("Bearer {expired}");
    for headers in [&[][..], &[("authorization", bearer.as_str())]] {
        for _ in 0..30 {
            let reply = ask(&mut connection, ("POST", "/mcp"), headers);
            assert_eq!(reply.status, 401, "{reply:?}");
            assert!(reply.header("www-authenticate").unwrap().contains("resource_metadata"), "{reply:?}");
        }
    }
}

#[test]
fn a_request_that_does_not_come_to_the_protocol_hears_a_word_of_ours() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let good = format!("Bearer {ACME}");
    let message = modern("tools/list", &json!({}));
    let (json, stream) = ("application/json", "application/json, text/event-stream");
    for (method, accept, kind, version, body, status, word) in [
        ("POST", "text/html", json, MODERN, message.as_str(), 406, "not_acceptable"),
        ("POST", stream, "text/plain", MODERN, &message, 415, "content_type_not_supported"),
        ("POST", stream, json, LEGACY, &legacy(1, "tools/list", &json!({})), 400, "session_required"),
        (
            "POST",
            stream,
            json,
            "1999-01-01",
            &legacy(1, "tools/list", &json!({})),
            400,
            "protocol_version_not_supported",
        ),
        ("GET", "text/event-stream", json, LEGACY, "", 400, "session_required"),
        ("DELETE", stream, json, LEGACY, "", 400, "session_required"),
    ] {
        let headers = [
            ("authorization", good.as_str()),
            ("accept", accept),
            ("content-type", kind),
            ("mcp-protocol-version", version),
            ("mcp-method", "tools/list"),
        ];
        let reply = connection.request(method, "/mcp", &headers, body);
        let what = format!("{method}, {accept}, {kind}, {version}: {reply:?}");
        assert_eq!(reply.status, status, "{what}");
        assert_eq!(reply.json(), json!({ "ok": false, "error": word }), "{what}");
    }
    // Another version of HTTP is not spoken, however a client begins.
    let answer = server.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
    alive(&server);
}

#[test]
fn browsers_are_told_what_allowed_pages_may_do() {
    let world = World::with(|config| config["http"]["allowed_origins"] = json!(["https://app.example"]));
    let server = world.serve(&["--cors-origin", "http://localhost:3000"]);
    let mut connection = server.connect();
    for (origin, allowed) in
        [("https://app.example", true), ("http://localhost:3000", true), ("http://localhost:3001", false)]
    {
        let wanted = [("origin", origin), ("access-control-request-method", "POST")];
        let reply = connection.request("OPTIONS", "/mcp", &wanted, "");
        assert_eq!(reply.header("access-control-allow-origin"), allowed.then_some(origin), "{reply:?}");
        assert_eq!(reply.status, if allowed { 200 } else { 403 });
    }
    let good = format!("Bearer {ACME}");
    let reply = ask(&mut connection, ("POST", "/mcp"), &[("authorization", &good), ("origin", "https://app.example")]);
    assert_eq!(reply.header("access-control-expose-headers"), Some("mcp-session-id,www-authenticate"), "{reply:?}");
}

/// The server still does its work.
#[track_caller]
fn alive(server: &HttpServer) {
    let reply = server.connect().call(ACME, INSPECT, &json!({ "invoice_id": "INV-1" }));
    assert_eq!(reply.json()["result"]["structuredContent"]["ok"], json!(true), "{reply:?}");
}
