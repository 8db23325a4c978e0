//! Finding and opening what a command works on: the configuration and the ledger.

use std::path::{Path, PathBuf};

use clap::Args;
use synapsor_core::code::Code;
use synapsor_core::config::{self, ReadOptions, Report};
use synapsor_core::contract::{Contract, Durability};
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{Ledger, OpenOptions};

use super::print::Out;
use crate::app::{App, Stop};
use crate::secrets;

/// The configuration's usual name.
pub const DEFAULT_CONFIG: &str = "synapsor.runner.json";
/// The ledger's usual place.
pub const DEFAULT_STORE: &str = "./.synapsor/local.db";

/// Which configuration and which ledger.
#[derive(Debug, Clone, Args)]
pub struct Where {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    store: Store,
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration file [default: synapsor.runner.json, or `SYNAPSOR_MCP_CONFIG`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which ledger.
#[derive(Debug, Clone, Args)]
pub struct Store {
    /// The ledger file [default: `SYNAPSOR_LOCAL_STORE`, else the configuration's, else ./.synapsor/local.db].
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

/// Whether a missing ledger is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// It is made, with its folder.
    Make,
    /// That is an error.
    Stop,
}

impl Store {
    /// The ledger's path.
    #[must_use]
    pub fn path(&self, contract: Option<&Contract>) -> PathBuf {
        self.store
            .clone()
            .or_else(|| secrets::plain("SYNAPSOR_LOCAL_STORE").map(PathBuf::from))
            .or_else(|| contract.map(|contract| PathBuf::from(&contract.storage.sqlite_path)))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_STORE))
    }

    /// The ledger's path for commands that need no configuration; one that lies here names the store.
    #[must_use]
    pub fn named(&self) -> PathBuf {
        self.path(config_here().as_ref())
    }

    /// Opens the ledger of commands that need no configuration; one that lies here names the store.
    pub fn open(&self, if_missing: IfMissing) -> Result<(Ledger, PathBuf), Stop> {
        let contract = config_here();
        let path = self.path(contract.as_ref());
        let durability = contract.map_or(Durability::Full, |contract| contract.storage.durability);
        Ok((open_ledger(&path, durability, if_missing)?, path))
    }
}

fn config_here() -> Option<Contract> {
    let text = std::fs::read_to_string(DEFAULT_CONFIG).ok()?;
    config::read(&text, &ReadOptions { read_only: true }).contract
}

impl ConfigFile {
    /// The configuration's path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.config
            .clone()
            .or_else(|| secrets::plain("SYNAPSOR_MCP_CONFIG").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))
    }

    /// What relative paths in the configuration refer to.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path().parent().map_or_else(PathBuf::new, Path::to_path_buf)
    }

    /// Reads and checks the configuration; every problem is shown.
    pub fn contract(&self, out: &Out, options: &ReadOptions) -> Result<Contract, Refusal> {
        let path = self.path();
        let (text, report) = read_config(&path, options)?;
        let name = path.display().to_string();
        match report.contract {
            Some(contract) => Ok(contract),
            None => {
                out.note(&config::render(&text, &name, &report.problems));
                let count = report
                    .problems
                    .iter()
                    .filter(|problem| problem.level == synapsor_core::problem::Level::Error)
                    .count();
                Err(Refusal::new(Code::ConfigInvalid, format!("`{name}` has {count} problem(s), listed above")))
            }
        }
    }
}

impl Where {
    /// A configuration that a command knows of, and its usual ledger.
    #[must_use]
    pub fn of_config(path: &Path) -> Self {
        Self { config: ConfigFile { config: Some(path.to_path_buf()) }, store: Store { store: None } }
    }

    /// The configuration's path.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.config.path()
    }

    /// What relative paths in the configuration refer to.
    #[must_use]
    pub fn config_folder(&self) -> PathBuf {
        self.config.folder()
    }

    /// The ledger's path.
    #[must_use]
    pub fn store_path(&self, contract: Option<&Contract>) -> PathBuf {
        self.store.path(contract)
    }

    /// Reads and checks the configuration; every problem is shown.
    pub fn contract(&self, out: &Out, options: &ReadOptions) -> Result<Contract, Refusal> {
        self.config.contract(out, options)
    }

    /// Opens everything a use case needs.
    pub fn app(&self, out: &Out, if_missing: IfMissing) -> Result<App, Stop> {
        self.app_with(out, if_missing, &ReadOptions::default())
    }

    /// As [`Where::app`], reading the configuration under options.
    pub fn app_with(&self, out: &Out, if_missing: IfMissing, options: &ReadOptions) -> Result<App, Stop> {
        let contract = self.contract(out, options)?;
        let ledger = open_ledger(&self.store_path(Some(&contract)), contract.storage.durability, if_missing)?;
        Ok(App::new(contract, ledger, &self.config_path())?)
    }
}

/// Reads a configuration file; its text is given back for showing problems in it.
pub fn read_config(path: &Path, options: &ReadOptions) -> Result<(String, Report), Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no configuration at `{}`", path.display()),
            std::io::ErrorKind::InvalidData => format!("`{}` is not UTF-8 text", path.display()),
            _ => format!("`{}` cannot be read: {error}", path.display()),
        };
        Refusal::new(Code::ConfigNotFound, what)
    })?;
    let report = config::read(&text, options);
    Ok((text, report))
}

/// Opens a ledger.
pub fn open_ledger(path: &Path, durability: Durability, if_missing: IfMissing) -> Result<Ledger, Stop> {
    // One in memory is always made: there is none before.
    let create = if_missing == IfMissing::Make || path == Path::new(":memory:");
    if !create && !path.exists() {
        return Err(Refusal::new(Code::StoreMissing, format!("there is no ledger at `{}`", path.display()))
            .with_fix("name it with `--store`, or run `synapsor-runner demo` to see one")
            .into());
    }
    Ok(Ledger::open(path, OpenOptions { create, durability })?)
}

/// The local user, for the record: who decides where no operators are configured.
#[must_use]
pub fn local_user() -> String {
    secrets::plain("USER").or_else(|| secrets::plain("LOGNAME")).unwrap_or_else(|| "local_operator".to_owned())
}

/// Which runner this is, for the record.
#[must_use]
pub fn runner_id(named: Option<&str>) -> String {
    named
        .map(str::to_owned)
        .or_else(|| secrets::plain("SYNAPSOR_RUNNER_ID"))
        .unwrap_or_else(|| "local_runner".to_owned())
}
