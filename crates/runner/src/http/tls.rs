//! The server's certificate, read from files and again at a reload.

use std::path::Path;
use std::sync::Arc;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use synapsor_core::code::Code;
use synapsor_core::contract::http::Certificate;
use synapsor_core::refusal::Refusal;

/// The certificate that connections get from now on; clones share it.
#[derive(Clone)]
pub struct Config(RustlsConfig);

impl Config {
    /// Reads the files, which are relative to a folder.
    pub fn read(files: &Certificate, base: &Path) -> Result<Self, Refusal> {
        Ok(Self(RustlsConfig::from_config(read(files, base)?)))
    }

    /// Reads the files again. Connections that are open keep what they have.
    pub fn reload(&self, files: &Certificate, base: &Path) -> Result<(), Refusal> {
        self.0.reload_from_config(read(files, base)?);
        Ok(())
    }

    pub(super) fn acceptor(&self) -> RustlsAcceptor<NoDelayAcceptor> {
        RustlsAcceptor::new(self.0.clone()).acceptor(NoDelayAcceptor::new())
    }
}

fn read(files: &Certificate, base: &Path) -> Result<Arc<ServerConfig>, Refusal> {
    let bad = |field: &str, what: &str| {
        Refusal::new(Code::CredentialInvalid, format!("`http.tls.{field}` {what}"))
            .with_fix("give PEM files: the certificate chain, the server's own first, and its private key")
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(base.join(&files.cert_file))
        .and_then(Iterator::collect)
        .map_err(|_| bad("cert_file", "cannot be read"))?;
    if chain.is_empty() {
        return Err(bad("cert_file", "holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(base.join(&files.key_file))
        .map_err(|_| bad("key_file", "cannot be read, or holds no private key"))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| bad("key_file", "does not belong to the certificate"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
