//! The official Python client, as other people's software uses it.

use std::path::Path;

use serde_json::{Value as Json, json};
use synapsor_testkit::stdio::{LEGACY, MODERN};

use crate::world::World;

#[test]
fn the_official_client_works_in_both_eras() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
    let output = world.env.python_client(&script, [""; 0]);
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
    let said: Json = serde_json::from_str(&output.stdout).unwrap();
    for (said, revision) in said.as_array().unwrap().iter().zip([MODERN, LEGACY]) {
        assert_eq!(said["revision"], json!(revision));
        assert_eq!(said["server"], json!("synapsor-runner"));
        let tools = ["billing.inspect_invoice", "billing.propose_late_fee", "support.inspect_ticket"];
        assert_eq!(said["tools"], json!(tools));
        assert_eq!(said["read"]["late_fee_cents"], json!(5500));
        assert_eq!(said["foreign"], json!([true, "NOT_FOUND_IN_TENANT"]));
        assert_eq!(said["proposed"], json!("review_required"));
        assert_eq!(said["listed"], json!(true));
        assert_eq!(said["record"], json!("pending_review"));
        let uri = "synapsor://proposals/wrp_00000000000000000000";
        assert_eq!(said["missing"], json!({"code": "RESOURCE_NOT_FOUND", "uri": uri}));
        assert_eq!(said["prompt"], json!(["billing", "support"]));
    }
}
