//! Cancellation that waits until it has been heard.
//!
//! The driver hangs up as soon as it has sent the request. A server works it off some time later, when it may hit the
//! next statement, and PgBouncer forgets the request of a client that is gone. So the link stays open until the other
//! side closes it, which it does once the request has been passed on.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::CancelToken;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where a connection leads; another connection to the same place reaches the same server.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// This address, under the name that transport security knows.
    Tcp(std::net::SocketAddr, String),
    /// This socket.
    Unix(PathBuf),
    /// Only the driver knows: the URL names more than one host.
    Driver,
}

/// Cancels the statement of one connection.
pub(super) struct Canceler {
    pub(super) token: CancelToken,
    pub(super) tls: MakeRustlsConnect,
    pub(super) place: Place,
}

impl Canceler {
    /// `true` once the server has taken the request.
    pub(super) async fn cancel(self, patience: Duration) -> bool {
        matches!(timeout(patience, self.ask()).await, Ok(true))
    }

    async fn ask(mut self) -> bool {
        match &self.place {
            Place::Tcp(address, name) => {
                let Ok(stream) = TcpStream::connect(address).await else { return false };
                self.ask_on(stream, &name.clone()).await
            }
            Place::Unix(path) => {
                let Ok(stream) = UnixStream::connect(path).await else { return false };
                self.ask_on(stream, "").await
            }
            Place::Driver => self.token.cancel_query(self.tls).await.is_ok(),
        }
    }

    async fn ask_on<S>(&mut self, stream: S, name: &str) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(tls) = MakeTlsConnect::<Patient<S>>::make_tls_connect(&mut self.tls, name);
        self.token.cancel_query_raw(Patient(stream), PatientTls(tls)).await.is_ok()
    }
}

/// A stream that is shut down only after the other side has closed it.
struct Patient<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 64];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer));
            // A server may close without a farewell of its transport security: closed is closed.
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Patient<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// Transport security whose farewell waits likewise.
struct PatientTls<T>(T);

impl<S, T> TlsConnect<S> for PatientTls<T>
where
    T: TlsConnect<S>,
    T::Stream: Unpin,
    T::Future: Send + 'static,
{
    type Stream = Patient<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.0.connect(stream);
        Box::pin(async { connecting.await.map(Patient) })
    }
}
