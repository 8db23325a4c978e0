//! What `mcp client-config` makes for each client: launched exactly as it is written, the server lists its tools.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value as Json, json};
use synapsor_testkit::env::{Output, TestEnv};
use synapsor_testkit::http::HttpServer;

use crate::world::{TOKEN, billing};

const TOOLS: [&str; 4] = [
    "support.inspect_ticket",
    "support.propose_plan_credit",
    "billing.inspect_invoice",
    "billing.propose_late_fee_waiver",
];

/// The clients that start the server, with the place of its settings in what is printed.
const STARTERS: [(&str, &str); 5] = [
    ("generic", ""),
    ("claude-desktop", "/mcpServers/synapsor"),
    ("claude-code", "/mcpServers/synapsor"),
    ("cursor", "/mcpServers/synapsor"),
    ("vscode", "/servers/synapsor"),
];

fn made(env: &TestEnv, args: &[&str]) -> Output {
    env.run(["mcp", "client-config", "--client"].iter().chain(args))
}

/// Starts what the settings say, from a folder that is not the configuration's where paths are full.
#[track_caller]
fn launches(env: &TestEnv, settings: &Json, names: &[&str]) {
    let args: Vec<&str> = settings["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let mut command = env.command(&args);
    let program = settings["command"].as_str().unwrap();
    if program.starts_with('/') {
        assert_eq!(PathBuf::from(program), PathBuf::from(command.get_program()).canonicalize().unwrap());
        command.current_dir("/");
    } else {
        assert_eq!(program, "synapsor-runner");
    }
    let mut client = synapsor_testkit::stdio::StdioClient::spawn(command);
    client.initialize("2025-11-25");
    let listed = client.request("tools/list", json!({})).unwrap();
    let listed: Vec<_> =
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
    client.close_stdin();
    assert_eq!(client.wait().status, 0);
}

#[test]
fn every_client_that_starts_the_server_can() {
    let env = billing();
    for (client, place) in STARTERS {
        for paths in [&[][..], &["--absolute-paths"]] {
            let output = made(&env, &[&[client], paths].concat());
            assert_eq!(output.status, 0, "{client}: {output:?}");
            assert!(output.stderr.contains("BILLING_READ_URL, SYNAPSOR_PRINCIPAL, SYNAPSOR_TENANT_ID"), "{output:?}");
            assert!(!output.stdout.contains("sqlite:"), "{output:?}");
            launches(&env, output.json().pointer(place).unwrap(), &TOOLS);
        }
    }
    let aliased = made(&env, &["cursor", "--alias-mode", "openai"]).json();
    launches(
        &env,
        &aliased["mcpServers"]["synapsor"],
        &TOOLS.map(|name| name.replace('.', "__")).each_ref().map(String::as_str),
    );
    let mut config: Json = serde_json::from_str(&env.read("synapsor.runner.json")).unwrap();
    config["storage"]["sqlite_path"] = json!(":memory:");
    env.write("memory.json", config.to_string());
    let memory = made(&env, &["generic", "--config", "memory.json", "--absolute-paths"]).json();
    assert_eq!(memory["args"][5], ":memory:", "{memory}");
    launches(&env, &memory, &TOOLS);
    // The short form, and the reference program's names.
    let short = env.run(["mcp", "config"]);
    assert_eq!(short.stdout, made(&env, &["claude"]).stdout);
    assert_eq!(env.run(["mcp", "configure", "--client", "generic-stdio"]).stdout, made(&env, &["generic"]).stdout);
}

#[test]
fn codex_reads_toml() {
    let env = billing();
    for paths in [&[][..], &["--absolute-paths"]] {
        let output = made(&env, &[&["codex"], paths].concat());
        let lines: Vec<_> = output.stdout.lines().collect();
        let [section, command, args] = lines[..] else { panic!("{output:?}") };
        assert_eq!(section, "[mcp_servers.synapsor]");
        // Texts and lists of them are written in TOML as in JSON.
        let value = |line: &str, name: &str| -> Json {
            serde_json::from_str(line.strip_prefix(&format!("{name} = ")).unwrap()).unwrap()
        };
        launches(&env, &json!({ "command": value(command, "command"), "args": value(args, "args") }), &TOOLS);
    }
}

/// A port that is free, and that no system hands out by itself meanwhile.
fn free_port() -> String {
    let start = std::process::id() % 10_000;
    let mut ports = (0..10_000).map(|n| u16::try_from(20_000 + (start + n) % 10_000).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap().to_string()
}

/// Starts the server as the settings say, and runs the program that they hold against it.
#[track_caller]
fn program_lists_tools(env: &TestEnv, more: &[&str]) {
    let port = free_port();
    let settings = made(env, &[&["openai-agents", "--port", &port, "--absolute-paths"], more].concat()).json();
    let start = &settings["start_server"];
    let mut command: Command = env.command(start["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()));
    for (variable, value) in start["env"].as_object().unwrap() {
        assert_eq!(value, "<set-a-random-local-token>");
        command.env(variable, TOKEN);
    }
    let _server = HttpServer::spawn(command);
    env.write("agent.py", settings["openai_agents_sdk"]["python"].as_str().unwrap());
    let output = env.python_client::<&str>(&env.path("agent.py"), []);
    assert_eq!(output.status, 0, "{output:?}");
    let names = settings["tool_names"]["model_visible_with_alias_mode_openai"].to_string();
    assert_eq!(output.stdout.trim().replace('\'', "\"").replace(' ', ""), names);
}

#[test]
fn a_program_on_the_openai_agents_sdk_reaches_the_server_that_its_settings_start() {
    program_lists_tools(&billing(), &[]);
    program_lists_tools(&billing(), &["--auth-token-env", "SYNAPSOR_RUNNER_HTTP_TOKEN", "--host", "localhost"]);
}

/// The configuration with other settings of HTTP, and with tenants that clients prove.
fn with_claims(env: &mut TestEnv, http: Json) {
    let mut config: Json = serde_json::from_str(&env.read("synapsor.runner.json")).unwrap();
    config["trusted_context"] = json!({ "provider": "http_claims" });
    config["http"] = http;
    env.write("synapsor.runner.json", config.to_string());
    env.unset("SYNAPSOR_RUNNER_HTTP_TOKEN").unset("SYNAPSOR_TENANT_ID").unset("SYNAPSOR_PRINCIPAL");
}

#[test]
fn where_clients_prove_their_tenant_the_settings_name_such_a_token() {
    let mut env = billing();
    let desk = json!({ "name": "desk", "token_env": "DESK_TOKEN", "tenant_id": "acme", "principal": "desk.agent" });
    with_claims(&mut env, json!({ "tokens": [desk] }));
    env.set("DESK_TOKEN", TOKEN);
    program_lists_tools(&env, &[]);
    program_lists_tools(&env, &["--auth-token-env", "DESK_TOKEN"]);
    let output = made(&env, &["openai-agents"]);
    assert!(output.stderr.contains("BILLING_READ_URL, DESK_TOKEN."), "{output:?}");
    let refused = made(&env, &["openai-agents", "--auth-token-env", "OTHER"]);
    assert!(refused.status == 2 && refused.stderr.contains("`http.tokens`"), "{refused:?}");
    for client in ["cursor", "codex", "generic"] {
        let refused = made(&env, &[client]);
        assert_eq!((refused.status, refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains("TRUSTED_CONTEXT_MISSING"), "{refused:?}");
    }
    let issuer = json!({ "issuer": "https://login.example.com/", "audience": "synapsor", "jwks_file": "keys.json",
        "tenant_claim": "tenant_id" });
    with_claims(&mut env, json!({ "jwt": issuer }));
    let settings = made(&env, &["openai-agents"]).json();
    assert_eq!(settings["start_server"]["env"], json!({}));
    assert!(!settings["start_server"]["args"].to_string().contains("--auth-token-env"));
    assert!(settings["notes"].to_string().contains("a token of https://login.example.com/ in MCP_ACCESS_TOKEN"));
}

#[test]
fn the_address_is_one_that_the_server_answers_to() {
    let mut env = billing();
    let url = |env: &TestEnv, args: &[&str]| {
        made(env, &[&["openai-agents"], args].concat()).json()["openai_agents_sdk"]["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(url(&env, &[]), "http://127.0.0.1:8766/mcp");
    assert_eq!(url(&env, &["--host", "::1", "--port", "1"]), "http://[::1]:1/mcp");
    let open = made(&env, &["openai-agents", "--host", "0.0.0.0"]);
    assert!(open.status == 2 && open.stderr.contains("there is no TLS"), "{open:?}");
    let desk = json!({ "name": "desk", "token_env": "DESK_TOKEN", "tenant_id": "acme", "principal": "desk.agent" });
    let tls = json!({ "cert_file": "c.pem", "key_file": "k.pem" });
    with_claims(&mut env, json!({ "host": "0.0.0.0", "port": 9, "tls": tls, "tokens": [desk] }));
    assert_eq!(url(&env, &[]), "https://localhost:9/mcp");
    for (allowed, name) in [("mcp.example.com", "mcp.example.com:9"), ("mcp.example.com:443", "mcp.example.com:443")] {
        with_claims(
            &mut env,
            json!({ "host": "0.0.0.0", "port": 9, "tls": tls, "tokens": [desk], "allowed_hosts": [allowed] }),
        );
        assert_eq!(url(&env, &[]), format!("https://{name}/mcp"));
    }
}

#[test]
fn instructions_are_those_that_the_server_gives() {
    let env = billing();
    let settings = made(&env, &["generic", "--include-instructions"]).json();
    let instructions = &settings["agent_instructions"];
    assert_eq!([&instructions["target_client"], &instructions["alias_mode"]], ["generic", "canonical"]);
    assert_eq!(instructions["checklist"].as_array().map(Vec::len), Some(4));
    let mut client = env.spawn_stdio(["mcp", "serve"]);
    assert_eq!(client.initialize("2025-11-25")["instructions"], instructions["recommended_system_prompt"]);
}

#[test]
fn what_a_clients_file_holds_stays() {
    let env = billing();
    let file = env.path("mcp.json");
    let write = |client: &str| made(&env, &[client, "--write", "--yes", "--destination", "mcp.json"]);
    let read = || -> Json { serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap() };
    let backups = || {
        let entries =
            fs::read_dir(env.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.filter(|name| name.starts_with("mcp.json.")).count()
    };

    // Nobody there to ask: nothing is written.
    let asked = made(&env, &["cursor", "--write", "--destination", "mcp.json"]);
    assert_eq!(asked.status, 2, "{asked:?}");
    assert!(asked.stderr.contains("+ {\n+   \"synapsor\"") && !file.exists(), "{asked:?}");
    // A new file, then the same again.
    assert_eq!(write("cursor").status, 0);
    launches(&env, &read()["mcpServers"]["synapsor"], &TOOLS);
    assert!(write("cursor").stdout.contains("already"));
    assert_eq!(backups(), 0);
    // Other members stay as they are and where they are; what was there is kept in a copy.
    let theirs = "{\"theme\":\"dark\",\"mcpServers\":{\"other\":{\"url\":\"https://example.com/ü\"},\"synapsor\":{\"command\":\"old\",\"env\":{\"BILLING_READ_URL_FILE\":\"u\"}}},\"n\":1.50}";
    env.write("mcp.json", theirs);
    let replaced = write("claude-code");
    assert!(replaced.stderr.contains("-     \"command\": \"old\""), "{replaced:?}");
    assert_eq!(backups(), 1);
    assert_eq!(read().as_object().unwrap().keys().collect::<Vec<_>>(), ["theme", "mcpServers", "n"]);
    assert_eq!(read()["mcpServers"]["synapsor"]["env"], json!({ "BILLING_READ_URL_FILE": "u" }));
    assert_eq!(read()["mcpServers"]["other"], json!({ "url": "https://example.com/ü" }));
    assert!(fs::read_to_string(&file).unwrap().contains("1.50"));
    launches(&env, &read()["mcpServers"]["synapsor"], &TOOLS);
    assert!(fs::read_dir(env.path("")).unwrap().any(|entry| {
        let entry = entry.unwrap();
        entry.file_name().to_str().unwrap().starts_with("mcp.json.bak.")
            && fs::read_to_string(entry.path()).unwrap() == theirs
    }));
    // What a project brings along leads nowhere.
    env.write("victim", "theirs");
    std::os::unix::fs::symlink(env.path("victim"), env.path("mcp.json.new")).unwrap();
    assert_eq!(write("cursor").status, 0);
    fs::remove_file(env.path("mcp.json.new")).unwrap();
    assert_eq!(env.read("victim"), "theirs");
    // What cannot be merged is left alone.
    for text in ["// comments\n{}", "[]", "{\"servers\":3}", "{"] {
        env.write("mcp.json", text);
        let refused = write("vscode");
        assert_eq!(refused.status, 1, "{text}: {refused:?}");
        assert!(refused.stderr.contains("help: "), "{refused:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    assert_eq!(backups(), 1);
}

#[test]
fn a_project_gets_the_server_and_loses_it_again() {
    let env = billing();
    for (client, file, section) in [
        ("claude-code", ".mcp.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".vscode/mcp.json", "servers"),
    ] {
        let read = |folder: &str| -> Json {
            serde_json::from_str(&fs::read_to_string(env.path(folder).join(file)).unwrap()).unwrap()
        };
        let installed = env.run(["mcp", "install", client, "--project", "--yes"]);
        assert_eq!(installed.status, 0, "{installed:?}");
        launches(&env, &read("")[section]["synapsor"], &TOOLS);
        // In the folder of another project, where somebody has a server of theirs.
        let theirs = json!({ "a": 1, section: { "other": { "command": "theirs" } } });
        env.write(format!("elsewhere/{file}"), theirs.to_string());
        for _ in 0..2 {
            let args = ["mcp", "install", client, "--project", "elsewhere", "--yes", "--alias-mode", "openai"];
            assert_eq!(env.run(args).status, 0);
        }
        let names = TOOLS.map(|name| name.replace('.', "__"));
        launches(&env, &read("elsewhere")[section]["synapsor"], &names.each_ref().map(String::as_str));
        let asked = env.run(["mcp", "uninstall", client, "--project", "elsewhere"]);
        assert_eq!(asked.status, 2, "{asked:?}");
        let removed = env.run(["mcp", "uninstall", client, "--project", "elsewhere", "--yes"]);
        assert!(removed.stderr.starts_with("- {\n-   \"synapsor\""), "{removed:?}");
        assert_eq!(read("elsewhere"), theirs);
        let again = env.run(["mcp", "uninstall", client, "--project", "elsewhere", "--yes"]);
        assert!(again.status == 0 && again.stdout.contains("does not name this server"), "{again:?}");
    }
    for args in [
        &["install", "codex", "--yes"][..],
        &["install", "claude-desktop", "--yes"],
        &["uninstall", "openai-agents", "--yes"],
        &["install", "cursor", "--project", "no-such-folder", "--yes"],
    ] {
        let refused = env.run(["mcp"].iter().chain(args));
        assert_eq!(refused.status, 2, "{refused:?}");
    }
}

#[test]
fn what_has_no_meaning_for_a_client_is_refused() {
    let env = billing();
    for args in [
        &["cursor", "--transport", "streamable-http"][..],
        &["openai-agents", "--transport", "stdio"],
        &["vscode", "--port", "1"],
        &["generic", "--host", "localhost"],
        &["claude-desktop", "--auth-token-env", "X"],
        &["openai-agents", "--write", "--destination", "x.json"],
        &["codex", "--write", "--destination", "x.toml"],
        &["generic", "--write", "--destination", "x.json"],
        &["cursor", "--write"],
        &["cursor", "--destination", "x.json"],
        &["cursor", "--write", "--destination", "x.json", "--include-instructions"],
        &["codex", "--include-instructions"],
        &["no-such-client"],
    ] {
        let refused = made(&env, args);
        assert_eq!(refused.status, 2, "{args:?}: {refused:?}");
        assert_eq!(refused.stdout, "", "{args:?}");
    }
    // Settings may be made before the configuration is, instructions may not.
    fs::remove_file(env.path("synapsor.runner.json")).unwrap();
    let early = made(&env, &["cursor"]);
    assert_eq!(early.status, 0, "{early:?}");
    assert!(early.stderr.contains("no configuration"), "{early:?}");
    assert_eq!(made(&env, &["cursor", "--include-instructions"]).status, 2);
}
