//! Digests and keyed digests: SHA-256 over canonical JSON, a tree over a batch of digests, and HMAC-SHA256.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Number, Value as Json};
use sha2::{Digest as _, Sha256};

use crate::id::BadName;
use crate::value::decimal::Decimal;

/// A SHA-256 digest, written `sha256:<64 hex>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    text: String,
    raw: [u8; 32],
}

impl Digest {
    /// Reads `sha256:` and 64 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let bad = BadName { expected: "`sha256:` and 64 lower-case hex digits" };
        let digits = text.strip_prefix("sha256:").ok_or(bad)?;
        let mut raw = [0; 32];
        hex::decode_to_slice(digits, &mut raw).map_err(|_| bad)?;
        if digits.bytes().any(|b| b.is_ascii_uppercase()) { Err(bad) } else { Ok(Self::from_raw(raw)) }
    }

    /// The digest as `sha256:<64 hex>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn from_raw(raw: [u8; 32]) -> Self {
        Self { text: format!("sha256:{}", hex::encode(raw)), raw }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The digest of a JSON value's [`canonical`] text: independent of key order and of how numbers are spelled.
#[must_use]
pub fn of(json: &Json) -> Digest {
    of_bytes(canonical(json).as_bytes())
}

/// The digest of bytes as they are.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> Digest {
    Digest::from_raw(Sha256::digest(bytes).into())
}

/// A value's one text after RFC 8785. A number that a double cannot tell from its neighbours is written as a string first,
/// in the digits it had: the canonical form would otherwise give 2^53 and 2^53 + 1 the same text.
#[must_use]
pub fn canonical(json: &Json) -> String {
    let exact = if has_inexact(json) { Cow::Owned(exact(json)) } else { Cow::Borrowed(json) };
    // Writing to memory a tree of finite numbers and string keys cannot fail; its own text is the only other total answer.
    serde_json_canonicalizer::to_string(&*exact).unwrap_or_else(|_| exact.to_string())
}

fn has_inexact(json: &Json) -> bool {
    match json {
        Json::Number(number) => !is_exact(number),
        Json::Array(items) => items.iter().any(has_inexact),
        Json::Object(entries) => entries.values().any(has_inexact),
        Json::Null | Json::Bool(_) | Json::String(_) => false,
    }
}

fn exact(json: &Json) -> Json {
    match json {
        Json::Number(number) if !is_exact(number) => Json::String(number.to_string()),
        Json::Array(items) => Json::Array(items.iter().map(exact).collect()),
        Json::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), exact(value))).collect(),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Number(_) => json.clone(),
    }
}

/// Whether the nearest double, as the canonical form writes it, is the same number. Half-way cases have two shortest
/// spellings, so no other printer will do.
fn is_exact(number: &Number) -> bool {
    let text = number.to_string();
    if text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit()) {
        return true;
    }
    let Ok(double) = text.parse::<f64>() else { return false };
    let Ok(written) = serde_json_canonicalizer::to_string(&double) else { return false };
    double.is_finite() && Decimal::parse(&written) == Decimal::parse(&text)
}

/// The root of the RFC 6962 tree over a list of digests; the root over none is the digest of nothing.
#[must_use]
pub fn merkle_root(leaves: &[Digest]) -> Digest {
    // Complete subtrees from left to right, each with its height; equal heights merge at once.
    let mut complete: Vec<(u32, [u8; 32])> = Vec::new();
    for leaf in leaves {
        let mut height = 0;
        let mut node = hash_parts(0, &[&leaf.raw]);
        while let Some((_, left)) = complete.pop_if(|(top, _)| *top == height) {
            node = hash_parts(1, &[&left, &node]);
            height += 1;
        }
        complete.push((height, node));
    }
    let joined = complete.into_iter().rev().map(|(_, node)| node).reduce(|right, left| hash_parts(1, &[&left, &right]));
    joined.map_or_else(|| of_bytes(&[]), Digest::from_raw)
}

