//! Which keys are taken from a file, and which files are refused.

use serde_json::{Value, json};
use synapsor_core::code::Code;
use synapsor_core::contract::http::{Algorithm, Keys};
use synapsor_core::refusal::Refusal;

use super::issuer::{Key, NOW, encode, now, padded, rules, set_of, with};
use crate::http::jwt::{Denied, KeySet, Verifier, Why};

fn open(text: &str) -> Result<Verifier, Refusal> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("keys.json"), text).unwrap();
    Verifier::new(&rules(Keys::File("keys.json".to_owned())), dir.path())
}

fn message(opened: Result<Verifier, Refusal>, what: &str) -> String {
    let refusal = opened.err().unwrap_or_else(|| panic!("not refused: {what}"));
    assert_eq!(refusal.code(), Code::ConfigInvalid, "{what}");
    refusal.message().to_owned()
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

#[test]
fn files_that_are_refused() {
    let (rsa, p256) = (Key::rsa("r").jwk(), Key::p256("p").jwk());
    let short = || json!({"kty": "RSA", "n": encode([0xff; 128]), "e": "AQAB"});
    let p384 = with(with(p256.clone(), "crv", json!("P-384")), "x", json!(encode([1; 48])));
    let malformed = "is not a JSON Web Key Set";
    let secret = "holds a private or symmetric key";
    let nothing = "holds no key that can be used";
    let cases = [
        (String::new(), malformed),
        ("[]".to_owned(), malformed),
        ("{}".to_owned(), malformed),
        (r#"{"keys": {}}"#.to_owned(), malformed),
        (r#"{"keys": [1]}"#.to_owned(), malformed),
        (r#"{"keys": [], "keys": []}"#.to_owned(), malformed),
        (r#"{"keys": [{"kty": "RSA", "kty": "EC"}]}"#.to_owned(), malformed),
        (rsa.to_string(), malformed),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), malformed),
        (set(&[rsa.clone(), with(p256.clone(), "d", json!("AA"))]), secret),
        (set(&[json!({"kty": "oct", "k": "c2VjcmV0"})]), secret),
        (set(&[json!({"kty": "AKP", "priv": "c2VjcmV0"})]), secret),
        (set(&[with(rsa.clone(), "p", json!("AA"))]), secret),
        (set(&[]), nothing),
        (set(&[json!({})]), nothing),
        (set(&[json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"})]), nothing),
        (set(&[short()]), nothing),
        (set(&[p384]), nothing),
        (set(&[with(Key::ed25519("e").jwk(), "crv", json!("Ed448"))]), nothing),
        (set(&[with(Key::ed25519("e").jwk(), "x", json!(encode([1; 31])))]), nothing),
        (set(&[with(p256.clone(), "y", json!("AA"))]), nothing),
        (set(&[with(p256.clone(), "use", json!("enc"))]), nothing),
        (set(&[with(p256.clone(), "use", json!(null))]), nothing),
        (set(&[with(p256.clone(), "alg", json!("ES384"))]), nothing),
        (set(&[with(p256.clone(), "alg", json!(1))]), nothing),
        (set(&[with(rsa.clone(), "alg", json!("PS256"))]), nothing),
        (set(&[with(rsa.clone(), "alg", json!("ES256"))]), nothing),
        (set(&[with(rsa.clone(), "n", json!("not base64!"))]), nothing),
        (set(&[with(p256.clone(), "key_ops", json!(["sign"]))]), nothing),
        (set(&[with(p256, "kid", json!(7))]), nothing),
    ];
    for (text, end) in cases {
        let message = message(open(&text), &text);
        assert_eq!(message, format!("the file that `http.jwt.jwks_file` names {end}"), "{text}");
    }
    let full = |length: usize| padded(&set(std::slice::from_ref(&rsa)), length);
    assert!(open(&full(256 * 1024)).is_ok());
    assert!(message(open(&full(256 * 1024 + 1)), "too large").ends_with("is larger than 256 KiB"));
    let missing = Verifier::new(&rules(Keys::File("missing.json".to_owned())), std::path::Path::new("/nowhere"));
    assert!(message(missing, "missing").ends_with("cannot be read"));
}

#[test]
fn only_keys_of_accepted_algorithms_count() {
    let text = set_of(&[&Key::rsa("r"), &Key::p256("p")]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("keys.json"), text).unwrap();
    let mut rules = rules(Keys::File("keys.json".to_owned()));
    rules.algorithms = vec![Algorithm::EdDsa];
    assert!(message(Verifier::new(&rules, dir.path()), "no Ed25519").ends_with("holds no key that can be used"));
    rules.algorithms.push(Algorithm::Es256);
    assert!(Verifier::new(&rules, dir.path()).is_ok());
}

#[tokio::test]
async fn keys_of_a_file_are_used_beside_others_that_are_not() {
    let (good, other) = (Key::p256("good"), Key::p256("other"));
    let foreign = json!({"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"});
    // Some issuers write the modulus as a number that is never negative, with a zero in front.
    let rsa = Key::rsa("zero");
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, modulus).unwrap();
    let zero = with(rsa.jwk(), "n", json!(encode([vec![0], decoded].concat())));
    let unusable = with(other.jwk(), "use", json!("enc"));
    let verifier = open(&set(&[foreign, unusable, zero, good.jwk()])).unwrap();
    let verify = async |token: String| verifier.verify(&token, now()).await.map(|proven| proven.identity.tenant);
    assert_eq!(verify(good.token(NOW)).await, Ok("acme".to_owned()));
    assert_eq!(verify(rsa.token(NOW)).await, Ok("acme".to_owned()));
    assert_eq!(verify(other.token(NOW)).await, Err(Denied::Invalid(Why::UnknownKey)));
    assert_eq!(verify("a.b.c".to_owned()).await, Err(Denied::Invalid(Why::NotAToken)));
}

#[test]
fn a_point_off_the_curve_checks_nothing() {
    let key = Key::p256("p");
    let jwk = with(key.jwk(), "x", json!(encode([1; 32])));
    let keys = KeySet::read(set(&[jwk]).as_bytes(), &Algorithm::ALL).unwrap();
    let found = crate::http::jwt::check(&key.token(NOW), &keys, &rules(Keys::File(String::new())), now());
    assert_eq!(found.map_err(Denied::from), Err(Denied::Invalid(Why::BadSignature)));
}
