//! Telling clients that a reload changed what is listed.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ErrorData, SubscriptionFilter};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Catalog, Door, Server};

impl Server {
    /// What clients of the newest revision may listen to.
    pub(super) fn listenable(&self) -> Option<SubscriptionFilter> {
        match self.door {
            // Nothing changes while a client's own process runs.
            Door::Pipes(_) => None,
            Door::Http { .. } => {
                Some(SubscriptionFilter::builder().tools_list_changed().prompts_list_changed().build())
            }
        }
    }

    /// Tells a client of the newest revision, until it leaves or the server stops.
    pub(super) async fn tell(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let Door::Http { draining } = &self.door else { return Ok(()) };
        let mut catalog = self.catalog.clone();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                () = changed(&mut catalog, draining.clone()) => {}
            }
            if *draining.borrow() {
                return Ok(());
            }
            let (accepted, sink) = (subscription.accepted(), subscription.sink());
            // Who cannot be told has left, which the next turn finds out.
            if accepted.tools_list_changed == Some(true) {
                let _told = sink.notify_tool_list_changed().await;
            }
            if accepted.prompts_list_changed == Some(true) {
                let _told = sink.notify_prompt_list_changed().await;
            }
        }
    }

    /// Tells the client of a session, for as long as the session lives.
    pub(super) fn tell_session(&self, peer: Peer<RoleServer>) {
        let Door::Http { draining } = &self.door else { return };
        let ended = CancellationToken::new();
        if self.ended.set(ended.clone().drop_guard()).is_err() {
            // It said twice that it is ready.
            return;
        }
        let (mut catalog, draining) = (self.catalog.clone(), draining.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    () = changed(&mut catalog, draining.clone()) => {}
                }
                if *draining.borrow() {
                    return;
                }
                let told =
                    peer.notify_tool_list_changed().await.is_ok() && peer.notify_prompt_list_changed().await.is_ok();
                if !told {
                    return;
                }
            }
        });
    }
}

/// Waits until the lists are others, or the server stops.
async fn changed(catalog: &mut watch::Receiver<Arc<Catalog>>, mut draining: watch::Receiver<bool>) {
    // A sender that is gone means the same as stopping.
    tokio::select! {
        _ = catalog.changed() => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}
