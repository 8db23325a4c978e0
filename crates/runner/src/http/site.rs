//! What a configuration makes of the HTTP side. A reload swaps it whole; a request keeps the one it came in under.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use synapsor_core::caller::Grants;
use synapsor_core::contract::{Contract, Mode, Storage, http};
use synapsor_core::refusal::Refusal;

use super::clients::Clients;
use super::names::Names;
use super::router::Transport;
use crate::app::App;
use crate::app::limits::Limits;
use crate::mcp::{Catalog, ServeOptions};

/// What the command line says about serving over HTTP, whatever the configuration says.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The variable of the one token.
    pub token_env: String,
    /// Whether everybody is let in.
    pub open: bool,
    /// Origins that are allowed besides the configured ones.
    pub origins: Vec<String>,
    /// The folder that paths in the configuration refer to.
    pub base: PathBuf,
    /// How to list and answer.
    pub serve: ServeOptions,
}

/// What a configuration makes of the HTTP side.
pub struct Site {
    /// Which names requests may give.
    pub names: Names,
    /// Whom requests may come from.
    pub clients: Clients,
    /// What each of them uses.
    pub limits: Limits,
    /// What each of them may use.
    pub bounds: http::Limits,
    /// What is listed.
    pub catalog: Arc<Catalog>,
    /// The use cases.
    pub app: Arc<App>,
    /// The identifier that tokens are made for, where it is an address.
    resource: Option<String>,
    issuer: Option<String>,
}

impl Site {
    /// Makes the site of an app.
    pub fn new(app: Arc<App>, terms: &Terms) -> Result<Self, Refusal> {
        let contract = app.contract();
        let http = &contract.http;
        let mut origins = http.allowed_origins.clone();
        origins.extend(terms.origins.iter().cloned());
        let audience = http.jwt.as_ref().map(|jwt| jwt.audience.clone());
        Ok(Self {
            names: Names::new(&http.allowed_hosts, &origins),
            clients: Clients::new(contract, &terms.base, &terms.token_env, terms.open)?,
            limits: Limits::new(http.limits),
            bounds: http.limits,
            catalog: Arc::new(Catalog::new(Arc::clone(&app), terms.serve)),
            resource: audience.filter(|audience| audience.starts_with("https://") || audience.starts_with("http://")),
            issuer: http.jwt.as_ref().map(|jwt| jwt.issuer.clone()),
            app,
        })
    }

    /// The health page: `ok`, `transport`, `sessions` (where there are any), `tools` (canonical), `mode`.
    #[must_use]
    pub fn health(&self, transport: Transport, sessions: usize) -> Json {
        let contract = self.app.contract();
        let listed = |capability: &&synapsor_core::contract::Capability| {
            contract.mode != Mode::ReadOnly || capability.proposal().is_none()
        };
        let mut health = json!({
            "ok": true,
            "transport": transport.word(),
            "sessions": sessions,
            "tools": contract.capabilities.iter().filter(listed).count(),
            "mode": contract.mode.word(),
        });
        if transport == Transport::Bridge
            && let Some(health) = health.as_object_mut()
        {
            health.remove("sessions");
        }
        health
    }

    /// What RFC 9728 has a client ask for; `None` where clients get their tokens by hand. `here` is this server's own
    /// address as the client knows it.
    #[must_use]
    pub fn resource_metadata(&self, here: &str) -> Option<Json> {
        let issuer = self.issuer.as_ref()?;
        let resource = self.resource.clone().unwrap_or_else(|| format!("{here}/mcp"));
        Some(json!({
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": Grants::WORDS,
            "bearer_methods_supported": ["header"],
            "resource_name": "Synapsor Runner",
        }))
    }

    /// What only a restart can change.
    #[must_use]
    pub fn fixed(&self) -> Fixed {
        Fixed::of(self.app.contract())
    }
}

/// What only a restart can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    storage: Storage,
    address: (Option<String>, Option<u16>),
    sessions: (u32, std::time::Duration),
    tls: bool,
}

impl Fixed {
    fn of(contract: &Contract) -> Self {
        let http = &contract.http;
        Self {
            storage: contract.storage.clone(),
            address: (http.host.clone(), http.port),
            sessions: (http.limits.sessions, http.limits.idle),
            tls: http.tls.is_some(),
        }
    }

    /// The first field that differs.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            (self.storage != other.storage, "storage"),
            (self.address.0 != other.address.0, "http.host"),
            (self.address.1 != other.address.1, "http.port"),
            (self.sessions.0 != other.sessions.0, "http.limits.sessions"),
            (self.sessions.1 != other.sessions.1, "http.limits.idle_s"),
            (self.tls != other.tls, "http.tls"),
        ]
        .into_iter()
        .find_map(|(differs, field)| differs.then_some(field))
    }
}
