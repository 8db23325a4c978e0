//! Tokens of anyone, and tokens of the issuer with anything in them.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use synapsor_core::contract::http::{Algorithm, Jwt, Keys};
use synapsor_runner::http::jwt::{KeySet, Proven, Unproven, Why, check};

/// The JSON Web Token check. Up to the first line end stands a key set and then a token; and the same bytes are taken
/// for a header and claims that the issuer has signed, to get past the signature. Returns whether either was accepted.
pub fn jwt(bytes: &[u8]) -> bool {
    let cut = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(cut);
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let rules = rules();

    let foreign = KeySet::read(first, &Algorithm::ALL).is_ok_and(|keys| {
        let token = String::from_utf8_lossy(rest);
        is_accepted(token.trim_end(), &keys, &rules)
    });
    let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(&[7; 32]) else { panic!("a seed is a key") };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(first), URL_SAFE_NO_PAD.encode(rest));
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())));
    foreign | is_accepted(&token, &key_of(&pair), &rules)
}

/// Checks a token, and if it is accepted, that this was right.
fn is_accepted(token: &str, keys: &KeySet, rules: &Jwt) -> bool {
    let now = Timestamp::from_second(1_795_000_000).unwrap_or_default();
    let Ok(proven) = check(token, keys, rules, now) else { return false };
    assert!(proven.expires > now, "expired, and accepted");
    let later = check(token, keys, rules, proven.expires);
    assert_eq!(later, Err(Unproven::Invalid(Why::Expired)), "accepted when it expires");
    says_so(token, &proven, rules);
    let without_last = token.split_at(token.len() - 1).0;
    assert!(check(without_last, keys, rules, now).is_err(), "accepted without its last character");
    let nobody = KeySet::read(br#"{"keys": []}"#, &rules.algorithms);
    assert!(nobody.is_ok_and(|none| check(token, &none, rules, now).is_err()), "accepted without a key");
    true
}

/// Another reader finds the same in the token.
fn says_so(token: &str, proven: &Proven, rules: &Jwt) {
    let mut values = Vec::new();
    for part in token.split('.').take(2).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default()) {
        match serde_json::from_slice::<Value>(&part) {
            Ok(value) => values.push(value),
            // What is not read may be nested as deep as it likes; the other reader gives up on it.
            Err(error) if error.to_string().contains("recursion limit") => return,
            Err(error) => panic!("no JSON, and accepted: {error}"),
        }
    }
    let [header, claims] = values.as_slice() else { panic!("not of three parts, and accepted") };
    let alg = header.get("alg").and_then(Value::as_str);
    assert!(rules.algorithms.iter().any(|accepted| Some(accepted.word()) == alg), "an algorithm that is not accepted");
    assert!(["crit", "jwk", "jku", "x5u", "x5c"].iter().all(|name| header.get(name).is_none()), "a refused member");
    let names = [(&rules.tenant_claim, &proven.identity.tenant), (&rules.principal_claim, &proven.identity.principal)];
    for (claim, name) in names {
        assert_eq!(claims.get(claim).and_then(Value::as_str), Some(name.as_str()), "another name in `{claim}`");
        let plain = !name.trim().is_empty() && !name.chars().any(char::is_control) && name.chars().count() <= 256;
        assert!(plain, "no name in `{claim}`");
    }
    assert_eq!(claims.get("iss").and_then(Value::as_str), Some(rules.issuer.as_str()), "another issuer");
    assert!(claims.get("exp").is_some_and(Value::is_number), "no end");
}

fn rules() -> Jwt {
    Jwt {
        issuer: "https://issuer.example/".to_owned(),
        audience: "synapsor".to_owned(),
        keys: Keys::File(String::new()),
        algorithms: Algorithm::ALL.to_vec(),
        tenant_claim: "tenant_id".to_owned(),
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        leeway: Duration::from_secs(30),
    }
}

fn key_of(pair: &Ed25519KeyPair) -> KeySet {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let text = format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "x": "{x}"}}]}}"#);
    let Ok(keys) = KeySet::read(text.as_bytes(), &Algorithm::ALL) else { panic!("a public key is a key set") };
    keys
}
