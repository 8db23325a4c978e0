//! Calls that take long, on databases that can be made to: who gives up, who has to wait, and what is left behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::http::{Connection, HttpServer, legacy, modern};
use synapsor_testkit::link::Link;
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, GLOBEX, INSPECT, World, begin, block_on, envelope, in_session};

/// The servers that run statements for others, with how a statement of theirs sleeps.
const SERVERS: [(Engine, &str); 2] = [(Engine::Postgres, "pg_sleep"), (Engine::Mysql, "sleep")];

/// Reading this row takes ten minutes.
const SLOW: &str = "INV-SLOW";
/// Reading this one takes three seconds.
const NAP: &str = "INV-NAP";

/// A database that can be slow or away, behind a runner's configuration.
struct Office {
    world: World,
    db: Database,
    link: Link,
}

impl Office {
    /// Opens it; `connections` is the most that the runner opens.
    fn open((engine, nap): (Engine, &str), connections: u32, limits: &Json) -> Office {
        let db = block_on(async {
            let db = Database::fresh(engine).await;
            db.execute(
                "CREATE TABLE kept (id varchar(20) NOT NULL, tenant_id varchar(20) NOT NULL, late_fee_cents int NOT NULL,
                   note varchar(40), PRIMARY KEY (id, tenant_id));
                 INSERT INTO kept VALUES ('INV-1', 'acme', 5500, 'acme-secret-note'), ('INV-1', 'globex', 7700, 'globex-secret-note'),
                   ('INV-SLOW', 'acme', 1, 'acme-slow'), ('INV-SLOW', 'globex', 2, 'globex-slow'), ('INV-NAP', 'acme', 3, 'acme-nap')",
            )
            .await;
            db.execute(&format!(
                "CREATE VIEW invoices AS SELECT id, tenant_id, late_fee_cents,
                   CASE id WHEN '{SLOW}' THEN concat({nap}(600), note) WHEN '{NAP}' THEN concat({nap}(3), note) ELSE note END
                     AS note FROM kept"
            ))
            .await;
            db.execute(if engine == Engine::Postgres {
                "GRANT SELECT ON invoices TO {reader}"
            } else {
                "GRANT SELECT ON {schema}.invoices TO {reader}"
            })
            .await;
            db
        });
        let link = Link::to(db.address().unwrap());
        let mut world = World::with(|config| {
            config["sources"]["billing"] = json!({
                "engine": engine.name(),
                "read_url_env": "BILLING_URL",
                "read_only": true,
                "statement_timeout_ms": 120_000,
                "pool": { "max_connections": connections },
            });
            config["http"]["limits"] = limits.clone();
            let mut read = config["capabilities"][0].clone();
            read["target"]["schema"] = json!(db.schema());
            config["capabilities"] = json!([read]);
        });
        world.env.set("BILLING_URL", link.through(&db.reader_url()));
        Office { world, db, link }
    }

    /// Waits until so many statements of the runner's account run on the server.
    #[track_caller]
    fn until_running(&self, count: usize) {
        let statements = match self.db.engine() {
            Engine::Postgres => {
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%reader' AND state = 'active'"
            }
            _ => {
                "SELECT id FROM information_schema.processlist WHERE db = database() AND user LIKE '%reader' AND command <> 'Sleep'"
            }
        };
        until(&format!("{count} statements"), || self.rows(statements) == count);
    }

    /// How many connections the runner's account has.
    fn connections(&self) -> usize {
        self.rows(match self.db.engine() {
            Engine::Postgres => {
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%reader'"
            }
            _ => "SELECT id FROM information_schema.processlist WHERE db = database() AND user LIKE '%reader'",
        })
    }

    fn rows(&self, sql: &str) -> usize {
        block_on(self.db.query_text(sql)).len()
    }
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Begins a call that will take long; the answer is not waited for.
fn begin_slowly(server: &HttpServer, token: &str, invoice: &str) -> Connection {
    let mut connection = server.connect();
    let bearer = format!("Bearer {token}");
    let body = modern("tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": invoice } }));
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", INSPECT),
    ];
    connection.send("POST", "/mcp", &headers, &body);
    connection
}

fn inspect(server: &HttpServer, token: &str, invoice: &str) -> Json {
    envelope(&server.connect().call(token, INSPECT, &json!({ "invoice_id": invoice })))
}

#[track_caller]
fn come_back_later(answer: &Json) {
    let error = &answer["error"];
    assert_eq!([&error["code"], &error["retryable"]], [&json!("TEMPORARILY_UNAVAILABLE"), &json!(true)], "{answer}");
}

