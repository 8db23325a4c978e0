//! Connections to one server under one credential, lent to one user at a time.
//!
//! A connection comes back only when its user says that nothing is open on it; every other road discards it, so a
//! dropped future can leave nothing behind for the next user.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use synapsor_core::contract::Source;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::{Canceler, Place};
use super::direct::{Ends, Prepared};
use super::said;
use super::tls::Target;
use crate::fault::{Class, Fault};

/// Idle links are probed this often, so that a dead one is noticed before it is used.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where a server listens unless its URL says otherwise.
const DEFAULT_PORT: u16 = 5432;

/// The connections of one engine.
pub(super) struct Pool {
    target: Target,
    connect_timeout: Duration,
    acquire_timeout: Duration,
    most: u32,
    /// What makes a session one for reading, where that lasts; none for a pool that others than readers use.
    reading: Option<String>,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Conn>>>,
}

/// One connection. Dropping it says goodbye to the server.
pub(super) struct Conn {
    pub(super) client: Client,
    tls: MakeRustlsConnect,
    place: Place,
    warned: Arc<AtomicBool>,
    driver: AbortHandle,
    /// What is prepared, on a link to the server itself.
    prepared: Option<Prepared>,
    /// Whether its session is one for reading.
    reading: bool,
    /// A cancellation under way that nobody waits for.
    parting: Mutex<Option<JoinHandle<bool>>>,
}

/// A connection on loan. Dropping it cuts the link, which undoes whatever was open.
pub(super) struct Lease {
    conn: Arc<Conn>,
    clean: bool,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(mut target: Target, source: &Source, reading: Option<String>) -> Arc<Self> {
        target.config.connect_timeout(source.connect_timeout).keepalives_idle(KEEPALIVE);
        let most = source.pool.max_connections.max(1);
        Arc::new(Self {
            target,
            connect_timeout: source.connect_timeout,
            acquire_timeout: source.pool.acquire_timeout,
            most,
            permits: Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS))),
            reading,
            idle: Mutex::default(),
        })
    }

    /// Lends a connection; waits for a free one and connects, each within its limit.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Fault> {
        let full = || Fault::new(Class::Busy, "every connection of the pool is in use");
        let permit = timeout(self.acquire_timeout, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| full())?
            .map_err(|_| full())?;
        let conn = match self.take_idle() {
            Some(conn) => conn,
            None => Arc::new(self.connect().await?),
        };
        Ok(Lease { conn, clean: false, pool: Arc::clone(self), _permit: permit })
    }

    /// Waits until no connection is on loan.
    pub(super) async fn settled(&self) {
        let _all = self.permits.acquire_many(self.most).await;
    }

    /// The role and the database that the URL names.
    pub(super) fn names(&self) -> [String; 2] {
        let config = &self.target.config;
        let role = config.get_user().unwrap_or_default();
        [role.to_owned(), config.get_dbname().unwrap_or(role).to_owned()]
    }

    fn take_idle(&self) -> Option<Arc<Conn>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|conn| !conn.client.is_closed())
    }

    async fn connect(&self) -> Result<Conn, Fault> {
        let connecting = async {
            let link = self.reach().await?;
            let driver = tokio::spawn(link.driving).abort_handle();
            let prepared = match self.settle(&link.client, link.ends).await {
                Ok(prepared) => prepared,
                Err(error) => {
                    driver.abort();
                    return Err(said::fault(error));
                }
            };
            Ok((link.client, link.place, link.warned, driver, prepared))
        };
        let (client, place, warned, driver, prepared) = timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| Fault::new(Class::Timeout, "the server did not answer in time"))??;
        let reading = prepared.is_some() && self.reading.is_some();
        let tls = self.target.tls.clone();
        Ok(Conn { client, tls, place, warned, driver, prepared, reading, parting: Mutex::default() })
    }

    /// Makes a reader's session one for reading, if that lasts, and gives what lasts a place for what is prepared.
    async fn settle(&self, client: &Client, ends: Option<Ends>) -> Result<Option<Prepared>, Error> {
        let Some(ends) = ends else { return Ok(None) };
        if !ends.are_the_servers(client).await? {
            return Ok(None);
        }
        if let Some(reading) = &self.reading {
            client.batch_execute(reading).await?;
        }
        Ok(Some(Prepared::default()))
    }

    /// Connects, and says where to: a cancellation must reach the same server, not another of the same name.
    async fn reach(&self) -> Result<Link, Fault> {
        let Target { config, tls } = &self.target;
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        let place = match (config.get_hosts(), config.get_hostaddrs()) {
            ([Host::Tcp(name)], []) => return self.reach_by_name(name, port).await,
            ([Host::Unix(dir)], []) => Place::Unix(dir.join(format!(".s.PGSQL.{port}"))),
            _ => Place::Driver,
        };
        let (client, connection) = config.connect(tls.clone()).await.map_err(said::fault)?;
        Ok(Link::new(client, connection, place, None))
    }

    async fn reach_by_name(&self, name: &str, port: u16) -> Result<Link, Fault> {
        let unknown = || Fault::new(Class::Unreachable, "the server's name does not resolve");
        let mut last = unknown();
        for address in lookup_host((name, port)).await.map_err(|error| unknown().because(error))? {
            match self.reach_address(address, name).await {
                Ok(link) => return Ok(link),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    async fn reach_address(&self, address: SocketAddr, name: &str) -> Result<Link, Fault> {
        let Target { config, tls } = &self.target;
        let place = Place::Tcp(address, name.to_owned());
        if config.get_target_session_attrs() != TargetSessionAttrs::Any || config.get_tcp_user_timeout().is_some() {
            // Only the driver's own connecting knows these.
            let mut config = config.clone();
            config.hostaddr(address.ip());
            let (client, connection) = config.connect(tls.clone()).await.map_err(said::fault)?;
            return Ok(Link::new(client, connection, place, None));
        }
        let (stream, ends) = open(address, config)
            .await
            .map_err(|error| Fault::new(Class::Unreachable, "the server cannot be reached").because(error))?;
        let Ok(tls) = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.clone(), name);
        let (client, connection) = config.connect_raw(stream, tls).await.map_err(said::fault)?;
        Ok(Link::new(client, connection, place, Some(ends)))
    }
}

/// Opens a stream as the driver does.
async fn open(address: SocketAddr, config: &Config) -> io::Result<(TcpStream, Ends)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    }
    let ends = Ends([stream.local_addr()?, stream.peer_addr()?]);
    Ok((stream, ends))
}

