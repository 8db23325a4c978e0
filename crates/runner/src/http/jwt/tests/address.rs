//! Keys from an address: how often it is asked, and what happens while it does not answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use synapsor_core::code::Code;
use synapsor_core::contract::http::{Algorithm, Keys};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::issuer::{Key, NOW, now, padded, rules, set_of, with};
use crate::clock::Moment;
use crate::http::jwt::remote::{FRESH, PAUSE, QUIET, Remote, VALID};
use crate::http::jwt::{Denied, Source, Verifier, Why};

const LONG: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// An issuer's server on loopback.
#[derive(Clone)]
struct Server {
    port: u16,
    /// All bytes of its answers.
    answer: Arc<Mutex<Vec<u8>>>,
    requests: Arc<watch::Sender<usize>>,
    /// Whether it answers at all.
    open: Arc<watch::Sender<bool>>,
}

impl Server {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            answer: Arc::new(Mutex::new(answer)),
            requests: Arc::new(watch::Sender::new(0)),
            open: Arc::new(watch::Sender::new(true)),
        };
        let shared = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let server = shared.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    // Whoever begins with a TLS handshake is answered in the clear.
                    while !request.ends_with(b"\r\n\r\n") && request != [0x16] {
                        request.push(stream.read_u8().await?);
                    }
                    server.requests.send_modify(|requests| *requests += 1);
                    let _ = server.open.subscribe().wait_for(|open| *open).await;
                    let answer = server.answer.lock().unwrap().clone();
                    stream.write_all(&answer).await?;
                    stream.shutdown().await
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    fn answer(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    async fn asked(&self, times: usize) {
        self.requests.subscribe().wait_for(|requests| *requests == times).await.unwrap();
    }

    fn verifier(&self) -> Arc<Verifier> {
        verifier(&self.url(), LONG)
    }
}

