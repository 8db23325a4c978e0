//! The handler as a tower service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use synapsor_core::handler::{MAX_BODY, RECEIPT_SIGNATURE};
use tower_service::Service;

use crate::answer::refusal;
use crate::handler::{Handler, Reply};

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl<B> Service<Request<B>> for Handler
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let handler = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let reply = match tokio::time::timeout(BODY_TIMEOUT, read(body)).await {
                Ok(Some(body)) => {
                    // Keys hold what rows' keys hold, so headers are the bytes of UTF-8.
                    let header = |name: &str| {
                        parts.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
                    };
                    handler.handle(parts.method.as_str(), &header, &body).await
                }
                Ok(None) | Err(_) => refusal(408, "BODY_TIMEOUT", "the body did not arrive in time"),
            };
            Ok(response(reply))
        })
    }
}

/// The body, or some more than may be; `None` if the client hung up.
async fn read<B: Body>(body: B) -> Option<Vec<u8>> {
    let mut body = std::pin::pin!(body);
    let mut read = Vec::new();
    while read.len() <= MAX_BODY {
        let Some(frame) = body.frame().await else { break };
        if let Ok(mut data) = frame.ok()?.into_data() {
            read.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    Some(read)
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let Reply { status, body, signature } = reply;
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == 503 {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == 405 {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(value) = signature.and_then(|signature| HeaderValue::from_str(&signature).ok()) {
        headers.insert(RECEIPT_SIGNATURE, value);
    }
    response
}
