//! One PostgreSQL and one MariaDB server for a whole test run, thrown away after it.
//!
//! `cargo xtask test` starts the pair and tells the tests where it is through the environment variables named here.
//! A guard process removes servers and files when the owner's end of a pipe closes, so nothing outlives the owner,
//! however it ends.

mod binaries;
mod certificates;
mod guard;

use std::fs;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use binaries::{Missing, missing};

use binaries::Binaries;
use certificates::Certificates;
use guard::{Guard, as_server_user};

/// Names the variable that holds the PostgreSQL administrator's URL.
pub const POSTGRES_URL: &str = "SYNAPSOR_TEST_POSTGRES";
/// Names the variable that holds the MariaDB administrator's URL.
pub const MYSQL_URL: &str = "SYNAPSOR_TEST_MYSQL";
/// Names the variable that holds the path of the authority (PEM) that signed both servers' certificates.
pub const CA_FILE: &str = "SYNAPSOR_TEST_CA";
/// Names the variable that holds the path of an authority (PEM) that signed neither.
pub const FOREIGN_CA_FILE: &str = "SYNAPSOR_TEST_FOREIGN_CA";

/// Time zone of both servers: far from UTC and not a whole hour, so that a forgotten zone shows.
pub const SERVER_ZONE: &str = "+05:45";

const ADMIN_PASSWORD: &str = "admin-of-a-throwaway-server";
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds a running pair of servers; dropping it stops them and removes their files.
#[must_use = "the servers stop when this is dropped"]
pub struct Servers {
    dir: PathBuf,
    ports: [u16; 2],
    children: Vec<Child>,
    guard: Guard,
}

impl Servers {
    /// Starts both servers on free loopback ports. The error says what went wrong, with the end of the server's log.
    pub fn start() -> Result<Servers, String> {
        let binaries = Binaries::find().map_err(|missing| missing.to_string())?;
        let dir =
            tempfile::Builder::new().prefix("synapsor-test-").tempdir().map_err(|e| format!("temp dir: {e}"))?.keep();
        let guard = Guard::start(&dir)?;
        let mut servers = Servers { dir, ports: [0; 2], children: Vec::new(), guard };
        servers.prepare().map_err(|e| format!("cannot prepare {}: {e}", servers.dir.display()))?;
        servers.start_postgres(&binaries)?;
        servers.start_mariadb(&binaries)?;
        Ok(servers)
    }

