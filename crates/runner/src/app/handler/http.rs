//! A handler that is reached by HTTP.

use std::net::IpAddr;

use reqwest::{Client, Method, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use synapsor_core::code::Code;
use synapsor_core::contract::{Executor, Way};
use synapsor_core::handler::{IDEMPOTENCY_KEY, ISSUED_AT, MAX_BODY, PROPOSAL_ID, RECEIPT_SIGNATURE, SIGNATURE, sign};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::handler::HandlerRequest;

use super::Came;
use crate::outgoing;
use crate::secrets;

pub(crate) struct Address {
    pub(crate) client: Client,
    pub(crate) url: Url,
    method: Method,
    pub(crate) token: Option<SecretString>,
    secret: Option<SecretString>,
}

impl Address {
    pub(crate) fn read(executor: &Executor) -> Result<Self, Refusal> {
        let Way::Http { url_env, method, token_env, signing_secret_env } = &executor.way else {
            return Err(Refusal::new(Code::Internal, "the executor is not reached by HTTP"));
        };
        let bad = || {
            Refusal::new(Code::CredentialInvalid, format!("`{url_env}` holds no address of a handler"))
                .with_fix("give a URL like `https://app.example.com/synapsor/writeback`, without user or password")
        };
        let text = secrets::required(url_env.as_str())?;
        let url = Url::parse(text.expose_secret().trim()).map_err(|_| bad())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !plain {
            return Err(bad());
        }
        let read = |name: &Option<synapsor_core::id::EnvName>| {
            name.as_ref().map(|name| secrets::required(name.as_str())).transpose()
        };
        let (token, secret) = (read(token_env)?, read(signing_secret_env)?);
        if secret.is_none() && !is_loopback(&url) {
            return Err(Refusal::new(
                Code::HandlerUnsigned,
                format!("executor `{}` is on another machine, and its requests would not be signed", executor.name),
            ));
        }
        let client = outgoing::client().map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
        Ok(Self { client, url, method, token, secret })
    }

    /// The same credentials at another address.
    pub(crate) fn at(self, url: &str) -> Result<Self, Refusal> {
        let bad = || Refusal::new(Code::Usage, "the URL does not read as the address of a handler");
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(bad)?;
        Ok(Self { url, ..self })
    }

    /// The secrets: the first signs, any verifies.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        self.secret.as_ref().map(|text| sign::secrets(text.expose_secret()).collect()).unwrap_or_default()
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.secret.is_some()
    }

    pub(super) fn is_cleartext(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    pub(super) async fn send(&self, request: &HandlerRequest, body: Vec<u8>) -> Result<Came, &'static str> {
        let secrets = self.secrets();
        let mut call = self
            .client
            .request(self.method.clone(), self.url.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .header(ISSUED_AT, &request.issued_at);
        if let Some(about) = &request.about {
            call = call.header(PROPOSAL_ID, &about.proposal_id);
            call = call.header(IDEMPOTENCY_KEY, header_value(&about.idempotency_key)?);
        }
        if let Some(token) = &self.token {
            call = call.bearer_auth(token.expose_secret());
        }
        if let Some(first) = secrets.first() {
            call = call.header(SIGNATURE, sign::request(first, &body));
        }
        let unanswered = |_| "the handler could not be reached, or hung up";
        let mut response = call.body(body.clone()).send().await.map_err(unanswered)?;
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            read.extend_from_slice(&chunk);
            if read.len() > MAX_BODY {
                return Err("the handler's reply is too large");
            }
        }
        let signature = response.headers().get(RECEIPT_SIGNATURE).and_then(|value| value.to_str().ok());
        let signed = (!secrets.is_empty())
            .then(|| signature.is_some_and(|signature| sign::reply_is_signed(&secrets, &body, &read, signature)));
        Ok(Came { status: response.status().as_u16(), signed, body: read })
    }
}

/// A key as a header: its bytes, since keys hold what rows' keys hold.
fn header_value(text: &str) -> Result<header::HeaderValue, &'static str> {
    header::HeaderValue::from_bytes(text.as_bytes()).map_err(|_| "the key cannot be sent in a header")
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
