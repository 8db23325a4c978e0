//! Which tokens are accepted, and why the others are not.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use synapsor_core::caller::{Grants, Identity};
use synapsor_core::contract::http::{Algorithm, Jwt, Keys};

use super::issuer::{Key, NOW, claims, encode, now, rules, set_of, with, without};
use crate::http::jwt::{KeySet, Proven, Unproven, Why, check};

fn ours() -> Jwt {
    rules(Keys::File("unused".to_owned()))
}

fn keys(keys: &[&Key]) -> KeySet {
    KeySet::read(set_of(keys).as_bytes(), &Algorithm::ALL).unwrap()
}

fn acme(grants: Grants) -> Identity {
    Identity {
        credential: "https://issuer.example/".to_owned(),
        tenant: "acme".to_owned(),
        principal: "support.agent".to_owned(),
        provenance: "http_claims",
        grants,
    }
}

const READ: Grants = Grants { read: true, propose: false };

#[test]
fn a_good_token_stands_for_whom_its_claims_name() {
    let all = [Key::rsa("r"), Key::p256("p"), Key::ed25519("e")];
    let set = keys(&all.iter().collect::<Vec<_>>());
    let expires = jiff::Timestamp::from_second(NOW + 330).unwrap();
    for key in &all {
        let token = key.token(NOW);
        assert_eq!(check(&token, &set, &ours(), now()), Ok(Proven { identity: acme(READ), expires }), "{}", key.id);

        // Only what the configuration names is accepted.
        let mut narrow = ours();
        narrow.algorithms.retain(|algorithm| algorithm.word() != key.algorithm());
        let refused = Err(Unproven::Invalid(Why::AlgorithmRefused));
        assert_eq!(check(&token, &set, &narrow, now()), refused, "{}", key.id);
    }
}

/// Checks tokens with this header and good claims.
fn check_headers(cases: Vec<(&str, Value, Option<Why>)>) {
    let key = Key::p256("p");
    let set = keys(&[&key]);
    for (what, header, why) in cases {
        let found = check(&key.sign(&header, &claims()), &set, &ours(), now()).err();
        assert_eq!(found, why.map(Unproven::Invalid), "{what}");
    }
}

#[test]
fn headers() {
    let header = || json!({"alg": "ES256", "typ": "JWT", "kid": "p"});
    let refused = |name: &'static str, value: Value| (name, with(header(), name, value), Some(Why::RefusedMember));
    let typ = |word: &'static str, why| (word, with(header(), "typ", json!(word)), why);
    let alg = |value: Value, why| ("alg", with(header(), "alg", value), Some(why));
    check_headers(vec![
        ("as it is", header(), None),
        ("what we do not know but need not", with(header(), "x5t", json!("abc")), None),
        ("no kid, and one key", without(header(), "kid"), None),
        refused("crit", json!(["exp"])),
        refused("crit", json!([])),
        refused("jwk", Key::p256("mine").jwk()),
        refused("jku", json!("https://evil.example/keys")),
        refused("x5u", json!("https://evil.example/cert")),
        refused("x5c", json!(null)),
        ("no typ", without(header(), "typ"), None),
        typ("jwt", None),
        typ("at+jwt", None),
        typ("AT+JWT", None),
        typ("application/at+jwt", None),
        typ("Application/JWT", None),
        typ("dpop+jwt", Some(Why::WrongType)),
        typ("logout+jwt", Some(Why::WrongType)),
        typ("application/application/jwt", Some(Why::WrongType)),
        typ("", Some(Why::WrongType)),
        ("typ no text", with(header(), "typ", json!(1)), Some(Why::BadHeader)),
        ("kid no text", with(header(), "kid", json!(1)), Some(Why::BadHeader)),
        ("no alg", without(header(), "alg"), Some(Why::AlgorithmRefused)),
        alg(json!("none"), Why::AlgorithmRefused),
        alg(json!("None"), Why::AlgorithmRefused),
        alg(json!(""), Why::AlgorithmRefused),
        alg(json!("es256"), Why::AlgorithmRefused),
        alg(json!("HS256"), Why::AlgorithmRefused),
        alg(json!("ES384"), Why::AlgorithmRefused),
        alg(json!("PS256"), Why::AlgorithmRefused),
        alg(json!(["ES256"]), Why::BadHeader),
        // The key is one of P-256, whatever the token says.
        alg(json!("RS256"), Why::NoSingleKey),
        alg(json!("EdDSA"), Why::NoSingleKey),
    ]);
}

