//! A shop in a database of its own, a handler that writes to it, and requests for it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value as Json, json};
use synapsor_core::handler::sign;
use synapsor_handler::{EffectFuture, Effects, EngineName, Handler, Job, Tx, WritebackFailed, ddl};
use synapsor_testkit::database::{Database, Engine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) const TOKEN: &str = "a-token";
pub(crate) const SECRET: &str = "the-secret an-older-secret";
pub(crate) const AUDIENCE: &str = "https://app.example.com/synapsor/writeback";
pub(crate) const SEEN: &str = "2026-06-20T14:31:08.123456Z";

static COUNT: AtomicU32 = AtomicU32::new(1);

pub(crate) struct Shop {
    pub(crate) handler: Handler,
    database: Database,
}

impl Shop {
    pub(crate) async fn open(engine: Engine, receipts: bool) -> Self {
        let database = Database::fresh(engine).await;
        let (name, time, first, short) = match engine {
            Engine::Postgres => (EngineName::Postgres, "timestamptz", "2026-06-20 14:31:08.123456+00", "text"),
            // The server's zone is 5:45 ahead, and so is an administrator's session.
            Engine::Mysql => (EngineName::Mysql, "timestamp(6)", "2026-06-20 20:16:08.123456", "varchar(100)"),
            Engine::Sqlite => (EngineName::Sqlite, "text", SEEN, "text"),
        };
        let place = |table: &str| {
            if engine == Engine::Postgres { format!("\"{}\".{table}", database.schema()) } else { table.to_owned() }
        };
        database
            .execute(&format!(
                "CREATE TABLE {} (id {short} NOT NULL, tenant_id {short} NOT NULL, credited integer NOT NULL DEFAULT 0, \
                 version bigint NOT NULL DEFAULT 1, note {short}, updated_at {time} NOT NULL, maybe {short}, \
                 PRIMARY KEY (tenant_id, id))",
                place("invoices")
            ))
            .await;
        let credits = place("credits");
        database
            .execute(&format!(
                "CREATE TABLE {credits} (id {short} PRIMARY KEY, tenant_id {short} NOT NULL, cents integer NOT NULL)"
            ))
            .await;
        for (tenant, id) in [("acme", "INV-1"), ("acme", "INV-日本"), ("globex", "INV-9")] {
            let invoices = place("invoices");
            database
                .execute(&format!(
                    "INSERT INTO {invoices} (id, tenant_id, updated_at) VALUES ('{id}', '{tenant}', '{first}')"
                ))
                .await;
        }
        if receipts {
            let schema = (engine == Engine::Postgres).then(|| database.schema());
            for statement in ddl(name, schema).split(";\n").filter(|text| !text.trim().is_empty()) {
                database.execute(statement).await;
            }
        }
        let mut url = database.admin_url();
        if engine == Engine::Postgres {
            url = url.split('?').next().unwrap_or_default().to_owned() + "?sslmode=disable";
        }
        let read = move |name: &str| match name {
            "T" => Some(TOKEN.to_owned()),
            "S" => Some(SECRET.to_owned()),
            "U" => Some(url.clone()),
            "SYNAPSOR_APP_WRITEBACK_URL" => Some(AUDIENCE.to_owned()),
            _ => None,
        };
        let mut builder = Handler::builder().env(read).token_env("T").signing_secret_env("S").write_url_env("U");
        if engine == Engine::Postgres {
            builder = builder.receipt_schema(database.schema());
        }
        let handler = builder
            .action("billing.propose_account_credit", credit)
            .action("billing.note", note)
            .action("billing.slow", slow)
            .action("billing.mischief", mischief)
            .build()
            .expect("a handler");
        Self { handler, database }
    }

    pub(crate) fn request(&self, cents: i64) -> Json {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let schema = (self.database.engine() != Engine::Sqlite).then(|| self.database.schema());
        json!({
            "protocol_version": "1.0", "kind": "apply", "audience": AUDIENCE, "nonce": "0",
            "issued_at": jiff::Timestamp::now().to_string(),
            "ledger_id": "led_1", "writeback_job_id": format!("wbj_{n}"), "proposal_id": format!("wrp_{n}"),
            "proposal_hash": format!("sha256:{n}"), "idempotency_key": format!("wrp_{n}:INV-1"), "dry_run": false,
            "change_set": {
                "action": "billing.propose_account_credit",
                "scope": { "tenant_id": "acme", "object_id": "INV-1" },
                "principal": { "id": "support.agent" },
                "target": { "schema": schema, "table": "invoices", "primary_key": { "column": "id", "value": "INV-1" } },
                "patch": { "credit_cents": cents },
                "guards": {
                    "tenant": { "column": "tenant_id", "value": "acme" },
                    "allowed_columns": ["credit_cents", "note"],
                    "expected_version": { "column": "updated_at", "value": SEEN },
                },
            },
        })
    }