/// A connection that was just made.
struct Link {
    client: Client,
    driving: Pin<Box<dyn Future<Output = ()> + Send>>,
    warned: Arc<AtomicBool>,
    place: Place,
    ends: Option<Ends>,
}

impl Link {
    fn new<S, T>(client: Client, connection: Connection<S, T>, place: Place, ends: Option<Ends>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warned = Arc::new(AtomicBool::new(false));
        let driving = Box::pin(drive(connection, Arc::clone(&warned)));
        Self { client, driving, warned, place, ends }
    }
}

/// Moves bytes until the link ends, and notes warnings before the answers that they precede.
async fn drive<S, T>(mut connection: Connection<S, T>, warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                // Words for severity are translated by the server; the parsed one is not.
                if notice.parsed_severity().is_none_or(|severity| severity == Severity::Warning) {
                    warned.store(true, Ordering::SeqCst);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a database connection ended");
                return;
            }
            None => return,
        }
    }
}

impl Conn {
    /// Asks the server to stop what this connection is doing; `true` once the server has taken the request.
    pub(super) async fn cancel(&self, patience: Duration) -> bool {
        self.canceler().cancel(patience).await
    }

    /// What is prepared, if this is a link to the server itself.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }

    /// Whether the session is one for reading.
    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    /// What cancels this connection's statement from elsewhere.
    pub(super) fn canceler(&self) -> Canceler {
        Canceler { token: self.client.cancel_token(), tls: self.tls.clone(), place: self.place.clone() }
    }

    /// Cancels what runs on a connection that its user is about to leave.
    pub(super) fn cancel_and_part(&self, patience: Duration) {
        let Ok(runtime) = Handle::try_current() else { return };
        let cancelling = runtime.spawn(self.canceler().cancel(patience));
        *self.parting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cancelling);
    }

    /// Forgets warnings that came with replies already read.
    pub(super) fn forget_warnings(&self) {
        self.warned.store(false, Ordering::SeqCst);
    }

    /// Whether the server warned since they were last forgotten.
    pub(super) fn warned(&self) -> bool {
        self.warned.load(Ordering::SeqCst)
    }
}

impl Lease {
    /// The connection.
    pub(super) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Says whether the connection may serve the next user: nothing is open or under way on it. Not so at first.
    pub(super) fn set_clean(&mut self, clean: bool) {
        self.clean = clean;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.clean {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&self.conn));
            return;
        }
        let parting = self.conn.parting.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (parting, Handle::try_current()) {
            // A pooler in between forgets a cancellation together with the link that it is for.
            (Some(parting), Ok(runtime)) => {
                let conn = Arc::clone(&self.conn);
                runtime.spawn(async move {
                    let _ = parting.await;
                    conn.driver.abort();
                });
            }
            _ => self.conn.driver.abort(),
        }
    }
}
