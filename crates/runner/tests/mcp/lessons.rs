//! One test for each known weakness of the reference program's tools, as a model meets them, named after what is done
//! right here. The others stand in `tests/loop/lessons.rs`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Session;
use synapsor_testkit::stdio::{LEGACY, MODERN, StdioClient};

use crate::resources::{propose, read};
use crate::world::{World, block_on, envelope, refused};

const INSPECT: &str = "billing.inspect_invoice";
const PROPOSE: &str = "billing.propose_late_fee";

fn tools(client: &mut StdioClient) -> Vec<Json> {
    client.request("tools/list", json!({})).unwrap()["tools"].as_array().unwrap().clone()
}

/// Edits the configuration of a world.
fn change_config(world: &World, edit: impl Fn(&mut Json)) {
    let mut config: Json = serde_json::from_str(&world.env.read("synapsor.runner.json")).unwrap();
    edit(&mut config);
    world.env.write("synapsor.runner.json", config.to_string());
}

/// Weakness 20: what a model sent and nobody had asked for was dropped in silence, a tenant of its own choice too.
#[test]
fn weakness_20_an_argument_that_nobody_asked_for_is_refused_and_named() {
    let world = World::new();
    for args in [&[][..], &["--alias-mode", "openai"]] {
        for revision in [LEGACY, MODERN] {
            let mut client = world.spawn(args);
            if revision == MODERN {
                client.discover()
            } else {
                client.initialize(revision)
            };
            for tool in tools(&mut client) {
                let name = tool["name"].as_str().unwrap();
                let good = match name {
                    name if name.contains("inspect_ticket") => json!({"ticket_id": "T-1"}),
                    name if name.contains("inspect_invoice") => json!({"invoice_id": "INV-1"}),
                    _ => json!({"invoice_id": "INV-1", "late_fee_cents": 1}),
                };
                for extra in ["tenant_id", "principal", "approved", "updated_at", "Invoice_id", "sql"] {
                    let mut arguments = good.clone();
                    arguments[extra] = json!("globex");
                    let result = client.call_tool(name, arguments);
                    let message = refused(&result, "INVALID_ARGUMENT");
                    assert!(message.contains(&format!("`{extra}`")), "{name}: {message}");
                    assert!(!result.to_string().contains("globex"), "{name}: {result}");
                }
            }
        }
    }
    let recorded = world.env.run(["evidence", "list", "--json"]).json();
    assert_eq!(recorded["evidence"], json!([]), "something was read");
}

/// Weakness 21: what a call was held to did not stand in the schema, and a call that fell short was an error of another
/// shape, or none.
#[test]
fn weakness_21_the_schema_says_what_is_enforced_and_a_refusal_is_an_envelope() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let listed = tools(&mut client);
    let schema = &listed.iter().find(|tool| tool["name"] == json!(PROPOSE)).unwrap()["inputSchema"];
    assert_eq!(schema["properties"]["reason"]["enum"], json!(["goodwill", "billing_error"]));
    let base = json!({"invoice_id": "INV-1", "late_fee_cents": 100, "reason": "goodwill"});
    let mut fits = 0;
    for (key, value) in [
        ("reason", json!("goodwill")),
        ("reason", json!("because")),
        ("reason", json!("")),
        ("reason", json!(7)),
        ("late_fee_cents", json!(0)),
        ("late_fee_cents", json!(-1)),
        ("late_fee_cents", json!(10_001)),
        ("late_fee_cents", json!("100")),
        ("invoice_id", json!("x".repeat(65))),
        ("invoice_id", json!(true)),
        ("other", json!(1)),
    ] {
        let mut arguments = base.clone();
        arguments[key] = value;
        let result = client.call_tool(PROPOSE, arguments.clone());
        if jsonschema::is_valid(schema, &arguments) {
            assert_eq!(envelope(&result)["ok"], json!(true), "{arguments}: {result}");
            fits += 1;
        } else {
            refused(&result, "INVALID_ARGUMENT");
        }
    }
    assert_eq!(fits, 2);
    drop(client);
    let mut client = world.serve(&["--result-format", "v1"]);
    let result = client.call_tool(PROPOSE, json!({"invoice_id": "INV-1", "late_fee_cents": 1, "reason": "because"}));
    assert_eq!((&result["isError"], &result["structuredContent"]["code"]), (&json!(true), &json!("INVALID_ARGUMENT")));
}