    /// A credit at the row's counter as it is now.
    pub(crate) async fn fresh_request(&self) -> Json {
        let place = match self.database.engine() {
            Engine::Postgres => format!("\"{}\".invoices", self.database.schema()),
            _ => "invoices".to_owned(),
        };
        let sql = format!("SELECT CAST(version AS char(20)) FROM {place} WHERE id = 'INV-1'");
        let version = self.database.query_text(&sql).await.remove(0).remove(0).unwrap_or_default();
        let mut request = self.request(5);
        request["change_set"]["guards"]["expected_version"] =
            json!({ "column": "version", "value": version.trim().parse::<i64>().expect("a number") });
        request
    }

    pub(crate) async fn ask(&self, request: &Json) -> (u16, Json) {
        let body = request.to_string();
        let secret = SECRET.split(' ').next().expect("a secret");
        let (signature, bearer) = (sign::request(secret, body.as_bytes()), format!("Bearer {TOKEN}"));
        let header = |name: &str| match name {
            "authorization" => Some(bearer.as_str()),
            "idempotency-key" => request["idempotency_key"].as_str(),
            "x-synapsor-proposal-id" => request["proposal_id"].as_str(),
            "x-synapsor-issued-at" => request["issued_at"].as_str(),
            "x-synapsor-signature" => Some(signature.as_str()),
            _ => None,
        };
        let reply = self.handler.handle("POST", &header, body.as_bytes()).await;
        let expected = sign::reply(secret, body.as_bytes(), &reply.body);
        assert_eq!(reply.signature, Some(expected));
        (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
    }

    /// Rows that an effect inserted, and events.
    pub(crate) async fn effects(&self) -> [usize; 2] {
        [self.count("credits").await, self.count("synapsor_handler_outbox").await]
    }

    pub(crate) async fn notes(&self) -> usize {
        self.count("invoices WHERE note IS NOT NULL").await
    }

    pub(crate) async fn receipts(&self) -> usize {
        self.count("synapsor_handler_receipts").await
    }

    async fn count(&self, what: &str) -> usize {
        let place = match self.database.engine() {
            Engine::Postgres => format!("\"{}\".{what}", self.database.schema()),
            _ => what.to_owned(),
        };
        self.database.query_text(&format!("SELECT 1 FROM {place}")).await.len()
    }
}

fn credit<'a>(job: &'a Job, tx: &'a mut Tx<'_>) -> EffectFuture<'a> {
    Box::pin(async move {
        let cents = job.patch("credit_cents").as_i64().ok_or("no cents")?;
        let id = format!("CR-{}", job.proposal_id);
        let tenant = job.tenant_id.as_str();
        tx.insert("credits", &[("id", (&id).into()), ("tenant_id", tenant.into()), ("cents", cents.into())]).await?;
        let credited = job.row["credited"].as_i64().ok_or("no sum")? + cents;
        tx.update("invoices", job.object_id.as_str(), &[("credited", credited.into())]).await?;
        tx.emit("credit.given", &json!({ "cents": cents })).await?;
        match cents {
            13 => Err("the connection string is secret".into()),
            14 => Err(WritebackFailed::new("CREDIT_LIMIT_REACHED").into()),
            _ => Ok(Effects::none().with(json!({ "type": "db.insert", "table": "credits", "id": id }))),
        }
    })
}

/// Does not touch the target at all.
fn note<'a>(job: &'a Job, tx: &'a mut Tx<'_>) -> EffectFuture<'a> {
    Box::pin(async move {
        let id = format!("N-{}", job.proposal_id);
        let tenant = job.tenant_id.as_str();
        tx.insert("credits", &[("id", id.into()), ("tenant_id", tenant.into()), ("cents", 0.into())]).await?;
        Ok(Effects::none())
    })
}

/// Begins, and is not done in time.
fn slow<'a>(job: &'a Job, tx: &'a mut Tx<'_>) -> EffectFuture<'a> {
    Box::pin(async move {
        credit(job, tx).await?;
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        Ok(Effects::none())
    })
}

fn mischief<'a>(job: &'a Job, tx: &'a mut Tx<'_>) -> EffectFuture<'a> {
    Box::pin(async move {
        let mine: &[_] = &[("note", "mine".into())];
        match job.patch("note").as_str().unwrap_or_default() {
            "another tenant's row" => {
                let held = [("id", "INV-9".into()), ("tenant_id", "globex".into())];
                tx.update_where("invoices", &held, mine).await?;
            }
            "another tenant's insert" => {
                let at = job.row["updated_at"].clone().into();
                let row = [("id", "X".into()), ("tenant_id", "globex".into()), ("updated_at", at)];
                tx.insert("invoices", &row).await?;
            }
            "tenant" => drop(tx.update("invoices", "INV-1", &[("tenant_id", "globex".into())]).await?),
            "a name" => drop(tx.update("invoices\" SET note = 1 --", "INV-1", mine).await?),
            _ => drop(tx.update_where("invoices", &[], mine).await?),
        }
        Ok(Effects::none())
    })
}

pub(crate) struct Posted {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Posts to the handler, byte by byte as given.
pub(crate) async fn post(address: &str, headers: &[(String, String)], body: &[u8]) -> Posted {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let mut head = format!(
        "POST /synapsor/writeback HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("sent");
    // A server that has seen enough may close its end.
    let _ = stream.write_all(body).await;
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    let end = read.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    Posted { head: String::from_utf8_lossy(&read[..end]).into_owned(), body: read[end + 4..].to_vec() }
}
