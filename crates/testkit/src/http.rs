//! A server over HTTP, and a client that says exactly what it is told to, bytes that no proper client would send too.
//!
//! Everything blocks, with a time limit; a server that stays silent fails the test with what it wrote to standard error.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::running::{PATIENCE, Running};
use crate::stdio::MODERN;

const LISTENING: &str = "listening on ";

/// Holds a running server; dropping it kills the server.
pub struct HttpServer {
    running: Running,
    address: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The head, its names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

/// A connection that is kept open.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
}

impl HttpServer {
    /// Starts the command, which must choose a port by itself, and waits until it listens.
    #[track_caller]
    pub fn spawn(mut command: Command) -> HttpServer {
        let running = Running::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()));
        let mut server = HttpServer { running, address: String::new() };
        let said = server.until_said(LISTENING);
        let url = said.split(LISTENING).nth(1).and_then(|rest| rest.split([' ', '\n', '"']).next()).unwrap();
        server.address = url.split("://").nth(1).unwrap().trim_end_matches("/mcp").to_owned();
        server
    }

    /// Returns its address and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the server has written a whole line with that text to standard error; returns everything it has written.
    #[track_caller]
    pub fn until_said(&mut self, text: &str) -> String {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let said = self.stderr();
            if said.split(text).nth(1).is_some_and(|rest| rest.contains('\n')) {
                return said;
            }
            if let Some(status) = self.running.child.try_wait().unwrap() {
                sleep(Duration::from_millis(50));
                panic!("the server ended ({status}); stderr: {}", self.stderr());
            }
            sleep(Duration::from_millis(2));
        }
        panic!("the server did not say `{text}`; stderr: {}", self.stderr());
    }

    /// Opens a connection.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.address)
    }

    /// Sends bytes on a connection of their own, and returns everything that comes back until it is closed.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server may answer and hang up before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Returns the server's process id.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Returns what the server has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.running.stderr()
    }

    /// Waits until the server has ended; returns its exit code. Panics after 30 seconds.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        self.running.wait()
    }
}

impl Reply {
    /// Returns a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON; of an event stream, the last message.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = match self.header("content-type") {
            Some("text/event-stream") => {
                let mut data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
                data.rfind(|data| !data.trim().is_empty()).unwrap_or_default()
            }
            _ => &self.body,
        };
        serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

impl Connection {
    /// Connects to an address and port.
    pub fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { stream: BufReader::new(stream), address: address.to_owned() }
    }

    /// Sends a request and returns the whole answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.send(method, path, headers, body);
        self.receive().expect("an answer")
    }

    /// Sends a request. `host`, `content-type`, `accept` and `content-length` are added where they are not given.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let length = body.len().to_string();
        let usual = [
            ("host", self.address.clone()),
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json, text/event-stream".to_owned()),
            ("content-length", length),
        ];
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in usual.iter().filter(|(name, _)| !headers.iter().any(|(given, _)| given == name)) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A server may have answered and hung up already.
        let _ = self.stream.get_mut().write_all(format!("{head}\r\n{body}").as_bytes());
    }

    /// Calls a tool as a client of the newest revision; returns the answer.
    #[track_caller]
    pub fn call(&mut self, token: &str, tool: &str, arguments: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = modern("tools/call", &json!({ "name": tool, "arguments": arguments }));
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ];
        self.request("POST", "/mcp", &headers, &body)
    }

    /// Receives an answer; `None` if the server hung up instead.
    pub fn receive(&mut self) -> Option<Reply> {
        let (status, headers) = self.head()?;
        let header = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let mut body = Vec::new();
        if header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend_from_slice(&chunk);
            }
        } else {
            let length = header("content-length").map_or(0, |length| length.parse().unwrap());
            body.resize(length, 0);
            self.stream.read_exact(&mut body).ok()?;
        }
        Some(Reply { status, headers, body: String::from_utf8(body).expect("UTF-8") })
    }

    /// Receives the head of an answer: its status and its headers.
    pub fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let mut headers = Vec::new();
        let first = self.line()?;
        let status = first.split(' ').nth(1)?.parse().expect("a status");
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
                None => return Some((status, headers)),
            }
        }
    }

    /// Receives one piece of a streamed body; `None` at its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Hangs up.
    pub fn close(self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(count) if count > 0 => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            _ => None,
        }
    }
}

/// Writes a request of the newest revision, with the context that it must carry.
pub fn modern(method: &str, params: &Value) -> String {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// Writes a request of an older revision.
pub fn legacy(id: u64, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}
