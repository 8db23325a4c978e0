//! The Streamable HTTP endpoint: newest revision without sessions, older ones with.

use std::sync::Arc;
use std::time::Duration;

use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::sessions::Sessions;
use super::{Catalog, Door, Server};

/// The endpoint as a service.
pub type Endpoint = StreamableHttpService<Server, Sessions>;

/// How often an open stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Makes the endpoint. Requests must carry a [`super::Visitor`], and have passed every check of the HTTP side: hosts,
/// origins, sizes and who owns a session. When `ended` is cancelled, streams and sessions end.
#[must_use]
pub fn endpoint(
    catalog: watch::Receiver<Arc<Catalog>>,
    draining: watch::Receiver<bool>,
    sessions: Arc<Sessions>,
    ended: CancellationToken,
) -> Endpoint {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(true)
        .with_json_response(true)
        .with_sse_keep_alive(Some(KEEP_ALIVE))
        .with_cancellation_token(ended)
        // The HTTP side has bounded the body already.
        .with_max_request_body_bytes(usize::MAX)
        // Both have been checked, for every path.
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let server = move || {
        let mut catalog = catalog.clone();
        // What changed before somebody came they see as it is.
        catalog.mark_unchanged();
        Ok(Server::new(catalog, Door::Http { draining: draining.clone() }))
    };
    StreamableHttpService::new(server, sessions, config)
}
