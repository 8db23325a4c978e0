//! The lease: a server holds an operating-system lock beside the ledger for as long as it lives.
//!
//! The lock decides, so a crashed server holds nothing; the file's content is for people.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use synapsor_core::code::Code;

use super::{LedgerFault, file};

/// A look at the lease holds its lock for an instant; a server that starts in that instant tries again.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// A held lease. It is released, and its file removed, when this goes.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    file: File,
}

/// Who holds a lease, as far as its file tells; a file cut short tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The process.
    pub pid: Option<u64>,
    /// `mcp`.
    pub mode: Option<String>,
    /// How it is reached: `stdio`, `streamable-http` or `legacy-jsonrpc`.
    pub transport: Option<String>,
    /// Since when, RFC 3339 UTC.
    pub started_at: Option<String>,
}

/// Why a lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another server has it.
    #[error("a server holds the ledger's lease")]
    Held(Holder),
    /// The lease file cannot be made.
    #[error(transparent)]
    Fault(#[from] LedgerFault),
}

impl Lease {
    /// Takes the lease of the ledger at a path, which need not exist yet; `transport` and `now` are for people.
    pub fn take(store: &Path, transport: &str, now: Timestamp) -> Result<Self, LeaseError> {
        let path = file::beside(store, ".lease.json");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unusable)?;
        }
        let mut lease = lock(path)?;
        let body = json!({
            "pid": std::process::id(),
            "mode": "mcp",
            "transport": transport,
            "store_path": std::path::absolute(store).unwrap_or_else(|_| store.to_owned()).to_string_lossy(),
            "started_at": now.to_string(),
        });
        lease.write(&body).map_err(unusable)?;
        Ok(lease)
    }

    /// Who holds the lease of the ledger at a path now; none if nobody does.
    pub fn holder(store: &Path) -> Result<Option<Holder>, LedgerFault> {
        let path = file::beside(store, ".lease.json");
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&mut file))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    fn write(&mut self, body: &Json) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(format!("{body:#}\n").as_bytes())?;
        self.file.flush()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Removed while locked: nobody can have taken over what is removed. Closing the file releases the lock.
        let _gone = fs::remove_file(&self.path);
    }
}

fn lock(path: PathBuf) -> Result<Lease, LeaseError> {
    let mut tried = 0;
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(unusable)?;
        match file.try_lock() {
            // Its holder may have removed it between our opening and locking it.
            Ok(()) if is_at(&file, &path) => return Ok(Lease { path, file }),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if tried < TRIES => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(read(&mut file))),
            Err(TryLockError::Error(error)) => return Err(unusable(error).into()),
        }
        tried += 1;
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().ok().map(place) == fs::metadata(path).ok().map(place)
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn read(file: &mut File) -> Holder {
    let mut text = String::new();
    // A lease file is small; whatever else lies there is not read to its end.
    let read = Read::by_ref(file).take(4096).read_to_string(&mut text);
    let json: Json = read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default();
    let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    Holder {
        pid: json.get("pid").and_then(Json::as_u64),
        mode: text("mode"),
        transport: text("transport"),
        started_at: text("started_at"),
    }
}

fn unusable(error: std::io::Error) -> LedgerFault {
    LedgerFault::new(Code::StoreUnreadable, "the ledger's lease file cannot be used").because(error)
}
