//! A line-delimited JSON-RPC client for a server on standard input and output.
//!
//! It knows just enough of MCP to start a session, so that a transcript shows what really went over the pipe. Everything
//! blocks, with a time limit; a server that stays silent fails the test with what it wrote to standard error.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::env::Output;
use crate::running::{PATIENCE, Running};

/// Is the newest revision that begins with `initialize`.
pub const LEGACY: &str = "2025-11-25";
/// Is the older revision that is still served.
pub const LEGACY_OLDER: &str = "2025-06-18";
/// Is the revision without a handshake, in which every request carries its own context.
pub const MODERN: &str = "2026-07-28";

/// Holds a running server and both ends of the talk; dropping it kills the server.
pub struct StdioClient {
    running: Running,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    waiting: Vec<Value>,
    next_id: u64,
    meta: Option<Value>,
}

impl StdioClient {
    /// Starts the command with all three streams piped.
    pub fn spawn(mut command: Command) -> StdioClient {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::spawn(&mut command);
        let stdin = running.child.stdin.take();
        let (sender, lines) = channel();
        let stdout = BufReader::new(running.child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        StdioClient { running, stdin, lines, waiting: Vec::new(), next_id: 1, meta: None }
    }

    /// Shakes hands as a client of the given revision (`LEGACY`, `LEGACY_OLDER`); returns the server's answer.
    #[track_caller]
    pub fn initialize(&mut self, revision: &str) -> Value {
        let client = json!({"name": "testkit", "version": "1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
        let answer = self.request("initialize", params).expect("initialize is answered with a result");
        self.notify("notifications/initialized", json!({}));
        answer
    }

    /// Speaks the revision without a handshake from now on; returns the answer to `server/discover`.
    #[track_caller]
    pub fn discover(&mut self) -> Value {
        self.meta = Some(json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "testkit", "version": "1"},
        }));
        self.request("server/discover", json!({})).expect("server/discover is answered with a result")
    }

    /// Sends a request and waits for its answer: the `result`, or the `error` object.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// Calls a tool; returns the result with `content`, `structuredContent` and `isError`. Panics on a protocol error.
    #[track_caller]
    pub fn call_tool(&mut self, name: &str, arguments: Value) -> Value {
        match self.request("tools/call", json!({"name": name, "arguments": arguments})) {
            Ok(result) => result,
            Err(error) => panic!("calling `{name}` gave a protocol error: {error}"),
        }
    }

    /// Sends a request without waiting and returns its id, to have several in flight.
    #[track_caller]
    pub fn send(&mut self, method: &str, mut params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if let (Some(meta), Some(object)) = (&self.meta, params.as_object_mut()) {
            object.insert("_meta".to_owned(), meta.clone());
        }
        self.send_line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        id
    }

    /// Sends a notification.
    #[track_caller]
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send_line(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// Sends any text as one line, right or wrong. Panics if the server no longer reads.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        let sent = self.try_send_line(line);
        assert!(sent, "the server reads no more; stderr: {}", self.stderr());
    }

    /// Sends any text as one line; false if the server no longer reads.
    pub fn try_send_line(&mut self, line: &str) -> bool {
        let stdin = self.stdin.as_mut().expect("standard input was closed by the test");
        stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()).is_ok()
    }

    /// Waits for the answer to a request: the `result`, or the `error` object. Other messages are kept for `receive`.
    #[track_caller]
    pub fn answer(&mut self, id: u64) -> Result<Value, Value> {
        let is_ours =
            |message: &Value| message.get("id").and_then(Value::as_u64) == Some(id) && message.get("method").is_none();
        let kept = self.waiting.iter().position(is_ours).map(|index| self.waiting.remove(index));
        let mut message = kept.unwrap_or_default();
        while message.is_null() {
            let next = self.next_message();
            if is_ours(&next) { message = next } else { self.waiting.push(next) }
        }
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].clone()),
        }
    }

    /// Waits for the next message of any kind that no `answer` has taken.
    #[track_caller]
    pub fn receive(&mut self) -> Value {
        if self.waiting.is_empty() { self.next_message() } else { self.waiting.remove(0) }
    }

    /// Returns the messages that arrive within a time; for showing that nothing more is said.
    pub fn drain(&mut self, within: Duration) -> Vec<Value> {
        let mut messages = std::mem::take(&mut self.waiting);
        let started = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(within.saturating_sub(started.elapsed())) {
            messages.push(parse(&line));
        }
        messages
    }

    /// Closes the server's standard input, as a client that leaves does.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by name: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
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

    /// Waits until the server has ended; `stdout` holds the lines that nobody has received. Panics after 30 seconds.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let status = self.running.wait();
        let mut stdout = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        Output { status, stdout, stderr: self.stderr() }
    }

    #[track_caller]
    fn next_message(&mut self) -> Value {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => parse(&line),
            Err(RecvTimeoutError::Timeout) => panic!("no message within {PATIENCE:?}; stderr: {}", self.stderr()),
            Err(RecvTimeoutError::Disconnected) => {
                let _ = self.running.child.wait();
                panic!("the server closed its output; stderr: {}", self.stderr())
            }
        }
    }
}

#[track_caller]
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("standard output holds a line that is no JSON ({e}): {line}"))
}
