//! Clients that bring JSON Web Tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use synapsor_testkit::http::{Connection, Reply, legacy, modern};
use synapsor_testkit::issuer::{Key, claims, set_of, with, without};
use synapsor_testkit::stdio::MODERN;

use crate::world::{INSPECT, PROPOSE, World, begin, envelope, in_session};

/// Issues tokens that the server accepts, and others.
pub struct Issuer {
    key: Key,
    rsa: Key,
    stranger: Key,
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

impl Issuer {
    pub fn new() -> Issuer {
        Issuer { key: Key::p256("p"), rsa: Key::rsa("r"), stranger: Key::p256("p") }
    }

    /// Makes a server trust it.
    pub fn configure(&self, config: &mut Json, more: &[(&str, Json)]) {
        config["http"]["jwt"] = json!({
            "issuer": "https://issuer.example/",
            "audience": "synapsor",
            "jwks_file": "keys.json",
            "tenant_claim": "tenant_id",
        });
        for (name, value) in more {
            config["http"]["jwt"][*name] = value.clone();
        }
    }

    pub fn keys(&self) -> String {
        set_of(&[&self.key, &self.rsa])
    }

    /// A token with other claims.
    fn token(&self, change: impl FnOnce(Json) -> Json) -> String {
        self.key.sign(&self.key.header(), &change(claims(now())))
    }

    /// What is no good, by what is wrong with it.
    pub fn bad_tokens(&self) -> Vec<(&'static str, String)> {
        let none = self.key.sign(&json!({ "alg": "none", "typ": "JWT" }), &claims(now()));
        let (unsigned, _) = none.rsplit_once('.').unwrap();
        let symmetric = with(self.key.header(), "alg", json!("HS256"));
        vec![
            ("an expired one", self.token(|claims| with(claims, "exp", json!(now() - 100)))),
            ("one of tomorrow", self.token(|claims| with(claims, "nbf", json!(now() + 86_400)))),
            ("one without end", self.token(|claims| without(claims, "exp"))),
            ("alg none", format!("{unsigned}.")),
            ("a symmetric one", self.key.sign(&symmetric, &claims(now()))),
            ("the wrong key", self.stranger.token(now())),
            ("the wrong audience", self.token(|claims| with(claims, "aud", json!("somebody-else")))),
            ("the wrong issuer", self.token(|claims| with(claims, "iss", json!("https://evil.example/")))),
            ("no tenant", self.token(|claims| without(claims, "tenant_id"))),
            ("a long one", self.token(|claims| with(claims, "more", json!("x".repeat(20_000))))),
        ]
    }
}

fn world(issuer: &Issuer, more: &[(&str, Json)]) -> World {
    let world = World::with(|config| issuer.configure(config, more));
    world.env.write("keys.json", issuer.keys());
    world
}

#[test]
fn a_token_binds_tenant_principal_and_scopes() {
    let issuer = Issuer::new();
    let world = world(&issuer, &[]);
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let arguments = json!({ "invoice_id": "INV-1" });
    let globex = issuer.token(|claims| {
        with(with(claims, "tenant_id", json!("globex")), "scope", json!(["read", "propose", "of-something-else"]))
    });
    for (token, tenant) in
        [(issuer.key.token(now()), "acme"), (issuer.rsa.token(now()), "acme"), (globex.clone(), "globex")]
    {
        let read = envelope(&connection.call(&token, INSPECT, &arguments));
        assert_eq!(read["data"]["note"], json!(format!("{tenant}-secret-note")));
        let meta = &read["_meta"];
        assert_eq!(
            [&meta["tenant_id"], &meta["principal"], &meta["provenance"]],
            [tenant, "support.agent", "http_claims"]
        );
    }
    // `read` alone does not propose, and the answer names what would.
    let change = json!({ "invoice_id": "INV-1", "late_fee_cents": 0 });
    let refused = connection.call(&issuer.key.token(now()), PROPOSE, &change);
    assert_eq!((refused.status, refused.json()["error"].clone()), (403, json!("insufficient_scope")));
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("propose"), "{challenge}");
    let nothing = issuer.token(|claims| without(claims, "scope"));
    assert_eq!(connection.call(&nothing, INSPECT, &arguments).status, 403);
    let proposed = envelope(&connection.call(&globex, PROPOSE, &change));
    assert_eq!(proposed["proposal"]["diff"]["late_fee_cents"]["before"], json!(7700));
    let audits = world.env.run(["query-audit", "list", "--json"]);
    assert!(audits.stdout.contains("support.agent") && audits.stdout.contains("globex"), "{}", audits.stdout);
}

