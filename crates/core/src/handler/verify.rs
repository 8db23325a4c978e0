//! Whether a handler may act on a request: the checks in the protocol's order, before anything is begun.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json};

use super::{IDEMPOTENCY_KEY, ISSUED_AT, MAX_BODY, PROPOSAL_ID, SIGNATURE, SKEW_SECONDS, sign};
use crate::id::Ident;
use crate::wire::handler::{About, Ask, HandlerChange, HandlerRequest, PROTOCOL_VERSION};

/// Longest idempotency key, in bytes: what every engine's receipt table can hold.
const MAX_KEY: usize = 255;

/// Finds a header's value by its lower-case name.
pub type Header<'r, 'h> = &'r (dyn Fn(&str) -> Option<&'h str> + Sync);

/// A request as it came in.
#[derive(Clone, Copy)]
pub struct Incoming<'r, 'h> {
    /// The method.
    pub method: &'r str,
    /// A header's value by its lower-case name.
    pub header: Header<'r, 'h>,
    /// The body, byte by byte.
    pub body: &'r [u8],
}

/// What the handler demands.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The bearer token, if one is demanded.
    pub token: Option<&'a str>,
    /// The secrets of which one must have signed; empty if no signature is demanded.
    pub secrets: &'a [&'a str],
    /// The handler's own address, if it is checked.
    pub audience: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// Whether an action is known.
    pub knows: &'a (dyn Fn(&str) -> bool + Sync),
}

/// A request that may be acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<'a> {
    /// The request.
    pub request: HandlerRequest,
    /// The secret that signed it, which signs the reply.
    pub secret: Option<&'a str>,
}

/// Why a request is refused; nothing was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The protocol's code.
    pub code: &'static str,
    /// In safe words.
    pub message: String,
    /// The secret that signed the request, which signs the refusal; `None` before that was known.
    pub secret: Option<&'a str>,
}

/// Checks a request in the protocol's order.
pub fn verify<'a>(incoming: Incoming<'_, '_>, rules: Rules<'a>) -> Result<Verified<'a>, Refused<'a>> {
    let secret = authenticate(incoming, rules)?;
    // A command's request comes from its own parent, without headers.
    read(incoming.body, rules, Some(incoming.header))
        .map(|request| Verified { request, secret })
        .map_err(|(status, code, message)| Refused { status, code, message, secret })
}

/// Checks a request that came on the standard input of a command: as [`verify`] from the body on.
pub fn verify_command<'a>(body: &[u8], rules: Rules<'a>) -> Result<HandlerRequest, Refused<'a>> {
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    read(body, rules, None).map_err(|(status, code, message)| Refused { status, code, message, secret: None })
}

fn authenticate<'a>(incoming: Incoming<'_, '_>, rules: Rules<'a>) -> Result<Option<&'a str>, Refused<'a>> {
    if incoming.method != "POST" {
        return Err(unsigned(405, "METHOD_NOT_ALLOWED", "requests are POSTed"));
    }
    if incoming.body.len() > MAX_BODY {
        return Err(too_large());
    }
    if let Some(token) = rules.token {
        let given = (incoming.header)("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map_or("", |(_, token)| token);
        if !sign::same_token(token, given) {
            return Err(unsigned(401, "UNAUTHORIZED", "the bearer token is missing or wrong"));
        }
    }
    let mut secret = None;
    if !rules.secrets.is_empty() {
        let signature = (incoming.header)(SIGNATURE).unwrap_or_default();
        secret = sign::signer(rules.secrets, incoming.body, signature);
        if secret.is_none() {
            return Err(unsigned(401, "INVALID_SIGNATURE", "the signature is missing or wrong"));
        }
    }
    let issued = (incoming.header)(ISSUED_AT).and_then(|text| text.parse::<Timestamp>().ok());
    let skew = SignedDuration::from_secs(SKEW_SECONDS);
    if issued.is_none_or(|issued| issued.duration_until(rules.now).abs() > skew) {
        return Err(unsigned(401, "INVALID_ISSUED_AT", "the time of signing is missing or over 300 s away"));
    }
    Ok(secret)
}

fn unsigned<'a>(status: u16, code: &'static str, message: &str) -> Refused<'a> {
    Refused { status, code, message: message.to_owned(), secret: None }
}

fn too_large<'a>() -> Refused<'a> {
    unsigned(413, "BODY_TOO_LARGE", "the body has more than 1048576 bytes")
}

