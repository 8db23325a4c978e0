//! Serving from start to clean end.

use std::io;
use std::sync::Arc;

use rmcp::service::{RunningService, ServerInitializeError, ServiceExt as _};
use rmcp::{RoleServer, transport};
use synapsor_core::contract::ResultFormat;
use synapsor_core::tool::AliasMode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::lines::Lines;
use super::{Catalog, Door, Server};
use crate::app::App;
use crate::app::limits::Visitor;

/// How to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeOptions {
    /// Which names the tools have.
    pub alias_mode: AliasMode,
    /// The shape of tool results.
    pub result_format: ResultFormat,
}

/// Why serving ended badly. A client that leaves, at whatever point, is no fault.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// The process cannot be told to stop.
    #[error("signals cannot be caught")]
    Signals(#[source] io::Error),
    /// The session broke off.
    #[error("the session broke off")]
    Session(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Serves one client on standard input and output until the client leaves, SIGINT or SIGTERM.
///
/// Calls in flight may finish within five seconds; then, or at a second signal, they are cancelled.
pub async fn serve_stdio(app: Arc<App>, options: ServeOptions) -> Result<(), ServeFault> {
    let ended = until_told(Arc::clone(&app), &options).await;
    app.settled().await;
    ended
}

async fn until_told(app: Arc<App>, options: &ServeOptions) -> Result<(), ServeFault> {
    let mut signals = Signals::new().map_err(ServeFault::Signals)?;
    let (stop, stopped) = watch::channel(false);
    let (reader, writer) = transport::stdio_pipes();
    let serving = serve(app, options, (reader, writer), stopped);
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = signals.next() => tracing::info!("stopping: no more requests are read"),
    }
    let _reader_may_be_gone = stop.send(true);
    tokio::select! {
        ended = serving => ended,
        () = signals.next() => Ok(()),
    }
}

/// Serves one client on any pair of streams until it leaves or `stopped` turns true.
pub(super) async fn serve<R, W>(
    app: Arc<App>,
    options: &ServeOptions,
    (reader, writer): (R, W),
    stopped: watch::Receiver<bool>,
) -> Result<(), ServeFault>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    // A process that serves its own standard input is started anew when its configuration changes.
    let (_unchanging, catalog) = watch::channel(Arc::new(Catalog::new(app, *options)));
    let server = Server::new(catalog, Door::Pipes(Visitor::process()));
    let running: RunningService<RoleServer, Server> = match server.serve(Lines::new(reader, writer, stopped)).await {
        Ok(running) => running,
        // It left before it said anything.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::TransportError { .. }) => return Ok(()),
        Err(error) => return Err(ServeFault::Session(error.into())),
    };
    match running.waiting().await {
        Ok(_) => Ok(()),
        Err(error) => Err(ServeFault::Session(error.into())),
    }
}

/// The signals that ask a server to end.
#[cfg(unix)]
pub struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    /// Catches them from now on.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// The signals that ask a server to end.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Catches them from now on.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        // Without a way to hear of it, there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
