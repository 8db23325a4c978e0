//! The isolated environment and the line client, tried on a shell in place of the binary.

use std::time::Duration;

use serde_json::json;
use synapsor_testkit::env::TestEnv;

fn shell() -> TestEnv {
    TestEnv::new("/bin/sh")
}

#[test]
fn a_command_sees_only_what_was_set() {
    let mut env = shell();
    env.set("GIVEN", "yes").set("TAKEN", "no").unset("TAKEN");
    env.write("nested/file", "text");
    let output = env.run(["-c", "env | sed 's/=.*//' | sort; cat nested/file; echo $GIVEN >&2; exit 3"]);
    let seen = env.snapshot(&output);
    let names: Vec<&str> =
        output.stdout.lines().filter(|name| !["_", "PWD", "OLDPWD", "SHLVL"].contains(name)).collect();
    assert_eq!(names, ["GIVEN", "HOME", "XDG_CONFIG_HOME", "text"]);
    assert!(seen.starts_with("exit code: 3\n") && seen.ends_with("----- stderr -----\nyes\n"), "{seen}");
}

#[test]
fn input_output_and_signals_come_through() {
    let env = shell();
    // More than a pipe holds, both ways.
    let long = "x".repeat(300_000);
    assert_eq!(env.run_with_input(["-c", "cat"], &long).expect(0), long);
    assert_eq!(env.run_with_input(["-c", "true"], &long).expect(0), "");
    assert_eq!(env.run(["-c", "kill -TERM $$"]).status, 128 + 15);
    assert_eq!(env.run(["-c", "pwd"]).expect(0).trim(), env.work_dir().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(env.run(["-c", "echo '{\"a\": [1.50]}'"]).json().to_string(), r#"{"a":[1.50]}"#);
}

#[test]
fn answers_are_matched_to_requests_and_the_rest_is_kept() {
    let script = r#"
        read first; read second
        echo "$first" >&2
        echo '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
        echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32601}}'
        echo '{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890.10}}'
        cat >/dev/null
        echo '{"last":true}'
        exit 4"#;
    let env = shell();
    let mut client = env.spawn_stdio(["-c", script]);
    let (first, second) = (client.send("a", json!({"x": 1})), client.send("b", json!({})));
    assert_eq!(client.answer(first).unwrap().to_string(), r#"{"n":12345678901234567890.10}"#);
    assert_eq!(client.answer(second).unwrap_err(), json!({"code": -32601}));
    assert_eq!(client.receive()["method"], "notifications/progress");
    assert!(client.drain(Duration::from_millis(50)).is_empty());
    client.close_stdin();
    let output = client.wait();
    assert_eq!((output.status, output.stdout.as_str()), (4, "{\"last\":true}\n"));
    assert_eq!(output.stderr, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":{\"x\":1}}\n");
}

#[test]
fn python_has_the_official_client() {
    let mut env = shell();
    env.set("GIVEN", "yes");
    let script = env.write("client.py", "import mcp, os, sys\nprint(mcp.ClientSession.__name__, os.environ['GIVEN'], os.environ['SYNAPSOR_RUNNER'], sys.argv[1])");
    assert_eq!(env.python_client(&script, ["x"]).expect(0), "ClientSession yes /bin/sh x\n");
}

#[test]
fn a_client_that_is_dropped_leaves_no_process() {
    let env = shell();
    let client = env.spawn_stdio(["-c", "echo up >&2; exec cat"]);
    let pid = client.pid();
    let alive = || std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(alive());
    drop(client);
    assert!(!alive());
}
