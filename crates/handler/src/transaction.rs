//! The one transaction: receipt, guards, effect, version, receipt.

use serde_json::{Map, Value as Json};
use synapsor_core::handler::moment::same_version;
use synapsor_core::wire::handler::{About, HandlerChange, HandlerReceipt, HandlerStatus, PROTOCOL_VERSION};

use crate::ddl::ddl_for;
use crate::engines::{Engine, Place, Session, next_version, shown_version};
use crate::error::{BoxError, Meaning, TxError, WritebackFailed};
use crate::handler::Effect;
use crate::job::{Effects, Job};
use crate::tx::{Tx, qualified};
use crate::value::{Row, Value};

/// The code of an effect that failed without one of its own.
pub(crate) const BUSINESS_ERROR: &str = "HANDLER_BUSINESS_ERROR";
const ATTEMPTS: u32 = 3;

/// A database with a receipt table.
pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
}

/// Why there is no receipt.
pub(crate) enum Stopped {
    /// The key is held by another change.
    KeyReused,
    /// Another request holds the key or the row.
    Busy,
    /// The database is not there.
    Unavailable,
    /// Something else.
    Unforeseen,
}

/// What a transaction does.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    Apply(&'a HandlerChange, &'a Effect),
    Status,
    Fence,
}

enum Halt {
    KeyReused,
    Busy,
    Database(TxError),
}

impl From<TxError> for Halt {
    fn from(error: TxError) -> Self {
        if error.meaning == Meaning::Busy { Self::Busy } else { Self::Database(error) }
    }
}

impl Store {
    /// Does the work in a transaction of its own; what may pass is tried again.
    pub(crate) async fn run(&self, about: &About, work: Work<'_>) -> Result<HandlerReceipt, Stopped> {
        let mut attempt = 1;
        loop {
            match self.once(about, work).await {
                Ok(receipt) => return Ok(receipt),
                Err(Halt::KeyReused) => return Err(Stopped::KeyReused),
                Err(Halt::Busy) => return Err(Stopped::Busy),
                Err(Halt::Database(error)) => match error.meaning {
                    Meaning::Missing => {
                        let ddl = ddl_for(self.engine.name(), self.schema.as_deref(), &self.table);
                        tracing::error!("the receipt table is missing; have an administrator run:\n{ddl}");
                        return Err(Stopped::Unavailable);
                    }
                    Meaning::Transient if attempt < ATTEMPTS => attempt += 1,
                    Meaning::Transient => {
                        tracing::error!("the database is not available");
                        return Err(Stopped::Unavailable);
                    }
                    _ => {
                        tracing::error!(%error, "a request failed");
                        return Err(Stopped::Unforeseen);
                    }
                },
            }
        }
    }

    async fn once(&self, about: &About, work: Work<'_>) -> Result<HandlerReceipt, Halt> {
        let mut session = self.engine.begin().await?;
        let (receipt, keep) = self.work(&mut session, about, work).await?;
        self.engine.end(session, keep).await?;
        Ok(receipt)
    }

    async fn work(&self, session: &mut Session, about: &About, work: Work<'_>) -> Result<(HandlerReceipt, bool), Halt> {
        let key = about.idempotency_key.as_str();
        match work {
            Work::Status => match self.find(session, key).await? {
                Some(row) if row.get("receipt_json").is_some_and(Json::is_string) => {
                    Ok((self.stored(session, key, about).await?, false))
                }
                _ => Ok((blank(about, HandlerStatus::Unknown), false)),
            },
            Work::Fence => {
                if !self.insert(session, key, about, "fence").await? {
                    return Ok((self.stored(session, key, about).await?, false));
                }
                let receipt = named(blank(about, HandlerStatus::Canceled));
                self.complete(session, key, &receipt).await?;
                Ok((receipt, true))
            }
            Work::Apply(change, effect) => {
                let rehearsal = format!("rehearsal:{}", about.writeback_job_id);
                let key = if about.dry_run { rehearsal.as_str() } else { key };
                if !self.insert(session, key, about, &change.action).await? {
                    let mut stored = self.stored(session, key, about).await?;
                    if stored.status == HandlerStatus::Applied {
                        stored.status = HandlerStatus::AlreadyApplied;
                    }
                    return Ok((stored, false));
                }
                let mut receipt = self.attempt(session, about, change, effect).await?;
                if about.dry_run {
                    receipt.dry_run = true;
                    receipt.source_database_mutated = false;
                    return Ok((receipt, false));
                }
                let receipt = named(receipt);
                self.complete(session, key, &receipt).await?;
                Ok((receipt, true))
            }
        }
    }

    fn place(&self) -> Result<String, TxError> {
        qualified(self.engine.name(), self.schema.as_deref(), &self.table)
    }

