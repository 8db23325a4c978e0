//! `up`: what is needed, at a glance, and then serving.

use synapsor_testkit::database::Engine;
use synapsor_testkit::http::HttpServer;

use crate::shop::{Shop, shop};

async fn configured() -> Shop {
    let shop = shop(Engine::Sqlite).await;
    shop.env
        .run([
            "init",
            "--table=invoices",
            "--mode=review",
            "--patch=late_fee_cents=arg:fee",
            "--numeric-bound=late_fee_cents=0:500",
        ])
        .expect(0);
    shop
}

#[tokio::test]
async fn it_shows_what_is_there_and_what_is_missing() {
    let mut shop = configured().await;
    let dry = shop.env.run(["up", "--dry-run"]);
    assert_eq!(dry.status, 0, "{dry:?}");
    assert!(!shop.env.path(".synapsor").exists(), "a dry run makes nothing");
    insta::assert_snapshot!("up", shop.env.snapshot(&dry));
    shop.env.set("SYNAPSOR_TENANT_ID", "acme");
    let real = shop.env.run(["up"]);
    assert!(
        real.stdout.contains("SYNAPSOR_TENANT_ID: set") && real.stdout.contains("SYNAPSOR_PRINCIPAL: missing"),
        "{real:?}"
    );
    assert!(shop.env.path(".synapsor/local.db").exists());
    for (args, expected) in [
        (vec!["up", "--serve", "--transport", "stdio"], "nothing to serve"),
        (vec!["up", "--port", "1"], "`--port` has no meaning"),
        (vec!["up", "--config", "none.json"], "there is no configuration"),
    ] {
        let said = shop.env.run(&args);
        assert!(said.status != 0 && said.stderr.contains(expected), "{said:?}");
    }
}

#[tokio::test]
async fn it_serves_and_another_is_told() {
    let mut shop = configured().await;
    shop.env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", "0123456789abcdef0123456789abcdef");
    let server = HttpServer::spawn(shop.env.command(["up", "--serve", "--port", "0"]));
    let url = format!("http://{}/mcp", server.address());
    let listed = shop.env.run(["audit", &url, "--bearer-env", "SYNAPSOR_RUNNER_HTTP_TOKEN", "--json"]).json();
    assert_eq!(listed["summary"]["tools_inspected"], 2, "{listed:#}");
    let second = shop.env.run(["up"]);
    assert!(second.status != 0 && second.stderr.contains("another server"), "{second:?}");
}
