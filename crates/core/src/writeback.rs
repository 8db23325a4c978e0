//! The guarded write: what it will do, and what its effect means. Both pure; `db` only runs statements and reports.

mod fence;
mod record;
mod settle;

use jiff::Timestamp;

pub use fence::{ANOTHER_SERVER, Fenced, settle_fence};
pub use record::{receipt, record, told};
pub use settle::settle;

use crate::code::Code;
use crate::contract::{Advance, EngineKind};
use crate::event::Claim;
use crate::id::Ident;
use crate::proposal::ready::Ready;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::sql::receipts::{Elsewhere, Identity, Place, ReceiptKeys};
use crate::sql::write::{Change, GuardedWrite, Version, VersionMove, guarded_write};
use crate::sql::{Filter, Sql};
use crate::value::{Cell, Column, Kind, Native, Table, moment};
use crate::wire::change_set::ChangeSet;
use crate::wire::handler::HandlerReceipt;
use crate::wire::job::idempotency_key;
use crate::wire::receipt::ReceiptStatus;

/// A receipt row as found in the source database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReceipt {
    /// The job that wrote it.
    pub job_id: String,
    /// What it was about; absent in tables of the reference program.
    pub proposal_hash: Option<String>,
    /// `applied` or `canceled`; older tables hold other words, which never mean applied.
    pub status: String,
    /// The version after the write.
    pub new_version: Option<String>,
}

/// What the source database did with a guarded write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Committed, with the version after the write.
    Committed {
        /// The version's text.
        new_version: Option<String>,
    },
    /// A dry run passed every step and was rolled back.
    Rehearsed,
    /// The receipt key or the job was taken; nothing was written by us. Read after the rollback.
    Duplicate {
        /// The receipt under our idempotency key.
        by_key: Option<FoundReceipt>,
        /// The receipt under our job.
        by_job: Option<FoundReceipt>,
    },
    /// The update did not touch exactly one row; rolled back, then looked.
    Missed {
        /// Rows it would have changed.
        affected: u64,
        /// One flag for each guard of each row found, in `GuardedWrite::look_columns` order; empty = no row.
        look: Vec<Vec<bool>>,
    },
    /// The row did not read back as approved; rolled back. One flag for each check of each row found.
    NotAsApproved {
        /// Flags in `GuardedWrite::after_checks` order; empty = no row.
        rows: Vec<Vec<bool>>,
    },
    /// The database refused a statement; rolled back.
    Rejected {
        /// Why, as a class.
        violation: Violation,
        /// The column or constraint it named, if that is one of ours to show.
        step: &'static str,
    },
    /// The receipt table or the server is not the one that was claimed; nothing was written.
    Elsewhere(Elsewhere),
    /// The lease was over before COMMIT, so that others may have taken over; undone.
    TooLate,
    /// COMMIT was sent and no certain answer came.
    InDoubt {
        /// Why, in safe words.
        reason: &'static str,
    },
}

/// Why a database refused a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A constraint.
    Constraint,
    /// A value that does not fit its column.
    Value,
    /// A missing privilege.
    Permission,
    /// A missing schema, table or column.
    Missing,
    /// The database chose it as a deadlock's victim and undid it: it can be run again at once.
    Deadlock,
    /// Something that passes: a lock or statement timeout, a lost connection before COMMIT.
    Transient,
    /// Anything else.
    Other,
}

/// What an effect means for the proposal.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// It ended for good.
    Settled(Outcome),
    /// The app's handler says how it ended, for good.
    Told(Box<HandlerReceipt>),
    /// It failed for a passing reason; the proposal is approved again.
    Released(Code),
    /// Nobody knows yet.
    InDoubt(&'static str),
    /// A fence with our job was there first: the claim is lost, nothing is to be recorded by us.
    ClaimLost,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub status: ReceiptStatus,
    /// Why it did not apply.
    pub code: Option<Code>,
    /// More about why, in safe words.
    pub reason: Option<String>,
    /// The version after the write.
    pub new_version: Option<String>,
}