/// Waits for the line about a call that ended so, whose answer was this.
fn noted(server: &HttpServer, outcome: &str, answer: Option<&Json>) {
    let outcome = format!("outcome=\"{outcome}\"");
    let request = answer.map_or("req_", |answer| answer["_meta"]["request_id"].as_str().unwrap());
    until("the call has its line", || {
        server.stderr().lines().any(|line| line.contains(&outcome) && line.contains(request))
    });
}

#[test]
fn a_cancelled_call_leaves_no_statement_and_the_next_caller_gets_its_own_rows() {
    for database in SERVERS {
        // All callers share the one connection, so that what a cancelled call left in it would reach the next.
        let office = Office::open(database, 1, &json!({}));
        let server = office.world.serve(&[]);
        let next = |way: &str| {
            office.until_running(0);
            for (token, tenant) in [(GLOBEX, "globex"), (ACME, "acme")] {
                let answer = inspect(&server, token, "INV-1");
                assert_eq!(
                    answer["data"]["note"],
                    json!(format!("{tenant}-secret-note")),
                    "{database:?}, {way}: {answer}"
                );
            }
            assert!(office.connections() <= 1, "{database:?}, {way}: more than one connection");
        };

        for _ in 0..3 {
            let hung_up = begin_slowly(&server, ACME, SLOW);
            office.until_running(1);
            drop(hung_up);
            next("hanging up");
        }

        let bearer = format!("Bearer {ACME}");
        let mut connection = server.connect();
        let session = begin(&mut connection, ACME);
        let call = legacy(7, "tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": SLOW } }));
        let mut calling = server.connect();
        calling.send("POST", "/mcp", &in_session(&bearer, &session), &call);
        office.until_running(1);
        // Somebody else cannot cancel it.
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
        let foreign = format!("Bearer {GLOBEX}");
        let reply = connection.request("POST", "/mcp", &in_session(&foreign, &session), &cancel.to_string());
        assert_eq!(reply.status, 404);
        office.until_running(1);
        let reply = connection.request("POST", "/mcp", &in_session(&bearer, &session), &cancel.to_string());
        assert_eq!(reply.status, 202);
        next("notifications/cancelled");

        let mut calling = server.connect();
        calling.send("POST", "/mcp", &in_session(&bearer, &session), &call);
        office.until_running(1);
        assert_eq!(connection.request("DELETE", "/mcp", &in_session(&bearer, &session), "").status, 202);
        next("the end of the session");
    }
}

#[test]
fn a_client_that_asks_for_progress_hears_that_its_call_still_runs() {
    let mut office = Office::open(SERVERS[0], 4, &json!({}));
    let server = office.world.serve(&[]);
    let bearer = format!("Bearer {ACME}");
    let params = json!({ "name": INSPECT, "arguments": { "invoice_id": NAP }, "_meta": { "progressToken": "p-1" } });

    let mut body: Json = serde_json::from_str(&modern("tools/call", &params)).unwrap();
    body["params"]["_meta"]["progressToken"] = json!("p-1");
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", INSPECT),
    ];
    let newest = server.connect().request("POST", "/mcp", &headers, &body.to_string());
    let mut connection = server.connect();
    let session = begin(&mut connection, ACME);
    let call = legacy(7, "tools/call", &params);
    let older = connection.request("POST", "/mcp", &in_session(&bearer, &session), &call);
    for reply in [newest, older] {
        assert_eq!(reply.status, 200, "{reply:?}");
        let data = reply.body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| !data.is_empty());
        hears_progress(&data.map(|data| serde_json::from_str(data).unwrap()).collect::<Vec<_>>());
    }
    // Who does not ask gets one answer.
    let quiet = server.connect().call(ACME, INSPECT, &json!({ "invoice_id": NAP }));
    assert_eq!(envelope(&quiet)["data"]["note"], json!("acme-nap"));

    office.world.config["trusted_context"] =
        json!({ "provider": "static_dev", "values": { "tenant_id": "acme", "principal": "dev" } });
    office.world.env.write("synapsor.runner.json", office.world.config.to_string());
    let mut client = office.world.env.spawn_stdio(["mcp", "serve", "--store", "other.db"]);
    client.initialize("2025-11-25");
    client.send("tools/call", params);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|message: &Json| message.get("result").is_none()) {
        heard.push(client.receive());
    }
    hears_progress(&heard);
}

/// One notification after another, each further than the one before, and then the answer.
#[track_caller]
fn hears_progress(messages: &[Json]) {
    let (answer, told) = messages.split_last().unwrap();
    assert_eq!(answer["result"]["structuredContent"]["data"]["note"], json!("acme-nap"), "{messages:?}");
    assert!(told.len() >= 2, "{messages:?}");
    for (number, message) in told.iter().enumerate() {
        assert_eq!(message["method"], "notifications/progress", "{message}");
        assert_eq!(message["params"]["progressToken"], "p-1", "{message}");
        assert_eq!(message["params"]["progress"].as_f64(), Some((number + 1) as f64), "{message}");
    }
}

