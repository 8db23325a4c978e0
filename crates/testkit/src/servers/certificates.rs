//! A throwaway authority and the servers' certificates, made by the `openssl` command.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Keeps the system's own settings out.
const SETTINGS: &str = "[req]\ndistinguished_name = name\n[name]\n";

const EXTENSIONS_OF_AUTHORITY: [&str; 2] =
    ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
const EXTENSIONS_OF_SERVER: [&str; 2] = ["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost"];

/// Makes authorities and certificates in one folder.
pub(super) struct Certificates<'a> {
    pub(super) dir: &'a Path,
}

/// Writes `<name>.pem` and `<name>.key` into a folder, signed by itself for the name `localhost`.
pub fn self_signed(dir: &Path, name: &str) -> Result<(), String> {
    let certificates = Certificates { dir };
    certificates.settings()?;
    certificates.request(name, "/CN=localhost", EXTENSIONS_OF_SERVER, &[])
}

impl Certificates<'_> {
    /// Writes the authorities `ca.pem` and `foreign-ca.pem`, and into each of the homes `server.pem` and `server.key`,
    /// signed by the first for the name `localhost`.
    ///
    /// The name is all they vouch for: the same server reached as `127.0.0.1` must fail a check of the host name.
    pub(super) fn write(&self, homes: &[&str]) -> Result<(), String> {
        self.settings()?;
        for name in ["ca", "foreign-ca"] {
            self.request(name, "/CN=throwaway authority for tests", EXTENSIONS_OF_AUTHORITY, &[])?;
        }
        for home in homes {
            let signed_by_us = ["-CA", "ca.pem", "-CAkey", "ca.key"];
            self.request(&format!("{home}/server"), "/CN=localhost", EXTENSIONS_OF_SERVER, &signed_by_us)?;
        }
        Ok(())
    }

    fn settings(&self) -> Result<(), String> {
        fs::write(self.dir.join("openssl.cnf"), SETTINGS).map_err(|e| format!("openssl.cnf: {e}"))
    }

    fn request(&self, name: &str, subject: &str, extensions: [&str; 2], signer: &[&str]) -> Result<(), String> {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-config", "openssl.cnf", "-nodes", "-days", "30", "-subj", subject]);
        command.args([
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ]);
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        command.args(signer.iter().map(OsStr::new)).current_dir(self.dir).stdin(Stdio::null());
        let output = command.output().map_err(|e| format!("cannot start openssl: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("openssl cannot make {certificate}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
