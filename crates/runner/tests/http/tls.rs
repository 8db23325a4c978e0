//! The server's own TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use synapsor_testkit::servers::self_signed;

use crate::world::{ACME, World};

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// Asks for the health page, trusting one certificate; `None` if the connection does not come about.
fn healthz(address: &str, trusted: &CertificateDer<'static>) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut stream = StreamOwned::new(session, socket);
    let port = address.rsplit(':').next().unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn tls_has_its_certificate_read_again_at_a_reload() {
    // The provider of cryptography is the process's; the other tests of this process do not mind.
    let _set = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let world = World::with(|config| {
        config["http"]["tls"] = json!({ "cert_file": "one.pem", "key_file": "one.key" });
    });
    let folder = world.env.path("");
    for name in ["one", "two", "other"] {
        self_signed(&folder, name).unwrap();
    }
    let [one, two] = ["one.pem", "two.pem"].map(|name| certificate(&world.env.path(name)));
    let mut server = world.serve(&[]);
    assert!(server.stderr().contains("listening on https://"), "{}", server.stderr());
    let answer = healthz(server.address(), &one).expect("the first certificate");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(healthz(server.address(), &two), None);
    // Who does not speak TLS hears nothing of what is behind it.
    let clear = format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ACME}\r\n\r\n");
    let said = server.raw(clear.as_bytes());
    assert!(!said.contains("HTTP/1.1"), "{said}");

    // A key that is another certificate's changes nothing.
    std::fs::copy(world.env.path("other.key"), world.env.path("one.key")).unwrap();
    server.signal("HUP");
    let said = server.until_said("the configuration was not reloaded");
    assert!(said.contains("`http.tls.key_file` does not belong to the certificate"), "{said}");
    assert!(healthz(server.address(), &one).is_some());

    for end in ["pem", "key"] {
        let [from, to] = ["two", "one"].map(|name| world.env.path(format!("{name}.{end}")));
        std::fs::copy(from, to).unwrap();
    }
    server.signal("HUP");
    server.until_said("the configuration was reloaded");
    assert!(healthz(server.address(), &two).is_some());
    assert_eq!(healthz(server.address(), &one), None);
    server.signal("TERM");
    assert_eq!(server.wait(), 0, "{}", server.stderr());
}

#[test]
fn files_that_are_no_certificate_stop_the_start() {
    let world = World::with(|config| {
        config["http"]["tls"] = json!({ "cert_file": "one.pem", "key_file": "one.key" });
    });
    let serve = ["mcp", "serve", "--transport", "streamable-http", "--port", "0"];
    let stops = |what: &str| {
        let output = world.env.run(serve);
        assert_eq!((output.status, output.stderr.contains("CREDENTIAL_INVALID")), (2, true), "{what}: {output:?}");
        assert!(output.stderr.contains(what) && output.stderr.contains("help: "), "{}", output.stderr);
    };
    stops("`http.tls.cert_file` cannot be read");
    world.env.write("one.pem", "no PEM");
    stops("`http.tls.cert_file` holds no certificate");
    self_signed(&world.env.path(""), "one").unwrap();
    world.env.write("one.key", "");
    stops("`http.tls.key_file` cannot be read, or holds no private key");
}
