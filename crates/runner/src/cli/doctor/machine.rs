//! `doctor --first-run`: whether this machine is ready, before any database is asked.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use synapsor_core::check::{Check, Level};
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::Contract;
use synapsor_core::redact;

use super::report::Report;
use crate::app::doctor::local;
use crate::cli::open::{Where, read_config};
use crate::clock;

/// Less than this is too little for a ledger to grow in.
const ROOM: u64 = 1 << 30;

/// The settings that MCP clients keep in a project.
const CLIENT_FILES: [&str; 3] = [".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json"];

/// Looks at the machine.
pub fn look(place: &Where, client_files: &[PathBuf]) -> Report {
    let path = place.config_path();
    let config_path = path.display().to_string();
    let mut checks = Vec::new();
    let contract = configuration(&path, &mut checks);
    if let Some(contract) = &contract {
        // What is not set here may be set where the server runs.
        let softly =
            |check: Check| if check.level == Level::Fail { Check { level: Level::Warn, ..check } } else { check };
        checks.extend(local::variables(contract).into_iter().map(softly));
        checks.extend(local::credentials(contract));
    }
    checks.extend(store(&place.store_path(contract.as_ref())));
    let usual = CLIENT_FILES.iter().map(|file| place.config_folder().join(file)).filter(|file| file.exists());
    checks.extend(usual.chain(client_files.iter().cloned()).map(|file| client(&file)));
    Report { mode: "first-run", config_path, checks, tools: Vec::new(), store: None }
}

fn configuration(path: &Path, checks: &mut Vec<Check>) -> Option<Contract> {
    match read_config(path, &ReadOptions::default()) {
        Err(refusal) => {
            let fix = "make one with `synapsor-runner init`, or name it with `--config`";
            checks.push(Check::warn("config", refusal.message().to_owned(), fix));
            None
        }
        Ok((_, report)) => {
            checks.push(Check::pass("config", format!("there is a configuration at `{}`", path.display())));
            checks.push(match report.errors().count() {
                0 => Check::pass("config-valid", "it has no errors"),
                count => Check::fail(
                    "config-valid",
                    format!("it has {count} error(s)"),
                    "`synapsor-runner config validate` lists them with their fixes",
                ),
            });
            report.contract
        }
    }
}

/// Whether the ledger's folder, or the one that it will be made in, can be written and has room.
fn store(path: &Path) -> Vec<Check> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let Some(folder) = whole.ancestors().skip(1).find(|folder| folder.is_dir()) else { return Vec::new() };
    let shown = folder.display();
    let trial = folder.join(format!(".synapsor-trial-{}", hex::encode(clock::random::<6>())));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&trial);
    let _gone = std::fs::remove_file(&trial);
    let writable = match written {
        Ok(_) => Check::pass("sqlite-store", format!("`{shown}`, where the ledger belongs, can be written")),
        Err(error) => Check::fail(
            "sqlite-store",
            format!("`{shown}`, where the ledger belongs, cannot be written: {error}"),
            "make it writable for the account that serves, or name another place with `--store`",
        ),
    };
    let room = rustix::fs::statvfs(folder).map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    let room = room.ok().map(|room| {
        let mib = room >> 20;
        if room >= ROOM {
            Check::pass("disk-space", format!("{mib} MiB are free for the ledger"))
        } else {
            Check::warn(
                "disk-space",
                format!("only {mib} MiB are free for the ledger"),
                "free some space, or name another place with `--store`",
            )
        }
    });
    std::iter::once(writable).chain(room).collect()
}

/// Whether a client's settings hold what they must not.
fn client(path: &Path) -> Check {
    let id = format!("mcp-client-config-{}", path.display());
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Check::warn(id, format!("`{shown}` cannot be read: {error}"), "name a file that is there");
        }
    };
    let Ok(settings) = serde_json::from_str::<Json>(&text) else {
        return Check::warn(
            id,
            format!("`{shown}` is no JSON without comments, so it was not looked at"),
            "look yourself",
        );
    };
    if holds_credential(&settings) {
        return Check::fail(
            id,
            format!("`{shown}` holds a database URL, a password or a token, which every program here can read"),
            "take it out and name a variable in the configuration; `synapsor-runner mcp install` writes settings without secrets",
        );
    }
    Check::pass(id, format!("`{shown}` holds no URL of a database, password or token"))
}

fn holds_credential(json: &Json) -> bool {
    const SCHEMES: [&str; 4] = ["postgres://", "postgresql://", "mysql://", "mariadb://"];
    match json {
        Json::String(text) => {
            redact::is_secret_value(text)
                || SCHEMES.iter().any(|scheme| text.contains(scheme))
                || text.trim_start().to_ascii_lowercase().starts_with("bearer ")
        }
        Json::Array(items) => items.iter().any(holds_credential),
        Json::Object(map) => map.iter().any(|(name, value)| {
            // `${NAME}` and the like name where a secret is.
            let literal = value.as_str().is_some_and(|text| !text.is_empty() && !text.contains('$'));
            (redact::is_secret_name(name) && literal) || holds_credential(value)
        }),
        _ => false,
    }
}
