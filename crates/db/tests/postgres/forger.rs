//! A proxy that puts words in the server's mouth when COMMIT comes by.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What the client hears when it sends COMMIT.
#[derive(Clone, Copy, Debug)]
pub enum Forged {
    /// A warning, then the server's own answer.
    Warning,
    /// An error of this SQLSTATE; the server hears nothing.
    Error(&'static str),
}

/// Starts a proxy before the URL's server and returns the URL through it, in the clear.
pub async fn through_forger(url: &str, address: &str, forged: Forged) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = address.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let to_client = Arc::new(Mutex::new(to_client));
            tokio::spawn(forge(from_client, to_server, Arc::clone(&to_client), forged));
            tokio::spawn(pass(from_server, to_client));
        }
    });
    format!("{}?sslmode=disable", url.replace(address, &format!("127.0.0.1:{port}")))
}

async fn forge(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    to_client: Arc<Mutex<OwnedWriteHalf>>,
    forged: Forged,
) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        let bytes = &buffer[..count];
        if bytes == b"Q\0\0\0\x0bCOMMIT\0" {
            let answer = match forged {
                Forged::Warning => report(b'N', "WARNING", "01000"),
                Forged::Error(code) => [report(b'E', "ERROR", code), b"Z\0\0\0\x05I".to_vec()].concat(),
            };
            to_client.lock().await.write_all(&answer).await.unwrap();
            if matches!(forged, Forged::Error(_)) {
                continue;
            }
        }
        if server.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn pass(mut server: OwnedReadHalf, to_client: Arc<Mutex<OwnedWriteHalf>>) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        if to_client.lock().await.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// A notice or an error as the server writes it.
fn report(tag: u8, severity: &str, code: &str) -> Vec<u8> {
    let body = format!("S{severity}\0V{severity}\0C{code}\0Mforged\0\0");
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body.as_bytes()].concat()
}