impl Outcome {
    pub(crate) fn ended(status: ReceiptStatus, code: Code, reason: impl Into<String>) -> Settlement {
        Settlement::Settled(Self { status, code: Some(code), reason: Some(reason.into()), new_version: None })
    }
}

/// Who claims, where, and as what.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTerms<'a> {
    /// The ledger that holds the decision.
    pub ledger_id: &'a str,
    /// The newest batch of that ledger, `batch:digest`.
    pub ledger_head: &'a str,
}

/// The receipt keys of a claim.
#[must_use]
pub fn keys(change_set: &ChangeSet, claim: &Claim, terms: ClaimTerms<'_>) -> ReceiptKeys {
    ReceiptKeys {
        idempotency_key: idempotency_key(change_set),
        job_id: claim.job_id.clone(),
        proposal_id: change_set.proposal_id.clone(),
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        ledger_id: terms.ledger_id.to_owned(),
        ledger_head: terms.ledger_head.to_owned(),
        server_id: claim.server_id.clone(),
    }
}

/// Where a claim says that it writes.
#[must_use]
pub fn claimed(claim: &Claim) -> Identity {
    Identity { receipts_id: claim.receipts_id.clone(), server_id: claim.server_id.clone() }
}

/// Keys of a dry run: never those of a real apply.
#[must_use]
pub fn rehearsal_keys(keys: &ReceiptKeys) -> ReceiptKeys {
    ReceiptKeys {
        idempotency_key: format!("rehearsal:{}", keys.job_id),
        job_id: format!("rehearsal:{}", keys.job_id),
        ..keys.clone()
    }
}

/// The reviewed values that the ledger holds exactly, with masked ones given back by `unmask` (which reads and checks
/// the row). Returns the change to write.
pub fn change(
    ready: &Ready<'_>,
    table: &Table,
    now: Timestamp,
    unmask: impl Fn(&Ident) -> Option<Cell>,
) -> Result<Change, Refusal> {
    let change_set = ready.proposal().change_set();
    let target = &ready.capability().target;
    if let Some(refused) = table.refused {
        return Err(Refusal::new(
            Code::RefusedTarget,
            format!("`{}.{}` is {}", table.schema, table.name, refused.words()),
        ));
    }
    let scope = Scope::of_record(&change_set.scope.tenant_id, &change_set.principal.id);
    let key = serde_json::Value::String(change_set.scope.object_id.clone());
    let mut filter = Filter::scoped(target, table, &scope, &key)
        .map_err(|why| Refusal::new(Code::ObjectMissing, format!("the target does not fit the proposal: {why}")))?;
    let column = |name: &str| {
        Ident::parse(name)
            .ok()
            .and_then(|name| table.column(&name).cloned())
            .ok_or_else(|| Refusal::new(Code::ObjectMissing, format!("the target has no column `{name}`")))
    };
    for (name, exact) in &change_set.exact.before {
        let column = column(name)?;
        let cell = match exact.cell() {
            Some(cell) => cell,
            None => unmask(&column.name)
                .ok_or_else(|| Refusal::new(Code::VersionConflict, format!("`{name}` is not what the reviewer saw")))?,
        };
        filter = filter.and(column, cell);
    }
    let mut patch = Vec::new();
    for (name, exact) in &change_set.exact.patch {
        let cell = exact
            .cell()
            .ok_or_else(|| Refusal::new(Code::ProposalHashMismatch, "the recorded change does not read"))?;
        patch.push((column(name)?, cell));
    }
    let version = match &change_set.exact.version {
        None => None,
        Some(exact) => {
            let column = column(&change_set.guards.expected_version.column)?;
            let expected = exact
                .cell()
                .ok_or_else(|| Refusal::new(Code::ProposalHashMismatch, "the recorded version does not read"))?;
            let patched = patch.iter().any(|(patched, _)| patched.name == column.name);
            let rule = ready.capability().proposal().map(|rule| rule.guard.advance).unwrap_or_default();
            let advance = if patched { VersionMove::Elsewhere } else { advance(rule, &column, &expected, now)? };
            Some(Version { column, expected, advance })
        }
    };
    Ok(Change { table: table.clone(), filter, patch, version })
}

