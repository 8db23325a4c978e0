//! MariaDB servers: the run's, and those that a test starts for itself.

use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::binaries::Binaries;
use super::guard::as_server_user;
use super::launch::{self, Camp};
use super::{ADMIN_PASSWORD, SERVER_ZONE};

/// Where a server of a test's own is, once it is told to use the system's zone: its clocks are set back in autumn.
const SYSTEM_ZONE: &str = "Europe/Berlin";

/// Writes what the server reads when it starts, one statement a line: the administrator's account.
pub(super) fn write_accounts(home: &Path) -> io::Result<()> {
    let accounts = format!(
        "CREATE USER 'admin'@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n"
    );
    fs::write(home.join("accounts.sql"), accounts)
}

/// Makes the files of a new server in `home/data`.
pub(super) fn init(camp: &Camp, binaries: &Binaries, home: &Path) -> Result<(), String> {
    let mut install = as_server_user(camp.dir(), &binaries.mariadb_install_db);
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    install.arg(format!("--datadir={}", home.join("data").display())).arg(format!("--tmpdir={}", home.display()));
    launch::complete(install, home)
}

/// Starts the server whose files are in `home/data`.
pub(super) fn start(camp: &mut Camp, binaries: &Binaries, home: &Path, options: &[String]) -> Result<u16, String> {
    let dir = camp.dir().to_owned();
    let server = |port: u16| {
        let mut command = as_server_user(&dir, &binaries.mariadbd);
        command.env("TZ", SYSTEM_ZONE);
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
        // What Debian's own configuration sets; without it the server would speak latin1.
        command.args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]);
        command.args(["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"]);
        command.arg(format!("--default-time-zone={SERVER_ZONE}")).arg(format!("--port={port}"));
        for (option, file) in
            [("datadir", "data"), ("socket", "socket"), ("pid-file", "pid"), ("init-file", "accounts.sql")]
        {
            command.arg(format!("--{option}={}", home.join(file).display()));
        }
        // In a folder that servers share, one that starts removes the temporary tables of those that run.
        command.arg(format!("--tmpdir={}", home.display())).args(options);
        Ok(command)
    };
    camp.serve(home, server, greets)
}

/// Returns the administrator's URL.
pub(super) fn url(port: u16) -> String {
    format!("mysql://admin:{ADMIN_PASSWORD}@127.0.0.1:{port}/mysql")
}

/// Tells whether a server greets on this port: a packet whose body starts with protocol version 10.
pub(super) fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut greeting = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting[4] == 10
}

/// Holds a running server that is a test's own, for what the run's server cannot be put through; dropping it stops it.
#[must_use = "the server stops when this is dropped"]
pub struct OwnMariadb {
    _camp: Camp,
    port: u16,
}

impl OwnMariadb {
    /// Starts a server with options like `--read-only`.
    pub fn start(options: &[&str]) -> Result<OwnMariadb, String> {
        let binaries = Binaries::find().map_err(|missing| missing.to_string())?;
        let mut camp = Camp::pitch()?;
        let home = prepare(&camp).map_err(|e| format!("cannot prepare a server: {e}"))?;
        init(&camp, &binaries, &home)?;
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let port = start(&mut camp, &binaries, &home, &options)?;
        Ok(OwnMariadb { _camp: camp, port })
    }

    /// Returns the administrator's URL.
    pub fn url(&self) -> String {
        url(self.port)
    }
}

fn prepare(camp: &Camp) -> io::Result<std::path::PathBuf> {
    let home = camp.home("own")?;
    write_accounts(&home)?;
    camp.hand_over(&home)?;
    Ok(home)
}
