//! Source databases by credential: opened when first needed, kept for the life of the program.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret as _;
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Source};
use synapsor_core::id::Ident;
use synapsor_core::privilege::written_columns;
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_core::value::{Cell, Table};
use synapsor_db::engine::{Access, Ask, Engine, Role};
use synapsor_db::fault::{Class, Fault};

use super::{App, Stop};
use crate::secrets;

/// Engines by source and role.
pub(super) struct Sources {
    base: PathBuf,
    open: Mutex<HashMap<(Ident, bool), Arc<Engine>>>,
}

impl Sources {
    pub(super) fn new(base: PathBuf) -> Self {
        Self { base, open: Mutex::default() }
    }

    pub(super) fn reader(&self, source: &Source) -> Result<Arc<Engine>, Stop> {
        self.engine(source, Role::Reader)
    }

    pub(super) fn writer(&self, source: &Source) -> Result<Arc<Engine>, Stop> {
        self.engine(source, Role::Writer)
    }

    /// Waits until no statement runs on any of them.
    pub(super) async fn settled(&self) {
        let open: Vec<_> = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        futures_util::future::join_all(open.iter().map(|engine| engine.settled())).await;
    }

    fn engine(&self, source: &Source, role: Role) -> Result<Arc<Engine>, Stop> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.name.clone(), role == Role::Writer);
        if let Some(engine) = open.get(&key) {
            return Ok(Arc::clone(engine));
        }
        let variable = match role {
            Role::Reader => &source.read_url_env,
            Role::Writer => source.write_url_env.as_ref().ok_or_else(|| no_writer(source))?,
        };
        let url = secrets::required(variable.as_str())?.expose_secret().to_owned();
        let engine = Engine::open(Access { url, source: source.clone(), role, base: self.base.clone() })
            .map_err(|fault| bad_url(variable.as_str(), fault))?;
        let engine = Arc::new(engine);
        open.insert(key, Arc::clone(&engine));
        Ok(engine)
    }
}

fn no_writer(source: &Source) -> Refusal {
    let refusal = Refusal::new(Code::WriterMissing, format!("source `{}` names no `write_url_env`", source.name));
    if secrets::plain("SYNAPSOR_DATABASE_URL").is_some() {
        return refusal.with_fix(format!(
            "set `sources.{}.write_url_env`; `SYNAPSOR_DATABASE_URL` is set but is not used as a fallback",
            source.name
        ));
    }
    refusal
}

/// The fault's own words name what is wrong with the URL's shape; they never hold the URL.
fn bad_url(variable: &str, fault: Fault) -> Stop {
    if fault.class() == Class::Url {
        return Refusal::new(Code::CredentialInvalid, format!("the URL in `{variable}` cannot be used: {fault}"))
            .into();
    }
    fault.into()
}

impl App {
    /// The source that a record names.
    pub(super) fn source_named(&self, name: &str) -> Result<&Source, Refusal> {
        let source = Ident::parse(name).ok().and_then(|name| self.contract.sources.get(&name));
        source.ok_or_else(|| Refusal::new(Code::ConfigInvalid, format!("source `{name}` is not configured")))
    }

    /// The identity of the receipt table that a capability's changes would use, as the reader sees it; `None` if there is
    /// none to see, or nothing is ever written.
    pub(super) async fn receipts_id(&self, capability: &Capability) -> Result<Option<String>, Stop> {
        let source = self.source_of(capability)?;
        if source.write_url_env.is_none() || capability.executor().is_some() {
            return Ok(None);
        }
        let sql = receipts::receipts_id(source.engine, &Place::of(source, &capability.target));
        match self.sources.reader(source)?.read(&sql).await {
            Ok(rows) => Ok(rows.first().and_then(|row| row.first()).and_then(Cell::text).map(str::to_owned)),
            Err(fault) if matches!(fault.class(), Class::Missing | Class::Permission) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(super) fn source_of(&self, capability: &Capability) -> Result<&Source, Stop> {
        self.contract.source_of(capability).ok_or_else(|| {
            Refusal::new(Code::ConfigInvalid, format!("source `{}` is not configured", capability.source)).into()
        })
    }
}

/// A receipt table that does not keep its promise stops everything that would rest on it.
pub(super) fn receipts_unsafe(place: &Place, why: &str) -> Refusal {
    Refusal::new(Code::ReceiptsUnsafe, format!("`{}.{}` cannot be used: {why}", place.schema, place.table))
}

/// Looks a capability's table up; it must exist, with every column that the capability names.
pub(super) async fn describe_for_reading(engine: &Engine, capability: &Capability) -> Result<Table, Stop> {
    look_up(engine, capability, capability.all_columns()).await
}

/// As [`describe_for_reading`], for a guarded write: with the columns that it names, since a writer may see no others.
pub(super) async fn describe(engine: &Engine, capability: &Capability) -> Result<Table, Stop> {
    look_up(engine, capability, written_columns(capability)).await
}

async fn look_up(engine: &Engine, capability: &Capability, columns: Vec<Ident>) -> Result<Table, Stop> {
    let target = &capability.target;
    let ask = Ask { schema: target.schema.clone(), table: target.table.clone(), columns: columns.clone() };
    let missing = |what: String| Refusal::new(Code::ObjectMissing, what);
    let Some(table) = engine.describe(&ask).await? else {
        return Err(
            missing(format!("`{}.{}` does not exist or the role cannot see it", target.schema, target.table)).into()
        );
    };
    for column in &columns {
        if table.column(column).is_none() {
            return Err(missing(format!(
                "`{}.{}` has no column `{column}` that the role can see",
                target.schema, target.table
            ))
            .into());
        }
    }
    Ok(table)
}
