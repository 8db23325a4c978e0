//! What stands between runner and app, and does what gateways do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the gateway does with the next requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Hands request and reply on.
    Pass,
    /// Hands the request on, and hangs up instead of handing on the reply.
    LoseReply,
    /// Keeps the request, and hangs up.
    KeepRequest,
    /// Hands on a reply that is not signed any more.
    StripSignature,
    /// Hands the request on, and answers with a page of its own.
    NotFoundAfter,
    /// Hands the request on, and says that something broke.
    BrokenAfter,
}

pub(crate) struct Gateway {
    pub(crate) port: u16,
    manner: Arc<Mutex<Manner>>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    to: u16,
}

impl Gateway {
    /// Stands before what listens on a port.
    pub(crate) fn before(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (manner, kept) = (Arc::new(Mutex::new(Manner::Pass)), Arc::new(Mutex::new(Vec::new())));
        let shared = (Arc::clone(&manner), Arc::clone(&kept));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (manner, kept) = (*shared.0.lock().unwrap(), Arc::clone(&shared.1));
                thread::spawn(move || serve(client, to, manner, &kept));
            }
        });
        Self { port, manner, kept, to }
    }

    pub(crate) fn behaves(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Delivers what was kept, late; the replies.
    pub(crate) fn delivers_late(&self) -> Vec<String> {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap());
        kept.iter().map(|request| String::from_utf8_lossy(&handed_on(request, self.to)).into_owned()).collect()
    }
}

fn serve(mut client: TcpStream, to: u16, manner: Manner, kept: &Mutex<Vec<Vec<u8>>>) {
    let Some(request) = read_message(&mut client) else { return };
    if manner == Manner::KeepRequest {
        kept.lock().unwrap().push(request);
        return;
    }
    let reply = handed_on(&request, to);
    let reply = match manner {
        Manner::LoseReply => return,
        Manner::StripSignature => {
            let text = String::from_utf8_lossy(&reply).into_owned();
            let lines =
                text.split("\r\n").filter(|line| !line.to_lowercase().starts_with("x-synapsor-receipt-signature"));
            lines.collect::<Vec<_>>().join("\r\n").into_bytes()
        }
        Manner::NotFoundAfter => page("404 Not Found"),
        Manner::BrokenAfter => page("502 Bad Gateway"),
        Manner::Pass | Manner::KeepRequest => reply,
    };
    let _ = client.write_all(&reply);
}

fn page(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops")
        .into_bytes()
}

fn handed_on(request: &[u8], to: u16) -> Vec<u8> {
    let mut app = TcpStream::connect(("127.0.0.1", to)).unwrap();
    app.write_all(request).unwrap();
    read_message(&mut app).unwrap_or_default()
}

/// A head, and as much body as it says.
fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if read.len() >= end + 4 + length.unwrap_or(0) {
                return Some(read);
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    }
}
