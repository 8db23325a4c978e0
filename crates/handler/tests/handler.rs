//! The handler on every engine, and mounted in a real server.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod shop;

use serde_json::{Value as Json, json};
use synapsor_core::handler::sign;
use synapsor_handler::Handler;
use synapsor_testkit::database::Engine;

use shop::{AUDIENCE, SECRET, SEEN, Shop, TOKEN};

const GONE: &str = "ROW_NOT_FOUND_OR_WRONG_TENANT";
const STALE: &str = "ROW_CHANGED_AFTER_PROPOSAL";
const VERSION: &str = "/change_set/guards/expected_version";

macro_rules! on_every_engine {
    ($($name:ident),* $(,)?) => {
        mod postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::Engine::Postgres).await; })* }
        mod mysql { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::Engine::Mysql).await; })* }
        mod sqlite { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::Engine::Sqlite).await; })* }
    };
}

on_every_engine!(
    applies_once_and_moves_the_version,
    guards,
    of_two_proposals_of_one_version_the_second_is_a_conflict,
    weakness_7_sixty_four_at_once_have_one_effect,
    different_changes_race_on_one_row,
    failures_leave_only_a_receipt,
    a_dry_run_changes_nothing,
    status_and_fence,
    unicode,
    a_request_that_is_given_up_leaves_nothing,
    without_the_receipt_table_nothing_is_done,
);

async fn expect(shop: &Shop, asked: &Json, status: &str, code: Option<&str>) -> Json {
    let (http, said) = shop.ask(asked).await;
    assert_eq!((http, said["status"].as_str(), said["safe_error_code"].as_str()), (200, Some(status), code), "{said}");
    said
}

fn with(shop: &Shop, changes: &[(&str, Json)]) -> Json {
    let mut request = shop.request(500);
    for (path, value) in changes {
        *request.pointer_mut(path).expect("a field") = value.clone();
    }
    request
}

fn tenant(name: &str) -> Vec<(&'static str, Json)> {
    vec![("/change_set/scope/tenant_id", json!(name)), ("/change_set/guards/tenant/value", json!(name))]
}

async fn applies_once_and_moves_the_version(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let asked = shop.request(500);
    let first = expect(&shop, &asked, "applied", None).await;
    assert_eq!((&first["rows_affected"], &first["source_database_mutated"]), (&json!(2), &json!(true)));
    assert_eq!(first["previous_version"], SEEN);
    let mut again = expect(&shop, &asked, "already_applied", None).await;
    again["status"] = json!("applied");
    assert_eq!(again, first);
    assert_eq!(shop.effects().await, [1, 1]);
    let mut other = asked.clone();
    other["proposal_hash"] = json!("sha256:other");
    let (http, said) = shop.ask(&other).await;
    assert_eq!((http, said["error"]["code"].as_str()), (409, Some("IDEMPOTENCY_KEY_REUSED")));
    // The new version is one that a request can name.
    let next = with(&shop, &[("/change_set/guards/expected_version/value", first["new_version"].clone())]);
    expect(&shop, &next, "applied", None).await;
}

async fn guards(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let key = |value: &str| vec![("/change_set/target/primary_key/value", json!(value))];
    let version = |value: Json| vec![("/change_set/guards/expected_version/value", value)];
    let cases = [
        (tenant("globex"), GONE),
        (tenant("ACME"), GONE),
        (key("inv-1"), GONE),
        (key("INV-1 "), GONE),
        (key("INV-9"), GONE),
        (version(json!("2026-06-20T14:31:08.123457Z")), STALE),
        (version(json!("2026-06-20T14:31:08Z")), STALE),
        (version(Json::Null), STALE),
        (vec![(VERSION, json!({ "column": "version", "value": 2 }))], STALE),
    ];
    for (changes, code) in cases {
        let asked = with(&shop, &changes);
        let first = expect(&shop, &asked, "conflict", Some(code)).await;
        assert_eq!(expect(&shop, &asked, "conflict", Some(code)).await, first);
    }
    assert_eq!(shop.effects().await, [0, 0]);
    let integer = with(&shop, &[(VERSION, json!({ "column": "version", "value": 1 }))]);
    assert_eq!(expect(&shop, &integer, "applied", None).await["new_version"], 2);
    let null = with(&shop, &[(VERSION, json!({ "column": "maybe", "value": null }))]);
    expect(&shop, &null, "failed", Some("VERSION_NOT_ADVANCED")).await;
}

