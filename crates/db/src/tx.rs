//! The guarded write, step by step, the same on every engine.

use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::Identity;
use synapsor_core::sql::write::GuardedWrite;
use synapsor_core::value::Cell;
use synapsor_core::writeback::{Effect, Fenced, FoundReceipt, Violation};

use crate::crash::{Point, point};
use crate::engine::{Ending, Fence};
use crate::fault::{Class, Fault};
use crate::mysql::MysqlTx;
use crate::postgres::PostgresTx;
use crate::sqlite::SqliteTx;

/// An open write transaction; it owns its connection. Dropping it undoes it.
pub(crate) enum Tx {
    Postgres(PostgresTx),
    Mysql(MysqlTx),
    Sqlite(SqliteTx),
}

/// Why a statement inside a transaction failed. The transaction is good for nothing but a rollback.
#[derive(Debug)]
pub(crate) enum Reject {
    /// A unique key was taken.
    Duplicate,
    /// The database refused it.
    Refused(Violation, Fault),
}

/// What came back for COMMIT.
#[derive(Debug)]
pub(crate) enum Commit {
    /// The database said, without doubt, that it committed.
    Done,
    /// The database said, without doubt, that it did not: the transaction was undone before COMMIT took effect.
    Undone(Violation),
    /// Anything else: an error, silence, a cut link.
    Unknown(&'static str),
}

impl Tx {
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Reject> {
        match self {
            Self::Postgres(tx) => tx.execute(sql).await,
            Self::Mysql(tx) => tx.execute(sql).await,
            Self::Sqlite(tx) => tx.execute(sql).await,
        }
    }

