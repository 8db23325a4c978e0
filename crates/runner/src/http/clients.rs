//! Who sends a request: the credential it carries, and whom that stands for.

use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use synapsor_core::caller::{Caller, Identity};
use synapsor_core::code::Code;
use synapsor_core::contract::{Contract, Http};
use synapsor_core::refusal::Refusal;

use super::jwt::{self, Verifier};
use crate::{clock, secrets};

/// The variable that holds the one token of the whole server, unless the command line names another.
pub const TOKEN_ENV: &str = "SYNAPSOR_RUNNER_HTTP_TOKEN";

/// A token of fewer characters is warned of.
const LONG_ENOUGH: usize = 16;

/// The credentials that are accepted.
pub struct Clients {
    /// Everybody is let in, for development.
    open: bool,
    tokens: Vec<Token>,
    jwt: Option<Verifier>,
    /// Digests are made under a key of this process, so that how long a comparison takes says nothing about a token.
    key: [u8; 32],
}

struct Token {
    digest: [u8; 32],
    caller: Arc<Caller>,
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who it is.
    pub caller: Arc<Caller>,
    /// When the credential ends.
    pub until: Option<Timestamp>,
}

/// Why somebody is not let in. Which part of a credential is wrong is for the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no credential.
    Missing,
    /// The credential is not accepted.
    Invalid,
    /// It was good once, and its time is over.
    Expired,
    /// It cannot be checked now: the issuer's keys are not to be had.
    Unavailable,
}

impl Clients {
    /// The clients that a configuration and the environment name. `token_env` names the variable of the one token.
    pub fn new(contract: &Contract, base: &Path, token_env: &str, open: bool) -> Result<Self, Refusal> {
        let mut clients = Self { open, tokens: Vec::new(), jwt: None, key: clock::random() };
        let needs_proof = contract.needs_proof();
        if let Some(token) = secrets::variable(token_env)? {
            if needs_proof {
                let message = format!(
                    "`{token_env}` is set, but it stands for no tenant, and a context takes it from what clients prove"
                );
                return Err(Refusal::new(Code::ConfigInvalid, message)
                    .with_fix(format!("unset `{token_env}`, or give it an entry in `http.tokens`")));
            }
            clients.accept(token_env, &token, Caller::Process)?;
        }
        clients.configure(&contract.http, base)?;
        if open && needs_proof {
            return Err(Refusal::new(Code::ConfigInvalid, "with `--dev-no-auth` no client proves a tenant")
                .with_fix("use the provider `static_dev` or `environment` for development"));
        }
        if !open && clients.tokens.is_empty() && clients.jwt.is_none() {
            let message = format!("`{token_env}` is not set, and neither `http.tokens` nor `http.jwt` is configured");
            return Err(Refusal::new(Code::HttpAuthTokenMissing, message));
        }
        Ok(clients)
    }

    fn configure(&mut self, http: &Http, base: &Path) -> Result<(), Refusal> {
        for token in &http.tokens {
            let secret = secrets::required(token.token_env.as_str())?;
            let identity = Identity {
                credential: token.name.as_str().to_owned(),
                tenant: token.tenant.clone(),
                principal: token.principal.clone(),
                provenance: "http_token",
                grants: token.grants,
            };
            self.accept(token.token_env.as_str(), &secret, Caller::Client(identity))?;
        }
        self.jwt = http.jwt.as_ref().map(|rules| Verifier::new(rules, base)).transpose()?;
        Ok(())
    }

    /// Accepts a token. One that stands for two callers would give one of them the other's rows.
    fn accept(&mut self, variable: &str, token: &SecretString, caller: Caller) -> Result<(), Refusal> {
        let text = token.expose_secret();
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            let message = format!("the token in `{variable}` holds spaces or characters that a header cannot carry");
            return Err(Refusal::new(Code::CredentialInvalid, message).with_fix("use letters, digits and `-._~+/=`"));
        }
        if text.len() < LONG_ENOUGH {
            tracing::warn!(
                "the token in `{variable}` is so short that it can be guessed; give it 32 random characters"
            );
        }
        let digest = self.digest(text);
        if self.tokens.iter().any(|token| token.digest == digest) {
            let message = format!("the token in `{variable}` is accepted as somebody else's already");
            return Err(Refusal::new(Code::CredentialInvalid, message).with_fix("give every client a token of its own"));
        }
        self.tokens.push(Token { digest, caller: Arc::new(caller) });
        Ok(())
    }

    /// How clients are known, as a sentence for the start.
    #[must_use]
    pub fn describe(&self) -> String {
        if self.open {
            return "everybody is let in (`--dev-no-auth`)".to_owned();
        }
        let tokens = match self.tokens.len() {
            0 => None,
            1 => Some("one bearer token".to_owned()),
            count => Some(format!("{count} bearer tokens")),
        };
        let jwt = self.jwt.as_ref().map(|_| "JSON Web Tokens".to_owned());
        format!("clients are known by {}", tokens.into_iter().chain(jwt).collect::<Vec<_>>().join(" and "))
    }

    /// Whether clients may get credentials from an authorization server.
    #[must_use]
    pub fn know_jwt(&self) -> bool {
        self.jwt.is_some()
    }

    /// Lets a request in, or not.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Admitted, Denied> {
        if self.open {
            return Ok(Admitted { caller: Arc::new(Caller::Process), until: None });
        }
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let token = match (given.next(), given.next()) {
            (None, _) => return Err(Denied::Missing),
            (Some(value), None) => value.to_str().ok().and_then(bearer).ok_or(Denied::Invalid)?,
            _ => return Err(Denied::Invalid),
        };
        let digest = self.digest(token);
        let mut found = None;
        // Every token is compared, whichever it is.
        for known in &self.tokens {
            if bool::from(known.digest.ct_eq(&digest)) {
                found = Some(known);
            }
        }
        if let Some(known) = found {
            return Ok(Admitted { caller: Arc::clone(&known.caller), until: None });
        }
        let Some(verifier) = &self.jwt else {
            tracing::info!("a bearer token was refused: it is none of those that are accepted");
            return Err(Denied::Invalid);
        };
        match verifier.verify(token, clock::now()).await {
            Ok(proven) => {
                Ok(Admitted { caller: Arc::new(Caller::Client(proven.identity)), until: Some(proven.expires) })
            }
            Err(jwt::Denied::Invalid(why)) => {
                tracing::info!("a bearer token was refused: {why}");
                Err(if why == jwt::Why::Expired { Denied::Expired } else { Denied::Invalid })
            }
            Err(jwt::Denied::KeysUnavailable) => Err(Denied::Unavailable),
        }
    }

    fn digest(&self, token: &str) -> [u8; 32] {
        // Any length of key is taken.
        Hmac::<Sha256>::new_from_slice(&self.key).map_or([0; 32], |mut digest| {
            digest.update(token.as_bytes());
            digest.finalize().into_bytes().into()
        })
    }
}

/// The token of an `Authorization` header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim_matches(' ')).filter(|token| !token.is_empty())
}