async fn of_two_proposals_of_one_version_the_second_is_a_conflict(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    for guard in [json!({ "column": "version", "value": 1 }), json!({ "column": "updated_at", "value": SEEN })] {
        let changes = [("/change_set/action", json!("billing.note")), (VERSION, guard)];
        let (one, two) = (with(&shop, &changes), with(&shop, &changes));
        assert_eq!(expect(&shop, &one, "applied", None).await["rows_affected"], 2);
        expect(&shop, &two, "conflict", Some(STALE)).await;
    }
}

/// Weakness 7: two requests of one key at once both passed the look for a receipt.
async fn weakness_7_sixty_four_at_once_have_one_effect(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let asked = shop.request(500);
    let replies = futures_util::future::join_all((0..64).map(|_| shop.ask(&asked))).await;
    let count = |status: &str| replies.iter().filter(|(_, said)| said["status"] == status).count();
    assert_eq!((count("applied"), count("already_applied")), (1, 63), "{replies:?}");
    assert!(replies.iter().all(|(_, said)| said["receipt_id"] == replies[0].1["receipt_id"]));
    assert_eq!(shop.effects().await, [1, 1]);
}

async fn different_changes_race_on_one_row(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let asked: Vec<Json> = (0..8).map(|_| shop.request(500)).collect();
    let replies = futures_util::future::join_all(asked.iter().map(|asked| shop.ask(asked))).await;
    let count = |status: &str| replies.iter().filter(|(_, said)| said["status"] == status).count();
    assert_eq!((count("applied"), count("conflict")), (1, 7), "{replies:?}");
    assert_eq!(shop.effects().await, [1, 1]);
}

async fn failures_leave_only_a_receipt(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let mut cases = vec![(shop.request(13), "HANDLER_BUSINESS_ERROR"), (shop.request(14), "CREDIT_LIMIT_REACHED")];
    for mischief in ["another tenant's row", "another tenant's insert", "tenant", "a name", "everything"] {
        let changes =
            [("/change_set/action", json!("billing.mischief")), ("/change_set/patch", json!({ "note": mischief }))];
        cases.push((with(&shop, &changes), "HANDLER_BUSINESS_ERROR"));
    }
    for (asked, code) in cases {
        let first = expect(&shop, &asked, "failed", Some(code)).await;
        assert!(!first.to_string().contains("secret"));
        assert_eq!(expect(&shop, &asked, "failed", Some(code)).await, first);
    }
    assert_eq!(shop.effects().await, [0, 0]);
    assert_eq!(shop.notes().await, 0);
}

async fn a_dry_run_changes_nothing(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let dry = ("/dry_run", json!(true));
    let said = expect(&shop, &with(&shop, std::slice::from_ref(&dry)), "applied", None).await;
    assert_eq!((&said["dry_run"], &said["source_database_mutated"]), (&json!(true), &json!(false)));
    let old = ("/change_set/guards/expected_version/value", json!("2026-01-01T00:00:00Z"));
    expect(&shop, &with(&shop, &[dry, old]), "conflict", Some(STALE)).await;
    assert_eq!(shop.effects().await, [0, 0]);
    assert_eq!(shop.receipts().await, 0);
}

async fn status_and_fence(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let (asked, other) = (shop.request(500), shop.request(500));
    let kind = |request: &Json, kind: &str| {
        let mut request = request.clone();
        request["kind"] = json!(kind);
        request
    };
    expect(&shop, &kind(&asked, "status"), "unknown", None).await;
    let first = expect(&shop, &asked, "applied", None).await;
    assert_eq!(expect(&shop, &kind(&asked, "status"), "applied", None).await, first);
    assert_eq!(expect(&shop, &kind(&asked, "fence"), "applied", None).await, first);
    let ended = expect(&shop, &kind(&other, "fence"), "canceled", None).await;
    assert_eq!(expect(&shop, &other, "canceled", None).await, ended);
    assert_eq!(shop.effects().await, [1, 1]);
}

