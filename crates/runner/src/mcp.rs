//! The MCP server: the only module that names the SDK.
//!
//! A message comes in through [`lines`], passes [`front`], and ends in [`tools`], [`resources`] or [`prompts`]. Nothing here
//! can decide or apply: there is no road from MCP to a write on a source database.

mod front;
mod lines;
mod prompts;
mod render;
mod resources;
mod serve;
mod tools;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    Reference, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use synapsor_core::contract::ResultFormat;

use crate::app::App;
use front::NotAnObject;
use prompts::Prompts;
pub use serve::{ServeFault, ServeOptions, serve_stdio};
use tools::{Arguments, Tools};

/// Whether a line is a message, as the server reads it. Anything else is answered with an error or ignored.
#[must_use]
pub fn is_message(line: &[u8]) -> bool {
    lines::is_message(line)
}

/// The protocol revisions that are served, oldest first.
const REVISIONS: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// The tools, prompts and records of an app. Made once; serving builds no schema.
struct Server {
    app: Arc<App>,
    tools: Tools,
    prompts: Prompts,
    instructions: String,
    format: ResultFormat,
}

impl Server {
    fn new(app: Arc<App>, options: &ServeOptions) -> Self {
        let format = options.result_format;
        let tools = Tools::of(app.contract(), options.alias_mode, format);
        let prompts = Prompts::of(app.contract(), &tools, format);
        let instructions = prompts::session(&tools, format);
        Self { app, tools, prompts, instructions, format }
    }

    fn implementation() -> Implementation {
        Implementation::new("synapsor-runner", env!("CARGO_PKG_VERSION")).with_title("Synapsor Runner")
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Self::implementation())
            .with_instructions(&self.instructions)
            // What a client is offered that asks for a revision we do not serve.
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(const { &REVISIONS })
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        whole(request)?;
        Ok(self.tools.list())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = match context.extensions.get::<NotAnObject>() {
            Some(NotAnObject) => Arguments::NotAnObject,
            None => Arguments::Named(request.arguments.unwrap_or_default()),
        };
        tokio::select! {
            biased;
            // Dropping the call cancels its statement. The client no longer waits for this answer.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("the call was cancelled", None)),
            answer = self.tools.call(&self.app, &request.name, arguments, self.format) => {
                Ok(render::answer(answer).into())
            }
        }
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        whole(request)?;
        Ok(resources::templates())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.app, request.and_then(|request| request.cursor).as_deref()).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&self.app, &request.uri).await.map(ReadResourceResponse::from)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        whole(request)?;
        Ok(self.prompts.list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.prompts.get(request).map(GetPromptResponse::from)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let completion = match &request.r#ref {
            Reference::Prompt(prompt) => {
                self.prompts.complete(&prompt.name, &request.argument.name, &request.argument.value)?
            }
            Reference::Resource(template) => {
                resources::complete(&self.app, &template.uri, &request.argument.value).await?
            }
            _ => prompts::completion(Vec::new())?,
        };
        Ok(CompleteResult::new(completion))
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
