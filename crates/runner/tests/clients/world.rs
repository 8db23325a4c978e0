//! The billing example on SQLite, and an environment that names it.

use std::fs;
use std::path::{Path, PathBuf};

use synapsor_testkit::database::Session;
use synapsor_testkit::env::TestEnv;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/support-billing-agent");

/// Lets clients in that connect over HTTP.
pub(crate) const TOKEN: &str = "a-token-of-more-than-32-characters-for-tests";

/// Makes the place; the tenant is `acme`.
pub(crate) fn billing() -> TestEnv {
    let mut env = TestEnv::new(binary());
    let url = format!("sqlite:{}", env.path("billing.db").display());
    let read = |name: &str| fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap();
    env.write("synapsor.runner.json", read("synapsor.runner.sqlite.json"));
    block_on(async {
        let session = Session::open(&url).await;
        session.execute(&read("schema.sqlite.sql")).await.unwrap();
        session.execute(&read("seed.sqlite.sql")).await.unwrap();
    });
    env.set("BILLING_READ_URL", &url).set("BILLING_WRITE_URL", &url);
    env.set("SYNAPSOR_TENANT_ID", "acme").set("SYNAPSOR_PRINCIPAL", "agent");
    env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", TOKEN);
    env
}

/// The release binary where the whole suite runs, else the one built for this test.
fn binary() -> PathBuf {
    std::env::var_os("SYNAPSOR_TEST_RELEASE")
        .map_or_else(|| env!("CARGO_BIN_EXE_synapsor-runner").into(), PathBuf::from)
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
