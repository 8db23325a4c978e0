//! Whether each source's accounts hold what the configuration needs, and no more, and whether its tables suit it.

pub mod handlers;
pub mod local;
mod policy;
mod servers;
mod tables;
mod writing;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use synapsor_core::check::{self, Check, Level};
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Contract, EngineKind, Session, Source};
use synapsor_core::id::Ident;
use synapsor_core::privilege::{
    self, Files, Held, Privilege, Relation, Rights, RoleName, Use, compare, grants, needed, receipt_places,
    receipt_relations, writing,
};
use synapsor_core::sql::receipts::{self, Place, ReceiptKeys};
use synapsor_core::value::Table;
use synapsor_core::writeback::mover;
use synapsor_db::engine::{Ask, Engine, ReceiptsState};
use synapsor_db::fault::Class;

use super::Stop;
use super::source::Sources;
use crate::clock;

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// One source, or all.
    pub source: Option<&'a Ident>,
    /// Whether the writer also writes a receipt, and sets each column that a change sets, and undoes it.
    pub rehearse: bool,
    /// Beyond privileges: keys, tenants, versions and triggers of the tables, encryption and clocks of the servers.
    pub thorough: bool,
}

/// The checks of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The source.
    pub source: Ident,
    /// Its engine.
    pub engine: EngineKind,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// Looks at the sources. `base` is what relative paths in the configuration refer to.
pub async fn examine(contract: &Contract, base: PathBuf, order: Order<'_>) -> Vec<Examined> {
    let sources = Sources::new(base);
    let mut examined = Vec::new();
    for source in contract.sources.values().filter(|source| order.source.is_none_or(|name| name == &source.name)) {
        let patient = Patient { contract, source, sources: &sources };
        let checks = patient.checks(order).await;
        examined.push(Examined { source: source.name.clone(), engine: source.engine, checks });
    }
    examined
}

/// One source.
struct Patient<'a> {
    contract: &'a Contract,
    source: &'a Source,
    sources: &'a Sources,
}

/// An account that answered.
struct Met {
    of: Use,
    engine: Arc<Engine>,
    rights: Rights,
}

