//! Serving over HTTP from start to clean end.

use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::{Handle, Server};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::names::is_loopback;
use super::router::{HEAD_BYTES, Shared, Transport, router};
use super::site::{Site, Terms};
use super::tls;
use crate::app::{App, Stop};
use crate::mcp::{Catalog, Sessions, Signals, endpoint};

/// Where to listen, and what the command line says beside.
#[derive(Debug, Clone)]
pub struct Listen {
    /// What is spoken there.
    pub transport: Transport,
    /// The address.
    pub host: String,
    /// The port; 0 = any free one.
    pub port: u16,
    /// Whether a proxy in front has TLS.
    pub behind_tls_proxy: bool,
    /// Where metrics are shown; `None` = nowhere.
    pub metrics: Option<SocketAddr>,
    /// Everything that a site is made with besides its configuration.
    pub terms: Terms,
}

/// How long the head of a request may take to come, and how long a connection may lie idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Most headers.
const HEADERS: usize = 64;
/// How long requests are still taken, so that what was sent before anyone could know is not cut off.
const NOTICE: Duration = Duration::from_millis(250);
/// How long calls may take to end once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long connections may take to close once nothing runs any more.
const CLOSE: Duration = Duration::from_secs(1);

/// A server that listens and has not begun to serve.
pub struct Listening {
    listener: TcpListener,
    metrics: Option<TcpListener>,
    tls: Option<tls::Config>,
    listen: Listen,
    site: Arc<Site>,
}

impl Listening {
    /// Checks that serving there is safe, and listens.
    pub fn new(app: Arc<App>, listen: Listen) -> Result<Self, Refusal> {
        let http = &app.contract().http;
        let loopback = is_loopback(&listen.host);
        if listen.terms.open && !loopback {
            let message = format!("`--dev-no-auth` lets everybody in, and `{}` is no loopback address", listen.host);
            return Err(Refusal::new(Code::HttpDevNoAuthUnsafeHost, message));
        }
        if !loopback && http.tls.is_none() && !listen.behind_tls_proxy {
            let message = format!("`{}` is no loopback address, and there is no TLS", listen.host);
            return Err(Refusal::new(Code::HttpCleartextUnsafeHost, message));
        }
        let tls = http.tls.as_ref().map(|files| tls::Config::read(files, &listen.terms.base)).transpose()?;
        let site = Arc::new(Site::new(app, &listen.terms)?);
        let listener = bind(&listen.host, listen.port)?;
        let metrics = listen.metrics.map(|address| bind(&address.ip().to_string(), address.port())).transpose()?;
        Ok(Self { listener, metrics, tls, listen, site })
    }

    /// The address of the endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address =
            self.listener.local_addr().map_or_else(|_| self.listen.host.clone(), |address| address.to_string());
        format!("{scheme}://{address}{}", super::router::ENDPOINT)
    }

    /// The address of the metrics, where they are shown.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        let address = self.metrics.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}/metrics"))
    }

    /// How clients are known.
    #[must_use]
    pub fn authentication(&self) -> String {
        self.site.clients.describe()
    }

    /// Serves until SIGINT or SIGTERM. At SIGHUP, `reload` gives the app anew.
    ///
    /// Calls in flight may finish within twenty seconds; then, or at a second signal, they are cancelled.
    pub async fn serve(self, reload: impl Fn(&App) -> Result<App, Stop>) -> Result<(), Refusal> {
        let broken = |error: io::Error| Refusal::new(Code::Internal, format!("serving cannot begin: {error}"));
        let mut signals = Signals::new().map_err(broken)?;
        let mut hangups = Hangups::new().map_err(broken)?;
        let secure = self.tls.is_some() || self.listen.behind_tls_proxy;
        let Service { shared, catalogs, stop, ended } = Service::new(self.site, self.listen.transport, secure);
        let handle = Handle::new();
        let serving = accept(self.listener, self.tls.clone(), Arc::clone(&shared), handle.clone());
        let serving = tokio::spawn(serving);
        if let Some(listener) = self.metrics {
            tokio::spawn(Metrics::serve(listener, Metrics::install()?, Arc::clone(&shared)));
        }
        loop {
            tokio::select! {
                () = signals.next() => break,
                () = hangups.next() => {
                    let tls = self.tls.as_ref();
                    match reloaded(&shared, &self.listen.terms, tls, &reload) {
                        Ok(catalog) => {
                            catalogs.send_replace(catalog);
                            tracing::warn!("the configuration was reloaded");
                        }
                        Err(stop) => {
                            let refusal = stop.into_refusal("reload");
                            tracing::error!(fix = refusal.fix(), "the configuration was not reloaded: {refusal}");
                        }
                    }
                }
            }
        }
        tracing::warn!("stopping");
        // Streams that only listen end now, and readiness says that nothing more should come.
        stop.send_replace(true);
        tokio::time::sleep(NOTICE).await;
        handle.graceful_shutdown(None);
        tokio::select! {
            landed = tokio::time::timeout(DRAIN, shared.flight.landed()) => {
                if landed.is_err() {
                    tracing::error!("some calls did not end in time and are cancelled");
                }
            }
            () = signals.next() => tracing::error!("told again to stop: what still runs is cancelled"),
        }
        ended.cancel();
        handle.graceful_shutdown(Some(CLOSE));
        let served = serving.await;
        shared.site().app.settled().await;
        match served {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refusal::new(Code::Internal, format!("serving broke off: {error}"))),
            Err(_) => Err(Refusal::new(Code::Internal, "serving broke off")),
        }
    }
}

