//! Connections to one server under one credential, lent to one user at a time.
//!
//! A connection comes back only when its user says that nothing is open on it; every other road discards it, so a
//! dropped future can leave nothing behind for the next user.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use synapsor_core::contract::Source;
use tokio::net::lookup_host;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::{Canceler, Place};
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
    pub(super) fn new(mut target: Target, source: &Source) -> Arc<Self> {
        target.config.connect_timeout(source.connect_timeout).keepalives_idle(KEEPALIVE);
        let most = source.pool.max_connections.max(1);
        Arc::new(Self {
            target,
            connect_timeout: source.connect_timeout,
            acquire_timeout: source.pool.acquire_timeout,
            most,
            permits: Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS))),
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
        let ((client, connection), place) = timeout(self.connect_timeout, self.reach())
            .await
            .map_err(|_| Fault::new(Class::Timeout, "the server did not answer in time"))??;
        let warned = Arc::new(AtomicBool::new(false));
        let driver = tokio::spawn(drive(connection, Arc::clone(&warned))).abort_handle();
        Ok(Conn { client, tls: self.target.tls.clone(), place, warned, driver, parting: Mutex::default() })
    }

    /// Connects, and says where to: a cancellation must reach the same server, not another of the same name.
    async fn reach(&self) -> Result<(Link, Place), Fault> {
        let Target { config, tls } = &self.target;
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        let place = match (config.get_hosts(), config.get_hostaddrs()) {
            ([Host::Tcp(name)], []) => return self.reach_by_name(name, port).await,
            ([Host::Unix(dir)], []) => Place::Unix(dir.join(format!(".s.PGSQL.{port}"))),
            _ => Place::Driver,
        };
        Ok((config.connect(tls.clone()).await.map_err(said::fault)?, place))
    }

    async fn reach_by_name(&self, name: &str, port: u16) -> Result<(Link, Place), Fault> {
        let unknown = || Fault::new(Class::Unreachable, "the server's name does not resolve");
        let mut last = unknown();
        for address in lookup_host((name, port)).await.map_err(|error| unknown().because(error))? {
            let mut config = self.target.config.clone();
            config.hostaddr(address.ip());
            match config.connect(self.target.tls.clone()).await {
                Ok(link) => return Ok((link, Place::Tcp(address, name.to_owned()))),
                Err(error) => last = said::fault(error),
            }
        }
        Err(last)
    }
}

type Link = (Client, Connection<Socket, TlsStream>);
type TlsStream = <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream;

/// Moves bytes until the link ends, and notes warnings before the answers that they precede.
async fn drive(mut connection: Connection<Socket, TlsStream>, warned: Arc<AtomicBool>) {
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
