//! The routes, and the checks that every request passes, in this order: whom it names, who sends it, how much it brings.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, CONNECTION, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use synapsor_core::caller::Caller;
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::clients::{Admitted, Denied};
use super::drain::{Bounded, Flight};
use super::flood::Floods;
use super::metrics::RESPONSES;
use super::names::Foreign;
use super::ready::Readiness;
use super::refusals::{Asked, PROTOCOL_VERSION, SESSION_ID, no};
use super::site::Site;
use crate::app::trace::Trace;
use crate::clock;
use crate::mcp::{Endpoint, Sessions, bridge};

/// The endpoint of the protocol.
pub const ENDPOINT: &str = "/mcp";
/// Where RFC 9728 puts what it says about the endpoint, and about the server as a whole.
const METADATA: [&str; 2] = ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];
/// Most bytes of a request's target and headers.
pub const HEAD_BYTES: usize = 64 * 1024;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What is spoken at the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, of every protocol revision.
    Streamable,
    /// The reference program's JSON-RPC bridge.
    Bridge,
}

impl Transport {
    /// Its name on the health page and in the ledger's lease.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Streamable => "streamable-http",
            Self::Bridge => "http",
        }
    }
}

/// What all requests share.
pub struct Shared {
    site: RwLock<Arc<Site>>,
    transport: Transport,
    pub(super) endpoint: Endpoint,
    pub(super) sessions: Arc<Sessions>,
    pub(super) flight: Flight,
    pub(super) draining: watch::Receiver<bool>,
    /// Whether clients reach the server by `https`, here or at a proxy.
    pub(super) secure: bool,
    pub(super) floods: Floods,
    pub(super) readiness: Readiness,
}

impl Shared {
    pub(super) fn new(
        site: Arc<Site>,
        (transport, secure): (Transport, bool),
        endpoint: Endpoint,
        sessions: Arc<Sessions>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self {
            site: RwLock::new(site),
            transport,
            endpoint,
            sessions,
            flight: Flight::default(),
            draining,
            secure,
            floods: Floods::default(),
            readiness: Readiness::default(),
        }
    }

    /// The site as it is now.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn swap(&self, site: Arc<Site>) {
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = site;
    }

    /// This server's own address, as the client of an allowed `Host` knows it.
    fn here(&self, headers: &HeaderMap) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("{scheme}://{host}")
    }
}

/// The routes.
pub fn router(shared: Arc<Shared>) -> Router {
    let mut router =
        Router::new().route(ENDPOINT, any(mcp)).route("/healthz", get(healthz)).route("/readyz", get(readyz));
    for path in METADATA {
        router = router.route(path, get(metadata));
    }
    router
        .fallback(|| async { no(StatusCode::NOT_FOUND, "not_found") })
        .method_not_allowed_fallback(|| async { no(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed") })
        .layer(cors(Arc::clone(&shared)))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), gate))
        .with_state(shared)
}

/// What browsers are told: pages of allowed origins may use everything that the protocol needs.
fn cors(shared: Arc<Shared>) -> CorsLayer {
    let allowed =
        AllowOrigin::predicate(move |origin, _| origin.to_str().is_ok_and(|origin| shared.site().names.allows(origin)));
    let headers =
        ["authorization", "content-type", "last-event-id", "mcp-method", "mcp-name", "traceparent", "tracestate"];
    let headers = headers.map(HeaderName::from_static).into_iter().chain([SESSION_ID, PROTOCOL_VERSION]);
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(headers.collect::<Vec<_>>())
        .expose_headers([SESSION_ID, WWW_AUTHENTICATE])
        .max_age(Duration::from_secs(600))
}

