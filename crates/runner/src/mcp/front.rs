//! What all handlers share: every request gets an answer of the right shape, and nobody is anonymous.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, CustomRequest, CustomResult, ErrorCode, ErrorData, ProgressNotificationParam, ProtocolVersion,
    ServerResult,
};
use rmcp::service::RequestContext;
use serde_json::Value as Json;

use super::render::Named;
use super::tools::Arguments;
use super::{Catalog, Door, Server, Visitor, contained, render};

/// The requests that are served; with parameters that do not fit, the SDK takes them for unknown ones.
const METHODS: [&str; 12] = [
    "initialize",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
];

/// Those of them that the newest revision no longer has.
const RETIRED: [&str; 2] = ["initialize", "ping"];

impl Server {
    /// The configuration as it is now; a request keeps the one it began with.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.borrow())
    }

    /// Runs a handler: a panic ends only its request, and the newest revision is told who serves.
    pub(super) async fn answer<R: Named>(
        &self,
        context: &RequestContext<RoleServer>,
        handler: impl Future<Output = Result<R, ErrorData>>,
    ) -> Result<R, ErrorData> {
        let mut result = contained(handler)
            .await
            .unwrap_or_else(|| Err(ErrorData::internal_error("the request broke off", None)))?;
        if is_newest(context) {
            render::stamp(&mut result);
        }
        Ok(result)
    }

    /// Who asks. Over HTTP that is whoever was let in with this very request, never whoever began the session.
    pub(super) fn visitor(&self, context: &RequestContext<RoleServer>) -> Result<Visitor, ErrorData> {
        match &self.door {
            Door::Pipes(visitor) => Ok(visitor.clone()),
            Door::Http { .. } => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Visitor>())
                .cloned()
                .ok_or_else(|| ErrorData::internal_error("the request was not let in", None)),
        }
    }

    /// A request that the SDK could not read. A tool call whose arguments are no object is answered as any call.
    pub(super) async fn unread(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method.as_str();
        if !METHODS.contains(&method) || (is_newest(&context) && RETIRED.contains(&method)) {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None));
        }
        let param = |name: &str| request.params.as_ref().and_then(|params| params.get(name));
        match param("name").and_then(Json::as_str) {
            Some(name)
                if request.method == "tools/call" && param("arguments").is_some_and(|given| !given.is_object()) =>
            {
                let call = self.call(name, Arguments::NotAnObject, &context);
                let result: CallToolResult = self.answer(&context, call).await?;
                serde_json::to_value(ServerResult::CallToolResult(result))
                    .map(CustomResult::new)
                    .map_err(|_| ErrorData::internal_error("the answer could not be written", None))
            }
            _ => Err(ErrorData::invalid_params(format!("the parameters do not fit `{}`", request.method), None)),
        }
    }

    /// A tool call, until it ends or nobody waits for it any more.
    pub(super) async fn call(
        &self,
        name: &str,
        arguments: Arguments,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let visitor = self.visitor(context)?;
        let catalog = self.catalog();
        tokio::select! {
            biased;
            // Dropping the call cancels its statement. The client no longer waits for this answer.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("the call was cancelled", None)),
            answer = catalog.tools.call(&catalog, &visitor, name, arguments) => Ok(render::answer(answer)),
            never = still_running(context) => match never {},
        }
    }
}

/// Tells a client that asked for progress, once a second, for how many seconds its call has been running. So it can tell a
/// slow call from a dead one; how far a statement has come, no database says.
async fn still_running(context: &RequestContext<RoleServer>) -> Infallible {
    let Some(token) = context.meta.get_progress_token() else { return std::future::pending().await };
    let mut seconds = 0_u32;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds = seconds.saturating_add(1);
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(seconds))
            .with_message(format!("still running after {seconds} s"));
        // Who cannot be told has left, which ends the call by itself.
        let _told = context.peer.notify_progress(progress).await;
    }
}

/// Whether a request is one of the newest revision.
fn is_newest(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version == ProtocolVersion::V_2026_07_28)
}
