//! A throwaway authority and the servers' certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// Writes an authority to `ca` and a certificate and key for the name `localhost` into each home; returns the keys' paths.
///
/// The name is all they vouch for: the same server reached as `127.0.0.1` must fail a check of the host name.
pub(super) fn write(ca: &Path, homes: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let issuer = write_authority(ca)?;
    let mut keys = Vec::new();
    for home in homes {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &issuer).map_err(io::Error::other)?;
        fs::write(home.join("server.pem"), certificate.pem())?;
        fs::write(home.join("server.key"), key.serialize_pem())?;
        keys.push(home.join("server.key"));
    }
    Ok(keys)
}

/// Makes an authority and writes its certificate.
pub(super) fn write_authority(path: &Path) -> io::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "throwaway authority for tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
    fs::write(path, issuer.pem())?;
    Ok(issuer)
}
