//! `store reset`

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde_json::json;
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::Durability;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{Holder, Lease, LeaseError, Ledger, OpenOptions, files};

use crate::app::Stop;
use crate::cli::Ended;
use crate::cli::open::Store;
use crate::cli::print::{Out, Tone};
use crate::clock;

/// Remove the ledger's files, and with them every record of what was read, proposed, decided and applied.
///
/// No source database is touched. Receipts there stay, so nothing can be applied twice.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Remove them even while a server uses the ledger.
    #[arg(long)]
    force: bool,
    /// Print `{ok, store, removed, source_database_changed}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let store = args.store.named();
    if store == Path::new(":memory:") {
        return Err(Refusal::new(Code::Usage, "a ledger in memory has no files to remove").into());
    }
    check_is_ledger(&store)?;
    if let Some(holder) = Lease::holder(&store)? {
        held(&holder, args.force, out)?;
    }
    let shown = store.display().to_string();
    if !out.confirm(&format!("Remove the ledger at {shown} and every record in it?"), args.yes)? {
        out.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let removed = remove(&store, args.force, out)?;
    let removed: Vec<String> = removed.iter().map(|path| path.display().to_string()).collect();
    if args.json {
        out.json(&json!({ "ok": true, "store": shown, "removed": removed, "source_database_changed": false }));
    } else if removed.is_empty() {
        out.line(format!("there was no ledger at {shown}; nothing was removed"));
    } else {
        out.line(format!("{} {shown}; no source database was changed", out.paint(Tone::Good, "removed")));
        for path in &removed {
            out.line(format!("  {path}"));
        }
    }
    Ok(Exit::Done)
}

/// Removes what is there, holding the lease meanwhile, so that no server starts on half a ledger.
fn remove(store: &Path, force: bool, out: &Out) -> Result<Vec<PathBuf>, Stop> {
    let there: Vec<PathBuf> = files(store).into_iter().filter(|path| path.exists()).collect();
    if there.is_empty() {
        return Ok(there);
    }
    let lease = match Lease::take(store, "reset", clock::now()) {
        Ok(lease) => Some(lease),
        Err(LeaseError::Held(holder)) => {
            held(&holder, force, out)?;
            None
        }
        Err(LeaseError::Fault(fault)) => return Err(fault.into()),
    };
    let mut removed = Vec::new();
    for path in there {
        if path.to_string_lossy().ends_with(".lease.json") {
            // What a dead server left is ours now and goes with the lease; a living server's stays its own.
            removed.extend(lease.is_some().then_some(path));
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Refusal::new(Code::Io, format!("`{}` cannot be removed: {error}", path.display())).into());
            }
        }
    }
    Ok(removed)
}

/// Refuses while a server uses the ledger, or warns where that was asked for.
fn held(holder: &Holder, force: bool, out: &Out) -> Result<(), Refusal> {
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
    let message = format!(
        "a server uses this ledger: mode {}, transport {}, pid {}, since {}",
        text(&holder.mode),
        text(&holder.transport),
        holder.pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()),
        text(&holder.started_at)
    );
    if force {
        out.note(&format!("warning: {message}"));
        return Ok(());
    }
    Err(Refusal::new(Code::StoreInUse, message).with_fix("stop the server, or add `--force`"))
}

/// Refuses to remove what never was a ledger. A damaged one may be removed: its first bytes tell.
fn check_is_ledger(store: &Path) -> Result<(), Refusal> {
    let no_ledger = |what: &str| {
        Refusal::new(Code::StoreUnreadable, format!("`{}` is {what}", store.display()))
            .with_fix("name the ledger's file with `--store`")
    };
    match std::fs::metadata(store) {
        Ok(found) if found.is_dir() => return Err(no_ledger("a directory")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        _ => {}
    }
    let mut header = Vec::new();
    std::fs::File::open(store)
        .and_then(|file| file.take(72).read_to_end(&mut header))
        .map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be read: {error}", store.display())))?;
    // An empty file is an empty database. Until its log is folded in, a new ledger's file does not say whose it is.
    let ours = header.is_empty() || (header.starts_with(b"SQLite format 3\0") && header.ends_with(b"SynL"));
    let options = OpenOptions { create: false, durability: Durability::Full };
    if ours || Ledger::open(store, options).is_ok() { Ok(()) } else { Err(no_ledger("not a ledger of this program")) }
}