    /// Whether the key was free. Waits for whoever holds it.
    async fn insert(&self, session: &mut Session, key: &str, about: &About, action: &str) -> Result<bool, Halt> {
        use crate::engines::EngineName::Mysql;
        let conflict = if self.engine.name() == Mysql { "" } else { " ON CONFLICT (idempotency_key) DO NOTHING" };
        let sql = format!(
            "INSERT INTO {} (idempotency_key, proposal_id, proposal_hash, writeback_job_id, action, status) \
             VALUES (?, ?, ?, ?, ?, ?){conflict}",
            self.place()?
        );
        let values = [key, &about.proposal_id, &about.proposal_hash, &about.writeback_job_id, action, "in_progress"];
        match session.run(&sql, &values.map(Value::from)).await {
            Ok(changed) => Ok(changed == 1),
            Err(error) if error.meaning == Meaning::Duplicate => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, session: &mut Session, key: &str) -> Result<Option<Row>, Halt> {
        let sql = format!("SELECT proposal_hash, receipt_json FROM {} WHERE idempotency_key = ?", self.place()?);
        Ok(session.rows(&sql, &[key.into()]).await?.into_iter().next())
    }

    async fn stored(&self, session: &mut Session, key: &str, about: &About) -> Result<HandlerReceipt, Halt> {
        let Some(row) = self.find(session, key).await? else { return Err(Halt::Busy) };
        let Some(text) = row.get("receipt_json").and_then(Json::as_str) else { return Err(Halt::Busy) };
        if row.get("proposal_hash").and_then(Json::as_str) != Some(&about.proposal_hash) {
            return Err(Halt::KeyReused);
        }
        let unread = |_| TxError::new(Meaning::Other, "the stored receipt does not read");
        Ok(serde_json::from_str(text).map_err(unread)?)
    }

    async fn complete(&self, session: &mut Session, key: &str, receipt: &HandlerReceipt) -> Result<(), Halt> {
        let json = serde_json::to_string(receipt)
            .map_err(|_| TxError::new(Meaning::Other, "the receipt could not be written"))?;
        let sql = format!(
            "UPDATE {} SET status = ?, receipt_json = ?, completed_at = {} WHERE idempotency_key = ?",
            self.place()?,
            self.engine.name().now()
        );
        session.run(&sql, &[receipt.status.word().into(), json.into(), key.into()]).await?;
        Ok(())
    }

    async fn attempt(
        &self,
        session: &mut Session,
        about: &About,
        change: &HandlerChange,
        effect: &Effect,
    ) -> Result<HandlerReceipt, Halt> {
        let engine = self.engine.name();
        let row = Target::new(engine, change)?;
        let expected = &change.guards.expected_version.value;
        let ended = |status, code: &str| HandlerReceipt {
            safe_error_code: Some(code.to_owned()),
            previous_version: expected.clone(),
            ..blank(about, status)
        };
        let mut found = row.lock(session).await?;
        let Some(locked) = found.pop() else {
            return Ok(ended(HandlerStatus::Conflict, "ROW_NOT_FOUND_OR_WRONG_TENANT"));
        };
        if !found.is_empty() {
            return Ok(ended(HandlerStatus::Failed, "MULTI_ROW_WRITE_BLOCKED"));
        }
        if !same_version(locked.version.as_deref(), expected) {
            return Ok(ended(HandlerStatus::Conflict, "ROW_CHANGED_AFTER_PROPOSAL"));
        }
        session.command("SAVEPOINT effect").await?;
        let job = Job::of(about, change, locked.row);
        let mut tx = Tx::new(engine, session, &job);
        let done: Result<Effects, BoxError> = effect(&job, &mut tx).await;
        let (rows_affected, touched) = (tx.rows_affected, tx.touched_target);
        let undone = match done {
            Ok(told) => match row.moved(session, locked.version.as_deref()).await? {
                Some(version) => {
                    return Ok(HandlerReceipt {
                        rows_affected: (rows_affected + u64::from(!touched)).max(1),
                        source_database_mutated: true,
                        previous_version: expected.clone(),
                        new_version: version,
                        details: told.into_details(),
                        ..blank(about, HandlerStatus::Applied)
                    });
                }
                None => "VERSION_NOT_ADVANCED".to_owned(),
            },
            Err(error) => match error.downcast::<TxError>() {
                Ok(error) if matches!(error.meaning, Meaning::Busy | Meaning::Transient) => {
                    return Err((*error).into());
                }
                Ok(error) => failed(&job, &error),
                Err(error) => match error.downcast::<WritebackFailed>() {
                    Ok(chosen) => chosen.code().to_owned(),
                    Err(error) => failed(&job, error.as_ref()),
                },
            },
        };
        session.command("ROLLBACK TO SAVEPOINT effect").await?;
        Ok(ended(HandlerStatus::Failed, &undone))
    }
}

fn failed(job: &Job, error: &(dyn std::error::Error + 'static)) -> String {
    tracing::error!(error, action = job.action, "an effect failed and was undone");
    BUSINESS_ERROR.to_owned()
}

/// The row that a change is about, in SQL.
struct Target<'a> {
    engine: crate::engines::EngineName,
    change: &'a HandlerChange,
    table: String,
    key: String,
    tenant: String,
    version: String,
    key_text: String,
}

struct Locked {
    row: Row,
    version: Option<String>,
}

impl<'a> Target<'a> {
    fn new(engine: crate::engines::EngineName, change: &'a HandlerChange) -> Result<Self, TxError> {
        let (target, guards) = (&change.target, &change.guards);
        Ok(Self {
            engine,
            change,
            table: qualified(engine, target.schema.as_deref(), &target.table)?,
            key: engine.quoted(&target.primary_key.column)?,
            tenant: engine.quoted(&guards.tenant.column)?,
            version: engine.quoted(&guards.expected_version.column)?,
            key_text: match &target.primary_key.value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            },
        })
    }

