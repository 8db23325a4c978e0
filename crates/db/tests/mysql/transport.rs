//! Transport security, and URLs.

use std::path::PathBuf;

use synapsor_core::contract::{Tls, TlsMode};
use synapsor_core::sql::Sql;
use synapsor_db::engine::{Access, Engine, Role};
use synapsor_db::fault::{Class, Fault};
use synapsor_testkit::database::{self, Database};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::source;

fn engine(url: &str, mode: Option<TlsMode>, ca_file: Option<PathBuf>) -> Result<Engine, Fault> {
    let mut source = source();
    source.tls = Tls { mode, ca_file: ca_file.map(|path| path.display().to_string()) };
    Engine::open(Access { url: url.to_owned(), source, role: Role::Reader, base: PathBuf::from("/nowhere") })
}

/// Whether the link is encrypted.
async fn secured(engine: &Engine) -> Result<bool, Class> {
    match engine.read(&Sql::fixed("SHOW SESSION STATUS LIKE 'Ssl_cipher'", vec![], 2)).await {
        Ok(rows) => Ok(rows[0][1].text() != Some("")),
        Err(fault) => Err(fault.class()),
    }
}

fn with_host(db: &Database, host: &str) -> String {
    db.admin_url().replace("127.0.0.1", host)
}

#[tokio::test]
async fn each_mode_demands_what_it_says() {
    let db = database::mysql().await;
    let (numeric, named) = (with_host(&db, "127.0.0.1"), with_host(&db, "localhost"));
    let (ours, foreign) = (Some(database::ca_file()), Some(database::foreign_ca_file()));
    let check = async |url: &str, mode, ca: &Option<PathBuf>, expect: Result<bool, Class>| {
        let engine = engine(url, Some(mode), ca.clone()).unwrap();
        assert_eq!(secured(&engine).await, expect, "{mode:?} {}", url.contains("localhost"));
    };
    check(&numeric, TlsMode::Disable, &None, Ok(false)).await;
    check(&numeric, TlsMode::Prefer, &None, Ok(true)).await;
    check(&numeric, TlsMode::Require, &foreign, Ok(true)).await;
    // The certificate is made out to `localhost` only.
    check(&numeric, TlsMode::VerifyCa, &ours, Ok(true)).await;
    check(&numeric, TlsMode::VerifyCa, &foreign, Err(Class::Tls)).await;
    check(&numeric, TlsMode::VerifyCa, &Some(PathBuf::from("no-such.pem")), Err(Class::Tls)).await;
    check(&numeric, TlsMode::VerifyFull, &ours, Err(Class::Tls)).await;
    check(&named, TlsMode::VerifyFull, &ours, Ok(true)).await;
    check(&named, TlsMode::VerifyFull, &foreign, Err(Class::Tls)).await;
    check(&named, TlsMode::VerifyFull, &None, Err(Class::Tls)).await;
}

#[tokio::test]
async fn the_url_may_set_the_mode() {
    let db = database::mysql().await;
    let url = db.admin_url();
    for (parameter, expect) in [
        ("sslmode=disable", false),
        ("ssl-mode=DISABLED", false),
        ("sslmode=require", true),
        ("ssl-mode=REQUIRED", true),
        ("sslmode=no-verify", true),
        ("sslmode=prefer", true),
    ] {
        let engine = engine(&format!("{url}?{parameter}"), None, None).unwrap();
        assert_eq!(secured(&engine).await, Ok(expect), "{parameter}");
    }
    let maria = url.replacen("mysql://", "mariadb://", 1);
    assert_eq!(secured(&engine(&maria, None, None).unwrap()).await, Ok(true));
}

#[tokio::test]
async fn a_server_without_transport_security() {
    let db = database::mysql().await;
    let port = plain_only(db.address().unwrap().to_owned()).await;
    let url = db.admin_url().replace(db.address().unwrap(), &format!("127.0.0.1:{port}"));
    let check = async |mode, expect: Result<bool, Class>| {
        assert_eq!(secured(&engine(&url, mode, Some(database::ca_file())).unwrap()).await, expect, "{mode:?}");
    };
    check(None, Ok(false)).await;
    check(Some(TlsMode::Prefer), Ok(false)).await;
    check(Some(TlsMode::Disable), Ok(false)).await;
    check(Some(TlsMode::Require), Err(Class::Tls)).await;
    check(Some(TlsMode::VerifyCa), Err(Class::Tls)).await;
    check(Some(TlsMode::VerifyFull), Err(Class::Tls)).await;
}

#[tokio::test]
async fn a_socket_of_this_machine() {
    let db = database::mysql().await;
    let socket = db.query_text("SELECT @@socket").await[0][0].clone().unwrap().replace('/', "%2F");
    let url = format!("{}?socket={socket}", db.admin_url().replace(db.address().unwrap(), "localhost:1"));
    assert_eq!(secured(&engine(&url, None, None).unwrap()).await, Ok(false));
}

/// Passes connections on, with transport security taken out of the server's greeting.
async fn plain_only(server: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut upstream = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move {
                let mut greeting = vec![0; 4];
                upstream.read_exact(&mut greeting).await.unwrap();
                let length = usize::from(greeting[0]) + usize::from(greeting[1]) * 256;
                greeting.resize(4 + length, 0);
                upstream.read_exact(&mut greeting[4..]).await.unwrap();
                // Protocol, version and its zero, connection, first part of the nonce and its zero, then capabilities.
                let version = greeting[5..].iter().position(|byte| *byte == 0).unwrap();
                let capabilities = 5 + version + 1 + 4 + 8 + 1;
                greeting[capabilities + 1] &= !0x08;
                client.write_all(&greeting).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            });
        }
    });
    port
}

#[test]
fn urls_that_cannot_be_used() {
    let check = |url: &str, mode: Option<TlsMode>| {
        let Err(fault) = engine(url, mode, None) else { panic!("{url} was taken") };
        assert_eq!(fault.class(), Class::Url, "{url}");
        let shown = format!("{fault} {fault:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("db.example"), "{shown}");
    };
    check("postgres://app:hunter2@db.example/app", None);
    check("mysql://app:hunter2@db.example:port/app", None);
    check("mysql:app:hunter2@db.example", None);
    check("mysql://app:hunter2@db.example/app?sslmode=require", Some(TlsMode::Require));
    check("mysql://app:hunter2@db.example/app?sslmode=require&ssl-mode=require", None);
    check("mysql://app:hunter2@db.example/app?sslmode=sometimes", None);
    check("mysql://app:hunter2@db.example/app?socket=%2Ftmp%2", None);
    check("mysql://app:hunter2@db.example/app?allowLoadLocalInfile=hunter2", None);
}
