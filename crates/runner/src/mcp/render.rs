//! Results as the SDK sends them.

use rmcp::model::{
    CallToolResult, ContentBlock, JsonObject, MetaObject, ReadResourceResult, ResourceContents, ServerResult,
};
use serde_json::Value as Json;

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

/// Writes who serves into a result.
pub(super) fn stamp(result: &mut ServerResult, server: &Json) {
    let meta = match result {
        ServerResult::CallToolResult(result) => &mut result.meta,
        ServerResult::ListToolsResult(result) => &mut result.meta,
        ServerResult::ListResourcesResult(result) => &mut result.meta,
        ServerResult::ListResourceTemplatesResult(result) => &mut result.meta,
        ServerResult::ReadResourceResult(result) => &mut result.meta,
        ServerResult::ListPromptsResult(result) => &mut result.meta,
        ServerResult::GetPromptResult(result) => &mut result.meta,
        ServerResult::CompleteResult(result) => &mut result.meta,
        // Discovery names its server by itself, and an empty result has no place for it.
        _ => return,
    };
    let MetaObject(meta) = meta.get_or_insert_with(|| MetaObject(JsonObject::new()));
    meta.insert(SERVER_INFO.to_owned(), server.clone());
}