/// Nobody comes in under a name that is not allowed. A server that stops asks its clients to connect anew elsewhere.
async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match shared.site().names.check(request.uri(), request.headers()) {
        // What the connection reads at once may be more than that.
        Ok(()) if head_bytes(&request) > HEAD_BYTES => {
            no(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large")
        }
        Ok(()) => next.run(request).await,
        Err(foreign) => {
            tracing::info!(?foreign, "a request named a place that is not allowed");
            let word = match foreign {
                Foreign::Host => "host_not_allowed",
                Foreign::Origin => "origin_not_allowed",
            };
            no(StatusCode::FORBIDDEN, word)
        }
    };
    if *shared.draining.borrow() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The bytes of a request's target and headers.
fn head_bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    headers.fold(target, usize::saturating_add)
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(shared.site().health(shared.transport, shared.sessions.count())).into_response()
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    if *shared.draining.borrow() {
        return no(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    }
    match shared.readiness.look(&shared.site().app).await {
        Ok(()) => axum::Json(json!({ "ok": true })).into_response(),
        Err(what) => no(StatusCode::SERVICE_UNAVAILABLE, what),
    }
}

async fn metadata(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match shared.site().resource_metadata(&shared.here(&headers)) {
        Some(metadata) => axum::Json(metadata).into_response(),
        None => no(StatusCode::NOT_FOUND, "not_found"),
    }
}

async fn mcp(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let site = shared.site();
    let response = match site.clients.admit(request.headers()).await {
        Ok(admitted) => serve(&shared, &site, admitted, request).await.unwrap_or_else(|response| *response),
        Err(denied) => refuse(&shared, &site, denied, (address, request.headers())),
    };
    metrics::counter!(RESPONSES, "status" => response.status().as_str().to_owned()).increment(1);
    response
}

/// Serves somebody who was let in. What is refused is a response too.
async fn serve(shared: &Shared, site: &Site, admitted: Admitted, request: Request) -> Result<Response, Box<Response>> {
    let Admitted { caller, until } = admitted;
    let (mut parts, body) = request.into_parts();
    let bridged = shared.transport == Transport::Bridge;
    let session = parts.headers.get(&SESSION_ID).filter(|_| !bridged);
    // A session of somebody else's looks like one that never was.
    if let Some(id) = session
        && !id.to_str().is_ok_and(|id| shared.sessions.is_of(id, &caller))
    {
        return Err(Box::new(no(StatusCode::NOT_FOUND, "session_not_found")));
    }
    let is_post = parts.method == Method::POST;
    if !is_post && (bridged || (parts.method != Method::GET && parts.method != Method::DELETE)) {
        let mut response = no(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        let allowed = if bridged { "POST" } else { "GET, POST, DELETE" };
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Err(Box::new(response));
    }
    let body = if is_post { whole(body, site.bounds.body_bytes).await? } else { Bytes::new() };
    let message = Peek { body: &body, session: session.is_some() };
    let trace = trace(&parts.headers);
    if let Some(scope) = message.scope_lacking(site, &caller, trace.as_ref()) {
        return Err(Box::new(challenge(shared, site, &parts.headers, Challenge::Scope(scope))));
    }
    if !bridged && message.begins_a_session() && shared.sessions.is_full(&caller) {
        let mut response = no(StatusCode::SERVICE_UNAVAILABLE, "too_many_sessions");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        return Err(Box::new(response));
    }
    let in_flight = is_post.then(|| shared.flight.begin());
    let visitor = site.limits.visitor(caller).traced(trace);
    if bridged {
        let (is_request, answer) = bridge(&site.catalog, &visitor, &body).await;
        let status = if is_request { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        let answer = (status, axum::Json(answer)).into_response();
        return Ok(answer.map(|body| Body::new(Bounded::new(body, None, in_flight))));
    }
    parts.extensions.insert(visitor);
    let asked = Asked::of(&parts.headers);
    let answer = shared.endpoint.handle(Request::from_parts(parts, Body::from(body))).await;
    let left = until.map(ahead);
    let (head, body) = answer.into_parts();
    match asked.refusal(&head) {
        Some(refusal) => Err(Box::new(refusal)),
        None => Ok(Response::from_parts(head, Body::new(Bounded::new(Body::new(body), left, in_flight)))),
    }
}

/// The whole body, if it is not too large and comes in time.
async fn whole(body: Body, most: usize) -> Result<Bytes, Box<Response>> {
    match tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Box::new(no(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")))
        }
        Ok(Err(_)) => Err(Box::new(no(StatusCode::BAD_REQUEST, "body_broken_off"))),
        Err(_) => Err(Box::new(no(StatusCode::REQUEST_TIMEOUT, "body_too_slow"))),
    }
}

/// A message before the SDK reads it, looked at only where something depends on it.
struct Peek<'a> {
    body: &'a [u8],
    session: bool,
}

#[derive(serde::Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    params: Json,
}

#[derive(serde::Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

impl Peek<'_> {
    fn message(&self) -> Option<Message> {
        serde_json::from_slice(self.body).ok()
    }

    /// The scope that the message needs and its sender lacks. Whatever slips through here is refused by the use case.
    fn scope_lacking(&self, site: &Site, caller: &Caller, trace: Option<&Trace>) -> Option<&'static str> {
        let held = caller.grants();
        if held.read && held.propose {
            return None;
        }
        let message = self.message()?;
        match message.method.as_str() {
            "tools/call" => site.catalog.turned_away(caller, message.params.get("name")?.as_str()?, trace),
            "resources/list" | "resources/read" | "completion/complete" => (!held.read).then_some("read"),
            _ => None,
        }
    }

    fn begins_a_session(&self) -> bool {
        // Every call without a session comes by here, so nothing but the method is read.
        !self.session && serde_json::from_slice::<Named<'_>>(self.body).is_ok_and(|read| read.method == "initialize")
    }
}

