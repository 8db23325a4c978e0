//! Everything a running program needs, built once and passed. Use cases are one file each: load, decide, do, record.

pub mod apply;
pub mod batch;
pub mod call;
pub mod conformance;
pub mod decide;
pub mod doctor;
pub mod export;
pub mod handler;
pub mod limits;
pub mod load;
pub mod lookup;
pub mod outcome;
pub mod propose;
mod ready;
pub mod reconcile;
pub mod records;
pub mod share;
mod source;
pub mod stop;
pub mod trace;
pub mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use synapsor_core::caller::Caller;
use synapsor_core::contract::{Capability, Contract};
use synapsor_core::id::CapabilityName;
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::{Scope, Unbound};
use synapsor_core::value::Table;
use synapsor_db::ledger::Ledger;

use crate::{clock, secrets};
use source::Sources;
pub use stop::Stop;

/// A checked configuration with its ledger and its sources.
pub struct App {
    contract: Contract,
    ledger: Ledger,
    masking_secret: [u8; 32],
    sources: Sources,
    known: RwLock<HashMap<CapabilityName, Arc<Known>>>,
}

impl App {
    /// Builds the program's state. Connects to no source; `config_path` is what relative paths in the file refer to.
    pub fn new(contract: Contract, ledger: Ledger, config_path: &Path) -> Result<Self, Refusal> {
        let base = config_path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let masking_secret = secrets::masking_secret(ledger.id())?;
        let sources = Sources::new(base);
        Ok(Self { contract, ledger, masking_secret, sources, known: RwLock::default() })
    }

    /// The same ledger under another configuration.
    pub fn under(&self, contract: Contract, config_path: &Path) -> Result<Self, Refusal> {
        Self::new(contract, self.ledger.clone(), config_path)
    }

    /// The checked configuration.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The later of the clock and the newest record, so that a clock set back never reopens what ran out.
    pub async fn now(&self) -> Result<Timestamp, Stop> {
        load::now(&self.ledger).await
    }

    /// As [`App::now`] for what is only stamped with it: the ledger is asked if this process has not written to it yet.
    pub(crate) async fn now_to_stamp(&self) -> Result<Timestamp, Stop> {
        match self.ledger.newest_seen() {
            Some(newest) => Ok(clock::now().max(newest)),
            None => self.now().await,
        }
    }

    /// The trusted scope of a caller's calls of a capability.
    pub fn scope(&self, caller: &Caller, capability: &Capability) -> Result<Scope, Unbound> {
        Scope::bind(caller, &capability.trust, secrets::plain)
    }

    /// What the reader found out about a capability's target, looked up once.
    pub(crate) async fn known(&self, capability: &Capability) -> Result<Arc<Known>, Stop> {
        let known = self.known.read().ok().and_then(|known| known.get(&capability.name).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let source = self.source_of(capability)?;
        let engine = self.sources.reader(source)?;
        let table = source::describe_for_reading(&engine, capability).await?;
        let found = Arc::new(Known {
            table,
            receipts_id: self.receipts_id(capability).await?,
            contract_recorded: AtomicBool::new(false),
        });
        if let Ok(mut known) = self.known.write() {
            known.insert(capability.name.clone(), Arc::clone(&found));
        }
        Ok(found)
    }

    /// Forgets what was found out, after a statement found it to be different.
    pub(crate) fn forget(&self, capability: &Capability) {
        if let Ok(mut known) = self.known.write() {
            known.remove(&capability.name);
        }
    }
}

/// What the reader found out about a capability's target.
pub(crate) struct Known {
    pub(crate) table: Table,
    /// The identity of the receipt table there, if there is one.
    pub(crate) receipts_id: Option<String>,
    /// Whether the ledger holds the capability's reviewed parts.
    pub(crate) contract_recorded: AtomicBool,
}