/// What answers requests, wherever they come from, and what steers it.
pub struct Service {
    shared: Arc<Shared>,
    catalogs: watch::Sender<Arc<Catalog>>,
    stop: watch::Sender<bool>,
    ended: CancellationToken,
}

impl Service {
    /// Serves a site; `secure` = clients reach it by `https`.
    #[must_use]
    pub fn new(site: Arc<Site>, transport: Transport, secure: bool) -> Self {
        let bounds = site.bounds;
        let (catalogs, catalog) = watch::channel(Arc::clone(&site.catalog));
        let (stop, draining) = watch::channel(false);
        let sessions = Arc::new(Sessions::new(bounds.sessions, bounds.idle));
        let ended = CancellationToken::new();
        let endpoint = endpoint(catalog, draining.clone(), Arc::clone(&sessions), ended.clone());
        let shared = Arc::new(Shared::new(site, (transport, secure), endpoint, sessions, draining));
        Self { shared, catalogs, stop, ended }
    }

    /// Its routes. Requests must say who sends them, as [`axum::extract::ConnectInfo`] of a [`SocketAddr`].
    pub fn router(&self) -> Router {
        router(Arc::clone(&self.shared))
    }
}

/// Makes the site anew, if nothing changed that only a restart can.
fn reloaded(
    shared: &Shared,
    terms: &Terms,
    tls: Option<&tls::Config>,
    reload: impl Fn(&App) -> Result<App, Stop>,
) -> Result<Arc<Catalog>, Stop> {
    let old = shared.site();
    let mut site = Site::new(Arc::new(reload(&old.app)?), terms)?;
    site.limits = old.limits.under(site.bounds);
    if let Some(field) = old.fixed().difference(&site.fixed()) {
        return Err(Refusal::new(Code::ConfigInvalid, format!("`{field}` changed, which only a restart can follow"))
            .with_fix("restart the server, or put the old value back")
            .into());
    }
    if let (Some(tls), Some(files)) = (tls, &site.app.contract().http.tls) {
        tls.reload(files, &terms.base)?;
    }
    let catalog = Arc::clone(&site.catalog);
    shared.swap(Arc::new(site));
    Ok(catalog)
}

async fn accept(
    listener: TcpListener,
    tls: Option<tls::Config>,
    shared: Arc<Shared>,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let service = router(shared).into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        None => {
            let server = axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new()).handle(handle);
            bounded(server).serve(service).await
        }
        Some(tls) => {
            let server = axum_server::from_tcp(listener)?.acceptor(tls.acceptor()).handle(handle);
            bounded(server).serve(service).await
        }
    }
}

/// Bounds what a client can make the server wait for and keep.
fn bounded<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    // One version of HTTP, which every client and proxy speaks, and one set of bounds.
    let mut server = server.http1_only();
    server.http_builder().http1().header_read_timeout(HEAD_TIME).max_headers(HEADERS).max_buf_size(HEAD_BYTES);
    server
}

fn bind(host: &str, port: u16) -> Result<TcpListener, Refusal> {
    let unavailable = |error: io::Error| {
        let message = match error.kind() {
            io::ErrorKind::AddrInUse => format!("`{host}` port {port} is in use"),
            io::ErrorKind::PermissionDenied => format!("this user may not listen on `{host}` port {port}"),
            io::ErrorKind::AddrNotAvailable => format!("`{host}` is not an address of this machine"),
            _ => format!("`{host}` port {port} cannot be listened on"),
        };
        Refusal::new(Code::AddressUnavailable, message)
    };
    // An address is taken as it is; only `localhost` is a name.
    let address =
        (host, port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| {
            Refusal::new(Code::AddressUnavailable, format!("`{host}` is not an address of this machine"))
        })?;
    TcpListener::bind(address).map_err(unavailable)
}

/// The signal that asks for the configuration to be read again.
#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::hangup())?))
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            pending::<()>().await;
        }
    }
}

/// The signal that asks for the configuration to be read again: there is none.
#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        pending::<()>().await;
    }
}