/// Why a client should come back with another credential.
enum Challenge {
    Missing,
    Invalid,
    Scope(&'static str),
}

fn refuse(shared: &Shared, site: &Site, denied: Denied, (address, headers): (SocketAddr, &HeaderMap)) -> Response {
    // Only guesses count: who comes without a credential, or with one that has run out, must hear how to get another.
    if denied == Denied::Invalid && shared.floods.failed(address.ip()) {
        let mut response = no(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    match denied {
        Denied::Missing => challenge(shared, site, headers, Challenge::Missing),
        Denied::Invalid | Denied::Expired => challenge(shared, site, headers, Challenge::Invalid),
        Denied::Unavailable => {
            let mut response = no(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

fn challenge(shared: &Shared, site: &Site, headers: &HeaderMap, why: Challenge) -> Response {
    let (status, word, mut says) = match why {
        Challenge::Missing => (StatusCode::UNAUTHORIZED, "unauthorized", "Bearer".to_owned()),
        Challenge::Invalid => (StatusCode::UNAUTHORIZED, "unauthorized", "Bearer error=\"invalid_token\"".to_owned()),
        Challenge::Scope(_) => {
            (StatusCode::FORBIDDEN, "insufficient_scope", "Bearer error=\"insufficient_scope\"".to_owned())
        }
    };
    if site.clients.know_jwt() {
        let comma = if says.contains('=') { "," } else { "" };
        let [metadata, _] = METADATA;
        says =
            format!("{says}{comma} scope=\"read propose\", resource_metadata=\"{}{metadata}\"", shared.here(headers));
    } else if let Challenge::Scope(scope) = why {
        says = format!("{says}, scope=\"{scope}\"");
    }
    let mut response = no(status, word);
    if let Ok(says) = HeaderValue::try_from(says) {
        response.headers_mut().insert(WWW_AUTHENTICATE, says);
    }
    response
}

fn trace(headers: &HeaderMap) -> Option<Trace> {
    Trace::parse(headers.get("traceparent")?.to_str().ok()?)
}

/// How long a moment is ahead; nothing if it has passed.
fn ahead(moment: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(clock::now())).unwrap_or_default()
}
