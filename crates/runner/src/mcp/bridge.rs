//! The bridge of the reference program, for clients that speak JSON-RPC but no MCP: no handshake, no sessions, one answer
//! to each request.

use rmcp::model::{ErrorCode, ErrorData};
use serde_json::{Map, Value as Json, json};

use super::tools::Arguments;
use super::{Catalog, contained, render, resources};
use crate::app::limits::Visitor;

/// What each listed tool says of itself, as the reference program's did.
const NEITHER: [&str; 2] = ["raw_sql_exposed", "approval_or_commit_tool"];
const NONE: [&str; 4] = [
    "synapsor.raw_sql_exposed",
    "synapsor.approval_tool",
    "synapsor.database_credentials_exposed",
    "synapsor.model_controlled_tenant_authority",
];

/// The answer to a body, and whether that was a request at all.
pub async fn bridge(catalog: &Catalog, visitor: &Visitor, body: &[u8]) -> (bool, Json) {
    let (id, method, params) = match request(body) {
        Ok(request) => request,
        Err(failure) => return (false, failure),
    };
    let answer = contained(result(catalog, visitor, &method, params)).await;
    let answer = answer.unwrap_or_else(|| Err(ErrorData::internal_error("the request broke off", None)));
    let answer = match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failure(&id, error),
    };
    (true, answer)
}

type Request = (Json, String, Map<String, Json>);

/// Takes a request apart; what is wrong with it is said under its id, if it has one.
fn request(body: &[u8]) -> Result<Request, Json> {
    let parsed = serde_json::from_slice(body);
    let Ok(Json::Object(mut message)) = parsed else {
        let (code, why) = match parsed {
            Ok(_) => (ErrorCode::INVALID_REQUEST, "the body is not one request; batches are not served"),
            Err(_) => (ErrorCode::PARSE_ERROR, "the body is not JSON"),
        };
        return Err(failure(&Json::Null, ErrorData::new(code, why, None)));
    };
    let id = message.remove("id").unwrap_or_default();
    let invalid = |id: &Json, why: &'static str| Err(failure(id, ErrorData::invalid_request(why, None)));
    if !(id.is_string() || id.is_number() || id.is_null()) {
        return invalid(&Json::Null, "`id` must be a text or a number");
    }
    let Some(Json::String(method)) = message.remove("method") else {
        return invalid(&id, "`method` must be a text");
    };
    match message.remove("params") {
        None | Some(Json::Null) => Ok((id, method, Map::new())),
        Some(Json::Object(params)) => Ok((id, method, params)),
        Some(_) => invalid(&id, "`params` must be an object"),
    }
}

async fn result(
    catalog: &Catalog,
    visitor: &Visitor,
    method: &str,
    mut params: Map<String, Json>,
) -> Result<Json, ErrorData> {
    match method {
        "tools/list" => written(catalog.tools.list()).map(as_the_reference_lists),
        "tools/call" => {
            let Some(Json::String(name)) = params.remove("name") else {
                return Err(ErrorData::invalid_params("`name` must be the name of a tool", None));
            };
            let arguments = match params.remove("arguments").or_else(|| params.remove("args")) {
                None | Some(Json::Null) => Arguments::Named(Map::new()),
                Some(Json::Object(arguments)) => Arguments::Named(arguments),
                Some(_) => Arguments::NotAnObject,
            };
            written(render::answer(catalog.tools.call(catalog, visitor, &name, arguments).await))
        }
        "resources/read" => {
            let Some(Json::String(uri)) = params.remove("uri") else {
                return Err(ErrorData::invalid_params("`uri` must be the address of a record", None));
            };
            written(resources::read(&catalog.app, visitor, &uri).await?)
        }
        _ => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None)),
    }
}

fn written(result: impl serde::Serialize) -> Result<Json, ErrorData> {
    serde_json::to_value(result).map_err(|_| ErrorData::internal_error("the answer could not be written", None))
}

fn as_the_reference_lists(mut list: Json) -> Json {
    let tools = list.get_mut("tools").and_then(Json::as_array_mut);
    for tool in tools.into_iter().flatten() {
        for (part, names) in [("annotations", &NEITHER[..]), ("_meta", &NONE[..])] {
            if let Some(Json::Object(part)) = tool.get_mut(part) {
                part.extend(names.iter().map(|name| ((*name).to_owned(), Json::Bool(false))));
            }
        }
    }
    list
}

fn failure(id: &Json, error: ErrorData) -> Json {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}