impl Patient<'_> {
    async fn checks(&self, order: Order<'_>) -> Vec<Check> {
        let read = needed(self.contract, self.source, Use::Reader);
        let written = needed(self.contract, self.source, Use::Writer);
        if read.is_empty() {
            return vec![Check::pass("source.unused", "no capability uses it, so nothing needs to be granted")];
        }
        let mut checks = Vec::new();
        let reader = self.meet(Use::Reader, &read, &mut checks).await;
        let writer = if written.is_empty() {
            checks.push(Check::pass("writer.unused", "nothing is written to it, so it needs no writer"));
            None
        } else {
            self.meet(Use::Writer, &written, &mut checks).await
        };
        let mut lacking = BTreeSet::new();
        match (reader.as_ref().and_then(Met::held), writer.as_ref().and_then(Met::held)) {
            (Some(reads), Some(writes)) if reads.account == writes.account => {
                let message =
                    format!("reader and writer are one account, `{}`: whoever reads can write", reads.account);
                checks.push(Check::warn(
                    "accounts.shared",
                    message,
                    "make two accounts, and grant each what `synapsor-runner writeback grants` prints",
                ));
                // What one of them needs is no excess of the other.
                let both: BTreeSet<Privilege> = read.union(&written).cloned().collect();
                let compared = compare(self.source.engine, Use::Writer, &both, writes);
                checks.extend(compared.checks);
                lacking.extend(compared.lacking);
            }
            (reads, writes) => {
                for (of, needs, held) in [(Use::Reader, &read, reads), (Use::Writer, &written, writes)] {
                    let Some(held) = held else { continue };
                    let compared = compare(self.source.engine, of, needs, held);
                    checks.extend(compared.checks);
                    lacking.extend(compared.lacking);
                }
            }
        }
        for met in [&reader, &writer].into_iter().flatten() {
            if let Rights::Files(files) = &met.rights {
                checks.push(file_check(met.of, *files));
            }
        }
        if let Some(met) = reader.as_ref().filter(|met| met.held().is_none_or(|held| held.connect)) {
            checks.extend(self.targets(&met.engine, order.thorough).await);
            if order.thorough {
                checks.extend(self.tables(&met.engine).await);
            }
        }
        if order.thorough {
            checks.extend(self.servers([&reader, &writer].into_iter().flatten()).await);
        }
        if self.source.session != Session::default() {
            for met in [&reader, &writer].into_iter().flatten() {
                checks.extend(self.policies(met).await);
            }
        }
        if let Some(met) = &writer {
            for place in receipt_places(self.contract, self.source) {
                // A table that the account cannot see all of cannot be judged; what is missing is said already.
                if receipt_relations(&place).iter().any(|relation| lacking.contains(relation)) {
                    continue;
                }
                checks.extend(self.receipts(&met.engine, &place, order.rehearse).await);
            }
            if order.rehearse {
                checks.extend(self.rehearse_changes(&met.engine, &written).await);
            }
        }
        checks
    }

    /// Connects as an account and asks what it may do; what stands in the way is a check that failed.
    async fn meet(&self, of: Use, needs: &BTreeSet<Privilege>, checks: &mut Vec<Check>) -> Option<Met> {
        let opened = match of {
            Use::Reader => self.sources.reader(self.source),
            Use::Writer => self.sources.writer(self.source),
        };
        let engine = match opened {
            Ok(engine) => engine,
            Err(stop) => {
                let refusal = stop.into_refusal("doctor");
                let id = format!("{}.credential", of.word());
                checks.push(Check::fail(id, refusal.message().to_owned(), refusal.fix().to_owned()));
                return None;
            }
        };
        let relations: Vec<Relation> = privilege::relations(needs).into_iter().collect();
        match engine.privileges(&relations).await {
            Ok(rights) => Some(Met { of, engine, rights }),
            Err(fault) => {
                // MySQL lets nobody into a database in which they hold nothing.
                let shut_out = fault.class() == Class::Permission;
                let refusal = Stop::from(fault).into_refusal("doctor");
                let fix = if shut_out { self.all_grants(of, needs) } else { refusal.fix().to_owned() };
                let message = format!("the {} cannot connect: {}", of.word(), refusal.message());
                checks.push(Check::fail(format!("{}.connect", of.word()), message, fix));
                None
            }
        }
    }

    fn all_grants(&self, of: Use, needs: &BTreeSet<Privilege>) -> String {
        let role = RoleName::Placeholder(if of == Use::Reader { "<reader_role>" } else { "<writer_role>" });
        grants(self.source.engine, needs, &role, None).join("\n")
    }

    /// Whether each target can be written exactly once at all.
    async fn targets(&self, engine: &Engine, thorough: bool) -> Vec<Check> {
        let mut seen = BTreeSet::new();
        let mut checks = Vec::new();
        for capability in writing(self.contract, self.source) {
            let target = &capability.target;
            let guard = capability.proposal().map(|rule| &rule.guard);
            let version = guard.and_then(|guard| guard.column.clone());
            if !seen.insert((target.schema.clone(), target.table.clone(), version.clone())) {
                continue;
            }
            let columns = version.iter().cloned().collect();
            let ask = Ask { schema: target.schema.clone(), table: target.table.clone(), columns };
            let name = format!("{}.{}", target.schema, target.table);
            match engine.describe(&ask).await {
                Ok(Some(table)) => {
                    checks.push(check::refused::check(self.source.engine, target, table.refused));
                    if !thorough {
                        checks.extend(version_check(capability, &table, &name));
                    }
                }
                // A server's account that cannot see it was told so; a file knows no accounts.
                Ok(None) if self.source.engine == EngineKind::Sqlite => checks.push(Check::fail(
                    "target.missing",
                    format!("there is no table `{name}`"),
                    Code::ObjectMissing.fix(),
                )),
                Ok(None) => {}
                Err(fault) => checks.push(self.stopped("target.refused", &format!("`{name}`"), fault.into())),
            }
        }
        checks
    }

    async fn receipts(&self, engine: &Engine, place: &Place, rehearse: bool) -> Vec<Check> {
        let name = format!("`{}.{}`", place.schema, place.table);
        let migrate = format!(
            "have an administrator run `synapsor-runner writeback migration --source {} --execute --admin-url-env NAME`",
            self.source.name
        );
        match engine.receipts(place).await {
            Ok(ReceiptsState::Ready(_)) => {}
            Ok(ReceiptsState::Missing) => {
                return vec![Check::fail(
                    "receipts.missing",
                    format!("the receipt table {name} is not there"),
                    migrate,
                )];
            }
            Ok(ReceiptsState::Unsafe { why }) => {
                return vec![Check::fail(
                    "receipts.unsafe",
                    format!("the receipt table {name} cannot be used: {why}"),
                    migrate,
                )];
            }
            Err(fault) => {
                return vec![self.stopped("receipts.state", &format!("the receipt table {name}"), fault.into())];
            }
        }
        let mut checks = vec![Check::pass("receipts.state", format!("the receipt table {name} may be used"))];
        if rehearse {
            let keys = rehearsal_keys();
            let engine_kind = self.source.engine;
            let statements =
                [receipts::insert(engine_kind, place, &keys), receipts::finish(engine_kind, place, &keys, None)];
            checks.push(match engine.rehearse(&statements, 1).await {
                Ok(()) => Check::pass("receipts.rehearsed", format!("a receipt was written to {name} and undone")),
                Err(fault) => self.stopped("receipts.rehearsed", &format!("writing a receipt to {name}"), fault.into()),
            });
        }
        checks
    }

    fn stopped(&self, id: &str, what: &str, stop: Stop) -> Check {
        let refusal = stop.into_refusal("doctor");
        Check::fail(id, format!("{what}: {}", refusal.message()), refusal.fix().to_owned())
    }
}