#[test]
fn clients_learn_where_tokens_come_from() {
    let issuer = Issuer::new();
    let world = world(&issuer, &[]);
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let refused = connection.request("POST", "/mcp", &[], "{}");
    let challenge = refused.header("www-authenticate").unwrap();
    let url = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let path = url.strip_prefix(&format!("http://{}", server.address())).unwrap();
    let metadata = connection.request("GET", path, &[], "").json();
    assert_eq!(metadata["resource"], json!(format!("http://{}/mcp", server.address())));
    assert_eq!(metadata["authorization_servers"], json!(["https://issuer.example/"]));
    assert_eq!(metadata["scopes_supported"], json!(["read", "propose"]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
}

#[test]
fn what_a_token_opened_ends_with_it() {
    let issuer = Issuer::new();
    let world = world(&issuer, &[("leeway_s", json!(0))]);
    let server = world.serve(&[]);
    let short = issuer.token(|claims| with(claims, "exp", json!(now() + 3)));
    let bearer = format!("Bearer {short}");
    let session = begin(&mut server.connect(), &short);
    let mut streams = [server.connect(), server.connect()];
    let listen = modern("subscriptions/listen", &json!({ "notifications": { "toolsListChanged": true } }));
    let of_now =
        [("authorization", bearer.as_str()), ("mcp-protocol-version", MODERN), ("mcp-method", "subscriptions/listen")];
    streams[0].send("POST", "/mcp", &of_now, &listen);
    streams[1].send("GET", "/mcp", &in_session(&bearer, &session), "");
    for stream in &mut streams {
        assert_eq!(stream.head().expect("an answer").0, 200);
    }
    for stream in &mut streams {
        while stream.chunk().is_some() {}
    }
    let list = legacy(2, "tools/list", &json!({}));
    let mut connection = server.connect();
    let ask = |connection: &mut Connection, bearer: &str| -> Reply {
        connection.request("POST", "/mcp", &in_session(bearer, &session), &list)
    };
    assert_eq!(ask(&mut connection, &bearer).status, 401);
    // The session is still there for whoever proves to be the same with a newer token, and for nobody else.
    let newer = format!("Bearer {}", issuer.rsa.token(now()));
    assert_eq!(ask(&mut connection, &newer).status, 200);
    let other = issuer.token(|claims| with(claims, "sub", json!("another.agent")));
    assert_eq!(ask(&mut connection, &format!("Bearer {other}")).status, 404);
}

#[test]
fn keys_change_at_a_reload_and_without_keys_nobody_comes_in() {
    let issuer = Issuer::new();
    let world = world(&issuer, &[]);
    let mut server = world.serve(&[]);
    let mut connection = server.connect();
    let arguments = json!({ "invoice_id": "INV-1" });
    assert_eq!(connection.call(&issuer.key.token(now()), INSPECT, &arguments).status, 200);
    assert_eq!(connection.call(&issuer.stranger.token(now()), INSPECT, &arguments).status, 401);
    world.env.write("keys.json", "{}");
    server.signal("HUP");
    server.until_said("the configuration was not reloaded");
    assert_eq!(connection.call(&issuer.key.token(now()), INSPECT, &arguments).status, 200);
    world.env.write("keys.json", set_of(&[&issuer.stranger]));
    server.signal("HUP");
    server.until_said("the configuration was reloaded");
    assert_eq!(connection.call(&issuer.key.token(now()), INSPECT, &arguments).status, 401);
    assert_eq!(connection.call(&issuer.stranger.token(now()), INSPECT, &arguments).status, 200);

    let world = World::with(|config| {
        issuer.configure(config, &[("jwks_url", json!("http://127.0.0.1:1/keys"))]);
        config["http"]["jwt"].as_object_mut().unwrap().remove("jwks_file");
    });
    let server = world.serve(&[]);
    let reply = server.connect().call(&issuer.key.token(now()), INSPECT, &arguments);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")), "{reply:?}");
    assert_eq!(reply.json()["error"], json!("keys_unavailable"));
    // Named tokens need no keys.
    assert_eq!(server.connect().call(crate::world::ACME, INSPECT, &arguments).status, 200);
}