/// Renders the statements of a change under a claim.
#[must_use]
pub fn statements(engine: EngineKind, change: &Change, place: &Place, keys: &ReceiptKeys) -> GuardedWrite {
    guarded_write(engine, change, place, keys)
}

/// The fence that ends a claim for good.
#[must_use]
pub fn fence(engine: EngineKind, place: &Place, keys: &ReceiptKeys) -> Sql {
    crate::sql::receipts::fence(engine, place, keys)
}

/// Whether a version column of this kind can move under the rule, so that the proposal does not end in a dead end.
pub fn can_advance(rule: Advance, column: &Column, expected: &Cell) -> Result<(), Refusal> {
    // The clock does not decide whether it can move, only where to.
    advance(rule, column, expected, Timestamp::UNIX_EPOCH).map(|_| ())
}

/// What must move a version column of this kind, where the runner cannot promise to: `None` if it always can.
#[must_use]
pub fn mover(rule: Advance, column: &Column) -> Option<&'static str> {
    match (rule, &column.kind) {
        (Advance::Database, _) => None,
        (Advance::Auto | Advance::Increment, Kind::Integer) => None,
        (Advance::Increment, _) => Some("it is no integer, so it cannot be incremented"),
        (_, Kind::Instant | Kind::DateTime) => None,
        // SQLite keeps times as text; other text is refused when the change is proposed.
        (_, Kind::Text) if matches!(column.native, Native::Sqlite { .. }) => None,
        (_, Kind::Text) => {
            Some("it moves by itself only where it holds a time; else the patch or a trigger must move it")
        }
        _ => Some("the patch or a trigger must move it"),
    }
}

fn advance(rule: Advance, column: &Column, expected: &Cell, now: Timestamp) -> Result<VersionMove, Refusal> {
    let refuse =
        |words: &str| Err(Refusal::new(Code::PolicyViolation, format!("version column `{}` {words}", column.name)));
    let text = expected.text().unwrap_or_default();
    match (rule, &column.kind) {
        (Advance::Database, _) => Ok(VersionMove::Elsewhere),
        (Advance::Auto | Advance::Increment, Kind::Integer) => {
            let largest = column.limits.range.map_or(i128::from(i64::MAX), |(_, largest)| largest);
            match text.parse::<i128>() {
                Ok(number) if number < largest => Ok(VersionMove::Increment),
                Ok(_) => refuse("holds the largest value its type can hold"),
                // SQLite keeps text in integer columns.
                Err(_) => refuse("holds no whole number"),
            }
        }
        (Advance::Increment, _) => refuse("is no integer, so it cannot be incremented"),
        (Advance::Auto | Advance::Now, Kind::Instant | Kind::DateTime)
            if !matches!(column.native, Native::Sqlite { .. }) =>
        {
            let digits = u32::from(column.limits.fraction.unwrap_or(6).min(6));
            Ok(VersionMove::Clock { unit_micros: 10_u64.pow(6 - digits) })
        }
        (Advance::Auto | Advance::Now, _) => match moment::advance_text(text, now.as_microsecond()) {
            Some(next) => Ok(VersionMove::To(Cell::new(expected.kind().clone(), Some(next)))),
            // Other text must be moved by the patch or a trigger; the after-image shows whether it was.
            None if rule == Advance::Auto => Ok(VersionMove::Elsewhere),
            None => refuse("holds no time, so `advance: now` cannot move it"),
        },
    }
}

#[cfg(test)]
mod tests;