async fn unicode(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let asked = with(
        &shop,
        &[
            ("/change_set/target/primary_key/value", json!("INV-日本")),
            ("/change_set/scope/object_id", json!("INV-日本")),
            ("/idempotency_key", json!("wrp_u:INV-日本 😀")),
        ],
    );
    expect(&shop, &asked, "applied", None).await;
    expect(&shop, &asked, "already_applied", None).await;
}

async fn a_request_that_is_given_up_leaves_nothing(engine: Engine) {
    let shop = Shop::open(engine, true).await;
    let slow = with(&shop, &[("/change_set/action", json!("billing.slow"))]);
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(500), shop.ask(&slow)).await;
    assert!(given_up.is_err(), "{given_up:?}");
    // Whatever connection it had is used again, or not: nothing of it lasts.
    for expected in 1..=3 {
        let next = shop.fresh_request().await;
        expect(&shop, &next, "applied", None).await;
        assert_eq!(shop.effects().await, [expected, expected]);
    }
    let mut status = slow;
    status["kind"] = json!("status");
    expect(&shop, &status, "unknown", None).await;
}

async fn without_the_receipt_table_nothing_is_done(engine: Engine) {
    let shop = Shop::open(engine, false).await;
    let (http, said) = shop.ask(&shop.request(500)).await;
    assert_eq!((http, said["error"]["code"].as_str()), (503, Some("HANDLER_UNAVAILABLE")));
}

#[tokio::test]
async fn mounted_in_a_server_it_answers_and_signs() {
    let shop = Shop::open(Engine::Sqlite, true).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().route_service("/synapsor/writeback", shop.handler.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut request = shop.request(500);
    request["idempotency_key"] = json!("wrp_h:é");
    let body = request.to_string();
    let older = SECRET.split(' ').nth(1).expect("two secrets");
    let mut headers = vec![
        ("authorization".to_owned(), format!("Bearer {TOKEN}")),
        ("x-synapsor-signature".to_owned(), sign::request(older, body.as_bytes())),
    ];
    for (header, field) in [
        ("idempotency-key", "idempotency_key"),
        ("x-synapsor-proposal-id", "proposal_id"),
        ("x-synapsor-issued-at", "issued_at"),
    ] {
        headers.push((header.to_owned(), request[field].as_str().expect("text").to_owned()));
    }
    let reply = shop::post(&address.to_string(), &headers, body.as_bytes()).await;
    assert!(reply.head.starts_with("HTTP/1.1 200"), "{}", reply.head);
    let signature = sign::reply(older, body.as_bytes(), &reply.body);
    assert!(
        reply.head.to_lowercase().contains(&format!("x-synapsor-receipt-signature: {signature}")),
        "{}",
        reply.head
    );
    let large = shop::post(&address.to_string(), &[], &vec![b'x'; 1024 * 1024 + 1]).await;
    assert!(large.head.starts_with("HTTP/1.1 413"), "{}", large.head);
    server.abort();
}

#[test]
fn what_is_missing_in_the_settings_is_said() {
    let said = |vars: &[(&str, &str)], token: bool, secret: bool| {
        let vars: Vec<(String, String)> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let read = move |name: &str| vars.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let mut builder = Handler::builder().env(read).write_url_env("U");
        if token {
            builder = builder.token_env("T");
        }
        if secret {
            builder = builder.signing_secret_env("S");
        }
        builder.build().expect_err("misconfigured").to_string()
    };
    assert!(said(&[("U", "sqlite:x.db")], false, false).contains("prove who they are"));
    assert!(said(&[("U", "sqlite:x.db")], true, false).contains("T is not set"));
    assert!(said(&[("U", "sqlite:x.db"), ("S", "s")], false, true).contains("SYNAPSOR_APP_WRITEBACK_URL"));
    let whole = [("U", "sqlite:x.db"), ("S", "s"), ("SYNAPSOR_APP_WRITEBACK_URL", AUDIENCE)];
    assert!(said(&whole, false, true).contains("no action"));
}

#[tokio::test]
async fn a_handler_for_a_command_answers_no_http() {
    let url = |name: &str| (name == "U").then(|| "sqlite:shop.db".to_owned());
    let builder = Handler::builder().env(url).write_url_env("U").command_only();
    let handler = builder.action("a.b", |_, _| Box::pin(async { Ok(synapsor_handler::Effects::none()) })).build();
    assert_eq!(handler.expect("a handler").handle("POST", &|_| None, b"{}").await.status, 500);
}
