//! Both servers offer TLS with a certificate for `localhost` from the run's own authority.
#![expect(clippy::expect_used, reason = "a test file; its own functions may fail too")]

use std::path::Path;
use std::sync::Arc;

use mysql_async::{Conn, OptsBuilder, SslOpts};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use synapsor_testkit::database::{ca_file, foreign_ca_file, mysql, postgres};
use tokio_postgres_rustls::MakeRustlsConnect;

fn trusting(ca: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("the authority's file is PEM")).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.expect("the provider has them").with_root_certificates(roots).with_no_client_auth()
}

#[tokio::test]
async fn postgres_is_verified_by_authority_and_name() {
    let db = postgres().await;
    for (ca, host, accepted) in
        [(ca_file(), "localhost", true), (ca_file(), "127.0.0.1", false), (foreign_ca_file(), "localhost", false)]
    {
        let url = db.admin_url().replace("127.0.0.1", host) + "?sslmode=require";
        let connected = tokio_postgres::connect(&url, MakeRustlsConnect::new(trusting(&ca))).await;
        assert_eq!(connected.is_ok(), accepted, "{host} {}: {:?}", ca.display(), connected.err());
    }
}

#[tokio::test]
async fn mariadb_is_verified_by_authority_and_name() {
    let db = mysql().await;
    for (ca, host, accepted) in
        [(ca_file(), "localhost", true), (ca_file(), "127.0.0.1", false), (foreign_ca_file(), "localhost", false)]
    {
        let url = db.admin_url().replace("127.0.0.1", host);
        let tls = SslOpts::default().with_disable_built_in_roots(true).with_root_certs(vec![ca.clone().into()]);
        let options =
            OptsBuilder::from_opts(mysql_async::Opts::from_url(&url).unwrap()).ssl_opts(tls).prefer_socket(false);
        let connected = Conn::new(options).await;
        assert_eq!(connected.is_ok(), accepted, "{host} {}: {:?}", ca.display(), connected.err());
    }
}
