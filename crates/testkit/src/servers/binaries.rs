//! Finds the server programs, and names the Debian packages that are missing.

use std::fmt;
use std::path::{Path, PathBuf};

/// Names the connection pooler that tests put before PostgreSQL: the Debian package, its service and its program.
pub const PGBOUNCER: &str = "pgbouncer";

/// Lists the Debian packages that hold what was not found.
#[derive(Debug)]
pub struct Missing(pub Vec<&'static str>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database servers are missing: install them with `apt-get install {}`", self.0.join(" "))
    }
}

/// Holds the paths of the programs that start a server.
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
    pub(super) pg_isready: PathBuf,
    pub(super) pg_basebackup: PathBuf,
    pub(super) mariadb_install_db: PathBuf,
    pub(super) mariadbd: PathBuf,
}

impl Binaries {
    /// Looks in the search path and where Debian keeps servers; fails with the packages to install.
    pub(super) fn find() -> Result<Binaries, Missing> {
        let missing = missing();
        let dir = postgres_dir();
        let (Some(dir), Some(mariadb_install_db), Some(mariadbd)) =
            (dir, in_path("mariadb-install-db"), in_path("mariadbd"))
        else {
            return Err(Missing(missing));
        };
        Ok(Binaries {
            initdb: dir.join("initdb"),
            postgres: dir.join("postgres"),
            pg_isready: dir.join("pg_isready"),
            pg_basebackup: dir.join("pg_basebackup"),
            mariadb_install_db,
            mariadbd,
        })
    }
}

/// Returns the Debian packages to install before servers can be started; empty when everything is there.
pub fn missing() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if postgres_dir().is_none() {
        packages.push("postgresql");
    }
    if in_path("mariadb-install-db").is_none() || in_path("mariadbd").is_none() {
        packages.extend(["mariadb-server-core", "mariadb-client"]);
    }
    if in_path(PGBOUNCER).is_none() {
        packages.push(PGBOUNCER);
    }
    if in_path("openssl").is_none() {
        packages.push("openssl");
    }
    packages
}

/// Finds the newest PostgreSQL whose server and client programs are all in one folder.
fn postgres_dir() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort();
    let in_path = in_path("initdb").and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    let mut dirs = numbered.into_iter().rev().map(|(_, dir)| dir).chain(in_path);
    dirs.find(|dir| ["initdb", "postgres", "pg_isready", "pg_basebackup"].iter().all(|name| dir.join(name).is_file()))
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|file| Path::is_file(file))
}
