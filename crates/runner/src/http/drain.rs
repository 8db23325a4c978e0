//! What still runs when the server is told to stop, and bodies that end in time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Sleep;

/// Counts requests until their answers have been sent whole.
#[derive(Debug, Clone, Default)]
pub struct Flight(Arc<watch::Sender<usize>>);

/// A request that counts until it is dropped.
#[derive(Debug)]
pub struct InFlight(Flight);

impl Flight {
    /// One more.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        InFlight(self.clone())
    }

    /// Waits until nothing is in flight.
    pub async fn landed(&self) {
        // The sender is held here, so waiting cannot fail.
        let mut count = self.0.subscribe();
        let _all = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// A body that keeps its request in flight, and ends when its time is up.
pub struct Bounded {
    body: Body,
    until: Option<Pin<Box<Sleep>>>,
    _in_flight: Option<InFlight>,
}

impl Bounded {
    /// Bounds a body.
    #[must_use]
    pub fn new(body: Body, left: Option<Duration>, in_flight: Option<InFlight>) -> Self {
        let until = left.map(|left| Box::pin(tokio::time::sleep(left)));
        Self { body, until, _in_flight: in_flight }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // What may be cut short has no known length.
        if self.until.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}
