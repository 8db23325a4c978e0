//! Bad lines, bad requests and bad names: each gets an answer where the protocol has one, and the server lives on.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};
use synapsor_testkit::stdio::StdioClient;

use crate::world::{World, envelope, refused};

/// Sends a line and returns the error it is answered with.
#[track_caller]
fn answered(client: &mut StdioClient, line: &str) -> Json {
    client.send_line(line);
    let answer = client.receive();
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    answer
}

#[track_caller]
fn lives(client: &mut StdioClient) {
    envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
}

#[test]
fn lines_that_are_no_message_are_answered() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","arguments":{{"a":{nested}}}}}}}"#
    );
    for (line, code) in [
        ("nothing", -32700),
        ("{", -32700),
        (nested.as_str(), -32700),
        (deep.as_str(), -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        ("7", -32600),
        ("null", -32600),
        (r#""text""#, -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#, -32600),
    ] {
        let answer = answered(&mut client, line);
        assert_eq!(answer["error"]["code"], json!(code), "{answer}");
        assert!(answer.get("id").is_none_or(Json::is_null), "{answer}");
    }
    for (line, id) in [
        (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, json!("a")),
        (r#"{"id":7,"method":"ping"}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7,"method":5}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":7}"#, json!(7)),
    ] {
        let answer = answered(&mut client, line);
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &id), "{line}");
    }
    lives(&mut client);
}

#[test]
fn notifications_and_responses_are_never_answered_however_wrong() {
    let world = World::new();
    let mut client = world.serve(&[]);
    for line in [
        "",
        "   ",
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"billing.inspect_invoice"}}"#,
        r#"{"jsonrpc":"2.0","method":"no/such/notification"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never sent"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":5}"#,
        r#"{"jsonrpc":"2.0","id":5,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":5,"result":{},"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}"#,
    ] {
        client.send_line(line);
    }
    assert_eq!(client.drain(Duration::from_millis(200)), Vec::<Json>::new());
    lives(&mut client);
}

#[test]
fn requests_with_wrong_parameters_get_the_protocols_error() {
    let world = World::new();
    let mut client = world.serve(&[]);
    for (method, params, code) in [
        ("no/such/method", json!({}), -32601),
        ("", json!({}), -32601),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!([]), -32602),
        ("tools/call", json!({"name": 7, "arguments": {}}), -32602),
        ("tools/call", json!({"name": null}), -32602),
        ("resources/read", json!({}), -32602),
        ("resources/list", json!({"cursor": "abc"}), -32602),
        ("resources/list", json!({"cursor": "-1"}), -32602),
        ("resources/list", json!({"cursor": "99999999999999999999"}), -32602),
        ("prompts/get", json!({"name": []}), -32602),
        ("completion/complete", json!({"ref": {"type": "ref/other"}}), -32602),
        ("initialize", json!({"protocolVersion": 5}), -32602),
    ] {
        let error = client.request(method, params.clone()).unwrap_err();
        assert_eq!(error["code"], json!(code), "{method} {params}: {error}");
    }
    lives(&mut client);
}

#[test]
fn huge_and_strange_values_are_refused_in_an_envelope() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let read = "billing.inspect_invoice";
    let message = refused(&client.call_tool(read, json!({"invoice_id": "x".repeat(10_000_000)})), "INVALID_ARGUMENT");
    assert!(message.len() < 200, "{message}");
    let huge_name = "y".repeat(1_000_000);
    let result = client.call_tool(read, json!({ huge_name: 1 }));
    assert!(refused(&result, "INVALID_ARGUMENT").len() < 300);
    let many: serde_json::Map<String, Json> = (0..10_000).map(|n| (format!("a{n}"), json!(n))).collect();
    refused(&client.call_tool(read, Json::Object(many)), "INVALID_ARGUMENT");
    for key in [
        "INV-1' OR '1'='1",
        "INV-1\"",
        "INV-1\u{0}",
        "INV-1;--",
        "\u{202e}1-VNI",
        "🧾",
        "",
        " INV-1",
        "inv-1",
        "INV-1%",
    ] {
        refused(&client.call_tool(read, json!({"invoice_id": key})), "NOT_FOUND_IN_TENANT");
    }
    for name in [
        "",
        "\u{0}",
        "🧾",
        "billing.inspect_invoice ",
        "BILLING.INSPECT_INVOICE",
        "../billing",
        "billing.propose_late_fee\n",
    ] {
        let result = client.call_tool(name, json!({"invoice_id": "INV-1"}));
        refused(&result, "CAPABILITY_NOT_FOUND");
        assert!(!envelope(&result)["action"].as_str().unwrap().contains(char::is_control));
    }
    for id in ["a\"b", "a\u{0}b", "🧾", ""] {
        client.send_line(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}).to_string());
        assert_eq!(client.receive(), json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    }
    // A key that the JSON library gives a meaning of its own.
    for text in ["not a number", "1", "1e999999999"] {
        let call = json!({"name": read, "arguments": {"invoice_id": {"$serde_json::private::Number": text}}});
        client.send_line(&json!({"jsonrpc": "2.0", "id": "n", "method": "tools/call", "params": call}).to_string());
        let answer = client.receive();
        assert!(answer["error"].is_object() || answer["result"]["isError"] == json!(true), "{answer}");
    }
    lives(&mut client);
}

#[test]
fn a_line_that_is_too_long_is_skipped_in_bounded_memory() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let half = "x".repeat(20 * 1024 * 1024);
    let answer = answered(&mut client, &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{half}{half}"}}"#));
    assert_eq!(answer["error"]["code"], json!(-32600));
    lives(&mut client);
    let status = std::fs::read_to_string(format!("/proc/{}/status", client.pid())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(peak) = peak {
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kilobytes < 120 * 1024, "the server took {kilobytes} kB");
    }
}

#[test]
fn bytes_that_are_no_text_are_answered() {
    let world = World::new();
    let mut command = world.env.command(["mcp", "serve"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut stdin = server.stdin.take().unwrap();
    stdin.write_all(b"\xff\xfe\x00garbage\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xffing\"}\n").unwrap();
    stdin.write_all(b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\r\n").unwrap();
    stdin.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"pi").unwrap();
    drop(stdin);
    let output = server.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines: Vec<Json> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<&Json> = lines.iter().map(|line| &line["error"]["code"]).collect();
    assert_eq!(codes, [&json!(-32700), &json!(-32700), &Json::Null], "{lines:?}");
    assert_eq!(lines[2], json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
}

#[test]
fn a_flood_of_requests_is_answered_in_full() {
    let world = World::new();
    let mut client = world.serve(&[]);
    // Far more than may be open at once.
    let count = 5_000;
    let call = json!({"name": "no.such_tool", "arguments": {"text": "x".repeat(2_000)}});
    let sent: Vec<u64> = (0..count).map(|_| client.send("tools/call", call.clone())).collect();
    for id in sent {
        refused(&client.answer(id).unwrap(), "CAPABILITY_NOT_FOUND");
    }
    // Answers of cancelled and repeated requests take up no room.
    for _ in 0..2_000 {
        let id = client.send("tools/call", call.clone());
        client.notify("notifications/cancelled", json!({"requestId": id}));
        client.send_line(r#"{"jsonrpc":"2.0","id":"same","method":"ping"}"#);
    }
    client.drain(Duration::from_millis(200));
    lives(&mut client);
}