fn hash_parts(domain: u8, parts: &[&[u8; 32]]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix([domain]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC-SHA256 of a text, in lower-case hex.
#[must_use]
pub fn mac(secret: &[u8; 32], text: &str) -> String {
    hex::encode(keyed(secret, text).finalize().into_bytes())
}

/// Whether `mac` is [`mac()`] of that text, compared in constant time.
#[must_use]
pub fn mac_matches(secret: &[u8; 32], text: &str, mac: &str) -> bool {
    hex::decode(mac).is_ok_and(|tag| keyed(secret, text).verify_slice(&tag).is_ok())
}

fn keyed(secret: &[u8; 32], text: &str) -> Hmac<Sha256> {
    // One hash block, padded with zeros: what HMAC makes of any shorter key.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(secret) {
        *place = *byte;
    }
    Hmac::<Sha256>::new(&block.into()).chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn canonical_text_follows_the_rfc() {
        let check = |json: &str, expect: &str| assert_eq!(canonical(&parse(json)), expect, "{json}");
        check(r#"{"b":[1,2.50,-0],"a":"\u20ac\n\u000f\"\/"}"#, r#"{"a":"€\n\u000f\"/","b":[1,2.5,0]}"#);
        check("[1E30,4.50,2e-3,0.000000000000000000000000001]", "[1e+30,4.5,0.002,1e-27]");
        check("333333333.33333329", "\"333333333.33333329\"");
        // Sorted by UTF-16 units: the astral character's surrogate comes before U+FB33.
        check(r#"{"\ufb33":1,"\ud83d\ude00":2,"\r":3,"1":4}"#, "{\"\\r\":3,\"1\":4,\"😀\":2,\"\u{fb33}\":1}");
        check("1.10", "1.1");
        check("9007199254740992", "9007199254740992");
        check("9007199254740993", "\"9007199254740993\"");
        check("12345678901234567890.5", "\"12345678901234567890.5\"");
        check("1e400", "\"1e+400\"");
        check("1e-400", "\"1e-400\"");
    }

    #[test]
    fn digests_tell_near_numbers_apart() {
        assert_ne!(of(&parse("9007199254740993")), of(&parse("9007199254740992")));
        assert_ne!(of(&parse("[18446744073709551615]")), of(&parse("[18446744073709551616]")));
        assert_eq!(of(&parse(r#"{"a":1.10,"b":2}"#)), of(&parse(r#"{"b":2,"a":1.1}"#)));
        assert_eq!(
            of_bytes(b"abc").as_str(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn digests_read_back_and_only_in_one_form() {
        let digest = of(&json!({"a": [1, null, true]}));
        assert_eq!(Digest::parse(digest.as_str()), Ok(digest.clone()));
        let hex = digest.as_str().strip_prefix("sha256:").unwrap();
        for bad in [hex.to_owned(), format!("sha256:{}", hex.to_uppercase()), format!("sha256:{hex}0"), String::new()] {
            assert!(Digest::parse(&bad).is_err(), "{bad}");
        }
    }

    /// The tree's definition in RFC 6962, section 2.1, word for word.
    fn tree_hash(leaves: &[Digest]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => hash_parts(0, &[&one.raw]),
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                hash_parts(1, &[&tree_hash(left), &tree_hash(right)])
            }
        }
    }

    #[test]
    fn roots_follow_the_definition() {
        let leaves: Vec<Digest> = (0..70_u8).map(|n| of_bytes(&[n])).collect();
        for count in 0..leaves.len() {
            assert_eq!(merkle_root(&leaves[..count]).raw, tree_hash(&leaves[..count]), "{count} leaves");
        }
        assert_ne!(merkle_root(&leaves[..1]), leaves[0]);
    }

    #[test]
    fn keyed_digests_match_only_their_own() {
        // RFC 4231, case 2, has a shorter key; zero padding to a block makes it the same key.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let tag = mac(&key, "what do ya want for nothing?");
        assert_eq!(tag, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(mac_matches(&key, "what do ya want for nothing?", &tag));
        assert!(!mac_matches(&key, "what do ya want for nothing", &tag));
        assert!(!mac_matches(&[1; 32], "what do ya want for nothing?", &tag));
        assert!(
            !mac_matches(&key, "what do ya want for nothing?", tag.strip_suffix("43").unwrap())
                && !mac_matches(&key, "x", "zz")
        );
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Json::from),
            "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?".prop_map(|text| parse(&text)),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|list| list.into_iter().collect()),
            ]
        })
    }

    fn reversed(json: &Json) -> Json {
        match json {
            Json::Array(items) => items.iter().map(reversed).collect(),
            Json::Object(entries) => entries.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn digests_ignore_key_order(json in any_json()) {
            prop_assert_eq!(of(&json), of(&reversed(&json)));
        }

        #[test]
        fn canonical_text_is_its_own_canonical_text(json in any_json()) {
            let text = canonical(&json);
            prop_assert_eq!(canonical(&parse(&text)), text);
        }

        #[test]
        fn whole_numbers_never_share_a_digest(a in any::<i64>(), step in 1_i64..64) {
            let b = a.checked_add(step).unwrap_or(0);
            prop_assume!(a != b);
            prop_assert_ne!(of(&json!(a)), of(&json!(b)));
        }
    }
}
