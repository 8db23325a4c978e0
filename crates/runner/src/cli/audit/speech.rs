//! What is said to a server to learn its tools, in both eras of the protocol.

use serde_json::{Value as Json, json};

/// The newest revision, in which every request stands alone.
pub const MODERN: &str = "2026-07-28";
/// The revision that a session is asked for.
pub const LEGACY: &str = "2025-11-25";

/// More pages than this no list of tools has.
pub const MOST_PAGES: usize = 50;
/// More than this is not read of one server.
pub const MOST_BYTES: usize = 16 << 20;

/// A request of the newest revision.
pub fn modern(id: u64, method: &str, mut params: Json) -> Json {
    if let Some(params) = params.as_object_mut() {
        params.insert(
            "_meta".to_owned(),
            json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": info(),
            }),
        );
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The request that begins a session.
pub fn initialize(id: u64) -> Json {
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": info() });
    legacy(id, "initialize", &params)
}

/// A request within a session.
pub fn legacy(id: u64, method: &str, params: &Json) -> Json {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// What is said once a session has begun.
pub fn initialized() -> Json {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

/// The parameters that ask for a page.
pub fn page(cursor: Option<&str>) -> Json {
    cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }))
}

/// The result of an answer, or why there is none; a server's own words are not repeated.
pub fn result(answer: &Json) -> Result<&Json, String> {
    match (answer.get("result"), answer.get("error")) {
        (Some(result), None) => Ok(result),
        (_, Some(error)) => {
            let code = error.get("code").and_then(Json::as_i64).unwrap_or_default();
            Err(format!("the server answered with error {code}"))
        }
        (None, None) => Err("the server's answer has no result".to_owned()),
    }
}

/// The tools of a page, and the next page, if there is one.
pub fn tools(result: &Json) -> Result<(Vec<Json>, Option<String>), String> {
    let tools = result.get("tools").and_then(Json::as_array).ok_or("the server's answer has no list of tools")?;
    let next = result.get("nextCursor").and_then(Json::as_str).map(str::to_owned);
    Ok((tools.clone(), next))
}

fn info() -> Json {
    json!({ "name": "synapsor-mcp-audit", "version": env!("CARGO_PKG_VERSION") })
}