    async fn fetch(&mut self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Reject> {
        match self {
            Self::Postgres(tx) => tx.fetch(sql).await,
            Self::Mysql(tx) => tx.fetch(sql).await,
            Self::Sqlite(tx) => tx.fetch(sql).await,
        }
    }

    /// Makes deferred constraints and triggers speak before the after-image is read, in UTC.
    async fn constraints_now(&mut self) -> Result<(), Reject> {
        match self {
            Self::Postgres(tx) => tx.constraints_now().await,
            Self::Mysql(tx) => tx.tell_utc().await,
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Undoes everything. The connection may then be used to look; `false` if it is lost.
    pub(crate) async fn rollback(&mut self) -> bool {
        match self {
            Self::Postgres(tx) => tx.rollback().await,
            Self::Mysql(tx) => tx.rollback().await,
            Self::Sqlite(tx) => tx.rollback().await,
        }
    }

    /// Sends COMMIT, alone. Nothing is cancelled once it is sent.
    async fn commit(self) -> Commit {
        match self {
            Self::Postgres(tx) => tx.commit().await,
            Self::Mysql(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }
}

/// Runs the steps of a guarded write in order. Everything before COMMIT that goes wrong is undone explicitly.
pub(crate) async fn guarded_write(
    mut tx: Tx,
    write: &GuardedWrite,
    claimed: &Identity,
    ending: Ending<'_>,
) -> Result<Effect, Fault> {
    point(Point::WriteBegun);
    match identity(&mut tx, &write.identity).await {
        Ok(found) => {
            if let Err(elsewhere) = claimed.admits(found.as_ref()) {
                tx.rollback().await;
                return Ok(Effect::Elsewhere(elsewhere));
            }
        }
        Err(reject) => return undone(tx, reject, "receipt table").await,
    }
    match tx.execute(&write.insert_receipt).await {
        Ok(1) => {}
        Ok(_) => return undone(tx, other("the receipt was not stored"), "receipt").await,
        Err(Reject::Duplicate) => return duplicate(tx, write).await,
        Err(reject) => return undone(tx, reject, "receipt").await,
    }
    point(Point::WriteReceipt);
    match tx.execute(&write.update).await {
        Ok(1) => {}
        Ok(affected) => return missed(tx, write, affected).await,
        Err(reject) => return undone(tx, reject, "update").await,
    }
    point(Point::WriteUpdated);
    if let Err(reject) = tx.constraints_now().await {
        return undone(tx, reject, "constraints").await;
    }
    let rows = match tx.fetch(&write.after).await {
        Ok(rows) => rows,
        Err(reject) => return undone(tx, reject, "after-image").await,
    };
    let checks = write.after_checks.len();
    let flags: Vec<Vec<bool>> = rows.iter().map(|row| flags(row.iter().take(checks))).collect();
    let approved = matches!(flags.as_slice(), [row] if row.iter().all(|held| *held));
    if !approved {
        tx.rollback().await;
        return Ok(Effect::NotAsApproved { rows: flags });
    }
    let new_version = rows.first().and_then(|row| row.get(checks)).and_then(Cell::text).map(str::to_owned);
    point(Point::WriteChecked);
    match tx.execute(&write.finish.with_version(new_version.as_deref())).await {
        Ok(1) => {}
        Ok(_) => {
            return undone(tx, other("the receipt could not be completed"), "receipt").await;
        }
        Err(reject) => return undone(tx, reject, "receipt").await,
    }
    point(Point::WriteFinished);
    let undoing = match ending {
        Ending::Commit(in_time) if in_time() => None,
        Ending::Commit(_) => Some(Effect::TooLate),
        Ending::Rollback => Some(Effect::Rehearsed),
    };
    if let Some(effect) = undoing {
        tx.rollback().await;
        return Ok(effect);
    }
    point(Point::WriteCommitting);
    let commit = tx.commit().await;
    point(Point::WriteCommitted);
    Ok(match commit {
        Commit::Done => Effect::Committed { new_version },
        Commit::Undone(violation) => Effect::Rejected { violation, step: "commit" },
        Commit::Unknown(reason) => Effect::InDoubt { reason },
    })
}

/// Puts a fence in under a job: its unique key blocks on an open transaction of that job, loses to a committed one and
/// shuts out a late one.
pub(crate) async fn fence(mut tx: Tx, fence: &Fence, claimed: &Identity) -> Result<Fenced, Fault> {
    match identity(&mut tx, &fence.identity).await {
        Ok(found) => {
            if let Err(elsewhere) = claimed.admits(found.as_ref()) {
                tx.rollback().await;
                return Ok(Fenced::elsewhere(elsewhere));
            }
        }
        Err(Reject::Refused(_, fault)) => {
            tx.rollback().await;
            return Err(fault);
        }
        Err(Reject::Duplicate) => return Ok(Fenced::Unsure { reason: "the receipt table's identity did not read" }),
    }
    match tx.execute(&fence.insert).await {
        Ok(1) => {
            point(Point::FenceInserted);
            let commit = tx.commit().await;
            point(Point::FenceCommitted);
            Ok(match commit {
                Commit::Done => Fenced::Won,
                Commit::Undone(_) => Fenced::Unsure { reason: "the fence was undone" },
                Commit::Unknown(reason) => Fenced::Unsure { reason },
            })
        }
        // A trigger or rule that swallows the row would make the fence a fence in name only.
        Ok(_) => {
            tx.rollback().await;
            Ok(Fenced::Unsure { reason: "the fence was not stored" })
        }
        Err(Reject::Duplicate) => {
            if !tx.rollback().await {
                return Ok(Fenced::Unsure { reason: "the link broke while looking" });
            }
            Ok(match found(&mut tx, &fence.by_job).await {
                Ok(Some(found)) => Fenced::Found(found),
                Ok(None) | Err(_) => Fenced::Unsure { reason: "the job's receipt did not read" },
            })
        }
        Err(Reject::Refused(Violation::Deadlock | Violation::Transient, fault))
            if fault.class() != Class::Unreachable =>
        {
            tx.rollback().await;
            Ok(Fenced::Unsure { reason: "the late transaction is still open in the source database" })
        }
        Err(Reject::Refused(_, fault)) => {
            tx.rollback().await;
            Err(fault)
        }
    }
}

async fn identity(tx: &mut Tx, sql: &Sql) -> Result<Option<Identity>, Reject> {
    let rows = tx.fetch(sql).await?;
    Ok(rows.first().and_then(|row| Identity::of_row(row)))
}

async fn undone(mut tx: Tx, reject: Reject, step: &'static str) -> Result<Effect, Fault> {
    tx.rollback().await;
    let (violation, fault) = match reject {
        Reject::Duplicate => (Violation::Constraint, None),
        Reject::Refused(violation, fault) => (violation, Some(fault)),
    };
    if let Some(fault) = &fault {
        tracing::warn!(
            step,
            error = fault as &dyn std::error::Error,
            "the source database refused a step of the guarded write"
        );
    }
    Ok(Effect::Rejected { violation, step })
}

async fn duplicate(mut tx: Tx, write: &GuardedWrite) -> Result<Effect, Fault> {
    if !tx.rollback().await {
        return Err(Fault::new(Class::Unreachable, "the link broke while looking at a receipt"));
    }
    let by_key = found(&mut tx, &write.receipt_by_key).await.map_err(fault_of)?;
    let by_job = found(&mut tx, &write.receipt_by_job).await.map_err(fault_of)?;
    Ok(Effect::Duplicate { by_key, by_job })
}

async fn missed(mut tx: Tx, write: &GuardedWrite, affected: u64) -> Result<Effect, Fault> {
    if !tx.rollback().await {
        return Err(Fault::new(Class::Unreachable, "the link broke while looking at a row"));
    }
    let mut look = look(&mut tx, write).await?;
    let all_held = matches!(look.as_slice(), [row] if row.iter().all(|held| *held));
    if affected == 0 && all_held {
        // Another writer may have undone its change in between; one more look tells it from a suppressed write.
        look = self::look(&mut tx, write).await?;
    }
    Ok(Effect::Missed { affected, look })
}

async fn look(tx: &mut Tx, write: &GuardedWrite) -> Result<Vec<Vec<bool>>, Fault> {
    let rows = tx.fetch(&write.look).await.map_err(fault_of)?;
    Ok(rows.iter().map(|row| flags(row.iter())).collect())
}

async fn found(tx: &mut Tx, sql: &Sql) -> Result<Option<FoundReceipt>, Reject> {
    let rows = tx.fetch(sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text = |index: usize| row.get(index).and_then(Cell::text).map(str::to_owned);
    Ok(Some(FoundReceipt {
        job_id: text(0).unwrap_or_default(),
        proposal_hash: text(1),
        status: text(2).unwrap_or_default(),
        new_version: text(3),
    }))
}

fn flags<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<bool> {
    cells.map(|cell| cell.text() == Some("1")).collect()
}

fn other(what: &'static str) -> Reject {
    Reject::Refused(Violation::Other, Fault::new(Class::Other, what))
}

fn fault_of(reject: Reject) -> Fault {
    match reject {
        Reject::Duplicate => Fault::new(Class::Other, "a look returned a duplicate key"),
        Reject::Refused(_, fault) => fault,
    }
}