fn verifier(url: &str, timeout: Duration) -> Arc<Verifier> {
    let remote = Remote::with(url, &Algorithm::ALL, timeout, RootCertStore::empty).unwrap();
    Arc::new(Verifier { rules: rules(Keys::Url(url.to_owned())), source: Source::Url(Arc::new(remote)) })
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const UNKNOWN: Result<(), Denied> = Err(Denied::Invalid(Why::UnknownKey));
const UNAVAILABLE: Result<(), Denied> = Err(Denied::KeysUnavailable);

async fn verify(verifier: &Verifier, token: &str, moment: Moment) -> Result<(), Denied> {
    verifier.verify_at(token, now(), moment).await.map(drop)
}

#[tokio::test]
async fn keys_are_asked_for_once_and_again_when_they_are_old() {
    let key = Key::ed25519("a");
    let server = Server::start(ok(&set_of(&[&key]))).await;
    let (verifier, start) = (server.verifier(), Moment::now());
    for nonsense in ["", "a.b.c", &key.sign(&json!({"alg": "none"}), &json!({}))] {
        assert!(matches!(verify(&verifier, nonsense, start).await, Err(Denied::Invalid(_))));
    }
    assert_eq!(server.requests(), 0, "asked for the sake of what is no token");
    for (after, requests) in
        [(Duration::ZERO, 1), (SECOND, 1), (FRESH - SECOND, 1), (FRESH, 2), (FRESH + SECOND, 2), (FRESH * 2, 3)]
    {
        assert_eq!(verify(&verifier, &key.token(NOW), start.later(after)).await, Ok(()));
        assert_eq!(server.requests(), requests, "after {after:?}");
    }
    // By the clock of this machine too.
    assert!(server.verifier().verify(&key.token(NOW), now()).await.is_ok());
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_now_and_then() {
    let (old, new) = (Key::ed25519("old"), Key::p256("new"));
    let server = Server::start(ok(&set_of(&[&old]))).await;
    let (verifier, start) = (server.verifier(), Moment::now());
    assert_eq!(verify(&verifier, &new.token(NOW), start).await, UNKNOWN);
    assert_eq!(server.requests(), 1, "the keys are as new as can be");
    server.answer(ok(&set_of(&[&new])));
    let almost = start.later(QUIET - SECOND);
    assert_eq!(verify(&verifier, &new.token(NOW), almost).await, UNKNOWN);
    assert_eq!(server.requests(), 1, "asked too soon");
    let later = start.later(QUIET);
    assert_eq!(verify(&verifier, &old.token(NOW), later).await, Ok(()));
    assert_eq!(server.requests(), 1, "asked without need");
    assert_eq!(verify(&verifier, &new.token(NOW), later).await, Ok(()));
    assert_eq!(verify(&verifier, &old.token(NOW), later).await, UNKNOWN, "what the issuer withdrew");
    assert_eq!(server.requests(), 2);
    // A key that is there but does not fit makes nobody ask.
    let misfit = old.sign(&with(old.header(), "kid", json!("new")), &json!({}));
    let found = verify(&verifier, &misfit, later.later(QUIET)).await;
    assert_eq!((found, server.requests()), (Err(Denied::Invalid(Why::NoSingleKey)), 2));
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let key = Key::ed25519("a");
    let stranger = Key::ed25519("b").token(NOW);
    let server = Server::start(ok(&set_of(&[&key]))).await;
    let (verifier, start) = (server.verifier(), Moment::now());
    let all = async |token: String, moment| {
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let (verifier, token) = (Arc::clone(&verifier), token.clone());
            calls.spawn(async move { verify(&verifier, &token, moment).await });
        }
        calls.join_all().await
    };
    assert_eq!(all(key.token(NOW), start).await, vec![Ok(()); 50]);
    assert_eq!(server.requests(), 1);
    assert_eq!(all(stranger.clone(), start.later(QUIET)).await, vec![UNKNOWN; 50]);
    assert_eq!(server.requests(), 2);
    assert_eq!(all(key.token(NOW), start.later(QUIET + FRESH)).await, vec![Ok(()); 50]);
    assert_eq!(server.requests(), 3);
    server.answer(b"HTTP/1.1 503 Later\r\n\r\n".to_vec());
    assert_eq!(all(key.token(NOW), start.later(VALID * 2)).await, vec![UNAVAILABLE; 50]);
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn whoever_comes_while_old_keys_are_replaced_does_not_wait() {
    let key = Key::ed25519("a");
    let server = Server::start(ok(&set_of(&[&key]))).await;
    let (verifier, start) = (server.verifier(), Moment::now());
    assert_eq!(verify(&verifier, &key.token(NOW), start).await, Ok(()));
    server.open.send_replace(false);
    let token = key.token(NOW);
    let first = tokio::spawn({
        let (verifier, token) = (Arc::clone(&verifier), token.clone());
        async move { verify(&verifier, &token, start.later(FRESH)).await }
    });
    server.asked(2).await;
    assert_eq!(verify(&verifier, &token, start.later(FRESH)).await, Ok(()));
    assert!(!first.is_finished());
    server.open.send_replace(true);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_end_the_request() {
    let key = Key::ed25519("a");
    let server = Server::start(ok(&set_of(&[&key]))).await;
    let (verifier, start) = (server.verifier(), Moment::now());
    server.open.send_replace(false);
    let caller = tokio::spawn({
        let (verifier, token) = (Arc::clone(&verifier), key.token(NOW));
        async move { verify(&verifier, &token, start).await }
    });
    server.asked(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    server.open.send_replace(true);
    assert_eq!(verify(&verifier, &key.token(NOW), start).await, Ok(()));
    assert_eq!(server.requests(), 1);
}

/// Answers that bring no keys.
fn bad_answers(key: &Key) -> Vec<(&'static str, Vec<u8>)> {
    let set = set_of(&[key]);
    let large = padded(&set, 256 * 1024 + 1);
    let private = json!({"keys": [with(key.jwk(), "d", json!("AA"))]}).to_string();
    let header =
        |status: &str| format!("HTTP/1.1 {status}\r\nlocation: /other\r\ncontent-length: {}\r\n\r\n", set.len());
    vec![
        ("garbage", ok("<html>")),
        ("no HTTP", b"\x16\x03\x01".to_vec()),
        ("private keys", ok(&private)),
        ("too large", ok(&large)),
        ("too large and of no said length", format!("HTTP/1.0 200 OK\r\n\r\n{large}").into_bytes()),
        ("cut off", ok(&set)[..ok(&set).len() - 1].to_vec()),
        ("moved for good", format!("{}{set}", header("301 Moved")).into_bytes()),
        ("moved", format!("{}{set}", header("302 Found")).into_bytes()),
        ("moved for now", format!("{}{set}", header("307 Moved")).into_bytes()),
        ("an error", format!("{}{set}", header("500 Oh")).into_bytes()),
        ("not found", format!("{}{set}", header("404 No")).into_bytes()),
        ("no content", b"HTTP/1.1 204 None\r\n\r\n".to_vec()),
    ]
}

#[tokio::test]
async fn old_keys_bridge_an_hour_and_no_more() {
    let (key, stranger) = (Key::ed25519("a"), Key::ed25519("b").token(NOW));
    for (what, bad) in bad_answers(&key) {
        let good = ok(&set_of(&[&key]));
        let server = Server::start(good.clone()).await;
        let (verifier, start) = (server.verifier(), Moment::now());
        assert_eq!(verify(&verifier, &key.token(NOW), start).await, Ok(()), "{what}");
        server.answer(bad);
        let steps = [
            (FRESH, Ok(()), 2),
            // It failed a moment ago.
            (FRESH + SECOND, Ok(()), 2),
            (FRESH + QUIET, Ok(()), 3),
            (VALID - SECOND, Ok(()), 4),
            (VALID, UNAVAILABLE, 5),
            (VALID, UNAVAILABLE, 5),
            (VALID + PAUSE, UNAVAILABLE, 6),
        ];
        for (after, expected, requests) in steps {
            let found = verify(&verifier, &key.token(NOW), start.later(after)).await;
            assert_eq!((found, server.requests()), (expected, requests), "{what}, after {after:?}");
        }
        server.answer(good);
        assert_eq!(verify(&verifier, &key.token(NOW), start.later(VALID + PAUSE * 2)).await, Ok(()), "{what}");

        // Whether there is such a key cannot be said while the issuer does not answer.
        server.answer(b"HTTP/1.1 503 Later\r\n\r\n".to_vec());
        let later = start.later(VALID + PAUSE * 2 + QUIET);
        assert_eq!(verify(&verifier, &stranger, later).await, UNAVAILABLE, "{what}");
        assert_eq!(verify(&verifier, &stranger, later).await, UNAVAILABLE, "{what}");
        assert_eq!((verify(&verifier, &key.token(NOW), later).await, server.requests()), (Ok(()), 8), "{what}");
    }
}

#[tokio::test]
async fn without_keys_nothing_is_accepted() {
    let key = Key::ed25519("a");
    for (what, bad) in bad_answers(&key) {
        let server = Server::start(bad).await;
        let (verifier, start) = (server.verifier(), Moment::now());
        assert_eq!(verify(&verifier, &key.token(NOW), start).await, UNAVAILABLE, "{what}");
        assert_eq!(verify(&verifier, &key.token(NOW), start).await, UNAVAILABLE, "{what}");
        assert_eq!(server.requests(), 1, "{what}: asked again at once, or followed");
    }
    // Nobody there, and somebody who does not answer.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = verifier(&format!("http://127.0.0.1:{port}/"), LONG);
    assert_eq!(verify(&nobody, &key.token(NOW), Moment::now()).await, UNAVAILABLE);
    let server = Server::start(ok(&set_of(&[&key]))).await;
    server.open.send_replace(false);
    let silent = verifier(&server.url(), Duration::from_millis(200));
    assert_eq!(verify(&silent, &key.token(NOW), Moment::now()).await, UNAVAILABLE);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn answers_that_are_taken() {
    let key = Key::ed25519("a");
    let set = set_of(&[&key]);
    let full = padded(&set, 256 * 1024);
    let server = Server::start(ok(&full)).await;
    assert_eq!(verify(&server.verifier(), &key.token(NOW), Moment::now()).await, Ok(()), "of the greatest length");
    server.answer(
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{set}\r\n0\r\n\r\n", set.len())
            .into_bytes(),
    );
    assert_eq!(verify(&server.verifier(), &key.token(NOW), Moment::now()).await, Ok(()), "in chunks");
    // The name of this machine means this machine.
    server.answer(ok(&set));
    let named = verifier(&format!("http://localhost:{}/", server.port), LONG);
    assert_eq!(verify(&named, &key.token(NOW), Moment::now()).await, Ok(()));
    // An issuer that has no keys any more has said so.
    server.answer(ok(r#"{"keys": []}"#));
    let (emptied, start) = (server.verifier(), Moment::now());
    assert_eq!(verify(&emptied, &key.token(NOW), start).await, UNKNOWN);
}

#[tokio::test]
async fn certificates_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, private) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=issuer", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&cert)
        .arg("-keyout")
        .arg(&private)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let certificate = CertificateDer::from_pem_file(&cert).unwrap();
    let key = Key::ed25519("a");
    let set = set_of(&[&key]);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_file(&private).unwrap())
        .unwrap();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = axum::Router::new().route("/keys", axum::routing::get(move || std::future::ready(set.clone())));
    tokio::spawn(axum_server::from_tcp_rustls(listener, config).unwrap().serve(app.into_make_service()));

    let verifier = |url: String, roots: RootCertStore| {
        let remote = Remote::with(&url, &Algorithm::ALL, LONG, || roots).unwrap();
        Verifier { rules: rules(Keys::Url(url)), source: Source::Url(Arc::new(remote)) }
    };
    let mut trusting = RootCertStore::empty();
    trusting.add(certificate).unwrap();
    let mut distrusting = RootCertStore::empty();
    distrusting.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let address = format!("https://127.0.0.1:{port}/keys");
    assert_eq!(verify(&verifier(address.clone(), trusting.clone()), &key.token(NOW), Moment::now()).await, Ok(()));
    assert_eq!(verify(&verifier(address, distrusting), &key.token(NOW), Moment::now()).await, UNAVAILABLE);
    // The right authority, but for another name.
    let other = format!("https://localhost:{port}/keys");
    assert_eq!(verify(&verifier(other, trusting.clone()), &key.token(NOW), Moment::now()).await, UNAVAILABLE);
    // `https` is never spoken in the clear.
    let server = Server::start(ok(&set_of(&[&key]))).await;
    let clear = format!("https://127.0.0.1:{}/keys", server.port);
    assert_eq!(verify(&verifier(clear, trusting), &key.token(NOW), Moment::now()).await, UNAVAILABLE);
    assert_eq!(server.requests(), 1);
}

#[test]
fn addresses_that_are_refused() {
    let nowhere = "is neither `https` nor `http` on loopback";
    let cases = [
        ("", "is not a URL"),
        ("keys.json", "is not a URL"),
        ("file:///etc/keys.json", nowhere),
        ("http://issuer.example/keys", nowhere),
        ("http://localhost.issuer.example/keys", nowhere),
        ("http://127.0.0.1.issuer.example/keys", nowhere),
        ("http://10.0.0.1/keys", nowhere),
        ("http://0.0.0.0/keys", nowhere),
        ("http://[::]/keys", nowhere),
        ("https://someone@issuer.example/keys", "holds a user name or password"),
        ("https://:secret@issuer.example/keys", "holds a user name or password"),
        (
            "https://issuer.example/keys",
            "cannot be used: this system has no certificate authority to check the issuer's server with",
        ),
    ];
    for (url, end) in cases {
        let refusal = Remote::with(url, &Algorithm::ALL, LONG, RootCertStore::empty).err();
        let refusal = refusal.unwrap_or_else(|| panic!("not refused: {url}"));
        assert_eq!((refusal.code(), refusal.message()), (Code::ConfigInvalid, &*format!("`http.jwt.jwks_url` {end}")));
    }
    for url in ["http://localhost/keys", "http://127.0.0.1:8080/", "http://127.8.8.8/", "http://[::1]:80/keys"] {
        assert!(Remote::with(url, &Algorithm::ALL, LONG, RootCertStore::empty).is_ok(), "{url}");
    }
}