#[test]
fn forms() {
    let key = Key::ed25519("e");
    let (set, token) = (keys(&[&key]), key.token(NOW));
    let parts: Vec<&str> = token.split('.').collect();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let header = key.header().to_string();
    let text = |header: &str, claims: &str| key.sign_text(header, claims);
    // One that fits exactly, and one that is a byte too long: the claims are padded inside.
    let padded = |length: usize| {
        let mut spaces = (length - token.len()) * 3 / 4;
        loop {
            let made = text(&header, &format!("{}{}", claims(), " ".repeat(spaces)));
            if made.len() >= length {
                return made;
            }
            spaces += 1;
        }
    };
    assert_eq!(padded(16 * 1024).len(), 16 * 1024);
    let twice =
        |object: &Value, name: &str| format!("{},\"{name}\":\"acme\"}}", object.to_string().strip_suffix('}').unwrap());
    let cases = [
        ("as it is", token.clone(), None),
        ("of the greatest length", padded(16 * 1024), None),
        ("too long", padded(16 * 1024 + 1), Some(Why::TooLong)),
        ("nothing", String::new(), Some(Why::NotAToken)),
        ("two parts", signed.clone(), Some(Why::NotAToken)),
        ("four parts", format!("{token}.{}", parts[2]), Some(Why::NotAToken)),
        ("encrypted", format!("{signed}.a.b.c"), Some(Why::NotAToken)),
        ("padded base64", format!("{token}=="), Some(Why::NotAToken)),
        ("base64 of the other alphabet", format!("{signed}.+/+/"), Some(Why::NotAToken)),
        ("with a line end", format!("{token}\n"), Some(Why::NotAToken)),
        ("with a prefix", format!("Bearer {token}"), Some(Why::NotAToken)),
        ("no signature", format!("{signed}."), Some(Why::BadSignature)),
        ("a header that is a list", text("[]", "{}"), Some(Why::BadHeader)),
        ("a header that is nothing", format!(".{}.{}", parts[1], parts[2]), Some(Why::BadHeader)),
        ("a header with more behind it", text(&format!("{header} {{}}"), "{}"), Some(Why::BadHeader)),
        ("a header that repeats itself", text(&twice(&key.header(), "alg"), "{}"), Some(Why::BadHeader)),
        (
            "a header that repeats itself in escapes",
            text(&twice(&key.header(), "\\u0061lg"), "{}"),
            Some(Why::BadHeader),
        ),
        ("claims that are a list", text(&header, "[]"), Some(Why::BadClaims)),
        ("claims that are nothing", text(&header, ""), Some(Why::BadClaims)),
        ("claims that are no JSON", text(&header, "{\"iss\":}"), Some(Why::BadClaims)),
        ("claims that repeat themselves", text(&header, &twice(&claims(), "tenant_id")), Some(Why::BadClaims)),
        ("claims that repeat what we do not read", text(&header, "{\"a\":1,\"a\":1}"), Some(Why::BadClaims)),
    ];
    for (what, token, why) in cases {
        assert_eq!(check(&token, &set, &ours(), now()).err(), why.map(Unproven::Invalid), "{what}");
    }
}

