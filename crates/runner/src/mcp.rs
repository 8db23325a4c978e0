//! The MCP server: the only module that names the SDK.
//!
//! A message comes in through [`lines`], passes [`front`], and ends in [`tools`], [`resources`] or [`prompts`]. Nothing here
//! can decide or apply: there is no road from MCP to a write on a source database.

mod bridge;
mod changes;
mod front;
mod lines;
mod prompts;
mod render;
mod resources;
mod serve;
mod sessions;
mod streamable;
mod tools;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, CustomRequest, CustomResult,
    ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, Reference, ServerCapabilities, ServerConfig, SubscriptionFilter,
    Tool,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value as Json;
use synapsor_core::caller::Caller;
use synapsor_core::contract::{Contract, ResultFormat};
use synapsor_core::tool::AliasMode;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use crate::app::App;
use crate::app::limits::Visitor;
use crate::app::trace::Trace;
pub use bridge::bridge;
use prompts::Prompts;
pub use serve::{ServeFault, ServeOptions, Signals, serve_stdio};
pub use sessions::Sessions;
pub use streamable::{Endpoint, endpoint};
use tools::{Arguments, Tools};

/// Whether a line is a message, as the server reads it. Anything else is answered with an error or ignored.
#[must_use]
pub fn is_message(line: &[u8]) -> bool {
    lines::is_message(line)
}

/// The protocol revisions that are served, oldest first.
const REVISIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// Whether a protocol revision of that name is served.
#[must_use]
pub fn is_served(revision: &str) -> bool {
    REVISIONS.iter().any(|served| served.as_str() == revision)
}

/// What every client is told when it connects.
#[must_use]
pub fn instructions(contract: &Contract, aliases: AliasMode) -> String {
    prompts::session(&Tools::of(contract, aliases, contract.result_format), contract.result_format)
}

/// The tools exactly as clients get them listed.
#[must_use]
pub fn listing(contract: &Contract, aliases: AliasMode) -> Vec<Json> {
    let listed = Tools::of(contract, aliases, contract.result_format).list().tools;
    listed.into_iter().map(|tool| serde_json::to_value(tool).unwrap_or_default()).collect()
}

/// What a configuration makes of the server. Made once for each configuration; serving builds no schema.
pub struct Catalog {
    app: Arc<App>,
    tools: Tools,
    prompts: Prompts,
    instructions: String,
    format: ResultFormat,
}

impl Catalog {
    /// Makes the catalog of an app.
    #[must_use]
    pub fn new(app: Arc<App>, options: ServeOptions) -> Self {
        let format = options.result_format;
        let tools = Tools::of(app.contract(), options.alias_mode, format);
        let prompts = Prompts::of(app.contract(), &tools, format);
        let instructions = prompts::session(&tools, format);
        Self { app, tools, prompts, instructions, format }
    }

    /// The scope that a call of a tool needs and its caller lacks. Such a call ends there, so it is noted.
    #[must_use]
    pub fn turned_away(&self, caller: &Caller, tool: &str, trace: Option<&Trace>) -> Option<&'static str> {
        self.tools.turned_away(&self.app, caller, tool, trace)
    }
}

/// Whose requests come in.
enum Door {
    /// Those of the one client of this process.
    Pipes(Visitor),
    /// Those of anybody who was let in, until the server stops.
    Http { draining: watch::Receiver<bool> },
}

/// One client's, one session's or one request's handlers.
pub struct Server {
    catalog: watch::Receiver<Arc<Catalog>>,
    door: Door,
    /// Tells what runs for a session that it is over.
    ended: OnceLock<DropGuard>,
}

impl Server {
    fn new(catalog: watch::Receiver<Arc<Catalog>>, door: Door) -> Self {
        Self { catalog, door, ended: OnceLock::new() }
    }

    fn implementation() -> Implementation {
        Implementation::new("synapsor-runner", env!("CARGO_PKG_VERSION")).with_title("Synapsor Runner")
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().enable_completions();
        // Only what outlives a reload can tell of one.
        let capabilities = match self.door {
            Door::Pipes(_) => capabilities.build(),
            Door::Http { .. } => capabilities.enable_tool_list_changed().enable_prompts_list_changed().build(),
        };
        ServerConfig::new(capabilities)
            .with_server_info(Self::implementation())
            .with_instructions(&self.catalog().instructions)
            // What a client is offered that asks for a revision we do not serve.
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(const { &REVISIONS })
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.answer(&context, async { whole(request).map(|()| self.catalog().tools.list()) }).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.catalog().tools.get(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Arguments::Named(request.arguments.unwrap_or_default());
        self.answer(&context, self.call(&request.name, arguments, &context)).await.map(CallToolResponse::from)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.unread(request, context).await
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.listenable()
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.tell(subscription).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.tell_session(context.peer);
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.answer(&context, async { whole(request).map(|()| resources::templates()) }).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let visitor = self.visitor(&context)?;
        let catalog = self.catalog();
        self.answer(&context, resources::list(&catalog.app, &visitor, cursor.as_deref())).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let visitor = self.visitor(&context)?;
        let catalog = self.catalog();
        let read = resources::read(&catalog.app, &visitor, &request.uri);
        self.answer(&context, read).await.map(ReadResourceResponse::from)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.answer(&context, async { whole(request).map(|()| self.catalog().prompts.list()) }).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.answer(&context, async { self.catalog().prompts.get(request) }).await.map(GetPromptResponse::from)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let visitor = self.visitor(&context)?;
        let catalog = self.catalog();
        let completion = async {
            let found = match &request.r#ref {
                Reference::Prompt(prompt) => {
                    catalog.prompts.complete(&prompt.name, &request.argument.name, &request.argument.value)?
                }
                Reference::Resource(template) => {
                    resources::complete(&catalog.app, &visitor, &template.uri, &request.argument.value).await?
                }
                _ => prompts::completion(Vec::new())?,
            };
            Ok(CompleteResult::new(found))
        };
        self.answer(&context, completion).await
    }
}

/// Lists that fit into one page have no cursors.
fn whole(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("this list has one page and no cursors", None)),
    }
}

/// Runs a future to its end, or to its panic, which the panic hook has logged.
async fn contained<F: Future>(future: F) -> Option<F::Output> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_what_it_happens_in() {
        assert_eq!(contained(async { 7 }).await, Some(7));
        let broken = contained(async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        });
        assert_eq!(broken.await, None::<()>);
    }
}
