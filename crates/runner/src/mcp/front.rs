//! What stands between the SDK's loop and the handlers: every request gets an answer of the right shape.

use std::borrow::Cow;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientNotification, ClientRequest, CustomRequest, ErrorCode, ErrorData,
    ProtocolVersion, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext, Service};
use serde_json::Value as Json;

use super::{Server, contained, render};

/// The requests that are served; with parameters that do not fit, the SDK takes them for unknown ones.
const METHODS: [&str; 11] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
];

/// Marks a tool call whose arguments are no object.
#[derive(Clone)]
pub(super) struct NotAnObject;

/// The server behind its front.
pub(super) struct Front {
    server: Server,
    info: Json,
}

impl Front {
    pub(super) fn new(server: Server) -> Self {
        let info = serde_json::to_value(Server::implementation()).unwrap_or(Json::Null);
        Self { server, info }
    }
}

impl Service<RoleServer> for Front {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let newest = context.protocol_version().is_some_and(|version| version == ProtocolVersion::V_2026_07_28);
        let (request, context) = match request {
            ClientRequest::CustomRequest(request) => known(request, context)?,
            request => (request, context),
        };
        let mut result = contained(Service::handle_request(&self.server, request, context))
            .await
            .unwrap_or_else(|| Err(ErrorData::internal_error("the request broke off", None)))?;
        if newest {
            render::stamp(&mut result, &self.info);
        }
        Ok(result)
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Service::handle_notification(&self.server, notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.server)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.server)
    }
}

type Routed = (ClientRequest, RequestContext<RoleServer>);

/// Makes a tool call of one whose arguments are no object, and says what is wrong with anything else.
fn known(request: CustomRequest, mut context: RequestContext<RoleServer>) -> Result<Routed, ErrorData> {
    if !METHODS.contains(&request.method.as_str()) {
        return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None));
    }
    let param = |name: &str| request.params.as_ref().and_then(|params| params.get(name));
    match param("name").and_then(Json::as_str) {
        Some(name) if request.method == "tools/call" && param("arguments").is_some_and(|given| !given.is_object()) => {
            let call = CallToolRequestParams::new(name.to_owned());
            context.extensions.insert(NotAnObject);
            Ok((ClientRequest::CallToolRequest(CallToolRequest::new(call)), context))
        }
        _ => Err(ErrorData::invalid_params(format!("the parameters do not fit `{}`", request.method), None)),
    }
}
