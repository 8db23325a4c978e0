//! Where a server is, as whom, and how the link is secured.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use mysql_async::{Conn, DriverError, Opts, OptsBuilder, SslOpts};
use synapsor_core::contract::{Tls, TlsMode};

use super::refusal;
use crate::fault::{Class, Fault};

/// Largest packet taken from a server: more than any row that is worth showing.
const PACKET_LIMIT: usize = 64 << 20;
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A parsed URL with its transport security. Neither is ever printed.
pub(super) struct Address {
    opts: Opts,
    mode: TlsMode,
    ca_file: Option<PathBuf>,
    secured: OnceLock<Opts>,
}

impl Address {
    /// Reads a `mysql://` or `mariadb://` URL. Its own word on transport security and the config's exclude each other.
    pub(super) fn parse(url: &str, tls: &Tls, base: &Path) -> Result<Self, Fault> {
        let refuse = |what| Err(Fault::new(Class::Url, what));
        let Some(rest) = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://")) else {
            return refuse("the URL starts with neither `mysql://` nor `mariadb://`");
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        // The driver's message may hold parts of the URL, so it is dropped.
        let Ok(opts) = Opts::from_url(&format!("mysql://{place}")) else {
            return refuse("the URL cannot be read; special characters in the password must be percent-encoded");
        };
        let mut mode = tls.mode;
        let mut socket = None;
        for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
            match name.to_ascii_lowercase().as_str() {
                "sslmode" | "ssl-mode" | "ssl_mode" => {
                    if mode.is_some() {
                        return refuse(
                            "transport security is set twice: in the URL and in the config, or twice in the URL",
                        );
                    }
                    let Some(word) = url_mode(value) else {
                        return refuse("the URL's `sslmode` is none of the known ones");
                    };
                    mode = Some(word);
                }
                "socket" => match percent_decoded(value) {
                    Some(path) => socket = Some(path),
                    None => return refuse("the URL's `socket` cannot be read"),
                },
                _ => return refuse("the URL has a parameter other than `sslmode` and `socket`"),
            }
        }
        // A socket never leaves the machine, and the driver cannot secure one.
        let mode = if socket.is_some() { TlsMode::Disable } else { mode.unwrap_or_default() };
        let opts = OptsBuilder::from_opts(opts)
            .socket(socket)
            // Without this a server's own word could send us to a socket of this machine.
            .prefer_socket(false)
            .client_found_rows(true)
            .tcp_keepalive(Some(KEEPALIVE))
            // Given here, neither is asked from the server.
            .max_allowed_packet(Some(PACKET_LIMIT))
            .wait_timeout(Some(28_800));
        let ca_file = tls.ca_file.as_ref().map(|file| base.join(file));
        Ok(Self { opts: opts.into(), mode, ca_file, secured: OnceLock::new() })
    }

    /// Connects and authenticates; the caller sets the time limit. Dropping the future closes the socket.
    pub(super) async fn dial(&self) -> Result<Conn, Fault> {
        if self.mode == TlsMode::Disable {
            return Conn::new(self.opts.clone()).await.map_err(|error| refusal::fault(error, CONNECT));
        }
        match Conn::new(self.secured()?.clone()).await {
            Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) if self.mode == TlsMode::Prefer => {
                Conn::new(self.opts.clone()).await.map_err(|error| refusal::fault(error, CONNECT))
            }
            Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                Err(Fault::new(Class::Tls, "the server offers no transport security"))
            }
            other => other.map_err(|error| refusal::fault(error, CONNECT)),
        }
    }

    fn secured(&self) -> Result<&Opts, Fault> {
        if let Some(opts) = self.secured.get() {
            return Ok(opts);
        }
        let ssl = SslOpts::default();
        let ssl = match self.mode {
            TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => ssl.with_danger_accept_invalid_certs(true),
            TlsMode::VerifyCa => self
                .authorities(ssl)?
                .with_danger_skip_domain_validation(true)
                // The driver tells a wrong name from a wrong authority by looking for this word in the error's text, where
                // current TLS errors hold it only as the name that was asked for. Chains are checked before names.
                .with_danger_tls_hostname_override(Some("NotValidForName")),
            TlsMode::VerifyFull => self.authorities(ssl)?,
        };
        // Two providers in one program would leave the driver without a default.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let opts = OptsBuilder::from_opts(self.opts.clone()).ssl_opts(ssl).into();
        Ok(self.secured.get_or_init(|| opts))
    }

    /// The authorities of `ca_file`, else the system's; never a list built into the program.
    fn authorities(&self, ssl: SslOpts) -> Result<SslOpts, Fault> {
        let roots: Vec<Vec<u8>> = match &self.ca_file {
            Some(file) => {
                let pem = std::fs::read(file);
                vec![pem.map_err(|error| Fault::new(Class::Tls, "`ca_file` cannot be read").because(error))?]
            }
            None => rustls_native_certs::load_native_certs().certs.iter().map(|authority| authority.to_vec()).collect(),
        };
        if roots.is_empty() {
            return Err(Fault::new(Class::Tls, "the system knows no certificate authorities; set `ca_file`"));
        }
        let roots = roots.into_iter().map(Into::into).collect();
        Ok(ssl.with_root_certs(roots).with_disable_built_in_roots(true))
    }
}

const CONNECT: &str = "connecting to the source database failed";

fn url_mode(word: &str) -> Option<TlsMode> {
    Some(match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => TlsMode::Disable,
        "prefer" | "preferred" | "allow" => TlsMode::Prefer,
        "require" | "required" | "no-verify" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" | "verify-identity" => TlsMode::VerifyFull,
        _ => return None,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
