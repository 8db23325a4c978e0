use super::*;
use proptest::prelude::*;
use serde_json::json;

const KEY: [u8; 32] = [7; 32];

#[test]
fn names_that_promise_a_secret() {
    for name in [
        "password",
        "Password",
        "user_password",
        "PASSWORD_HASH",
        "passwd",
        "client-secret",
        "token",
        "access_token",
        "api_key",
        "api-key",
        "apiKey",
        "APIKey",
        "apikey",
        "userAPIKey2",
        "accessKey",
        "private_key",
        "privateKeyPem",
        "session_cookie",
        "credential",
        "credentials",
        "connection_string",
        "connectionString",
        "database_url",
        "DATABASE_URL",
        "read_url_env",
        "writeUrl",
        "x.token",
        "token1",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "",
        "id",
        "invoice_id",
        "tokenized",
        "tokens_used",
        "secretary",
        "passwordless",
        "cookies_allowed",
        "key",
        "primary_key",
        "url",
        "image_url",
        "read_at",
        "api_version",
        "accession_key_no",
        "keyboard",
        "late_fee_cents",
        "privateer_key_x",
        "_",
        "é",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn secrets_in_text_are_masked_and_the_rest_is_kept() {
    let check = |text: &str, expect: &str| {
        assert_eq!(mask_text(text), expect);
        assert!(is_secret_value(text), "{text}");
    };
    check("postgres://app:hunter2@db:5432/app", "postgres://[masked]@db:5432/app");
    check("error at postgresql://a:p/w#?@h/x?y=1 (retry)", "error at postgresql://[masked]@h/x?y=1 (retry)");
    check("MYSQL://root:x@h and mariadb://a:b@i", "MYSQL://[masked]@h and mariadb://[masked]@i");
    check("https://u:p@example.test/a", "https://[masked]@example.test/a");
    check("redis://:p@h", "redis://[masked]@h");
    check("mongodb+srv://u:p@h", "mongodb+srv://[masked]@h");
    check("host=h user=u password=pä dbname=d", "host=h user=u password=[masked] dbname=d");
    check("Server=s;PWD=abc;X=1", "Server=s;PWD=[masked];X=1");
    check("db_password='a b' x", "db_password='[masked]' x");
    check("postgres://h/d?password=abc&sslmode=require", "postgres://h/d?password=[masked]&sslmode=require");
    check("Authorization: Bearer abcdef123456", "Authorization: Bearer [masked]");
    check("bearer  mF_9.B5f-4.1JqM", "bearer  [masked]");
    check("a syn_wbr_1 b", "a [masked] b");
    check("key AKIAIOSFODNN7EXAMPLE.", "key [masked].");
    check("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[masked]");
    check("github_pat_11ABCDEFG0123456789abc", "[masked]");
    check("xoxb-123456789012-abcdef", "[masked]");
    check("sk-proj-Abcdefgh1234567890xyz", "[masked]");
    check("\"sk_live_abcdefghij\"", "\"[masked]\"");
    check("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "t=[masked]!");
    check("x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- y", "x [masked] y");
    check("-----BEGIN PRIVATE KEY-----\nMIIE", "[masked]");
    check("-----BEGIN OPENSSH PRIVATE KEY-----\nMIIE\n-----END", "[masked]");
}

#[test]
fn ordinary_rows_pass() {
    for text in [
        "",
        "INV-3001",
        "Late fee waived, see https://support.example.test/tickets/42",
        "mail billing@example.test: call back",
        "https://example.test:8080/a/b:c@d?mail=a:b@c.test",
        "postgres://app@localhost:5432/app",
        "postgresql://localhost/app",
        "ssh://git@example.test/x.git",
        "Bearer bonds held to maturity",
        "bearer instruments",
        "The bearer of this letter",
        "Bearer INV-3001",
        "forgot password",
        "Password: required",
        "reset_password=true",
        "password=",
        "syn_wbr_",
        "task-management-2026-Quarter1-Overview",
        "sk-2026-0001-0002-0003-0004",
        "desk-ABCDEFGHIJ0123456789abcdef",
        "AKIA",
        "AKIAIOSFODNN7EXAMPLEX",
        "MAKIAIOSFODNN7EXAMPLE",
        "ghp_short",
        "xoxo-love-and-kisses-to-you".strip_prefix("xo").unwrap(),
        "eyJust a word. eyJoking.about.it",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "3f2b8c1e-9a77-4c1d-8f7e-2b1f0a9c4d5e",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "a://b",
        "[masked]",
        "postgres://[masked]@db/app",
        "Überweisung 1.200,50 € — danke",
    ] {
        assert!(!is_secret_value(text), "{text}");
        assert!(matches!(mask_text(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn values_are_judged_by_what_they_hold() {
    let check = |kind: Kind, text: &str, expect: bool| {
        assert_eq!(is_secret(&Cell::new(kind, Some(text.to_owned()))), expect, "{text}");
    };
    check(Kind::Json, r#"{"a":["postgres:\/\/u:p@h"]}"#, true);
    check(Kind::Json, r#"{"user":{"api_key":"x"}}"#, true);
    check(Kind::Json, r#"{"token":null,"cookie":true,"secret":"","password":"[masked]"}"#, false);
    check(Kind::Json, r#"{"note":"paid"}"#, false);
    check(Kind::Bytes, "\\x73796e5f7762725f31", true);
    check(Kind::Bytes, "\\xdeadbeef", false);
    check(Kind::Text, "paid", false);
    assert!(!is_secret(&Cell::null(Kind::Text)));
    assert!(holds_secret(&json!({"ghp_abcdefghijklmnopqrstuvwxyz0123456789": 1})));
}

#[test]
fn masked_values_match_their_exact_text_only() {
    let cell = |text: &str| Cell::new(Kind::Text, Some(text.to_owned()));
    let kept = keep(cell("syn_wbr_1"), &KEY);
    assert!(matches!(&kept, Kept::Masked { kind: Kind::Text, mac } if mac.len() == 64));
    assert!(kept.matches(&cell("syn_wbr_1"), &KEY));
    assert!(!kept.matches(&cell("syn_wbr_2"), &KEY) && !kept.matches(&cell("syn_wbr_1"), &[8; 32]));
    assert!(!kept.matches(&Cell::null(Kind::Text), &KEY));
    assert!(!kept.matches(&Cell::new(Kind::Other, Some("syn_wbr_1".to_owned())), &KEY));
    let plain = keep(cell("paid"), &KEY);
    assert_eq!(plain, Kept::Exact(cell("paid")));
    assert!(plain.matches(&cell("paid"), &KEY) && !plain.matches(&cell("Paid"), &KEY));
    assert_eq!(keep(Cell::null(Kind::Text), &KEY), Kept::Exact(Cell::null(Kind::Text)));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "only a clock can tell a slow scan from a fast one")]
fn hostile_texts_are_read_in_linear_time() {
    // Each would take minutes if a failed match read its run again.
    let pieces = [
        "-eyJ",
        "mysql://",
        "http://",
        "eyJaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY ",
        "Bearer ",
        "password=",
        "-sk-a",
        "a@",
        "://a:",
    ];
    for piece in pieces {
        let text = piece.repeat(500_000 / piece.len());
        let started = std::time::Instant::now();
        let _ = mask_text(&text);
        assert!(started.elapsed().as_secs() < 5, "{piece}");
    }
}

proptest! {
    #[test]
    fn masking_never_panics_and_leaves_nothing_behind(
        parts in prop::collection::vec(prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "postgres://u:p@", "://", ":", "@", "a:b@", "https://", "password=", "pwd='", "'", "Bearer ", "abcdef123456",
                "ghp_abcdefghijklmnopqrstuvwxyz", "AKIAIOSFODNN7EXAMPLE", "sk-", "eyJhbGciOiJI.", "-----BEGIN PRIVATE KEY-----",
                "-----END PRIVATE KEY-----", "syn_wbr_", " ", "é", "[masked]", "=", "-", "_", ".", "whsec_", "/", "&",
            ]).prop_map(str::to_owned),
        ], 0..12),
    ) {
        let text = parts.concat();
        let masked = mask_text(&text).into_owned();
        prop_assert_eq!(is_secret_value(&text), masked != text);
        prop_assert!(!is_secret_value(&masked), "{} -> {}", text, masked);
    }
}
