//! A token's three parts, and what may be believed of them in which order: form, header, signature, claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use synapsor_core::contract::http::{Algorithm, Jwt};

use super::claims;
use super::keys::KeySet;
use super::members::Members;
use super::{Proven, Unproven, Why};

const LONGEST: usize = 16 * 1024;

/// Header members that would have us trust a key from the token, or understand what we do not.
const REFUSED: [&str; 5] = ["crit", "jwk", "jku", "x5u", "x5c"];

/// A token whose header is one of ours. Nothing in it is proven.
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    /// Header and claims as they were signed.
    signed: &'a str,
    claims: Vec<u8>,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Reads a token that is signed with one of these algorithms.
    pub fn read(text: &'a str, accepted: &[Algorithm]) -> Result<Self, Why> {
        if text.len() > LONGEST {
            return Err(Why::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Why::NotAToken)?;
        let (header, claims) = signed.split_once('.').ok_or(Why::NotAToken)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Why::NotAToken);
        let (header, claims) = (decode(header)?, decode(claims)?);
        decode(signature)?;

        let header = Members::read(&header).ok_or(Why::BadHeader)?;
        let text_of = |name| header.get::<String>(name).map_err(|_| Why::BadHeader);
        if REFUSED.iter().any(|name| header.has(name)) {
            return Err(Why::RefusedMember);
        }
        if text_of("typ")?.is_some_and(|word| !is_ours(&word)) {
            return Err(Why::WrongType);
        }
        let named = text_of("alg")?.unwrap_or_default();
        let algorithm = *accepted.iter().find(|accepted| accepted.word() == named).ok_or(Why::AlgorithmRefused)?;
        Ok(Self { algorithm, key_id: text_of("kid")?, signed, claims, signature })
    }

    /// What the token proves to whoever has these keys.
    pub fn prove(&self, keys: &KeySet, rules: &Jwt, now: Timestamp) -> Result<Proven, Unproven> {
        let key = keys.pick(self.key_id.as_deref(), self.algorithm)?;
        let algorithm = match self.algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        let signed = jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm);
        if !signed.unwrap_or(false) {
            return Err(Unproven::Invalid(Why::BadSignature));
        }
        claims::prove(&self.claims, rules, now).map_err(Unproven::Invalid)
    }
}

/// Whether a `typ` is that of a token for access.
fn is_ours(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["jwt", "at+jwt"].contains(&word.strip_prefix("application/").unwrap_or(&word))
}
