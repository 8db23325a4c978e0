//! What is answered to a request that does not come to the protocol: always JSON, always words of ours.

use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::mcp::is_served;

/// The header that names a session.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The header that names the protocol revision.
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// A refusal: `ok` is false, `error` a stable word.
pub fn no(status: StatusCode, word: &str) -> Response {
    (status, axum::Json(json!({ "ok": false, "error": word }))).into_response()
}

/// What a refusal by the SDK depends on.
pub struct Asked {
    json: bool,
    session: bool,
    served: bool,
}

impl Asked {
    /// Of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let version = headers.get(PROTOCOL_VERSION);
        Self {
            json: headers.get(CONTENT_TYPE).is_some_and(is_json),
            session: headers.contains_key(SESSION_ID),
            served: version.is_none_or(|version| version.to_str().is_ok_and(is_served)),
        }
    }

    /// What is said in place of the SDK's plain text; `None` if its answer is one of the protocol.
    pub fn refusal(&self, answer: &Parts) -> Option<Response> {
        let status = answer.status;
        let failed = status.is_client_error() || status.is_server_error();
        if !failed || (status.is_client_error() && answer.headers.get(CONTENT_TYPE).is_some_and(is_json)) {
            return None;
        }
        let mut refusal = match status {
            // It says that the type is wrong of what is no JSON at all.
            StatusCode::UNSUPPORTED_MEDIA_TYPE if self.json => not_json_rpc(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => no(status, "content_type_not_supported"),
            StatusCode::METHOD_NOT_ALLOWED => no(status, "method_not_allowed"),
            StatusCode::NOT_ACCEPTABLE => no(status, "not_acceptable"),
            StatusCode::NOT_FOUND => no(status, "session_not_found"),
            StatusCode::BAD_REQUEST if !self.served => no(status, "protocol_version_not_supported"),
            StatusCode::BAD_REQUEST if !self.session => no(status, "session_required"),
            // Its words are for the log, where it has put them.
            _ if status.is_server_error() => no(status, "internal"),
            _ => no(status, "bad_request"),
        };
        if let Some(allowed) = answer.headers.get(ALLOW) {
            refusal.headers_mut().insert(ALLOW, allowed.clone());
        }
        Some(refusal)
    }
}

fn is_json(kind: &HeaderValue) -> bool {
    const JSON: &[u8] = b"application/json";
    kind.as_bytes().get(..JSON.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(JSON))
}

/// What is said of a body that is no JSON, or no message.
fn not_json_rpc() -> Response {
    let error = json!({ "code": -32700, "message": "the body is not a JSON-RPC message" });
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "jsonrpc": "2.0", "id": null, "error": error }))).into_response()
}
