//! A handler: settings, and one answer for each request.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use synapsor_core::handler::sign;

use crate::ddl::RECEIPTS;
use crate::engines::Engine;
use crate::error::{BoxError, Misconfigured};
use crate::job::{Effects, Job};
use crate::transaction::Store;
use crate::tx::Tx;

/// The variable of the handler's own address.
const AUDIENCE_ENV: &str = "SYNAPSOR_APP_WRITEBACK_URL";

/// What an effect returns: `Box::pin(async move { … })`.
pub type EffectFuture<'a> = Pin<Box<dyn Future<Output = Result<Effects, BoxError>> + Send + 'a>>;

pub(crate) type Effect = Box<dyn for<'a> Fn(&'a Job, &'a mut Tx<'_>) -> EffectFuture<'a> + Send + Sync>;

type ReadVariable = Box<dyn Fn(&str) -> Option<String>>;

/// What goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: Vec<u8>,
    /// The value of `x-synapsor-receipt-signature`.
    pub signature: Option<String>,
}

/// A handler. Cheap to clone; a tower service.
#[derive(Clone)]
pub struct Handler {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("actions", &self.inner.effects.keys()).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) token: Option<String>,
    pub(crate) secrets: String,
    pub(crate) audience: Option<String>,
    pub(crate) command_only: bool,
    pub(crate) store: Store,
    pub(crate) effects: BTreeMap<String, Effect>,
}

/// A handler in the making. Names that end in `_env` name environment variables.
pub struct Builder {
    env: ReadVariable,
    token_env: Option<String>,
    secret_env: Option<String>,
    url_env: Option<String>,
    audience: Option<String>,
    receipts: (Option<String>, String),
    lock_timeout: Duration,
    command_only: bool,
    effects: BTreeMap<String, Effect>,
}

impl Handler {
    /// Begins a handler that reads the process's environment.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            env: Box::new(|name| std::env::var(name).ok()),
            token_env: None,
            secret_env: None,
            url_env: None,
            audience: None,
            receipts: (None, RECEIPTS.to_owned()),
            lock_timeout: Duration::from_secs(4),
            command_only: false,
            effects: BTreeMap::new(),
        }
    }
}

impl Builder {
    /// Reads variables from elsewhere.
    #[must_use]
    pub fn env(mut self, read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.env = Box::new(read);
        self
    }

    /// The variable of the bearer token.
    #[must_use]
    pub fn token_env(mut self, name: &str) -> Self {
        self.token_env = Some(name.to_owned());
        self
    }

    /// The variable of the signing secrets, separated by white space: any of them verifies.
    #[must_use]
    pub fn signing_secret_env(mut self, name: &str) -> Self {
        self.secret_env = Some(name.to_owned());
        self
    }

    /// The variable of the URL of the database that the effects write to.
    #[must_use]
    pub fn write_url_env(mut self, name: &str) -> Self {
        self.url_env = Some(name.to_owned());
        self
    }

    /// The address that the runner calls; by default what `SYNAPSOR_APP_WRITEBACK_URL` holds.
    #[must_use]
    pub fn audience(mut self, url: &str) -> Self {
        self.audience = Some(url.to_owned());
        self
    }

    /// Where the receipt table is, if not in the connection's own schema.
    #[must_use]
    pub fn receipt_schema(mut self, schema: &str) -> Self {
        self.receipts.0 = Some(schema.to_owned());
        self
    }

    /// Longest wait for the key or the row; 4 s by default.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// For a command handler: nobody can reach it but the runner that starts it, so it needs no credentials.
    #[must_use]
    pub fn command_only(mut self) -> Self {
        self.command_only = true;
        self
    }

    /// The business effect of an action. An error undoes it.
    #[must_use]
    pub fn action<F>(mut self, name: &str, effect: F) -> Self
    where
        F: for<'a> Fn(&'a Job, &'a mut Tx<'_>) -> EffectFuture<'a> + Send + Sync + 'static,
    {
        self.effects.insert(name.to_owned(), Box::new(effect));
        self
    }

    /// Makes the handler, or says what is missing. Connects to nothing yet.
    pub fn build(self) -> Result<Handler, Misconfigured> {
        let read = |name: &Option<String>| {
            let Some(name) = name else { return Ok(None) };
            let value = (self.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            value.map(Some).ok_or_else(|| Misconfigured::new(format!("the environment variable {name} is not set")))
        };
        let (token, secret, url) = (read(&self.token_env)?, read(&self.secret_env)?, read(&self.url_env)?);
        if !self.command_only && token.is_none() && secret.is_none() {
            return Err(Misconfigured::new(
                "name the variable of a token or of a signing secret: who calls must prove who they are",
            ));
        }
        let audience = self.audience.clone().or_else(|| (self.env)(AUDIENCE_ENV).filter(|url| !url.is_empty()));
        if secret.is_some() && audience.is_none() {
            return Err(Misconfigured::new(format!(
                "set {AUDIENCE_ENV} to the address that the runner calls, or give `audience`"
            )));
        }
        if self.effects.is_empty() {
            return Err(Misconfigured::new("there is no action"));
        }
        let url = url.ok_or_else(|| Misconfigured::new("name the variable of the database's URL"))?;
        let engine = Engine::of(&url, self.lock_timeout)?;
        let (schema, table) = self.receipts;
        for name in schema.iter().chain([&table]) {
            engine.name().quoted(name).map_err(|error| Misconfigured::new(error.to_string()))?;
        }
        let store = Store { engine, schema, table };
        let secrets = secret.unwrap_or_default();
        Ok(Handler {
            inner: Arc::new(Inner {
                token,
                secrets,
                audience,
                command_only: self.command_only,
                store,
                effects: self.effects,
            }),
        })
    }
}

impl Inner {
    pub(crate) fn secrets(&self) -> Vec<&str> {
        sign::secrets(&self.secrets).collect()
    }
}
