//! Requests of this program to others.

use std::sync::Arc;

use reqwest::{Client, redirect};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// Why no request can be made.
#[derive(Debug, thiserror::Error)]
#[error("this machine cannot make requests")]
pub struct Unable;

/// A client that follows no redirection, asks no proxy and trusts the system's authorities.
pub fn client() -> Result<Client, Unable> {
    let client = Client::builder().tls_backend_preconfigured(tls(system_roots())?);
    client.no_proxy().redirect(redirect::Policy::none()).referer(false).build().map_err(|_| Unable)
}

/// The authorities that this system trusts.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// TLS with these authorities.
pub(crate) fn tls(roots: RootCertStore) -> Result<ClientConfig, Unable> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|_| Unable)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
