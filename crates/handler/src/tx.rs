//! What the author of an effect may do, within the handler's transaction.

use serde_json::Value as Json;

use crate::ddl::OUTBOX;
use crate::engines::{EngineName, Session};
use crate::error::TxError;
use crate::job::Job;
use crate::value::{Row, Value};

/// One transaction. Nothing of it lasts unless the effect returns and the row's version can be moved.
pub struct Tx<'t> {
    engine: EngineName,
    session: &'t mut Session,
    job: &'t Job,
    pub(crate) rows_affected: u64,
    pub(crate) touched_target: bool,
}

impl<'t> Tx<'t> {
    pub(crate) fn new(engine: EngineName, session: &'t mut Session, job: &'t Job) -> Self {
        Self { engine, session, job, rows_affected: 0, touched_target: false }
    }

    /// Inserts one row. In the target's table, the row gets the job's tenant.
    pub async fn insert(&mut self, table: &str, values: &[(&str, Value)]) -> Result<(), TxError> {
        let mut given = values.to_vec();
        let tenant = self.job.change.guards.tenant.column.as_str();
        if self.is_target(table) {
            match given.iter().find(|(name, _)| *name == tenant) {
                Some((_, value)) if *value != self.tenant() => {
                    return Err(TxError::misuse("a row of the target's table belongs to the job's tenant"));
                }
                Some(_) => {}
                None => given.push((tenant, self.tenant())),
            }
        }
        if given.is_empty() {
            return Err(TxError::misuse("there is nothing to insert"));
        }
        let columns = given.iter().map(|(name, _)| self.engine.quoted(name)).collect::<Result<Vec<_>, _>>()?;
        let places = vec!["?"; given.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({places})", self.place(table)?, columns.join(", "));
        let bound: Vec<Value> = given.into_iter().map(|(_, value)| value).collect();
        self.changed(table, &sql, &bound).await.map(|_| ())
    }

    /// Updates the row with this key: of the target's key column in its table, of `id` in another; how many. In the
    /// target's table only a row of the job's tenant.
    pub async fn update(
        &mut self,
        table: &str,
        id: impl Into<Value>,
        values: &[(&str, Value)],
    ) -> Result<u64, TxError> {
        let job = self.job;
        let key = if self.is_target(table) { job.change.target.primary_key.column.as_str() } else { "id" };
        self.update_where(table, &[(key, id.into())], values).await
    }

    /// Updates the rows that have these values; how many. In the target's table: rows of the job's tenant.
    pub async fn update_where(
        &mut self,
        table: &str,
        held: &[(&str, Value)],
        values: &[(&str, Value)],
    ) -> Result<u64, TxError> {
        if held.is_empty() || values.is_empty() {
            return Err(TxError::misuse("there is nothing to update, or no row is named"));
        }
        let mut held = held.to_vec();
        let job = self.job;
        let (tenant, key) = (job.change.guards.tenant.column.as_str(), job.change.target.primary_key.column.as_str());
        if self.is_target(table) {
            if values.iter().any(|(name, _)| *name == tenant || *name == key) {
                return Err(TxError::misuse("the key and the tenant of a row never change"));
            }
            if held.iter().any(|(name, value)| *name == tenant && *value != self.tenant()) {
                return Err(TxError::misuse("only rows of the job's tenant can be updated"));
            }
            held.push((tenant, self.tenant()));
        }
        let set = |(name, _): &(&str, Value)| Ok(format!("{} = ?", self.engine.quoted(name)?));
        let sets = values.iter().map(set).collect::<Result<Vec<_>, TxError>>()?.join(", ");
        let test = |(name, value): &(&str, Value)| {
            let name = self.engine.quoted(name)?;
            Ok(if *value == Value::Null { format!("{name} IS NULL") } else { format!("{name} = ?") })
        };
        let tests = held.iter().map(test).collect::<Result<Vec<_>, TxError>>()?.join(" AND ");
        let sql = format!("UPDATE {} SET {sets} WHERE {tests}", self.place(table)?);
        let bound = values.iter().chain(held.iter().filter(|(_, value)| *value != Value::Null));
        let bound: Vec<Value> = bound.map(|(_, value)| value.clone()).collect();
        self.changed(table, &sql, &bound).await
    }

    /// Runs a query of your own, with `?` for values.
    pub async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, TxError> {
        self.session.rows(sql, values).await
    }

    /// Runs a statement of your own, with `?` for values; how many rows it changed.
    pub async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        let changed = self.session.run(sql, values).await?;
        self.rows_affected += changed;
        Ok(changed)
    }

    /// Writes an event into the outbox, in this transaction; your own publisher takes it from there.
    pub async fn emit(&mut self, kind: &str, payload: &Json) -> Result<(), TxError> {
        let sql = format!(
            "INSERT INTO {} (idempotency_key, tenant_id, type, payload) VALUES (?, ?, ?, ?)",
            self.place(OUTBOX)?
        );
        let values = [(&self.job.idempotency_key).into(), self.tenant(), kind.into(), payload.to_string().into()];
        self.session.run(&sql, &values).await.map(|_| ())
    }

    async fn changed(&mut self, table: &str, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        let changed = self.session.run(sql, values).await?;
        self.rows_affected += changed;
        self.touched_target |= self.is_target(table);
        Ok(changed)
    }

    fn is_target(&self, table: &str) -> bool {
        table == self.job.change.target.table
    }

    fn tenant(&self) -> Value {
        Value::from(self.job.tenant_id.as_str())
    }

    fn place(&self, table: &str) -> Result<String, TxError> {
        qualified(self.engine, self.job.change.target.schema.as_deref(), table)
    }
}

/// A quoted table within a schema; SQLite has none.
pub(crate) fn qualified(engine: EngineName, schema: Option<&str>, table: &str) -> Result<String, TxError> {
    let table = engine.quoted(table)?;
    Ok(match schema.filter(|_| engine != EngineName::Sqlite) {
        Some(schema) => format!("{}.{table}", engine.quoted(schema)?),
        None => table,
    })
}
