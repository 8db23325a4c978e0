//! Requests as a test makes them: right, or wrong in exactly one way.

use std::time::Duration;

use reqwest::{Client, Method, Url, header};
use secrecy::ExposeSecret as _;
use serde_json::Value as Json;
use synapsor_core::contract::Executor;
use synapsor_core::handler::{IDEMPOTENCY_KEY, ISSUED_AT, MAX_BODY, PROPOSAL_ID, RECEIPT_SIGNATURE, SIGNATURE, sign};
use synapsor_core::refusal::Refusal;

use crate::app::handler::{Address, Handler};

/// Longest wait for a reply; a slow body may be waited for ten seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The way to a handler.
pub(super) enum Line {
    /// By HTTP.
    Http(Box<Address>),
    /// As a command.
    Command(Box<Handler>),
}

/// A request, ready to be sent or to be spoilt.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) method: Method,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status; 0 if the connection was cut or nothing came in time.
    pub(super) status: u16,
    /// The body; null if it is not JSON.
    pub(super) body: Json,
    /// Whether it is signed as it must be; true where nothing needs to be.
    pub(super) signed: bool,
}

impl Answer {
    /// A field of a receipt.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// The receipt's status; empty if it is none.
    pub(super) fn receipt(&self) -> &str {
        if self.status == 200 { self.text("status") } else { "" }
    }

    /// What it was, in a few words.
    pub(super) fn shown(&self) -> String {
        let code = self
            .body
            .pointer("/error/code")
            .and_then(Json::as_str)
            .or_else(|| self.body.get("safe_error_code").and_then(Json::as_str));
        let status = if self.status == 0 { "no reply".to_owned() } else { format!("status {}", self.status) };
        let receipt = self.receipt();
        [Some(status), (!receipt.is_empty()).then(|| receipt.to_owned()), code.map(str::to_owned)]
            .into_iter()
            .flatten()
            .map(|part| synapsor_core::plan::shown_key(&part))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Letter {
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(held, _)| *held != name);
        self.headers.push((name, value));
    }

    pub(super) fn drop(&mut self, name: &str) {
        self.headers.retain(|(held, _)| *held != name);
    }
}

impl Line {
    pub(super) fn open(executor: &Executor, url: Option<&str>) -> Result<Self, Refusal> {
        if matches!(executor.way, synapsor_core::contract::Way::Command { .. }) {
            return Ok(Self::Command(Box::new(Handler::open(executor)?)));
        }
        let mut address = Address::read(executor)?;
        if let Some(url) = url {
            address = address.at(url)?;
        }
        Ok(Self::Http(Box::new(address)))
    }

    pub(super) fn address(&self) -> String {
        match self {
            Self::Http(address) => address.url.to_string(),
            Self::Command(handler) => handler.audience().to_owned(),
        }
    }

    pub(super) fn has_token(&self) -> bool {
        matches!(self, Self::Http(address) if address.token.is_some())
    }

    pub(super) fn is_signed(&self) -> bool {
        matches!(self, Self::Http(address) if address.is_signed())
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// A request with everything that it must have.
    pub(super) fn letter(&self, request: &Json) -> Letter {
        let text = |name: &str| request.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut letter = Letter { method: Method::POST, headers: Vec::new(), body: request.to_string().into_bytes() };
        letter.set("content-type", "application/json".to_owned());
        letter.set(ISSUED_AT, text("issued_at"));
        if request.get("proposal_id").is_some() {
            letter.set(PROPOSAL_ID, text("proposal_id"));
            letter.set(IDEMPOTENCY_KEY, text("idempotency_key"));
        }
        if let Self::Http(address) = self
            && let Some(token) = &address.token
        {
            letter.set("authorization", format!("Bearer {}", token.expose_secret()));
        }
        self.sign(&mut letter);
        letter
    }

    /// Signs what the letter holds now.
    pub(super) fn sign(&self, letter: &mut Letter) {
        if let Self::Http(address) = self
            && let Some(secret) = address.secrets().first()
        {
            letter.set(SIGNATURE, sign::request(secret, &letter.body));
        }
    }

    pub(super) async fn ask(&self, request: &Json) -> Answer {
        self.send(&self.letter(request)).await
    }

    pub(super) async fn send(&self, letter: &Letter) -> Answer {
        match tokio::time::timeout(PATIENCE, self.deliver(letter)).await {
            Ok(Some(answer)) => answer,
            _ => Answer { status: 0, body: Json::Null, signed: true },
        }
    }

    async fn deliver(&self, letter: &Letter) -> Option<Answer> {
        let address = match self {
            Self::Http(address) => address,
            Self::Command(handler) => {
                let (status, body) = handler.raw(letter.body.clone()).await.ok()?;
                return Some(Answer {
                    status,
                    body: serde_json::from_slice(&body).unwrap_or(Json::Null),
                    signed: true,
                });
            }
        };
        let call = request(&address.client, letter, address.url.clone());
        let response = call.body(letter.body.clone()).send().await.ok()?;
        answer(address, letter, response).await
    }

    /// Sends half of a body, and never the rest; whether the handler ended the wait by itself.
    pub(super) async fn dawdle(&self, letter: &Letter) -> bool {
        let Self::Http(address) = self else { return true };
        let half = letter.body.get(..letter.body.len() / 2).unwrap_or_default().to_vec();
        let chunks = futures_util::stream::unfold(Some(half), |half| async move {
            match half {
                Some(half) => Some((Ok::<_, std::io::Error>(half), None)),
                None => std::future::pending().await,
            }
        });
        let call = request(&address.client, letter, address.url.clone())
            .header(header::CONTENT_LENGTH, letter.body.len())
            .body(reqwest::Body::wrap_stream(chunks));
        tokio::time::timeout(PATIENCE, call.send()).await.is_ok()
    }
}

fn request(client: &Client, letter: &Letter, url: Url) -> reqwest::RequestBuilder {
    let mut call = client.request(letter.method.clone(), url);
    for (name, value) in &letter.headers {
        if let Ok(value) = header::HeaderValue::from_bytes(value.as_bytes()) {
            call = call.header(*name, value);
        }
    }
    call
}

async fn answer(address: &Address, letter: &Letter, mut response: reqwest::Response) -> Option<Answer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return None;
        }
    }
    let secrets = address.secrets();
    let signature = response.headers().get(RECEIPT_SIGNATURE).and_then(|value| value.to_str().ok());
    let signed = secrets.is_empty()
        || signature.is_some_and(|signature| sign::reply_is_signed(&secrets, &letter.body, &body, signature));
    let status = response.status().as_u16();
    Some(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Json::Null), signed })
}
