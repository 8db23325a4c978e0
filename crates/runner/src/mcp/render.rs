//! Results as the SDK sends them.

use std::sync::LazyLock;

use rmcp::model::{
    CallToolResult, CompleteResult, ContentBlock, GetPromptResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject, ReadResourceResult,
    ResourceContents,
};
use serde_json::Value as Json;

use super::Server;

/// The key under which every result of the newest revision names its server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// How long a client may keep what cannot change while this process serves, in milliseconds.
pub(super) const LISTS_TTL: u64 = 60_000;

/// A tool's answer: structured, and the same as text for hosts that show only text.
pub(super) fn answer((json, is_error): (Json, bool)) -> CallToolResult {
    let mut result = CallToolResult::default();
    result.content = vec![ContentBlock::text(json.to_string())];
    result.structured_content = Some(json);
    result.is_error = Some(is_error);
    result
}

/// A resource's content.
pub(super) fn document(uri: &str, json: &Json) -> ReadResourceResult {
    let contents = ResourceContents::text(json.to_string(), uri).with_mime_type(super::resources::MIME_TYPE);
    ReadResourceResult::new(vec![contents])
}

/// A result that can name its server. Discovery does by itself, and an empty result has no place for it.
pub(super) trait Named {
    fn meta(&mut self) -> &mut Option<MetaObject>;
}

macro_rules! named {
    ($($result:ty),*) => {
        $(impl Named for $result {
            fn meta(&mut self) -> &mut Option<MetaObject> {
                &mut self.meta
            }
        })*
    };
}

named!(
    CallToolResult,
    ListToolsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    ListPromptsResult,
    GetPromptResult,
    CompleteResult
);

/// Writes who serves into a result.
pub(super) fn stamp(result: &mut impl Named) {
    static SERVER: LazyLock<Json> =
        LazyLock::new(|| serde_json::to_value(Server::implementation()).unwrap_or(Json::Null));
    let MetaObject(meta) = result.meta().get_or_insert_with(|| MetaObject(JsonObject::new()));
    meta.insert(SERVER_INFO.to_owned(), SERVER.clone());
}
