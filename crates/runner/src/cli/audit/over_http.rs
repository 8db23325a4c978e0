//! A server at an address, asked for its tools.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use super::speech;
use crate::outgoing;

/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// A server's address, with what it wants to know of a client.
pub struct Address {
    url: Url,
    client: Client,
    token: Option<HeaderValue>,
}

/// An answer to a post.
struct Reply {
    status: StatusCode,
    session: Option<HeaderValue>,
    messages: Vec<Json>,
}

/// An address in a report: without user, password and query.
pub fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            let _none = url.set_username("");
            let _none = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => "an address".to_owned(),
    }
}

impl Address {
    /// Prepares to connect.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, Refusal> {
        let unusable = |why: &str| {
            Refusal::new(Code::Usage, format!("the address {why}"))
                .with_fix("write it as `https://host/mcp`; a token goes to a variable that `--bearer-env` names")
        };
        let url = Url::parse(url).map_err(|_| unusable("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable("is neither `http` nor `https`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("holds a user name or password"));
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if token.is_some() && url.scheme() == "http" && !is_here {
            return Err(unusable("is not encrypted, so the token would be sent for all to read"));
        }
        let client = outgoing::client().map_err(|_| unusable("cannot be connected to from here"))?;
        let token = match token {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| unusable("needs a token without line breaks"))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self { url, client, token })
    }

    /// The tools that the server lists: asked for in the newest revision, else in a session.
    pub async fn list(&self, patience: Duration) -> Result<Vec<Json>, String> {
        let listed = async {
            match self.modern().await {
                Ok(tools) => Ok(tools),
                // What a session cannot mend either is told at once.
                Err(why) if why.ends_with("401") || why.ends_with("403") => Err(why),
                Err(_) => self.in_session().await,
            }
        };
        tokio::time::timeout(patience, listed)
            .await
            .unwrap_or_else(|_| Err("the server did not answer in time".to_owned()))
    }

    async fn modern(&self) -> Result<Vec<Json>, String> {
        let mut headers = HeaderMap::new();
        headers.insert("mcp-protocol-version", HeaderValue::from_static(speech::MODERN));
        headers.insert("mcp-method", HeaderValue::from_static("tools/list"));
        self.pages(&headers, |id, page| speech::modern(id, "tools/list", page)).await
    }

    async fn in_session(&self) -> Result<Vec<Json>, String> {
        let begun = self.post(&speech::initialize(1), &HeaderMap::new()).await?;
        let result = answer(&begun, 1)?;
        let revision = result.get("protocolVersion").and_then(Json::as_str).unwrap_or(speech::LEGACY).to_owned();
        let mut headers = HeaderMap::new();
        headers.extend(begun.session.map(|session| (http::HeaderName::from_static(SESSION), session)));
        if let Ok(revision) = HeaderValue::from_str(&revision) {
            headers.insert("mcp-protocol-version", revision);
        }
        self.post(&speech::initialized(), &headers).await?;
        let listed = self.pages(&headers, |id, page| speech::legacy(id, "tools/list", &page)).await;
        if headers.contains_key(SESSION) {
            // The session is not needed any more; whether the server hears it makes no difference.
            let _ended = self.authorized(self.client.delete(self.url.clone())).headers(headers).send().await;
        }
        listed
    }

    async fn pages(&self, headers: &HeaderMap, request: impl Fn(u64, Json) -> Json) -> Result<Vec<Json>, String> {
        let (mut tools, mut cursor) = (Vec::new(), None::<String>);
        for id in (2..).take(speech::MOST_PAGES) {
            let reply = self.post(&request(id, speech::page(cursor.as_deref())), headers).await?;
            let (more, next) = speech::tools(answer(&reply, id)?)?;
            tools.extend(more);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
            }
        }
        Err("the server's list of tools does not end".to_owned())
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.header(http::header::AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    async fn post(&self, message: &Json, headers: &HeaderMap) -> Result<Reply, String> {
        let request = self
            .authorized(self.client.post(self.url.clone()))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .headers(headers.clone())
            .body(message.to_string());
        let mut response = request.send().await.map_err(|error| {
            if error.is_connect() { "the server cannot be reached" } else { "the server did not answer" }.to_owned()
        })?;
        let status = response.status();
        let session = response.headers().get(SESSION).cloned();
        let is_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        let id = message.get("id");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "the server's answer broke off".to_owned())? {
            body.extend_from_slice(&chunk);
            if body.len() > speech::MOST_BYTES {
                return Err("the server's answer is too large".to_owned());
            }
            // A stream may stay open after the answer.
            if is_stream && id.is_some() && messages(&body, true).iter().any(|message| message.get("id") == id) {
                break;
            }
        }
        Ok(Reply { status, session, messages: messages(&body, is_stream) })
    }
}

/// The result in a reply to the request of that id.
fn answer(reply: &Reply, id: u64) -> Result<&Json, String> {
    match reply.messages.iter().find(|message| message.get("id") == Some(&json!(id))) {
        Some(message) => speech::result(message),
        None => Err(format!("the server answered with status {}", reply.status.as_u16())),
    }
}

/// The messages in a body: one of JSON, or those of a stream.
fn messages(body: &[u8], is_stream: bool) -> Vec<Json> {
    if !is_stream {
        return serde_json::from_slice(body).ok().into_iter().collect();
    }
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let event = |event: &str| {
        let data: Vec<&str> =
            event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
        serde_json::from_str(&data.join("\n")).ok()
    };
    text.split("\n\n").filter_map(event).collect()
}
