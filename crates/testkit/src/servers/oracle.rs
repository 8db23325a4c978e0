//! Oracle's MySQL, from packages of another release that were unpacked into a folder and run with their own loader.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::guard::as_server_user;
use super::launch::{self, Camp};
use super::{SERVER_ZONE, mariadb};

/// Where the packages keep the server, and the libraries it was built with.
const SERVER: &str = "usr/sbin/mysqld";
const LIBRARIES: [&str; 2] = ["usr/lib", "usr/lib/mysql/private"];

/// The programs of an unpacked server.
pub(super) struct Unpacked {
    root: PathBuf,
    loader: PathBuf,
    libraries: String,
}

impl Unpacked {
    /// Looks into a folder of unpacked packages.
    pub(super) fn find(root: &Path) -> Result<Unpacked, String> {
        let missing = |what: &str| format!("{} holds no {what}", root.display());
        let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
        let folders = [root.join("usr/lib64"), root.join(LIBRARIES[0]).join(&triple)];
        let loader = folders.iter().find_map(|folder| loader(folder).ok().flatten());
        let loader = loader.ok_or_else(|| missing("program loader"))?;
        if !root.join(SERVER).is_file() {
            return Err(missing(SERVER));
        }
        let libraries = [root.join(LIBRARIES[0]).join(triple), root.join(LIBRARIES[1])];
        let libraries = libraries.map(|folder| folder.display().to_string()).join(":");
        Ok(Unpacked { root: root.to_owned(), loader, libraries })
    }

    fn server(&self, dir: &Path, home: &Path) -> Command {
        let mut command = as_server_user(dir, &self.loader);
        command.args(["--library-path", &self.libraries]).arg(self.root.join(SERVER)).arg("--no-defaults");
        for (option, place) in [
            ("basedir", self.root.join("usr")),
            ("lc-messages-dir", self.root.join("usr/share/mysql")),
            ("character-sets-dir", self.root.join("usr/share/mysql/charsets")),
            ("plugin-dir", self.root.join("usr/lib/mysql/plugin")),
            ("datadir", home.join("data")),
            ("tmpdir", home.to_owned()),
        ] {
            command.arg(format!("--{option}={}", place.display()));
        }
        // Otherwise it looks for a folder that only its own package makes.
        command.arg("--secure-file-priv=NULL");
        command
    }
}

fn loader(folder: &Path) -> io::Result<Option<PathBuf>> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
    Ok(std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).find(named))
}

/// Makes the files of a new server in `home/data`.
pub(super) fn init(camp: &Camp, unpacked: &Unpacked, home: &Path) -> Result<(), String> {
    let mut install = unpacked.server(camp.dir(), home);
    install.arg("--initialize-insecure");
    launch::complete(install, home)
}

/// Starts the server whose files are in `home/data`.
pub(super) fn start(camp: &mut Camp, unpacked: &Unpacked, home: &Path, options: &[String]) -> Result<u16, String> {
    let dir = camp.dir().to_owned();
    let server = |port: u16| {
        let mut command = unpacked.server(&dir, home);
        command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--mysqlx=OFF"]);
        command.args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]);
        command.args(["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"]);
        command.arg(format!("--default-time-zone={SERVER_ZONE}")).arg(format!("--port={port}"));
        for (option, file) in [("socket", "socket"), ("pid-file", "pid"), ("init-file", "accounts.sql")] {
            command.arg(format!("--{option}={}", home.join(file).display()));
        }
        command.args(options);
        Ok(command)
    };
    camp.serve(home, server, mariadb::greets)
}
