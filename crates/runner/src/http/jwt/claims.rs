//! What the claims of a token say once its signature is known to be the issuer's.

use std::time::Duration;

use jiff::Timestamp;
use synapsor_core::caller::{Grants, Identity};
use synapsor_core::contract::http::Jwt;

use super::members::Members;
use super::{Proven, Why};

const LONGEST_NAME: usize = 256;
const MOST_LEEWAY: Duration = Duration::from_mins(1);

/// Whom signed claims stand for, and how long.
pub(super) fn prove(claims: &[u8], rules: &Jwt, now: Timestamp) -> Result<Proven, Why> {
    let claims = Members::read(claims).ok_or(Why::BadClaims)?;
    if claims.get::<String>("iss").ok().flatten().as_ref() != Some(&rules.issuer) {
        return Err(Why::WrongIssuer);
    }
    if !texts(&claims, "aud").ok_or(Why::WrongAudience)?.contains(&rules.audience) {
        return Err(Why::WrongAudience);
    }
    let expires = valid_until(&claims, rules, now)?;
    let identity = Identity {
        credential: rules.issuer.clone(),
        tenant: name(&claims, &rules.tenant_claim).ok_or(Why::BadTenant)?,
        principal: name(&claims, &rules.principal_claim).ok_or(Why::BadPrincipal)?,
        provenance: "http_claims",
        grants: grants(&claims, &rules.scope_claim)?,
    };
    Ok(Proven { identity, expires })
}

/// Until when the token is accepted, if that is ahead and its time has come.
fn valid_until(claims: &Members, rules: &Jwt, now: Timestamp) -> Result<Timestamp, Why> {
    let leeway = rules.leeway.min(MOST_LEEWAY);
    let soon = now.checked_add(leeway).unwrap_or(Timestamp::MAX);
    let expires = time(claims, "exp")?.ok_or(Why::BadTime)?.checked_add(leeway).unwrap_or(Timestamp::MAX);
    if expires <= now {
        return Err(Why::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|not_before| not_before > soon) {
        return Err(Why::NotYetValid);
    }
    if time(claims, "iat")?.is_some_and(|issued| issued > soon) {
        return Err(Why::IssuedInFuture);
    }
    Ok(expires)
}

/// A claim that holds seconds since 1970, whole or not.
fn time(claims: &Members, name: &str) -> Result<Option<Timestamp>, Why> {
    let Some(seconds) = claims.get::<f64>(name).map_err(|_| Why::BadTime)? else { return Ok(None) };
    let span = jiff::SignedDuration::try_from_secs_f64(seconds).map_err(|_| Why::BadTime)?;
    Timestamp::from_duration(span).map(Some).map_err(|_| Why::BadTime)
}

/// A claim that names someone. Numbers are no names: `1` and `1.0` would be the same one or not, as it comes.
fn name(claims: &Members, claim: &str) -> Option<String> {
    let name = claims.get::<String>(claim).ok()??;
    let fits = name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    (fits && !name.trim().is_empty()).then_some(name)
}

/// What the scopes grant; without the claim nothing.
fn grants(claims: &Members, claim: &str) -> Result<Grants, Why> {
    if !claims.has(claim) {
        return Ok(Grants::NONE);
    }
    if let Ok(Some(words)) = claims.get::<String>(claim) {
        return Ok(Grants::of(words.split(' ')));
    }
    let words = texts(claims, claim).ok_or(Why::BadScope)?;
    Ok(Grants::of(words.iter().map(String::as_str)))
}

/// A claim that holds a text or a list of texts, as a list.
fn texts(claims: &Members, claim: &str) -> Option<Vec<String>> {
    if let Ok(Some(one)) = claims.get::<String>(claim) {
        return Some(vec![one]);
    }
    claims.get::<Vec<String>>(claim).ok()?
}
