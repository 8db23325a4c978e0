//! The settings in the examples start a server that lists its tools, with the reader's URL in a file.

use std::path::Path;

use serde_json::Value as Json;
use synapsor_testkit::database::postgres;
use synapsor_testkit::env::TestEnv;

use crate::shop::binary;

#[tokio::test]
async fn the_settings_of_clients_start_the_server() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let read = |name: &str| std::fs::read_to_string(examples.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let db = postgres().await;
    db.execute(&read("support-billing-agent/schema.postgres.sql")).await;
    db.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}").await;
    for file in ["claude-desktop-postgres/claude_desktop_config.json", "cursor-postgres/.cursor/mcp.json"] {
        let mut env = TestEnv::new(binary());
        let here = env.work_dir().display().to_string();
        env.write("synapsor.runner.json", read("support-billing-agent/synapsor.runner.json"));
        env.write("read_url", db.reader_url());
        let settings: Json = serde_json::from_str(&read(file).replace("/srv/billing", &here)).unwrap();
        env.write("settings.json", settings.to_string());
        let folder = binary().parent().unwrap().display().to_string();
        env.set("PATH", format!("{folder}:/usr/bin:/bin"));
        let report =
            env.run(["audit", "--mcp-config", "settings.json", "--yes", "--json", "--timeout-ms", "60000"]).json();
        assert_eq!(report["summary"]["tools_inspected"], 4, "{file}: {report:#}");
    }
}