    /// Returns the variables that tests need to find the servers.
    pub fn env(&self) -> [(&'static str, String); 4] {
        let [postgres, mysql] = self.ports;
        [
            (POSTGRES_URL, format!("postgres://postgres:{ADMIN_PASSWORD}@127.0.0.1:{postgres}/postgres")),
            (MYSQL_URL, format!("mysql://admin:{ADMIN_PASSWORD}@127.0.0.1:{mysql}/mysql")),
            (CA_FILE, self.dir.join("ca.pem").display().to_string()),
            (FOREIGN_CA_FILE, self.dir.join("foreign-ca.pem").display().to_string()),
        ]
    }

    fn prepare(&self) -> io::Result<()> {
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o755))?;
        let homes = ["postgres", "mariadb"];
        for name in homes {
            fs::create_dir(self.dir.join(name))?;
        }
        Certificates { dir: &self.dir }.write(&homes).map_err(io::Error::other)?;
        fs::write(self.dir.join("postgres/password"), ADMIN_PASSWORD)?;
        // The server reads one statement a line from this file.
        let accounts = format!(
            "CREATE USER 'admin'@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n"
        );
        fs::write(self.dir.join("mariadb/accounts.sql"), accounts)?;
        if guard::is_root(&self.dir) {
            for home in homes.map(|name| self.dir.join(name)) {
                for entry in fs::read_dir(&home)? {
                    chown(entry?.path(), Some(guard::NOBODY), Some(guard::NOBODY))?;
                }
                chown(&home, Some(guard::NOBODY), Some(guard::NOBODY))?;
            }
        }
        Ok(())
    }

    fn start_postgres(&mut self, binaries: &Binaries) -> Result<(), String> {
        let home = self.dir.join("postgres");
        let mut initdb = as_server_user(&self.dir, &binaries.initdb);
        initdb.args(["-U", "postgres", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"]);
        initdb.arg(home.join("data")).arg(format!("--pwfile={}", home.join("password").display()));
        complete(initdb, &home)?;

        let dir = self.dir.clone();
        let server = |port: u16| {
            let mut command = as_server_user(&dir, &binaries.postgres);
            command.arg("-D").arg(home.join("data")).arg("-k").arg(&home).args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ]);
            for setting in [
                "fsync=off".to_owned(),
                "full_page_writes=off".to_owned(),
                "synchronous_commit=off".to_owned(),
                "max_connections=200".to_owned(),
                "shared_buffers=32MB".to_owned(),
                // POSIX notation has the sign the other way round.
                format!("timezone=<{SERVER_ZONE}>{}", SERVER_ZONE.replace('+', "-")),
                "ssl=on".to_owned(),
                format!("ssl_cert_file={}", home.join("server.pem").display()),
                format!("ssl_key_file={}", home.join("server.key").display()),
            ] {
                command.arg("-c").arg(setting);
            }
            command
        };
        let ready = |port: u16| {
            let mut ask = Command::new(&binaries.pg_isready);
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status().is_ok_and(|status| status.success())
        };
        self.ports[0] = self.serve(&home, server, ready)?;
        Ok(())
    }

    fn start_mariadb(&mut self, binaries: &Binaries) -> Result<(), String> {
        let home = self.dir.join("mariadb");
        let mut install = as_server_user(&self.dir, &binaries.mariadb_install_db);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.arg(format!("--datadir={}", home.join("data").display()));
        complete(install, &home)?;

        let dir = self.dir.clone();
        let server = |port: u16| {
            let mut command = as_server_user(&dir, &binaries.mariadbd);
            command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
            // What Debian's own configuration sets; without it the server would speak latin1.
            command.args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]);
            command.args([
                "--innodb-buffer-pool-size=64M",
                "--innodb-flush-log-at-trx-commit=0",
                "--max-connections=200",
            ]);
            command.arg(format!("--default-time-zone={SERVER_ZONE}")).arg(format!("--port={port}"));
            for (option, file) in [
                ("datadir", "data"),
                ("socket", "socket"),
                ("pid-file", "pid"),
                ("init-file", "accounts.sql"),
                ("ssl-cert", "server.pem"),
                ("ssl-key", "server.key"),
            ] {
                command.arg(format!("--{option}={}", home.join(file).display()));
            }
            command
        };
        self.ports[1] = self.serve(&home, server, greets)?;
        Ok(())
    }

    /// Starts a server on a free port and waits until it is ready; tries again if another process took the port.
    fn serve(
        &mut self,
        home: &Path,
        server: impl Fn(u16) -> Command,
        ready: impl Fn(u16) -> bool,
    ) -> Result<u16, String> {
        let mut last = String::new();
        for _ in 0..3 {
            let port = free_port().map_err(|e| format!("no free port: {e}"))?;
            let mut command = server(port);
            let log = log_file(home)?;
            command
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(|e| e.to_string())?)
                .stderr(log)
                .process_group(0);
            let mut child = command.spawn().map_err(|e| format!("cannot start {command:?}: {e}"))?;
            self.guard.watch(child.id())?;
            let started = Instant::now();
            while started.elapsed() < PATIENCE {
                if child.try_wait().map_err(|e| e.to_string())?.is_some() {
                    break;
                }
                if ready(port) {
                    self.children.push(child);
                    return Ok(port);
                }
                sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
            last = log_tail(home);
        }
        Err(format!("the server in {} did not come up; the end of its log:\n{last}", home.display()))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.guard.release();
        for child in &mut self.children {
            let _ = child.wait();
        }
        self.guard.join();
    }
}

/// Runs a command to its end; its output goes to the log and is quoted if it fails.
fn complete(mut command: Command, home: &Path) -> Result<(), String> {
    let log = log_file(home)?;
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(|e| e.to_string())?).stderr(log);
    let status = command.status().map_err(|e| format!("cannot start {command:?}: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed ({status}):\n{}", log_tail(home)))
}

fn log_file(home: &Path) -> Result<fs::File, String> {
    let path = home.join("log");
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn log_tail(home: &Path) -> String {
    let text = fs::read(home.join("log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Tells whether a MariaDB server greets on this port: a packet whose body starts with protocol version 10.
fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut greeting = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting[4] == 10
}
