//! Sessions of the older protocol revisions: each is its principal's, there are only so many, and idle ones end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::WorkerTransport;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, LocalSessionWorker,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use synapsor_core::caller::Caller;

use crate::app::limits::Visitor;

/// The sessions that are open.
pub struct Sessions {
    inner: LocalSessionManager,
    most: usize,
    owners: Mutex<HashMap<SessionId, Option<Owner>>>,
}

/// Whose a session is. It stays theirs with a newer token of the same issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner(Option<[String; 3]>);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There are as many as there may be.
    #[error("there are as many sessions as there may be")]
    Full,
    /// It did not begin with a request of somebody.
    #[error("the session is nobody's")]
    Nobodys,
    /// The SDK says so.
    #[error(transparent)]
    Sdk(#[from] LocalSessionManagerError),
}

impl Owner {
    fn of(caller: &Caller) -> Self {
        Self(match caller {
            Caller::Process => None,
            Caller::Client(who) => Some([who.credential.clone(), who.tenant.clone(), who.principal.clone()]),
        })
    }
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(most: u32, idle: Duration) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(idle);
        Self { inner, most: usize::try_from(most).unwrap_or(usize::MAX), owners: Mutex::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.owners().len()
    }

    /// Whether there is no room for one more of a caller: a quarter of all is left to everybody else.
    #[must_use]
    pub fn is_full(&self, caller: &Caller) -> bool {
        let owners = self.owners();
        if owners.len() >= self.most {
            return true;
        }
        let own = self.most.saturating_sub(self.most / 4);
        // Counting matters only where one of them could have that many.
        let owner = Owner::of(caller);
        owners.len() >= own && owners.values().flatten().filter(|other| **other == owner).count() >= own
    }

    /// Whether a session is there and is the caller's.
    #[must_use]
    pub fn is_of(&self, id: &str, caller: &Caller) -> bool {
        self.owners().get(id).is_some_and(|owner| owner.as_ref() == Some(&Owner::of(caller)))
    }

    fn owners(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Option<Owner>>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        if self.count() >= self.most {
            return Err(SessionError::Full);
        }
        let (id, transport) = self.inner.create_session().await?;
        self.owners().insert(SessionId::clone(&id), None);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let owner = match &message {
            JsonRpcMessage::Request(request) => request
                .request
                .extensions()
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Visitor>())
                .map(|visitor| Owner::of(visitor.caller())),
            _ => None,
        };
        let begun = match owner {
            Some(owner) => {
                self.owners().insert(SessionId::clone(id), Some(owner));
                self.inner.initialize_session(id, message).await.map_err(SessionError::from)
            }
            None => Err(SessionError::Nobodys),
        };
        if begun.is_err() {
            // What could not begin is not kept.
            let _gone = self.close_session(id).await;
        }
        begun
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        Ok(self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.owners().remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.inner.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.inner.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.inner.resume(id, last_event_id).await?)
    }
}
