//! Shadow proposals, and what people did.

use serde_json::json;

use super::world::World;

#[test]
fn an_agents_change_is_compared_with_a_persons() {
    let world = World::new();
    let config = world.env.read("synapsor-demo/synapsor.runner.json");
    world.env.write("synapsor-demo/synapsor.runner.json", config.replace(r#""mode": "review""#, r#""mode": "shadow""#));
    let shadow = world.propose("INV-3002", "Duplicate charge");
    let listed = world.json("shadow list");
    assert_eq!(listed["proposals"].as_array().unwrap().len(), 1);
    assert_eq!(listed["proposals"][0]["proposal_id"], json!(shadow));

    let compare = || world.json(&format!("shadow compare {shadow}"));
    let nobody = compare();
    assert_eq!((&nobody["status"], nobody.get("human_patch")), (&json!("no_human_action"), None));

    let record = |patch: &str, more: &[&str]| {
        world.env.write("patch.json", patch);
        let args = ["shadow", "record-human-action", &shadow, "--patch", "patch.json"];
        world.env.run(args.iter().chain(more))
    };
    record(r#"{"late_fee_cents": 1200}"#, &["--actor", "ann"]).expect(0);
    assert_eq!(compare()["status"], "mismatch");
    record(r#"{"late_fee_cents": 0}"#, &[]).expect(0);
    let partial = compare();
    assert_eq!((&partial["status"], &partial["human_actor"]), (&json!("partial_match"), &json!("human_operator")));
    assert_eq!(partial["missing_from_human"], json!(["waiver_reason"]));
    let exact = r#"{"waiver_reason": "Duplicate charge", "late_fee_cents": 0.0}"#;
    let recorded = record(exact, &["--actor", "ann", "--notes", "as asked", "--json"]).json();
    assert_eq!((&recorded["ok"], &recorded["actor"]), (&json!(true), &json!("ann")));
    let matched = compare();
    assert_eq!((&matched["status"], &matched["notes"]), (&json!("exact_match"), &json!("as asked")));
    assert!(world.text(&format!("shadow compare {shadow}"), 0).contains("Status: exact_match\n"));

    let report = world.json("shadow report");
    let counts = ["total_shadow_proposals", "with_human_action", "exact_matches", "mismatches", "no_human_action"];
    assert_eq!(counts.map(|key| report[key].as_u64().unwrap()), [1, 1, 1, 0, 0]);
    assert_eq!(report["comparisons"][0]["proposal_id"], json!(shadow));
    world.text("store verify", 0);
}

#[test]
fn what_is_no_human_action_is_refused() {
    let world = World::new();
    let check = |patch: &str, more: &[&str], status: i32, why: &str| {
        world.env.write("patch.json", patch);
        let args = ["shadow", "record-human-action", &world.applied, "--patch", "patch.json"];
        let output = world.env.run(args.iter().chain(more));
        assert_eq!(output.status, status, "{patch}\n{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(why), "{patch}\n{}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    };
    check("{}", &[], 4, "NOT_SHADOW_PROPOSAL");
    check("[1]", &[], 2, "INVALID_ARGUMENT");
    check("{", &[], 2, "INVALID_ARGUMENT");
    check(r#"{"url": "postgres://app:hunter2pass@db/app"}"#, &[], 4, "POLICY_VIOLATION");
    check(r#"{"password": "hunter2pass"}"#, &[], 4, "POLICY_VIOLATION");
    check("{}", &["--notes", "postgres://app:hunter2pass@db/app"], 4, "POLICY_VIOLATION");
    check(&format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20)), &[], 2, "1 MiB");
    let gone = world.run(&format!("shadow record-human-action {} --patch none.json", world.applied));
    assert_eq!(gone.status, 1);
    assert_eq!(world.run(&format!("shadow compare {}", world.applied)).status, 4);
    assert_eq!(world.json("store stats")["shadow_human_actions"], 0);
}
