//! JSON Web Tokens: whom they stand for, once their signature has been checked with a key of their issuer.

mod claims;
mod keys;
mod members;
mod remote;
#[cfg(test)]
mod tests;
mod token;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use synapsor_core::caller::Identity;
use synapsor_core::contract::http::{Jwt, Keys};
use synapsor_core::refusal::Refusal;

pub use self::keys::{BadKeys, KeySet};
use self::remote::Remote;
use self::token::Token;
use crate::clock::Moment;

/// Checks tokens by the rules of one configuration.
pub struct Verifier {
    rules: Jwt,
    source: Source,
}

/// Where the keys come from.
enum Source {
    File(KeySet),
    Url(Arc<Remote>),
}

/// What a token has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Whom it stands for.
    pub identity: Identity,
    /// From when on it is accepted no more: its `exp` and the leeway.
    pub expires: Timestamp,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It proves nothing. The reason is for the log: whoever sent it is not told.
    Invalid(Why),
    /// There are no keys to check it with; later there may be.
    KeysUnavailable,
}

/// Why a token proves nothing to a set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// Whatever the keys are, or with the very key that it names.
    Invalid(Why),
    /// It names a key that is not in the set; a newer set may have it.
    UnknownKey,
}

/// What is wrong with a token. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not read at all.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not what RFC 7515 calls a compact serialization.
    #[error("the token is not three parts of base64url")]
    NotAToken,
    /// No JSON object, or one that says something twice.
    #[error("the header is not a JSON object with each member once")]
    BadHeader,
    /// `crit`, or a key or the address of one.
    #[error("the header has a member that is refused: `crit`, `jwk`, `jku`, `x5u` or `x5c`")]
    RefusedMember,
    /// A token for something else.
    #[error("the `typ` is neither `JWT` nor `at+jwt`")]
    WrongType,
    /// `none`, a symmetric one, or one that the configuration does not name.
    #[error("the `alg` is not accepted")]
    AlgorithmRefused,
    /// The `kid` names no key that the issuer has.
    #[error("the `kid` names no usable key of the issuer")]
    UnknownKey,
    /// The key is for another algorithm, or several could be meant.
    #[error("not exactly one key of the issuer fits the `alg` and `kid`")]
    NoSingleKey,
    /// Forged, changed, or signed by someone else.
    #[error("the signature is not that of the key")]
    BadSignature,
    /// No JSON object, or one that says something twice.
    #[error("the claims are not a JSON object with each claim once")]
    BadClaims,
    /// Someone else's token.
    #[error("the `iss` is not the configured issuer")]
    WrongIssuer,
    /// A token for someone else.
    #[error("the `aud` does not name the configured audience")]
    WrongAudience,
    /// `exp` is missing, or a time is no number that a time can have.
    #[error("`exp`, `nbf` or `iat` is missing or no time")]
    BadTime,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Nobody can have made it yet.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// Missing, blank, too long, or no plain text.
    #[error("the tenant claim is not a text of 1 to 256 characters")]
    BadTenant,
    /// Missing, blank, too long, or no plain text.
    #[error("the principal claim is not a text of 1 to 256 characters")]
    BadPrincipal,
    /// Neither a text nor texts.
    #[error("the scope claim is neither a text nor a list of texts")]
    BadScope,
}

impl Verifier {
    /// A verifier by these rules. A key file, relative to `base`, is read now; an address is asked on first use.
    pub fn new(rules: &Jwt, base: &Path) -> Result<Self, Refusal> {
        let source = match &rules.keys {
            Keys::File(file) => Source::File(keys::read_file(&base.join(file), &rules.algorithms)?),
            Keys::Url(url) => Source::Url(Arc::new(Remote::new(url, &rules.algorithms)?)),
        };
        Ok(Self { rules: rules.clone(), source })
    }

    /// What a token proves now.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Proven, Denied> {
        self.verify_at(token, now, Moment::now()).await
    }

    /// As [`Verifier::verify`], with the moment by which the age of the keys is told.
    async fn verify_at(&self, token: &str, now: Timestamp, moment: Moment) -> Result<Proven, Denied> {
        // What cannot be a good token does not make anyone ask for keys.
        let token = Token::read(token, &self.rules.algorithms).map_err(Denied::Invalid)?;
        let remote = match &self.source {
            Source::File(keys) => return token.prove(keys, &self.rules, now).map_err(Denied::from),
            Source::Url(remote) => remote,
        };
        let keys = remote.keys(moment).await.ok_or(Denied::KeysUnavailable)?;
        match token.prove(&keys, &self.rules, now) {
            Err(Unproven::UnknownKey) => {
                let keys = remote.keys_after_unknown(&keys, moment).await.ok_or(Denied::KeysUnavailable)?;
                token.prove(&keys, &self.rules, now).map_err(Denied::from)
            }
            known => known.map_err(Denied::from),
        }
    }
}

impl From<Unproven> for Denied {
    fn from(unproven: Unproven) -> Self {
        Self::Invalid(match unproven {
            Unproven::Invalid(why) => why,
            Unproven::UnknownKey => Why::UnknownKey,
        })
    }
}

/// What a token proves to whoever has these keys: all of the check but for getting hold of them.
pub fn check(token: &str, keys: &KeySet, rules: &Jwt, now: Timestamp) -> Result<Proven, Unproven> {
    Token::read(token, &rules.algorithms).map_err(Unproven::Invalid)?.prove(keys, rules, now)
}