#[test]
fn signatures() {
    let (ours_rsa, ours_p256) = (Key::rsa("r"), Key::p256("p"));
    let (theirs_p256, unknown) = (Key::p256("p"), Key::p256("q"));
    let set = keys(&[&ours_rsa, &ours_p256]);
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let good = parts(&ours_p256.token(NOW));
    let foreign = encode(with(claims(), "tenant_id", json!("globex")).to_string());
    let forged_claims = format!("{}.{foreign}.{}", good[0], good[2]);
    let other_header = encode(with(ours_p256.header(), "x", json!(1)).to_string());
    let forged_header = format!("{other_header}.{}.{}", good[1], good[2]);
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), good[1]);
    // A public key that is taken for the secret of an HMAC: whoever has it, and that is everyone, could sign.
    let confused = {
        let signed = format!("{}.{}", encode(r#"{"alg":"HS256","kid":"r"}"#), good[1]);
        let mut mac = Hmac::<Sha256>::new_from_slice(ours_rsa.jwk()["n"].as_str().unwrap().as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(mac.finalize().into_bytes()))
    };
    let invalid = Unproven::Invalid;
    let cases = [
        ("someone else's key of that name", theirs_p256.token(NOW), invalid(Why::BadSignature)),
        ("a key that the issuer does not have", unknown.token(NOW), Unproven::UnknownKey),
        ("other claims", forged_claims, invalid(Why::BadSignature)),
        ("another header", forged_header, invalid(Why::BadSignature)),
        ("not signed", unsigned, invalid(Why::AlgorithmRefused)),
        ("signed with the public key", confused, invalid(Why::AlgorithmRefused)),
        (
            "another key of the issuer",
            ours_p256.sign(&with(ours_p256.header(), "kid", json!("r")), &claims()),
            invalid(Why::NoSingleKey),
        ),
        // Nothing that it claims is looked at first.
        (
            "expired, and someone else's",
            theirs_p256.sign(&theirs_p256.header(), &with(claims(), "exp", json!(1))),
            invalid(Why::BadSignature),
        ),
    ];
    for (what, token, unproven) in cases {
        assert_eq!(check(&token, &set, &ours(), now()), Err(unproven), "{what}");
    }
    let nameless = |key: &Key| key.sign(&without(key.header(), "kid"), &claims());
    assert!(check(&nameless(&ours_p256), &set, &ours(), now()).is_ok(), "one key fits");
    let two = keys(&[&ours_p256, &unknown]);
    assert_eq!(check(&nameless(&ours_p256), &two, &ours(), now()), Err(invalid(Why::NoSingleKey)), "two keys fit");
    let twins = keys(&[&ours_p256, &theirs_p256]);
    assert_eq!(check(&ours_p256.token(NOW), &twins, &ours(), now()), Err(invalid(Why::NoSingleKey)), "two of one name");
    let namesakes = keys(&[&ours_p256, &Key::ed25519("p")]);
    assert!(check(&ours_p256.token(NOW), &namesakes, &ours(), now()).is_ok(), "two of one name for two algorithms");
}

/// Checks tokens with these claims.
fn check_claims(rules: &Jwt, cases: Vec<(String, Value, Option<Why>)>) {
    let key = Key::ed25519("e");
    let set = keys(&[&key]);
    for (what, claims, why) in cases {
        let found = check(&key.sign(&key.header(), &claims), &set, rules, now()).err();
        assert_eq!(found, why.map(Unproven::Invalid), "{what}: {claims}");
    }
}

#[test]
fn issuers_and_audiences() {
    let case = |name: &str, value: Value, why| (name.to_owned(), with(claims(), name, value), why);
    let (issuer, audience) = (Some(Why::WrongIssuer), Some(Why::WrongAudience));
    check_claims(
        &ours(),
        vec![
            ("no iss".to_owned(), without(claims(), "iss"), issuer),
            case("iss", json!("https://issuer.example"), issuer),
            case("iss", json!("https://ISSUER.example/"), issuer),
            case("iss", json!(["https://issuer.example/"]), issuer),
            case("iss", json!(null), issuer),
            ("no aud".to_owned(), without(claims(), "aud"), audience),
            case("aud", json!(["other", "synapsor"]), None),
            case("aud", json!(["other"]), audience),
            case("aud", json!([]), audience),
            case("aud", json!("synapsor "), audience),
            case("aud", json!("Synapsor"), audience),
            case("aud", json!(["synapsor", 1]), audience),
            case("aud", json!({"synapsor": true}), audience),
            case("aud", json!(null), audience),
        ],
    );
}

#[test]
fn times() {
    let case = |name: &str, value: Value, why| (name.to_owned(), with(claims(), name, value), why);
    let (expired, bad) = (Some(Why::Expired), Some(Why::BadTime));
    let (early, future) = (Some(Why::NotYetValid), Some(Why::IssuedInFuture));
    check_claims(
        &ours(),
        vec![
            ("no exp".to_owned(), without(claims(), "exp"), bad),
            case("exp", json!(NOW - 29), None),
            case("exp", json!(NOW - 30), expired),
            case("exp", json!(0), expired),
            case("exp", json!(-1), expired),
            case("exp", json!(NOW as f64 + 0.5), None),
            case("exp", json!((NOW + 300).to_string()), bad),
            case("exp", json!(null), bad),
            case("exp", json!([NOW + 300]), bad),
            case("exp", json!(true), bad),
            case("exp", json!(1e300), bad),
            case("exp", json!(-1e300), bad),
            case("exp", json!(u64::MAX), bad),
            case("exp", json!(253_402_207_200_i64), None),
            ("no nbf".to_owned(), without(claims(), "nbf"), None),
            case("nbf", json!(NOW + 30), None),
            case("nbf", json!(NOW + 31), early),
            case("nbf", json!("0"), bad),
            ("no iat".to_owned(), without(claims(), "iat"), None),
            case("iat", json!(NOW + 30), None),
            case("iat", json!(NOW + 31), future),
            case("iat", json!(null), bad),
        ],
    );
    // However far the issuer's clock is said to be off, it is a minute at most.
    let lenient = Jwt { leeway: Duration::from_secs(3600), ..ours() };
    check_claims(
        &lenient,
        vec![
            case("exp", json!(NOW - 59), None),
            case("exp", json!(NOW - 60), expired),
            case("nbf", json!(NOW + 60), None),
            case("nbf", json!(NOW + 61), early),
            case("iat", json!(NOW + 61), future),
        ],
    );
    let strict = Jwt { leeway: Duration::ZERO, ..ours() };
    check_claims(&strict, vec![case("exp", json!(NOW), expired), case("exp", json!(NOW + 1), None)]);
}

#[test]
fn names() {
    let values = [
        (json!("a"), true),
        (json!("Åcme & Söhne"), true),
        (json!("é".repeat(256)), true),
        (json!("é".repeat(257)), false),
        (json!(""), false),
        (json!(" \u{a0}"), false),
        (json!("ac\nme"), false),
        (json!("acme\0"), false),
        (json!("acme\u{85}"), false),
        (json!(7), false),
        (json!(true), false),
        (json!(null), false),
        (json!(["acme"]), false),
        (json!({"id": "acme"}), false),
    ];
    for (name, why) in [("tenant_id", Why::BadTenant), ("sub", Why::BadPrincipal)] {
        let case = |(value, good): &(Value, bool)| {
            (name.to_owned(), with(claims(), name, value.clone()), (!good).then_some(why))
        };
        let mut cases: Vec<_> = values.iter().map(case).collect();
        cases.push((format!("no {name}"), without(claims(), name), Some(why)));
        check_claims(&ours(), cases);
    }
    // Half of a pair is no character.
    let key = Key::ed25519("e");
    let text = claims().to_string().replace("\"acme\"", "\"\\ud800\"");
    let found = check(&key.sign_text(&key.header().to_string(), &text), &keys(&[&key]), &ours(), now());
    assert_eq!(found, Err(Unproven::Invalid(Why::BadTenant)));
}

#[test]
fn scopes() {
    let key = Key::ed25519("e");
    let set = keys(&[&key]);
    let granted = |claims: Value| {
        check(&key.sign(&key.header(), &claims), &set, &ours(), now()).map(|proven| proven.identity.grants)
    };
    let cases = [
        (json!(""), Ok(Grants::NONE)),
        (json!("read"), Ok(READ)),
        (json!("openid  read propose"), Ok(Grants::ALL)),
        (json!("read\tpropose"), Ok(Grants::NONE)),
        (json!("READ read.all"), Ok(Grants::NONE)),
        (json!([]), Ok(Grants::NONE)),
        (json!(["propose", "read"]), Ok(Grants::ALL)),
        (json!(["read propose"]), Ok(Grants::NONE)),
        (json!(["read", 1]), Err(Unproven::Invalid(Why::BadScope))),
        (json!(1), Err(Unproven::Invalid(Why::BadScope))),
        (json!(null), Err(Unproven::Invalid(Why::BadScope))),
        (json!({"read": true}), Err(Unproven::Invalid(Why::BadScope))),
    ];
    for (value, expected) in cases {
        assert_eq!(granted(with(claims(), "scope", value.clone())), expected, "{value}");
    }
    assert_eq!(granted(without(claims(), "scope")), Ok(Grants::NONE), "no scope");
}

#[test]
fn claims_are_found_by_the_configured_names() {
    let key = Key::ed25519("e");
    let renamed = Jwt {
        tenant_claim: "https://acme.example/tenant".to_owned(),
        principal_claim: "client_id".to_owned(),
        scope_claim: "scp".to_owned(),
        ..ours()
    };
    let mut claims = claims();
    claims["https://acme.example/tenant"] = json!("globex");
    claims["client_id"] = json!("billing.bot");
    claims["scp"] = json!(["propose"]);
    let identity = check(&key.sign(&key.header(), &claims), &keys(&[&key]), &renamed, now()).unwrap().identity;
    assert_eq!((identity.tenant.as_str(), identity.principal.as_str()), ("globex", "billing.bot"));
    assert_eq!(identity.grants, Grants { read: false, propose: true });
}
