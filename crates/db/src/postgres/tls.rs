//! Where a URL leads, and how much transport security is demanded on the way.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use synapsor_core::contract::{Tls, TlsMode};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::{Class, Fault};

/// What a new connection needs.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// Reads a URL under the configured transport security. Nothing of the URL gets into the fault.
pub(super) fn target(url: &str, tls: &Tls, base: &Path) -> Result<Target, Fault> {
    let bad = |what| Err(Fault::new(Class::Url, what));
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return bad("the database URL does not start with `postgres://` or `postgresql://`");
    }
    let (url, word) = take_sslmode(url);
    let asked = match word.as_deref().map(mode_of_word) {
        None => None,
        Some(Some(mode)) => Some(mode),
        Some(None) => {
            return bad(
                "`sslmode` in the database URL is none of `disable`, `prefer`, `require`, `no-verify`, `verify-ca`, `verify-full`",
            );
        }
    };
    let mode = match (tls.mode, asked) {
        (Some(_), Some(_)) => {
            return bad(
                "transport security is set twice: by `ssl.mode` in the config and by `sslmode` in the database URL",
            );
        }
        (mode, asked) => mode.or(asked).unwrap_or_default(),
    };
    let Ok(mut config) = url.parse::<Config>() else {
        return bad(
            "the database URL does not read as `postgres://user:password@host:port/database`, or has an unknown option",
        );
    };
    if config.get_hosts().is_empty() {
        return bad("the database URL names no host");
    }
    if config.get_application_name().is_none() {
        config.application_name("synapsor-runner");
    }
    config.ssl_mode(match mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    let client = client_config(mode, tls.ca_file.as_deref().map(|file| base.join(file)).as_deref())?;
    Ok(Target { config, tls: MakeRustlsConnect::new(client) })
}

/// Takes `sslmode` out of the URL: the driver knows fewer words for it than people write.
fn take_sslmode(url: &str) -> (String, Option<String>) {
    // A password may hold a raw `?`, so options start after the credential only.
    let credential = url.find('@').unwrap_or(0);
    let Some((head, options)) =
        url.split_at_checked(credential).and_then(|(user, rest)| Some((user, rest.split_once('?')?)))
    else {
        return (url.to_owned(), None);
    };
    let (place, options) = options;
    let mut word = None;
    let kept: Vec<&str> = options
        .split('&')
        .filter(|option| match option.split_once('=') {
            Some(("sslmode", value)) => {
                word = Some(value.to_owned());
                false
            }
            _ => true,
        })
        .collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    (format!("{head}{place}{mark}{}", kept.join("&")), word)
}

fn mode_of_word(word: &str) -> Option<TlsMode> {
    Some(match word {
        "disable" => TlsMode::Disable,
        "prefer" => TlsMode::Prefer,
        "require" | "no-verify" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => return None,
    })
}

fn client_config(mode: TlsMode, ca_file: Option<&Path>) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::new(Class::Tls, "transport security could not be set up").because(error))?;
    let check = match mode {
        TlsMode::VerifyFull => {
            return Ok(builder.with_root_certificates(authorities(ca_file)?).with_no_client_auth());
        }
        TlsMode::VerifyCa => Check { roots: Some(authorities(ca_file)?), provider },
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => Check { roots: None, provider },
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(check)).with_no_client_auth())
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let bad = |error| Fault::new(Class::Tls, "`ca_file` cannot be read as PEM certificates").because(error);
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))? {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Fault::new(Class::Tls, "there is no certificate authority to check the server's certificate with"));
    }
    Ok(roots)
}

/// Checks who signed a certificate, or nothing; never which host it names.
#[derive(Debug)]
struct Check {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sslmode_leaves_the_url() {
        let check = |url: &str, rest: &str, word: Option<&str>| {
            assert_eq!(take_sslmode(url), (rest.to_owned(), word.map(str::to_owned)), "{url}");
        };
        check("postgres://u:p@h/d", "postgres://u:p@h/d", None);
        check("postgres://u:p@h/d?sslmode=require", "postgres://u:p@h/d", Some("require"));
        check("postgres://h/d?a=b&sslmode=no-verify&c=d", "postgres://h/d?a=b&c=d", Some("no-verify"));
        check("postgres://u:p?sslmode=x@h/d", "postgres://u:p?sslmode=x@h/d", None);
        check("postgres://u:p?w@h/d?sslmode=prefer", "postgres://u:p?w@h/d", Some("prefer"));
    }

    #[test]
    fn urls_read_or_say_what_is_wrong_without_quoting_them() {
        let check = |url: &str, mode: Option<TlsMode>, expect: Result<SslMode, &str>| {
            let found = target(url, &Tls { mode, ca_file: None }, Path::new("."));
            match (found, expect) {
                (Ok(target), Ok(mode)) => assert_eq!(target.config.get_ssl_mode(), mode, "{url}"),
                (Err(fault), Err(words)) => {
                    assert_eq!(fault.class(), Class::Url, "{url}");
                    assert!(fault.to_string().contains(words), "{fault}");
                    assert!(!format!("{fault:?}").contains("hush"), "{fault:?}");
                }
                (found, _) => panic!("{url}: {:?}", found.map(|_| ())),
            }
        };
        check("postgres://u:hush@h/d", None, Ok(SslMode::Prefer));
        check("postgresql://u:hush@h/d?sslmode=disable", None, Ok(SslMode::Disable));
        check("postgres://u:hush@h/d?sslmode=no-verify", None, Ok(SslMode::Require));
        check("postgres://u:hush@h/d", Some(TlsMode::Require), Ok(SslMode::Require));
        check("postgres://u:hush@h/d?sslmode=require", Some(TlsMode::Require), Err("set twice"));
        check("postgres://u:hush@h/d?sslmode=hush", None, Err("none of"));
        check("postgres://u:hush@h/d?hush=1", None, Err("unknown option"));
        check("postgres://u:hush@h:port/d", None, Err("does not read"));
        check("postgres:///hush", None, Err("no host"));
        check("host=h password=hush", None, Err("does not start"));
        check("mysql://u:hush@h/d", None, Err("does not start"));
    }

    #[test]
    fn a_missing_authority_file_is_a_fault() {
        let tls = Tls { mode: Some(TlsMode::VerifyFull), ca_file: Some("missing.pem".to_owned()) };
        let fault = target("postgres://h/d", &tls, Path::new("/nonexistent")).map(|_| ()).unwrap_err();
        assert_eq!(fault.class(), Class::Tls);
    }
}
