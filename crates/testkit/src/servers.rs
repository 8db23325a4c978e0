//! One PostgreSQL and one MariaDB server for a whole test run, thrown away after it.
//!
//! `cargo xtask test` starts the pair and tells the tests where it is through the environment variables named here.
//! A guard process removes servers and files when the owner's end of a pipe closes, so nothing outlives the owner,
//! however it ends.

mod binaries;
mod certificates;
mod guard;
mod launch;
mod pooler;
mod postgres;

use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use binaries::{Missing, PGBOUNCER, missing};
pub use pooler::Pooler;
pub use postgres::OwnPostgres;

use binaries::Binaries;
use certificates::Certificates;
use guard::as_server_user;
use launch::Camp;

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

/// Holds a running pair of servers; dropping it stops them and removes their files.
#[must_use = "the servers stop when this is dropped"]
pub struct Servers {
    camp: Camp,
    ports: [u16; 2],
}

impl Servers {
    /// Starts both servers on free loopback ports. The error says what went wrong, with the end of the server's log.
    pub fn start() -> Result<Servers, String> {
        let binaries = Binaries::find().map_err(|missing| missing.to_string())?;
        let mut servers = Servers { camp: Camp::pitch()?, ports: [0; 2] };
        let [postgres, mariadb] =
            servers.prepare().map_err(|e| format!("cannot prepare {}: {e}", servers.camp.dir().display()))?;
        servers.start_postgres(&binaries, &postgres)?;
        servers.start_mariadb(&binaries, &mariadb)?;
        Ok(servers)
    }

    /// Returns the variables that tests need to find the servers.
    pub fn env(&self) -> [(&'static str, String); 4] {
        let [postgres, mysql] = self.ports;
        let file = |name: &str| self.camp.dir().join(name).display().to_string();
        [
            (POSTGRES_URL, postgres::url(postgres)),
            (MYSQL_URL, format!("mysql://admin:{ADMIN_PASSWORD}@127.0.0.1:{mysql}/mysql")),
            (CA_FILE, file("ca.pem")),
            (FOREIGN_CA_FILE, file("foreign-ca.pem")),
        ]
    }

    fn prepare(&self) -> io::Result<[PathBuf; 2]> {
        let names = ["postgres", "mariadb"];
        let homes = [self.camp.home(names[0])?, self.camp.home(names[1])?];
        Certificates { dir: self.camp.dir() }.write(&names).map_err(io::Error::other)?;
        let [postgres, mariadb] = &homes;
        fs::write(postgres.join("password"), ADMIN_PASSWORD)?;
        // The server reads one statement a line from this file.
        let accounts = format!(
            "CREATE USER 'admin'@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n"
        );
        fs::write(mariadb.join("accounts.sql"), accounts)?;
        for home in &homes {
            self.camp.hand_over(home)?;
        }
        Ok(homes)
    }

    fn start_postgres(&mut self, binaries: &Binaries, home: &Path) -> Result<(), String> {
        postgres::init(&self.camp, binaries, home)?;
        let settings = [
            "max_connections=200".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", home.join("server.pem").display()),
            format!("ssl_key_file={}", home.join("server.key").display()),
        ];
        self.ports[0] = postgres::start(&mut self.camp, binaries, home, &settings)?;
        Ok(())
    }

    fn start_mariadb(&mut self, binaries: &Binaries, home: &Path) -> Result<(), String> {
        let mut install = as_server_user(self.camp.dir(), &binaries.mariadb_install_db);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.arg(format!("--datadir={}", home.join("data").display()));
        launch::complete(install, home)?;

        let dir = self.camp.dir().to_owned();
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
            Ok(command)
        };
        self.ports[1] = self.camp.serve(home, server, greets)?;
        Ok(())
    }
}

/// Tells whether a MariaDB server greets on this port: a packet whose body starts with protocol version 10.
fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut greeting = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting[4] == 10
}
