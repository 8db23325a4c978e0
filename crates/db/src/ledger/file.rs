//! The ledger's file: finding out what it is, making or migrating it, and noticing when it is no longer there.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, OpenFlags, OptionalExtension, TransactionBehavior};
use synapsor_core::code::Code;
use synapsor_core::id::LedgerId;

use super::{LedgerFault, sql};

/// How long a connection waits for another process that writes.
pub(super) const BUSY: Duration = Duration::from_secs(15);

/// "SynL", at a fixed place in the file's header.
const APPLICATION_ID: i64 = 0x5379_6e4c;

/// Every released migration, in order; `user_version` counts those applied.
const MIGRATIONS: &[&str] =
    &[include_str!("../../migrations/sqlite/0001_ledger.sql"), include_str!("../../migrations/sqlite/0002_search.sql")];

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    File(PathBuf),
}

impl Place {
    pub(super) fn of(path: &Path) -> Self {
        if path.as_os_str() == ":memory:" { Self::Memory } else { Self::File(path.to_owned()) }
    }
}

/// Opens the ledger, makes it if there is none and `create` says so, and migrates it if it is older.
pub(super) fn open(place: &Place, create: bool) -> Result<(Connection, LedgerId), LedgerFault> {
    let mut conn = match place {
        Place::Memory => Connection::open_in_memory()?,
        Place::File(path) => {
            find(path, create)?;
            connect(path)?
        }
    };
    conn.busy_timeout(BUSY)?;
    if conn.is_readonly(MAIN_DB)? {
        return Err(LedgerFault::new(Code::StoreUnreadable, "the ledger file is read-only"));
    }
    let latest = MIGRATIONS.len();
    // In one transaction: another process may be making the ledger at this very moment.
    let applied = identify(&*conn.transaction()?)?;
    if applied == 0 && !create {
        return Err(LedgerFault::new(Code::StoreMissing, "the file holds no ledger"));
    }
    use_wal(&conn)?;
    if applied < latest {
        migrate(&mut conn)?;
    }
    let id = read_id(&conn)?;
    Ok((conn, id))
}

/// Another connection to a ledger that is open already, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerFault> {
    let conn = connect(path)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// The files a ledger consists of, there or not.
#[must_use]
pub fn files(path: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm", ".lease.json"].map(|suffix| beside(path, suffix)).to_vec()
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn connect(path: &Path) -> Result<Connection, LedgerFault> {
    // Without the URI flag: a path is a path, whatever it starts with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    Ok(conn)
}

fn find(path: &Path, create: bool) -> Result<(), LedgerFault> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(LedgerFault::new(Code::StoreUnreadable, "the ledger path is a directory")),
        // A pipe or a device could keep us waiting for ever.
        Ok(found) if !found.is_file() => Err(LedgerFault::new(Code::StoreUnreadable, "the ledger path is no file")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create => make(path)
            .map_err(|error| LedgerFault::new(Code::StoreUnreadable, "the ledger cannot be made").because(error)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(LedgerFault::new(Code::StoreMissing, "there is no ledger at that path"))
        }
        Err(error) => {
            Err(LedgerFault::new(Code::StoreUnreadable, "the ledger file cannot be looked at").because(error))
        }
    }
}

/// Makes an empty file that only its owner may read; SQLite gives its companions the same mode.
fn make(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        fs::create_dir_all(parent)?;
    }
    match new_private(path) {
        Ok(_) => {}
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// A new file that only its owner may read and write.
pub(super) fn new_private(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes sure that a new file's name survives power loss.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// How many migrations the file has seen; refuses one that is not ours or newer than we are.
fn identify(conn: &Connection) -> Result<usize, LedgerFault> {
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let foreign = LedgerFault::new(Code::StoreUnreadable, "the file is another application's database");
    match (application, version) {
        (APPLICATION_ID, version) => match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            Ok(_) => Err(LedgerFault::new(Code::StoreNewer, "the ledger was written by a newer version")),
            Err(_) => Err(LedgerFault::corrupt("the ledger's version is no number of ours")),
        },
        (0, 0) => {
            let (tables, old_store): (u64, u64) =
                conn.query_row(sql::WHOSE_TABLES, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            // Beside the tables of the first releases we may live; in somebody's business database we may not.
            if tables == 0 || old_store > 0 { Ok(0) } else { Err(foreign) }
        }
        _ => Err(foreign),
    }
}

/// Switches to write-ahead logging, for good. SQLite does not always wait for a lock here, so we do.
fn use_wal(conn: &Connection) -> Result<(), LedgerFault> {
    let pause = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let mode = conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode.map_err(LedgerFault::from) {
            Ok(mode) if mode == "wal" || mode == "memory" => return Ok(()),
            Err(fault) if fault.code() == Code::TemporarilyUnavailable && waited < BUSY => {}
            Ok(_) => {
                return Err(LedgerFault::new(Code::StoreUnreadable, "the ledger's file system has no shared memory"));
            }
            Err(fault) => return Err(fault),
        }
        std::thread::sleep(pause);
        waited += pause;
    }
}

fn migrate(conn: &mut Connection) -> Result<(), LedgerFault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let applied = identify(&tx)?;
    for migration in MIGRATIONS.iter().skip(applied) {
        tx.execute_batch(migration)?;
    }
    if applied == 0 {
        let mut random = [0; 10];
        getrandom::fill(&mut random)
            .map_err(|error| LedgerFault::new(Code::Internal, "the system gives no random bytes").because(error))?;
        tx.execute(sql::SET_META, ("ledger_id", LedgerId::from_random(random).as_str()))?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len())?;
    tx.commit()?;
    Ok(())
}

pub(super) fn read_id(conn: &Connection) -> Result<LedgerId, LedgerFault> {
    let text: Option<String> = conn.prepare_cached(sql::META)?.query_row(["ledger_id"], |row| row.get(0)).optional()?;
    text.and_then(|text| LedgerId::parse(&text).ok()).ok_or(LedgerFault::corrupt("the ledger has no id"))
}

/// Notices that the file was deleted, or another one put in its place: writes to it would go nowhere.
#[derive(Debug, Clone)]
pub(super) struct Watch(Option<(PathBuf, Identity)>);

impl Watch {
    pub(super) fn on(place: &Place) -> Result<Self, LedgerFault> {
        match place {
            Place::Memory => Ok(Self(None)),
            Place::File(path) => {
                let identity =
                    identity(path).ok_or(LedgerFault::new(Code::StoreMissing, "there is no ledger at that path"))?;
                Ok(Self(Some((path.clone(), identity))))
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), LedgerFault> {
        let Some((path, identity_at_open)) = &self.0 else { return Ok(()) };
        match identity(path) {
            Some(now) if now == *identity_at_open => Ok(()),
            Some(_) => Err(LedgerFault::new(Code::StoreReplaced, "the ledger file was replaced")),
            None => Err(LedgerFault::new(Code::StoreReplaced, "the ledger file was deleted")),
        }
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
type Identity = Option<std::time::SystemTime>;

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|found| found.created().ok())
}
