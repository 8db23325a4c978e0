//! PostgreSQL.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Meaning, Misconfigured, TxError};
use crate::value::{Row, Value};

const LARGEST_POOL: usize = 10;

pub(crate) struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    begin: String,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Client>>,
}

pub(crate) struct Session {
    client: Client,
    _slot: OwnedSemaphorePermit,
}

impl Postgres {
    pub(super) fn new(url: &str, lock_timeout: Duration) -> Result<Self, Misconfigured> {
        let mut config: Config = url.parse().map_err(|_| {
            Misconfigured::new("the write URL does not read as postgresql://user:password@host:port/database")
        })?;
        config.connect_timeout(Duration::from_secs(5));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| Misconfigured::new("this machine cannot make TLS connections"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL TimeZone = 'UTC'; \
             SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL lock_timeout = {}",
            lock_timeout.as_millis().max(1)
        );
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls),
            begin,
            slots: Arc::new(Semaphore::new(LARGEST_POOL)),
            idle: Mutex::default(),
        })
    }

    pub(super) async fn begin(&self) -> Result<Session, TxError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| TxError::new(Meaning::Transient, "the pool is closed"))?;
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let client = match kept.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let (client, connection) = self.config.connect(self.tls.clone()).await.map_err(sorted)?;
                // It ends when the client is dropped; what goes wrong is told to the statement that runs.
                tokio::spawn(connection);
                client
            }
        };
        let mut session = Session { client, _slot: slot };
        session.command(&self.begin).await?;
        Ok(session)
    }

    pub(super) fn take_back(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session.client);
    }
}

impl Session {
    pub(super) async fn command(&mut self, sql: &str) -> Result<(), TxError> {
        self.client.batch_execute(sql).await.map_err(sorted)
    }

    pub(super) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        let bound = Bound::of(values);
        self.client.execute_typed(&numbered(sql), &bound.typed()).await.map_err(sorted)
    }

    /// The rows come as JSON, which the server makes of any type.
    pub(super) async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, TxError> {
        let bound = Bound::of(values);
        let sql = format!("WITH asked AS ({}) SELECT to_jsonb(asked)::text FROM asked", numbered(sql));
        let rows = self.client.query_typed(&sql, &bound.typed()).await.map_err(sorted)?;
        let unread = |_| TxError::new(Meaning::Other, "a row could not be read");
        rows.iter().map(|row| serde_json::from_str(row.try_get(0).map_err(sorted)?).map_err(unread)).collect()
    }
}

/// `?` as `$1`, `$2` and so on; statements of the author's have these already.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |so_far, (at, part)| format!("{so_far}${}{part}", at + 1))
}

/// Values that go as text, without a type, so that the server takes each for what its column is.
struct Bound(Vec<Text>, Type);

#[derive(Debug)]
struct Text(Option<String>);

impl Bound {
    fn of(values: &[Value]) -> Self {
        let untyped = Type::new(String::new(), 0, Kind::Simple, String::new());
        Self(values.iter().map(|value| Text(value.text())).collect(), untyped)
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(|text| (text as &(dyn ToSql + Sync), self.1.clone())).collect()
    }
}

impl ToSql for Text {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn sorted(error: tokio_postgres::Error) -> TxError {
    let Some(said) = error.as_db_error() else { return TxError::new(Meaning::Transient, error.to_string()) };
    let code = said.code().code();
    let meaning = match code {
        "55P03" | "57014" => Meaning::Busy,
        "23505" => Meaning::Duplicate,
        "42P01" | "3F000" => Meaning::Missing,
        _ => match code.get(..2) {
            Some("08" | "40" | "53" | "57" | "25") => Meaning::Transient,
            Some("22") => Meaning::NotFound,
            _ => Meaning::Other,
        },
    };
    TxError::new(meaning, said.message().to_owned())
}
