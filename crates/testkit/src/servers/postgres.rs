//! PostgreSQL servers: the run's, and those that a test starts for itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::binaries::Binaries;
use super::guard::as_server_user;
use super::launch::{self, Camp};
use super::{ADMIN_PASSWORD, SERVER_ZONE};

/// Makes the files of a new server in `home/data`.
pub(super) fn init(camp: &Camp, binaries: &Binaries, home: &Path) -> Result<(), String> {
    let mut initdb = as_server_user(camp.dir(), &binaries.initdb);
    initdb.args(["-U", "postgres", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"]);
    initdb.arg(home.join("data")).arg(format!("--pwfile={}", home.join("password").display()));
    launch::complete(initdb, home)
}

/// Starts the server whose files are in `home/data`.
pub(super) fn start(camp: &mut Camp, binaries: &Binaries, home: &Path, settings: &[String]) -> Result<u16, String> {
    let dir = camp.dir().to_owned();
    let server = |port: u16| {
        let mut command = as_server_user(&dir, &binaries.postgres);
        command.arg("-D").arg(home.join("data")).arg("-k").arg(home).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in [
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "shared_buffers=32MB",
            // POSIX notation has the sign the other way round.
            &format!("timezone=<{SERVER_ZONE}>{}", SERVER_ZONE.replace('+', "-")),
        ] {
            command.arg("-c").arg(setting);
        }
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        Ok(command)
    };
    let ready = |port: u16| {
        let mut ask = Command::new(&binaries.pg_isready);
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status().is_ok_and(|status| status.success())
    };
    camp.serve(home, server, ready)
}

/// Returns the administrator's URL.
pub(super) fn url(port: u16) -> String {
    format!("postgres://postgres:{ADMIN_PASSWORD}@127.0.0.1:{port}/postgres")
}

/// Holds a running server that is a test's own, for what the run's server cannot be put through; dropping it stops it.
#[must_use = "the server stops when this is dropped"]
pub struct OwnPostgres {
    camp: Camp,
    binaries: Binaries,
    port: u16,
}

impl OwnPostgres {
    /// Starts a server with settings like `synchronous_standby_names = 'nobody'`, which `ALTER SYSTEM` can change.
    pub fn start(settings: &[&str]) -> Result<OwnPostgres, String> {
        let binaries = Binaries::find().map_err(|missing| missing.to_string())?;
        let mut camp = Camp::pitch()?;
        let home = prepare(&camp, "own").map_err(|e| format!("cannot prepare a server: {e}"))?;
        init(&camp, &binaries, &home)?;
        fs::write(home.join("data/postgresql.auto.conf"), settings.join("\n")).map_err(|e| format!("settings: {e}"))?;
        let port = start(&mut camp, &binaries, &home, &[])?;
        Ok(OwnPostgres { camp, binaries, port })
    }

    /// Returns the administrator's URL.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Returns the path of a program that comes with the server, such as `psql` or `pgbench`.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.binaries.postgres.with_file_name(name)
    }

    /// Starts a standby on a copy of this server as it is now. It takes connections for reading, and hears nothing of
    /// what happens here later: a replica that lags. Its URL is returned; it stops together with this server.
    pub fn lagging_standby(&mut self) -> Result<String, String> {
        let home = prepare(&self.camp, "standby").map_err(|e| format!("cannot prepare a standby: {e}"))?;
        let mut copy = as_server_user(self.camp.dir(), &self.binaries.pg_basebackup);
        copy.env("PGPASSWORD", ADMIN_PASSWORD);
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), "-c", "fast", "--no-sync", "-D"]);
        copy.arg(home.join("data"));
        launch::complete(copy, &home)?;
        fs::write(home.join("data/standby.signal"), "").map_err(|e| format!("standby.signal: {e}"))?;
        let port = start(&mut self.camp, &self.binaries, &home, &[])?;
        Ok(url(port))
    }
}

fn prepare(camp: &Camp, name: &str) -> io::Result<PathBuf> {
    let home = camp.home(name)?;
    fs::write(home.join("password"), ADMIN_PASSWORD)?;
    camp.hand_over(&home)?;
    Ok(home)
}