/// Weakness 22: one of its listings gave the configuration's own words for an argument in place of a JSON Schema.
#[test]
fn weakness_22_every_listing_gives_a_json_schema() {
    let world = World::new();
    for mode in ["canonical", "openai", "both"] {
        for format in ["v1", "v2", "v2-dual"] {
            let mut client = world.serve(&["--alias-mode", mode, "--result-format", format]);
            let listed = tools(&mut client);
            assert_eq!(listed.len(), if mode == "both" { 6 } else { 3 });
            for tool in listed {
                let schema = &tool["inputSchema"];
                jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{mode} {format}: {error}"));
                assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
                let properties = schema["properties"].as_object().unwrap();
                assert!(!properties.is_empty() && properties.values().all(|property| property["type"].is_string()));
                assert!(!jsonschema::is_valid(schema, &json!({})), "{schema}: nothing is required");
                // Not a word of the configuration's own.
                assert!(!schema.to_string().contains("max_length"), "{schema}");
            }
        }
    }
}

/// Weakness 26: any client could read every record in the store, and reading one wrote another.
#[test]
fn weakness_26_what_is_not_ones_own_is_not_there() {
    let mut world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, evidence) = propose(&mut client);
    drop(client);
    let missing = [
        "synapsor://proposals/wrp_00000000000000000000".to_owned(),
        "synapsor://proposals/WRP_00000000000000000000".to_owned(),
        "synapsor://proposals/".to_owned(),
        "synapsor://proposals/../evidence".to_owned(),
        "synapsor://proposals/contract:x".to_owned(),
        "synapsor://evidence/ev_' OR 1=1".to_owned(),
        "synapsor://evidence/\u{0}🧾".to_owned(),
        "synapsor://replay/replay_".to_owned(),
        "synapsor://other/x".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
        format!("synapsor://evidence/{proposal}"),
        format!("synapsor://proposals/{evidence}"),
        "x".repeat(1_000_000),
    ];
    let own = [
        format!("synapsor://proposals/{proposal}"),
        format!("synapsor://evidence/{evidence}"),
        format!("synapsor://replay/replay_{proposal}"),
    ];
    for (tenant, principal) in [("acme", "other"), ("globex", "agent"), ("ACME", "agent"), ("acme ", "agent")] {
        world.env.set("SYNAPSOR_TENANT_ID", tenant).set("SYNAPSOR_PRINCIPAL", principal);
        for (revision, code) in [(LEGACY, -32002), (MODERN, -32602)] {
            let mut client = world.spawn(&[]);
            if revision == MODERN {
                client.discover()
            } else {
                client.initialize(revision)
            };
            let errors: BTreeSet<String> = missing
                .iter()
                .chain(&own)
                .map(|uri| {
                    let mut error = read(&mut client, uri).expect_err("a record of somebody else");
                    // What was asked for is all that may differ.
                    assert_eq!(error["data"]["uri"].take(), json!(uri));
                    error.to_string()
                })
                .collect();
            assert_eq!(errors.len(), 1, "the answers differ: {errors:?}");
            let error: Json = serde_json::from_str(errors.first().unwrap()).unwrap();
            let data = json!({"code": "RESOURCE_NOT_FOUND", "uri": null});
            assert_eq!((&error["code"], &error["data"]), (&json!(code), &data));
            let list = client.request("resources/list", json!({})).unwrap();
            assert_eq!(list["resources"], json!([]), "{tenant} {principal}");
        }
    }
}

/// Weakness 26, too: reading a replay put a row into the store.
#[test]
fn weakness_26_reading_a_record_records_nothing() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, evidence) = propose(&mut client);
    let held = || {
        let stats = world.env.run(["store", "stats", "--json"]).json();
        let events = world.env.run(["events", "tail", "--limit", "100", "--json"]).expect(0).to_owned();
        (stats["events"].clone(), stats["head"].clone(), stats["replay_records"].clone(), events)
    };
    let before = held();
    for _ in 0..3 {
        read(&mut client, &format!("synapsor://proposals/{proposal}")).unwrap();
        read(&mut client, &format!("synapsor://evidence/{evidence}")).unwrap();
        read(&mut client, &format!("synapsor://replay/replay_{proposal}")).unwrap();
    }
    assert_eq!(held(), before);
}

