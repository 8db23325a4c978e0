//! Whether the links to a server are encrypted, and its clock is right.

use synapsor_core::check::{self, Check};

use super::{Met, Patient};
use crate::clock;

impl Patient<'_> {
    pub(super) async fn servers(&self, met: impl Iterator<Item = &Met>) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut told_time = false;
        for account in met {
            let before = clock::now();
            match account.engine.link_state().await {
                Ok(None) => {}
                Ok(Some(link)) => {
                    checks.push(check::link::check(account.of, link.encrypted, link.local));
                    if !std::mem::replace(&mut told_time, true) {
                        checks.push(check::clock::check(link.server_time, before, clock::now()));
                    }
                }
                Err(fault) => {
                    let id = format!("{}.tls", account.of.word());
                    checks.push(self.stopped(&id, &format!("the {}'s link", account.of.word()), fault.into()));
                }
            }
        }
        checks
    }
}