type Fault = (u16, &'static str, String);

fn bad(message: impl Into<String>) -> Fault {
    (400, "BAD_WRITEBACK_REQUEST", message.into())
}

fn read(body: &[u8], rules: Rules<'_>, header: Option<Header<'_, '_>>) -> Result<HandlerRequest, Fault> {
    let Ok(Json::Object(map)) = serde_json::from_slice::<Json>(body) else {
        return Err((400, "BAD_JSON", "the body is no JSON object".to_owned()));
    };
    if map.get("protocol_version").and_then(Json::as_str) != Some(PROTOCOL_VERSION) {
        return Err((400, "UNSUPPORTED_PROTOCOL_VERSION", "this handler speaks protocol version 1.0".to_owned()));
    }
    let kind = match map.get("kind") {
        None => Ask::Apply,
        Some(kind) => serde_json::from_value(kind.clone()).map_err(|_| bad("`kind` is unknown"))?,
    };
    let request = HandlerRequest {
        protocol_version: PROTOCOL_VERSION.to_owned(),
        kind,
        audience: text(&map, "audience")?,
        issued_at: text(&map, "issued_at")?,
        nonce: map.get("nonce").map(|_| text(&map, "nonce")).transpose()?,
        about: if kind == Ask::Handshake { None } else { Some(about(map, kind)?) },
    };
    if let Some(header) = header {
        repeats(header, ISSUED_AT, &request.issued_at)?;
        if let Some(about) = &request.about {
            repeats(header, PROPOSAL_ID, &about.proposal_id)?;
            repeats(header, IDEMPOTENCY_KEY, &about.idempotency_key)?;
        }
    }
    if request.issued_at.parse::<Timestamp>().is_err() {
        return Err(bad("`issued_at` is no RFC 3339 time"));
    }
    if rules.audience.is_some_and(|own| own != request.audience) {
        return Err((403, "INVALID_AUDIENCE", "the request is for another handler".to_owned()));
    }
    match request.about.as_ref().and_then(|about| about.change_set.as_ref()) {
        Some(change) if !(rules.knows)(&change.action) => {
            Err((400, "UNSUPPORTED_ACTION", "this handler does not know the action".to_owned()))
        }
        _ => Ok(request),
    }
}

fn text(map: &Map<String, Json>, name: &str) -> Result<String, Fault> {
    match map.get(name).and_then(Json::as_str) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(bad(format!("`{name}` is no text"))),
    }
}

fn repeats(header: Header<'_, '_>, name: &str, value: &str) -> Result<(), Fault> {
    if header(name) == Some(value) { Ok(()) } else { Err(bad(format!("the header `{name}` does not repeat the body"))) }
}

fn about(map: Map<String, Json>, kind: Ask) -> Result<About, Fault> {
    for name in ["ledger_id", "writeback_job_id", "proposal_id", "proposal_hash", "idempotency_key"] {
        text(&map, name)?;
    }
    // The reader's own words quote what it read, so only the protocol's are used.
    let mut about: About =
        serde_json::from_value(Json::Object(map)).map_err(|_| bad("a field is missing or has another type"))?;
    if about.idempotency_key.len() > MAX_KEY {
        return Err(bad("`idempotency_key` has more than 255 bytes"));
    }
    if kind != Ask::Apply {
        about = About { dry_run: false, change_set: None, before: None, approval: None, evidence: None, ..about };
        return Ok(about);
    }
    change(about.change_set.as_ref().ok_or_else(|| bad("`change_set` is missing"))?)?;
    Ok(about)
}

fn change(change: &HandlerChange) -> Result<(), Fault> {
    let guards = &change.guards;
    let key = &change.target.primary_key;
    let scalar = |value: &Json| matches!(value, Json::String(_) | Json::Number(_) | Json::Bool(_));
    let schema = change.target.schema.as_deref();
    let names = [change.target.table.as_str(), &key.column, &guards.tenant.column, &guards.expected_version.column];
    let allowed = guards.allowed_columns.iter().map(String::as_str);
    if names.into_iter().chain(schema).chain(allowed).any(|name| Ident::parse(name).is_err()) {
        return Err(bad("a name is not made of letters, digits and underscores"));
    }
    if change.action.is_empty() || change.scope.tenant_id.is_empty() || change.scope.object_id.is_empty() {
        return Err(bad("the action, the tenant or the object is empty"));
    }
    if guards.tenant.value.as_str() != Some(&change.scope.tenant_id) {
        return Err(bad("the tenant of the scope and of the guard differ"));
    }
    if !scalar(&key.value) || !(scalar(&guards.expected_version.value) || guards.expected_version.value.is_null()) {
        return Err(bad("the key or the version is no plain value"));
    }
    if change.patch.is_empty() || change.patch.keys().any(|column| !guards.allowed_columns.contains(column)) {
        return Err(bad("the patch is empty or names a column that is not allowed"));
    }
    if guards.allowed_columns.iter().any(|column| *column == key.column || *column == guards.tenant.column) {
        return Err(bad("the key and the tenant column never change"));
    }
    Ok(())
}
