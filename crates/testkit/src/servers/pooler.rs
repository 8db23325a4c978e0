//! PgBouncer in transaction mode before a PostgreSQL server, for one test.

use std::fs;
use std::net::TcpStream;
use std::path::Path;

use super::binaries::PGBOUNCER;
use super::guard::as_server_user;
use super::launch::Camp;

/// Holds a running pooler; dropping it stops it and removes its files.
///
/// Each account has one connection to each database of the server, so that its clients really do share it.
#[must_use = "the pooler stops when this is dropped"]
pub struct Pooler {
    _camp: Camp,
    server: String,
    port: u16,
}

impl Pooler {
    /// Starts a pooler before the server at this address, for accounts with these names and passwords.
    pub fn before(server: &str, accounts: &[(String, String)]) -> Result<Pooler, String> {
        let mut camp = Camp::pitch()?;
        let home = camp.home(PGBOUNCER).map_err(|e| format!("cannot prepare a pooler: {e}"))?;
        let list: String = accounts.iter().map(|(name, password)| format!("\"{name}\" \"{password}\"\n")).collect();
        fs::write(home.join("accounts"), list).map_err(|e| format!("cannot write the pooler's accounts: {e}"))?;
        let (dir, config) = (camp.dir().to_owned(), home.join("pgbouncer.ini"));
        let launched = |port: u16| {
            let settings = settings(server, &home, port);
            fs::write(&config, settings).map_err(|e| format!("{}: {e}", config.display()))?;
            let mut command = as_server_user(&dir, PGBOUNCER);
            command.arg(&config);
            Ok(command)
        };
        let port = camp.serve(&home, launched, |port| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Pooler { _camp: camp, server: server.to_owned(), port })
    }

    /// Rewrites a URL so that it leads through the pooler.
    pub fn through(&self, url: &str) -> String {
        url.replace(&self.server, &format!("127.0.0.1:{}", self.port))
    }
}

fn settings(server: &str, home: &Path, port: u16) -> String {
    let (host, server_port) = server.rsplit_once(':').unwrap_or((server, "5432"));
    format!(
        "[databases]\n* = host={host} port={server_port}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = scram-sha-256\nauth_file = {}\n\
         pool_mode = transaction\ndefault_pool_size = 1\nreserve_pool_size = 0\n",
        home.join("accounts").display()
    )
}
