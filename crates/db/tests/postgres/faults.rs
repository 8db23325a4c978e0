//! What cannot be reached, and how that is told apart without telling secrets.

use std::time::Duration;

use synapsor_core::contract::{Tls, TlsMode};
use synapsor_db::engine::Role;
use synapsor_db::fault::{Class, Fault};
use synapsor_testkit::database::{self, ca_file, foreign_ca_file};
use synapsor_testkit::link::{self, Link};

use crate::site::{CLAIMED, open, site, source, sql};

const ENCRYPTED: &str = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

async fn try_url(url: &str, tls: Tls) -> Result<String, Fault> {
    let mut source = source();
    source.tls = tls;
    source.connect_timeout = Duration::from_millis(1500);
    let rows = open(url, Role::Reader, &source).read(&sql(ENCRYPTED, 1)).await?;
    Ok(rows[0][0].text().unwrap().to_owned())
}

#[tokio::test]
async fn each_way_to_fail_has_its_class_and_tells_no_secret() {
    let db = database::postgres().await;
    let url = db.reader_url();
    let address = db.address().unwrap();
    let stalled = Link::to(address);
    stalled.fail(link::Fault::Stall);
    for (url, expect) in [
        (url.replace("reader-throwaway-password", "hush-hush"), Class::Credential),
        (url.replace(":reader-throwaway-password", ""), Class::Credential),
        (url.replace("_reader:", "_nobody:"), Class::Credential),
        (url.replace(address, "127.0.0.1:1"), Class::Unreachable),
        (url.replace(address, "nowhere.invalid"), Class::Unreachable),
        (url.replace(&format!("{address}/"), &format!("{address}/not_")), Class::Missing),
        (stalled.through(&url), Class::Timeout),
    ] {
        let fault = try_url(&url, Tls::default()).await.unwrap_err();
        assert_eq!(fault.class(), expect, "{url} {fault:?}");
        let told = format!("{fault:?} {fault}");
        assert!(!told.contains("hush") && !told.contains("throwaway"), "{told}");
    }
}

#[tokio::test]
async fn transport_security_is_as_strict_as_its_mode() {
    let db = database::postgres().await;
    let by_address = db.reader_url();
    let by_name = by_address.replace("@127.0.0.1:", "@localhost:");
    let (ours, foreign) = (ca_file().display().to_string(), foreign_ca_file().display().to_string());
    let tls = |mode, ca_file: &str| Tls { mode, ca_file: (!ca_file.is_empty()).then(|| ca_file.to_owned()) };
    let verify_ca = |file: &str| tls(Some(TlsMode::VerifyCa), file);
    let verify_full = |file: &str| tls(Some(TlsMode::VerifyFull), file);
    for (url, tls, expect) in [
        (&by_address, tls(None, ""), Ok("true")),
        (&by_address, tls(Some(TlsMode::Prefer), ""), Ok("true")),
        (&by_address, tls(Some(TlsMode::Disable), ""), Ok("false")),
        (&by_address, tls(Some(TlsMode::Require), ""), Ok("true")),
        (&format!("{by_address}?sslmode=no-verify"), tls(None, ""), Ok("true")),
        (&format!("{by_address}?sslmode=disable"), tls(None, ""), Ok("false")),
        (&by_address, verify_ca(&ours), Ok("true")),
        (&by_name, verify_ca(&ours), Ok("true")),
        (&by_address, verify_ca(&foreign), Err(Class::Tls)),
        (&by_name, verify_full(&ours), Ok("true")),
        (&by_address, verify_full(&ours), Err(Class::Tls)),
        (&by_name, verify_full(&foreign), Err(Class::Tls)),
        (&format!("{by_name}?sslmode=verify-full"), tls(None, &ours), Ok("true")),
    ] {
        let found = try_url(url, tls.clone()).await;
        let found = found.as_deref().map_err(Fault::class);
        assert_eq!(found, expect, "{url} {tls:?}");
    }
}

#[tokio::test]
async fn a_server_without_encryption_gets_what_the_mode_allows() {
    let db = database::postgres().await;
    let address = db.address().unwrap();
    let plain = Plain::before(address).await;
    let url = db.reader_url().replace(address, &plain.0);
    let tls = |mode| Tls { mode: Some(mode), ca_file: None };
    assert_eq!(try_url(&url, tls(TlsMode::Prefer)).await.unwrap(), "false");
    let fault = try_url(&url, tls(TlsMode::Require)).await.unwrap_err();
    assert_eq!(fault.class(), Class::Tls, "{fault:?}");
}

/// A server that declines encryption.
struct Plain(String);

impl Plain {
    async fn before(address: &str) -> Plain {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = Plain(listener.local_addr().unwrap().to_string());
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut request = [0; 8];
                client.peek(&mut request).await.unwrap();
                if request == [0, 0, 0, 8, 4, 210, 22, 47] {
                    client.read_exact(&mut request).await.unwrap();
                    client.write_all(b"N").await.unwrap();
                }
                let mut server = tokio::net::TcpStream::connect(&address).await.unwrap();
                tokio::spawn(async move {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        plain
    }
}

#[tokio::test]
async fn a_reader_opens_no_write_transaction() {
    let site =
        site("CREATE TABLE t (id text PRIMARY KEY, tenant_id text, n int); INSERT INTO t VALUES ('1', 'acme', 1)")
            .await;
    let table = site.table("t").await;
    let write = crate::site::statements(&crate::site::change(&table, "n", "2"), &crate::site::keys());
    let ending = crate::site::FOR_REAL;
    let fault = site.reader.transact(&write, &CLAIMED, ending).await.unwrap_err();
    assert_eq!(fault.class(), Class::Permission);
}

#[tokio::test]
async fn a_read_says_what_is_missing_or_forbidden() {
    let site = site("CREATE TABLE secret (id int)").await;
    site.db.execute("REVOKE ALL ON secret FROM {reader}").await;
    for (text, expect) in [
        ("SELECT id::text FROM secret", Class::Permission),
        ("SELECT id::text FROM nothing", Class::Missing),
        ("SELECT nothing::text FROM secret", Class::Missing),
        ("SELECT 'x'::int::text", Class::Value),
        ("SELECT", Class::Other),
    ] {
        match site.reader.read(&sql(text, 1)).await {
            Err(fault) => assert_eq!(fault.class(), expect, "{text}"),
            Ok(rows) => panic!("{text} {}", rows.len()),
        }
    }
}