/// Calls a tool that cannot answer, and checks that the model hears only that. What was logged since the last call comes
/// back.
fn unavailable(world: &World, client: &mut StdioClient, logged: &mut usize) -> String {
    let result = client.call_tool(INSPECT, json!({"invoice_id": "INV-1"}));
    let told = result.to_string();
    assert!(result["isError"] == json!(true) && told.contains("TEMPORARILY_UNAVAILABLE"), "{told}");
    let place = world.env.work_dir().display().to_string();
    for plumbing in [&place, "127.0.0.1", "planted", "locked", "sqlite", "os error", "connect", ".db"] {
        assert!(!told.to_lowercase().contains(plumbing), "the model is shown `{plumbing}`: {told}");
    }
    // Its reader may be a little behind the answer.
    let started = Instant::now();
    while client.stderr().len() == *logged {
        assert!(started.elapsed() < Duration::from_secs(10), "nothing was logged");
        std::thread::yield_now();
    }
    let log = client.stderr();
    let new = log.get(*logged..).unwrap_or_default().to_owned();
    *logged = log.len();
    new
}

/// Weakness 27: driver text with host and port reached the model, and a store in trouble was taken for a database that
/// was down.
#[test]
fn weakness_27_no_plumbing_reaches_a_model_and_the_log_tells_store_from_source() {
    for format in ["v1", "v2", "v2-dual"] {
        let mut world = World::new();
        change_config(&world, |config| config["sources"]["billing"]["lock_timeout_ms"] = json!(200));
        let mut client = world.serve(&["--result-format", format]);
        let mut logged = 0;
        client.call_tool("support.inspect_ticket", json!({"ticket_id": "T-1"}));
        let url = format!("sqlite:{}", world.env.path("billing.db").display());
        let lock = block_on(async {
            let session = Session::open(&url).await;
            session.execute("BEGIN EXCLUSIVE").await.unwrap();
            session
        });
        let log = unavailable(&world, &mut client, &mut logged);
        assert!(log.contains("source database: ") && !log.contains("ledger: "), "{format} {log}");
        drop(lock);
        std::fs::rename(world.env.path(".synapsor"), world.env.path("away")).unwrap();
        let log = unavailable(&world, &mut client, &mut logged);
        assert!(log.contains("ledger: ") && !log.contains("source database: "), "{format} {log}");
        drop(client);
        std::fs::rename(world.env.path("away"), world.env.path(".synapsor")).unwrap();
        // Nobody listens where the source should be.
        for (engine, schema) in [("postgres", "public"), ("mysql", "planted")] {
            world.env.set("BILLING_URL", format!("{engine}://planted:planted@127.0.0.1:1/planted"));
            change_config(&world, |config| {
                config["sources"]["billing"]["engine"] = json!(engine);
                for capability in config["capabilities"].as_array_mut().unwrap() {
                    capability["target"]["schema"] = json!(schema);
                }
            });
            let mut client = world.serve(&["--result-format", format]);
            let log = unavailable(&world, &mut client, &mut 0);
            assert!(log.contains("source database: ") && !log.contains("ledger: "), "{format} {engine} {log}");
        }
    }
}

/// Weakness 31: serving for reading alone refused to start where writes were configured to go to the application.
#[test]
fn weakness_31_a_configuration_with_a_handler_is_served_for_reading() {
    let world = World::new();
    change_config(&world, |config| {
        config["executors"] = json!({"app": {"type": "http_handler", "url_env": "APP_URL"}});
        config["capabilities"][1]["executor"] = json!("app");
    });
    let mut client = world.serve(&["--read-only"]);
    let names: Vec<Json> = tools(&mut client).iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, [json!(INSPECT), json!("support.inspect_ticket")]);
    let result = client.call_tool(INSPECT, json!({"invoice_id": "INV-1"}));
    assert_eq!(envelope(&result)["data"]["late_fee_cents"], json!(5500));
    refused(&client.call_tool(PROPOSE, json!({"invoice_id": "INV-1", "late_fee_cents": 0})), "CAPABILITY_NOT_FOUND");
}
