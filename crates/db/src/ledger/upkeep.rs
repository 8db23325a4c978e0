//! Looking after the file: numbers about it, copies of it, and its size.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use synapsor_core::code::Code;

use super::chain::read_time;
use super::{Head, LedgerFault, file, project, sql, writer};

/// Numbers about a ledger. The first eleven have the names that the first releases gave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Proposals.
    pub proposals: u64,
    /// Evidence bundles.
    pub evidence_bundles: u64,
    /// Rows kept as evidence: one for each bundle.
    pub evidence_items: u64,
    /// Query audits: one for each bundle.
    pub query_audit: u64,
    /// Receipts.
    pub writeback_receipts: u64,
    /// Jobs that were claimed or exported.
    pub writeback_jobs: u64,
    /// Idempotency keys that are settled: one for each receipt.
    pub idempotency_receipts: u64,
    /// Replays: one for each proposal.
    pub replay_records: u64,
    /// Approvals and rejections.
    pub approvals: u64,
    /// Events of proposals.
    pub proposal_events: u64,
    /// What people did beside shadow proposals.
    pub shadow_human_actions: u64,
    /// Pages of the file.
    pub page_count: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Bytes of the file, without what is still in its write-ahead log.
    pub approx_bytes: u64,
    /// All events.
    pub events: u64,
    /// Where the ledger ends.
    pub head: Head,
    /// When its first event was recorded.
    pub oldest_at: Option<Timestamp>,
    /// Events that search does not know yet.
    pub search_lag: u64,
}

pub(super) fn stats(conn: &mut Connection) -> Result<Stats, LedgerFault> {
    let snapshot = conn.transaction()?;
    let mut kinds = Vec::new();
    let mut statement = snapshot.prepare(sql::COUNTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        kinds.push((row.get::<_, String>(0)?, row.get::<_, u64>(1)?));
    }
    let sum = |fits: &dyn Fn(&str) -> bool| kinds.iter().filter(|(kind, _)| fits(kind)).map(|(_, count)| count).sum();
    let count = |names: &[&str]| -> u64 { sum(&|kind| names.contains(&kind)) };
    let events = sum(&|_| true);
    let beside = count(&["evidence_recorded", "contract_recorded", "slot_taken"]);
    let proposals = count(&["proposal_created"]);
    let evidence = count(&["evidence_recorded"]);
    let receipts = count(&[
        "writeback_applied",
        "writeback_already_applied",
        "writeback_conflict",
        "writeback_failed",
        "writeback_canceled",
    ]);
    let (page_count, page_size) = pages(&snapshot)?;
    let (newest, cursor) = project::lag(&snapshot)?;
    let oldest: Option<i64> = snapshot.query_row(sql::OLDEST, [], |row| row.get(0))?;
    Ok(Stats {
        proposals,
        evidence_bundles: evidence,
        evidence_items: evidence,
        query_audit: evidence,
        writeback_receipts: receipts,
        writeback_jobs: count(&["proposal_pending_worker", "writeback_job_recorded"]),
        idempotency_receipts: receipts,
        replay_records: proposals,
        approvals: count(&["proposal_approved", "proposal_rejected"]),
        proposal_events: events - beside,
        shadow_human_actions: count(&["shadow_human_action_recorded"]),
        page_count,
        page_size,
        approx_bytes: page_count.saturating_mul(page_size),
        events,
        head: writer::head(&snapshot)?.public()?,
        oldest_at: oldest.map(read_time).transpose()?,
        search_lag: newest.saturating_sub(cursor),
    })
}

/// What giving unused space back did, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacuumed {
    /// Size before.
    pub before: u64,
    /// Size after.
    pub after: u64,
}

pub(super) fn vacuum(conn: &Connection) -> Result<Vacuumed, LedgerFault> {
    let size = || pages(conn).map(|(count, size)| count.saturating_mul(size));
    let before = size()?;
    conn.execute_batch("VACUUM")?;
    // Somebody may be reading: then the log is folded in later.
    let _busy: u64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(Vacuumed { before, after: size()? })
}

fn pages(conn: &Connection) -> Result<(u64, u64), LedgerFault> {
    let read = |name| conn.pragma_query_value(None, name, |row| row.get(0));
    Ok((read("page_count")?, read("page_size")?))
}

/// Copies the ledger as of one moment to a new file, whole in itself, and says where the copy ends.
pub(super) fn backup(conn: &Connection, to: &Path) -> Result<Head, LedgerFault> {
    match file::new_private(to) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(LedgerFault::new(Code::OutputExists, "the backup's file exists already"));
        }
        Err(error) => return Err(unwritable(error)),
    }
    let copied = copy(conn, to);
    if copied.is_err() {
        // It is ours, and half a backup is none.
        let _gone = fs::remove_file(to);
    }
    copied
}

fn copy(conn: &Connection, to: &Path) -> Result<Head, LedgerFault> {
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let step = Backup::new(conn, &mut copy)?.step(-1)?;
    if step != StepResult::Done {
        return Err(LedgerFault::new(Code::TemporarilyUnavailable, "the ledger stayed locked by another process"));
    }
    // One file that opens anywhere, with no log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    let head = writer::head(&copy)?.public()?;
    drop(copy);
    File::open(to).and_then(|file| file.sync_all()).map_err(unwritable)?;
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    file::sync_folder(folder.unwrap_or(Path::new("."))).map_err(unwritable)?;
    Ok(head)
}

fn unwritable(error: std::io::Error) -> LedgerFault {
    LedgerFault::new(Code::Io, "the backup cannot be written").because(error)
}
