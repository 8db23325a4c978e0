//! Everything a running program needs, built once and passed. Use cases are one file each: load, decide, do, record.

pub mod apply;
pub mod call;
pub mod decide;
pub mod doctor;
pub mod export;
pub mod load;
pub mod lookup;
pub mod propose;
pub mod reconcile;
pub mod records;
pub mod share;
mod source;
pub mod stop;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use synapsor_core::contract::{Capability, Contract};
use synapsor_core::id::CapabilityName;
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::{Scope, Unbound};
use synapsor_core::value::Table;
use synapsor_db::ledger::Ledger;

use crate::secrets;
use source::Sources;
pub use stop::Stop;

/// A checked configuration with its ledger and its sources.
pub struct App {
    contract: Contract,
    ledger: Ledger,
    masking_secret: [u8; 32],
    sources: Sources,
    tables: RwLock<HashMap<CapabilityName, Arc<Table>>>,
}

impl App {
    /// Builds the program's state. Connects to no source; `config_path` is what relative paths in the file refer to.
    pub fn new(contract: Contract, ledger: Ledger, config_path: &Path) -> Result<Self, Refusal> {
        let base = config_path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let masking_secret = secrets::masking_secret(ledger.id())?;
        let sources = Sources::new(base);
        Ok(Self { contract, ledger, masking_secret, sources, tables: RwLock::default() })
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

    /// The trusted scope of a capability's calls in this process.
    pub fn scope(&self, capability: &Capability) -> Result<Scope, Unbound> {
        Scope::bind(&capability.trust, secrets::plain)
    }

    /// The table of a capability as the reader's catalog describes it, looked up once.
    pub(crate) async fn table(&self, capability: &Capability) -> Result<Arc<Table>, Stop> {
        let known = self.tables.read().ok().and_then(|tables| tables.get(&capability.name).cloned());
        if let Some(table) = known {
            return Ok(table);
        }
        let source = self.source_of(capability)?;
        let engine = self.sources.reader(source)?;
        let table = Arc::new(source::describe_for_reading(&engine, capability).await?);
        if let Ok(mut tables) = self.tables.write() {
            tables.insert(capability.name.clone(), Arc::clone(&table));
        }
        Ok(table)
    }

    /// Forgets what the catalog said, after a statement found it to be different.
    pub(crate) fn forget_table(&self, capability: &Capability) {
        if let Ok(mut tables) = self.tables.write() {
            tables.remove(&capability.name);
        }
    }
}
