//! `benchmark`: measured anew each time, and nothing is left behind.

use synapsor_testkit::env::TestEnv;

use crate::shop::binary;

#[test]
fn both_ways_are_measured_and_nothing_is_left() {
    let mut env = TestEnv::new(binary());
    let temporary = env.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // Neither the user's ledger nor the user's configuration is touched.
    let mine = env.path("mine.db");
    env.set("TMPDIR", temporary.display().to_string()).set("SYNAPSOR_LOCAL_STORE", mine.display().to_string());
    env.set("SYNAPSOR_MCP_CONFIG", "none.json").set("SYNAPSOR_TENANT_ID", "globex");
    let report = env.run(["benchmark", "mcp-efficiency", "--json"]).json();
    let generic = &report["paths"]["generic_database_mcp_reference"];
    let reviewed = &report["paths"]["synapsor_runner_semantic_path"];
    assert_eq!((&generic["exposed_tools"], &reviewed["exposed_tools"]), (&4.into(), &2.into()), "{report:#}");
    assert_eq!((&generic["scripted_tool_calls"], &reviewed["scripted_tool_calls"]), (&5.into(), &2.into()));
    assert_eq!((&generic["exposes_raw_sql"], &reviewed["approval_separated"]), (&true.into(), &true.into()));
    assert_eq!(reviewed["schema_context_tokens"], 0);
    for path in [generic, reviewed] {
        assert!(path["business_result_tokens"].as_u64().unwrap() > 30, "{report:#}");
        assert_eq!(path.as_object().unwrap().len(), 12);
    }
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!mine.exists());
    let text = env.run(["benchmark", "mcp-efficiency"]).expect(0);
    assert!(text.contains("REVIEWED ACTIONS"), "{text}");
}