#[test]
fn a_full_server_says_so_at_once_and_leaves_room_for_others() {
    for database in SERVERS {
        let office = Office::open(database, 8, &json!({ "concurrent": 4 }));
        let server = office.world.serve(&[]);
        let mut slow: Vec<_> = (0..3).map(|_| begin_slowly(&server, ACME, SLOW)).collect();
        office.until_running(3);
        // All of this is answered while those run.
        let refused = inspect(&server, ACME, "INV-1");
        come_back_later(&refused);
        noted(&server, "OVERLOADED", Some(&refused));
        assert_eq!(inspect(&server, GLOBEX, "INV-1")["data"]["note"], json!("globex-secret-note"));
        slow.push(begin_slowly(&server, GLOBEX, SLOW));
        office.until_running(4);
        come_back_later(&inspect(&server, GLOBEX, "INV-1"));
        office.until_running(4);
        drop(slow);
        office.until_running(0);
        noted(&server, "CANCELLED", None);
        until("there is room again", || inspect(&server, ACME, "INV-1")["ok"] == json!(true));
    }
}

#[test]
fn a_call_ends_at_its_deadline_and_so_does_its_statement() {
    for database in SERVERS {
        let office = Office::open(database, 2, &json!({ "deadline_ms": 1000 }));
        let server = office.world.serve(&[]);
        let stopped = inspect(&server, ACME, SLOW);
        come_back_later(&stopped);
        noted(&server, "DEADLINE_EXCEEDED", Some(&stopped));
        office.until_running(0);
        assert_eq!(inspect(&server, GLOBEX, "INV-1")["data"]["note"], json!("globex-secret-note"));
    }
}

#[test]
fn a_database_that_goes_away_under_load_comes_back_by_itself() {
    for database in SERVERS {
        let office = Office::open(database, 4, &json!({}));
        let server = office.world.serve(&[]);
        let ready = || server.connect().request("GET", "/readyz", &[], "");
        assert_eq!(ready().status, 200);
        let (served, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..8 {
                let (token, address) = (if number % 2 == 0 { ACME } else { GLOBEX }, server.address());
                let (served, refused) = (&served, &refused);
                scope.spawn(move || through_an_outage(address, token, served, refused));
            }
            until("there is load", || served.load(Ordering::SeqCst) > 100);
            office.link.down();
            until("every caller is told", || refused.load(Ordering::SeqCst) == 8);
            until("the source is not ready", || ready().json()["error"] == json!("source"));
            office.link.up();
        });
        until("it is ready again", || ready().status == 200);
        assert!(office.connections() <= 4, "{database:?}: {} connections", office.connections());
    }
}

/// Calls until it has been told to come back later, and then has been served again.
fn through_an_outage(address: &str, token: &str, served: &AtomicUsize, refused: &AtomicUsize) {
    let own = if token == ACME { "acme-secret-note" } else { "globex-secret-note" };
    let mut connection = Connection::open(address);
    let mut told = false;
    until("it is served again", || {
        let answer = envelope(&connection.call(token, INSPECT, &json!({ "invoice_id": "INV-1" })));
        if answer["ok"] == json!(true) {
            assert_eq!(answer["data"]["note"], json!(own));
            served.fetch_add(1, Ordering::SeqCst);
            return told;
        }
        come_back_later(&answer);
        if !told {
            told = true;
            refused.fetch_add(1, Ordering::SeqCst);
        }
        false
    });
}

#[test]
fn a_server_that_stops_lets_the_running_call_end_and_one_that_is_told_twice_does_not() {
    for database in SERVERS {
        let office = Office::open(database, 4, &json!({}));
        let mut server = office.world.serve(&[]);
        let mut running = begin_slowly(&server, ACME, NAP);
        office.until_running(1);
        server.signal("TERM");
        let answer = envelope(&running.receive().expect("the answer"));
        assert_eq!((&answer["ok"], &answer["data"]["id"]), (&json!(true), &json!(NAP)), "{answer}");
        assert_eq!(server.wait(), 0, "{}", server.stderr());

        let mut server = office.world.serve(&[]);
        let _running = begin_slowly(&server, ACME, SLOW);
        office.until_running(1);
        server.signal("TERM");
        server.until_said("stopping");
        server.signal("TERM");
        assert_eq!(server.wait(), 0, "{}", server.stderr());
        office.until_running(0);
    }
}
