//! One PostgreSQL and one MariaDB (or MySQL) server for a whole test run, thrown away after it.
//!
//! `cargo xtask test` starts the pair and tells the tests where it is through the environment variables named here.
//! A guard process removes servers and files when the owner's end of a pipe closes, so nothing outlives the owner,
//! however it ends.

mod binaries;
mod certificates;
mod guard;
mod launch;
mod mariadb;
mod oracle;
mod pooler;
mod postgres;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use binaries::{Missing, PGBOUNCER, missing};
pub use certificates::self_signed;
pub use mariadb::OwnMariadb;
pub use pooler::Pooler;
pub use postgres::OwnPostgres;

use binaries::Binaries;
use certificates::Certificates;
use launch::Camp;
use oracle::Unpacked;

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
        Servers::start_with(None)
    }

    /// As `start`, but with Oracle's MySQL in MariaDB's place: what was unpacked into this folder.
    pub fn start_with_oracle(unpacked: &Path) -> Result<Servers, String> {
        Servers::start_with(Some(Unpacked::find(unpacked)?))
    }

    fn start_with(oracle: Option<Unpacked>) -> Result<Servers, String> {
        let binaries = Binaries::find().map_err(|missing| missing.to_string())?;
        let mut servers = Servers { camp: Camp::pitch()?, ports: [0; 2] };
        let [postgres, mysql] =
            servers.prepare().map_err(|e| format!("cannot prepare {}: {e}", servers.camp.dir().display()))?;
        servers.start_postgres(&binaries, &postgres)?;
        servers.start_mysql(&binaries, oracle.as_ref(), &mysql)?;
        Ok(servers)
    }

    /// Returns the variables that tests need to find the servers.
    pub fn env(&self) -> [(&'static str, String); 4] {
        let [postgres, mysql] = self.ports;
        let file = |name: &str| self.camp.dir().join(name).display().to_string();
        [
            (POSTGRES_URL, postgres::url(postgres)),
            (MYSQL_URL, mariadb::url(mysql)),
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
        mariadb::write_accounts(mariadb)?;
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

    fn start_mysql(&mut self, binaries: &Binaries, oracle: Option<&Unpacked>, home: &Path) -> Result<(), String> {
        let options = [
            "--max-connections=200".to_owned(),
            format!("--ssl-cert={}", home.join("server.pem").display()),
            format!("--ssl-key={}", home.join("server.key").display()),
        ];
        self.ports[1] = match oracle {
            None => {
                mariadb::init(&self.camp, binaries, home)?;
                mariadb::start(&mut self.camp, binaries, home, &options)?
            }
            Some(unpacked) => {
                oracle::init(&self.camp, unpacked, home)?;
                oracle::start(&mut self.camp, unpacked, home, &options)?
            }
        };
        Ok(())
    }
}