    fn scope(&self) -> [Value; 2] {
        [self.key_text.as_str().into(), self.change.scope.tenant_id.as_str().into()]
    }

    /// The rows that have the key and the tenant, exactly: a collation may take for the same what is not.
    async fn lock(&self, session: &mut Session) -> Result<Vec<Locked>, TxError> {
        let Self { table, key, tenant, version, engine, .. } = self;
        let text = |column: &str| engine.as_text(&format!("t.{column}"));
        let sql = format!(
            "SELECT t.*, {} AS synapsor_key, {} AS synapsor_tenant, {} AS synapsor_version FROM {table} t \
             WHERE t.{key} = ? AND t.{tenant} = ?{}",
            text(key),
            text(tenant),
            text(version),
            engine.for_update()
        );
        session.command("SAVEPOINT guarded").await?;
        let rows = match session.rows(&sql, &self.scope()).await {
            Ok(rows) => rows,
            Err(error) if error.meaning == Meaning::NotFound => {
                session.command("ROLLBACK TO SAVEPOINT guarded").await?;
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let locked = rows.into_iter().filter_map(|mut row| {
            let mut take = |name: &str| row.shift_remove(name).and_then(|value| value.as_str().map(str::to_owned));
            let (key, tenant, version) = (take("synapsor_key"), take("synapsor_tenant"), take("synapsor_version"));
            let same = key.as_ref() == Some(&self.key_text) && tenant.as_ref() == Some(&self.change.scope.tenant_id);
            same.then_some(Locked { row, version })
        });
        Ok(locked.collect())
    }

    /// The version after the effect, which moved it or is helped; `None` if it cannot be moved.
    async fn moved(&self, session: &mut Session, held: Option<&str>) -> Result<Option<Json>, TxError> {
        let target = &self.change.target;
        let schema = target.schema.as_deref();
        let column = self.change.guards.expected_version.column.as_str();
        let kind = session.kind(Place { schema, table: &target.table, column }).await?;
        let mut now = self.read(session, held).await?;
        if now.as_deref() == held {
            let step = held.and_then(|held| next_version(self.engine, &kind, &self.version, held));
            let Some((next, mut values)) = step else { return Ok(None) };
            let Self { table, key, tenant, version, .. } = self;
            values.extend(self.scope());
            let sql = format!("UPDATE {table} SET {version} = {next} WHERE {key} = ? AND {tenant} = ?");
            session.run(&sql, &values).await?;
            now = self.read(session, held).await?;
            if now.as_deref() == held {
                return Ok(None);
            }
        }
        Ok(Some(now.map_or(Json::Null, |text| shown_version(self.engine, &kind, &text))))
    }

    async fn read(&self, session: &mut Session, held: Option<&str>) -> Result<Option<String>, TxError> {
        let Self { table, key, tenant, version, engine, .. } = self;
        let sql = format!("SELECT {} AS held FROM {table} WHERE {key} = ? AND {tenant} = ?", engine.as_text(version));
        let rows = session.rows(&sql, &self.scope()).await?;
        Ok(match rows.as_slice() {
            [row] => row.get("held").and_then(Json::as_str).map(str::to_owned),
            _ => held.map(str::to_owned),
        })
    }
}

fn blank(about: &About, status: HandlerStatus) -> HandlerReceipt {
    HandlerReceipt {
        protocol_version: PROTOCOL_VERSION.to_owned(),
        proposal_id: about.proposal_id.clone(),
        idempotency_key: about.idempotency_key.clone(),
        receipt_id: None,
        status,
        rows_affected: 0,
        source_database_mutated: false,
        previous_version: Json::Null,
        new_version: Json::Null,
        safe_error_code: None,
        dry_run: false,
        details: Map::new(),
    }
}

fn named(receipt: HandlerReceipt) -> HandlerReceipt {
    let mut bytes = [0; 10];
    // Without randomness the receipt has no name of its own, which nobody depends on.
    let id = getrandom::fill(&mut bytes).is_ok().then(|| format!("hr_{}", hex::encode(bytes)));
    HandlerReceipt { receipt_id: id, ..receipt }
}