impl Met {
    fn held(&self) -> Option<&Held> {
        match &self.rights {
            Rights::Account(held) => Some(held),
            Rights::Files(_) => None,
        }
    }
}

/// Whether a write can move the version; one that stays would be refused (`VERSION_NOT_ADVANCED`).
fn version_check(capability: &Capability, table: &Table, name: &str) -> Option<Check> {
    let rule = capability.direct()?;
    let column = table.column(rule.guard.column.as_ref()?)?;
    let why = mover(rule.guard.advance, column).filter(|_| !rule.patch.iter().any(|(name, _)| *name == column.name))?;
    Some(Check::warn(
        "target.version",
        format!("version column `{}` of `{name}`: {why}", column.name),
        "see that something moves it, or guard by a column with a time or a counter",
    ))
}

fn file_check(of: Use, files: Files) -> Check {
    let id = format!("{}.file", of.word());
    match (of, files) {
        (Use::Reader, _) => Check::pass(id, "the database file can be read"),
        (Use::Writer, Files { file_writable: false, .. }) => Check::fail(
            id,
            "the database file may not be written",
            "give the account that applies write permission on the file and on its folder",
        ),
        (Use::Writer, Files { folder_writable: false, .. }) => Check::fail(
            id,
            "nobody may write in the database's folder, where a write puts its journal",
            "give the account that applies write permission on the folder",
        ),
        (Use::Writer, _) => Check::pass(id, "the database file may be written"),
    }
}

/// Keys that no apply uses.
fn rehearsal_keys() -> ReceiptKeys {
    let key = format!("doctor:{}", hex::encode(clock::random::<10>()));
    ReceiptKeys {
        idempotency_key: key.clone(),
        job_id: key.clone(),
        proposal_id: key,
        proposal_hash: String::new(),
        ledger_id: String::new(),
        ledger_head: String::new(),
        server_id: None,
    }
}

/// How bad the worst check is.
#[must_use]
pub fn worst(examined: &[Examined]) -> Level {
    examined.iter().flat_map(|source| &source.checks).map(|check| check.level).max().unwrap_or(Level::Pass)
}
