//! An issuer's public keys: a JSON Web Key Set, of which only keys for our algorithms are kept.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use synapsor_core::code::Code;
use synapsor_core::contract::http::Algorithm;
use synapsor_core::refusal::Refusal;

use super::members::Members;
use super::{Unproven, Why};

/// Longest text of a key set, in bytes.
pub(super) const LONGEST: usize = 256 * 1024;

/// Members that only private and symmetric keys have.
const SECRET: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Public keys of an issuer.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The one algorithm that it is for.
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a text is not taken for a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Something else.
    #[error("is not a JSON Web Key Set")]
    Malformed,
    /// Whoever could read it could sign tokens.
    #[error("holds a private or symmetric key")]
    Secret,
}

impl KeySet {
    /// Reads a key set, and keeps the keys that can check signatures of one of these algorithms.
    pub fn read(text: &[u8], algorithms: &[Algorithm]) -> Result<Self, BadKeys> {
        let set = Members::read(text).ok_or(BadKeys::Malformed)?;
        let keys = set.get::<Vec<Members>>("keys").ok().flatten().ok_or(BadKeys::Malformed)?;
        if keys.iter().any(|key| SECRET.iter().any(|name| key.has(name))) {
            return Err(BadKeys::Secret);
        }
        let usable = keys.iter().filter_map(key).filter(|key| algorithms.contains(&key.algorithm));
        Ok(Self(usable.collect()))
    }

    /// The one key that a token can be signed with.
    pub(super) fn pick(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&DecodingKey, Unproven> {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        if id.is_some() && !self.0.iter().any(|key| named(&key)) {
            return Err(Unproven::UnknownKey);
        }
        let mut fitting = self.0.iter().filter(named).filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(&key.key),
            _ => Err(Unproven::Invalid(Why::NoSingleKey)),
        }
    }
}

/// Reads the key set of a file, which must hold a key that can be used.
pub(super) fn read_file(path: &Path, algorithms: &[Algorithm]) -> Result<KeySet, Refusal> {
    let refuse = |what: &str, fix: &str| {
        Refusal::new(Code::ConfigInvalid, format!("the file that `http.jwt.jwks_file` names {what}")).with_fix(fix)
    };
    let mut text = Vec::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(|_| {
        refuse("cannot be read", "Give the path of a JSON Web Key Set, relative to the configuration file.")
    })?;
    if text.len() > LONGEST {
        return Err(refuse("is larger than 256 KiB", "Keep only the issuer's present keys in it."));
    }
    let keys = KeySet::read(&text, algorithms).map_err(|bad| {
        let fix = match bad {
            BadKeys::Malformed => "Save what the issuer's `jwks_uri` answers with.",
            BadKeys::Secret => {
                "Save only public keys, as the issuer's `jwks_uri` has them, and replace the key that was in the file."
            }
        };
        refuse(&bad.to_string(), fix)
    })?;
    if keys.0.is_empty() {
        let fix =
            "It must have a public key for one of `http.jwt.algorithms`: RSA of 2048 bits or more, P-256, or Ed25519.";
        return Err(refuse("holds no key that can be used", fix));
    }
    Ok(keys)
}

/// A key, if it is one that we can use: its type says for which algorithm, and nothing else in it says otherwise.
fn key(jwk: &Members) -> Option<Key> {
    let text = |name| jwk.get::<String>(name).ok().flatten();
    let (kind, curve) = (text("kty")?, text("crv"));
    let (algorithm, key) = match (kind.as_str(), curve.as_deref()) {
        ("RSA", _) => (Algorithm::Rs256, rsa(&text("n")?, &text("e")?)?),
        ("EC", Some("P-256")) => (Algorithm::Es256, p256(&text("x")?, &text("y")?)?),
        ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, ed25519(&text("x")?)?),
        _ => return None,
    };
    let says_or_is_silent = |name, word: &str| match jwk.get::<String>(name) {
        Ok(said) => said.is_none_or(|said| said == word),
        Err(_) => false,
    };
    let may_verify = match jwk.get::<Vec<String>>("key_ops") {
        Ok(uses) => uses.is_none_or(|uses| uses.iter().any(|word| word == "verify")),
        Err(_) => false,
    };
    let fits = says_or_is_silent("alg", algorithm.word()) && says_or_is_silent("use", "sig") && may_verify;
    let id = jwk.get::<String>("kid").ok()?;
    fits.then_some(Key { id, algorithm, key })
}

fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let number = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let start = bytes.iter().position(|byte| *byte != 0)?;
        bytes.get(start..).map(<[u8]>::to_vec)
    };
    let (modulus, exponent) = (number(modulus)?, number(exponent)?);
    // 2048 to 8192 bits.
    (256..=1024).contains(&modulus.len()).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn p256(x: &str, y: &str) -> Option<DecodingKey> {
    (is_32_bytes(x) && is_32_bytes(y)).then(|| DecodingKey::from_ec_components(x, y).ok()).flatten()
}

fn ed25519(x: &str) -> Option<DecodingKey> {
    is_32_bytes(x).then(|| DecodingKey::from_ed_components(x).ok()).flatten()
}

fn is_32_bytes(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
