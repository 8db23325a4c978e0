//! The stdio transport: one JSON-RPC message a line, in bounded memory.
//!
//! A line that is no message is answered where the protocol has an answer, and never ends the session.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, GetMeta as _, JsonRpcMessage, JsonRpcRequest,
    ProtocolVersion, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

/// Longest line that is read, in bytes. The rest of a longer one is skipped.
pub(super) const MAX_LINE: usize = 16 * 1024 * 1024;
const READ_BUFFER: usize = 64 * 1024;
/// A line buffer that grew beyond this is given back once its line was read.
const KEPT_BUFFER: usize = 1024 * 1024;
/// Messages that may wait for a client that does not read.
const WAITING_MESSAGES: usize = 64;
/// Requests that may be without an answer. Beyond that no line is read, so that a client cannot pile up work.
const OPEN_REQUESTS: usize = 1024;

/// Both directions of a line-delimited session.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Inside a line that is too long, until its end.
    skipping: bool,
    /// What the server says about a bad line, until there is room for it.
    reply: Option<Vec<u8>>,
    /// Whether a request has chosen the protocol's era. Until then only requests mean anything.
    opened: bool,
    room: Arc<Semaphore>,
    open: HashMap<RequestId, OwnedSemaphorePermit>,
    out: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<io::Result<()>>>,
    stop: watch::Receiver<bool>,
}

/// What was read.
enum Read {
    Line,
    TooLong,
    End,
}

/// What a line holds.
enum Incoming {
    Message(Box<ClientJsonRpcMessage>),
    Bad(ErrorData, Option<RequestId>),
    Nothing,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    /// Starts writing. When `stop` turns true, reading ends as if the client had left.
    pub(super) fn new<W>(reader: R, writer: W, stop: watch::Receiver<bool>) -> Self
    where
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (out, waiting) = mpsc::channel(WAITING_MESSAGES);
        let writer = tokio::spawn(write_lines(waiting, writer));
        Self {
            reader: BufReader::with_capacity(READ_BUFFER, reader),
            line: Vec::new(),
            skipping: false,
            reply: None,
            opened: false,
            room: Arc::new(Semaphore::new(OPEN_REQUESTS)),
            open: HashMap::new(),
            out: Some(out),
            writer: Some(writer),
            stop,
        }
    }

    /// Reads to the end of a line. Safe to drop at any await: what was read of the line is kept.
    async fn read_line(&mut self) -> io::Result<Read> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Read::End);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let used = part.len() + usize::from(end.is_some());
            let fits = !self.skipping && self.line.len() + part.len() <= MAX_LINE;
            if fits {
                self.line.extend_from_slice(part);
            }
            self.reader.consume(used);
            match (fits, end.is_some()) {
                (true, true) => return Ok(Read::Line),
                (true, false) => {}
                (false, ended) => {
                    let first = !std::mem::replace(&mut self.skipping, !ended);
                    self.line = Vec::new();
                    if first {
                        return Ok(Read::TooLong);
                    }
                }
            }
        }
    }

    async fn next(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if self.reply.is_some() {
                // Taken only once there is room: this await may be dropped.
                let place = self.out.as_ref()?.reserve().await.ok()?;
                if let Some(reply) = self.reply.take() {
                    place.send(reply);
                }
            }
            let place = Arc::clone(&self.room).acquire_owned().await.ok()?;
            let incoming = match self.read_line().await {
                Ok(Read::Line) => {
                    let incoming = understand(&self.line);
                    self.line.clear();
                    self.line.shrink_to(KEPT_BUFFER);
                    incoming
                }
                Ok(Read::TooLong) => {
                    let why = format!("the line is longer than {MAX_LINE} bytes");
                    Incoming::Bad(ErrorData::invalid_request(why, None), None)
                }
                Ok(Read::End) => return None,
                Err(error) => {
                    tracing::error!("standard input cannot be read: {error}");
                    return None;
                }
            };
            match incoming {
                Incoming::Nothing => {}
                Incoming::Bad(error, id) => self.reply = encode(&ServerJsonRpcMessage::error(error, id)).ok(),
                Incoming::Message(message) => match message.as_ref() {
                    JsonRpcMessage::Request(JsonRpcRequest { request, id, .. }) => {
                        self.opened |= opens(request);
                        self.open.insert(id.clone(), place);
                        return Some(*message);
                    }
                    _ if !self.opened => {
                        tracing::debug!("a notification or response before the first request was ignored");
                    }
                    JsonRpcMessage::Notification(notification) => {
                        // The SDK drops the answer of a cancelled request.
                        if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                            && let Some(id) = &cancelled.params.request_id
                        {
                            self.open.remove(id);
                        }
                        return Some(*message);
                    }
                    JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return Some(*message),
                },
            }
        }
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let answered = match &message {
            JsonRpcMessage::Response(response) => self.open.remove(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref().and_then(|id| self.open.remove(id)),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let out = self.out.clone();
        async move {
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            let line = encode(&message)?;
            out.ok_or_else(gone)?.send(line).await.map_err(|_| gone())?;
            // Until now it took up room.
            drop(answered);
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let mut stop = self.stop.clone();
        let out = self.out.clone()?;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            // Nobody reads the answers any more.
            () = out.closed() => None,
            message = self.next() => message,
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.out = None;
        match self.writer.take() {
            Some(writer) => writer.await.unwrap_or_else(|error| Err(io::Error::other(error))),
            None => Ok(()),
        }
    }
}

/// Writes lines until nobody has any, flushing whenever none is waiting.
async fn write_lines<W: AsyncWrite + Unpin>(mut waiting: mpsc::Receiver<Vec<u8>>, writer: W) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(READ_BUFFER, writer);
    while let Some(line) = waiting.recv().await {
        writer.write_all(&line).await?;
        while let Ok(line) = waiting.try_recv() {
            writer.write_all(&line).await?;
        }
        writer.flush().await?;
    }
    writer.shutdown().await
}

fn encode(message: &ServerJsonRpcMessage) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Whether a request chooses the protocol's era, which ends the SDK's wait for it.
fn opens(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
                && meta.protocol_version().is_some_and(|version| super::REVISIONS.contains(&version))
        }
    }
}

pub(super) fn is_message(line: &[u8]) -> bool {
    matches!(understand(line), Incoming::Message(_))
}

fn understand(line: &[u8]) -> Incoming {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let line = line.strip_prefix(MARK).unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Incoming::Nothing;
    }
    match serde_json::from_slice(line) {
        Ok(message) => Incoming::Message(Box::new(message)),
        Err(_) => diagnose(line),
    }
}

/// Says what is wrong with a line that is no message.
fn diagnose(line: &[u8]) -> Incoming {
    let invalid = |why: &'static str, id| Incoming::Bad(ErrorData::invalid_request(why, None), id);
    match serde_json::from_slice(line) {
        Err(_) => Incoming::Bad(ErrorData::parse_error("the line is not JSON", None), None),
        Ok(Json::Array(_)) => invalid("batches are not supported; send one message a line", None),
        Ok(Json::Object(message)) => match message.get("id") {
            // Notifications and responses are never answered, however wrong they are.
            None if message.contains_key("method") => Incoming::Nothing,
            _ if message.contains_key("result") || message.contains_key("error") => Incoming::Nothing,
            None => invalid("not a JSON-RPC 2.0 message", None),
            Some(id) => match serde_json::from_value::<RequestId>(id.clone()) {
                Ok(id) if is_request(&message) => {
                    let why = "`params` must be an object";
                    Incoming::Bad(ErrorData::invalid_params(why, None), Some(id))
                }
                Ok(id) => invalid("not a JSON-RPC 2.0 request", Some(id)),
                Err(_) => invalid("`id` must be a string or an integer", None),
            },
        },
        Ok(_) => invalid("not a JSON-RPC 2.0 message", None),
    }
}

fn is_request(message: &Map<String, Json>) -> bool {
    message.get("jsonrpc").and_then(Json::as_str) == Some("2.0") && message.get("method").is_some_and(Json::is_string)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    const STREAM: &[&str] = &[
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        "no json",
        r#"{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"é","version":"1"}}}"#,
        "",
        "[1]\r",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":"🧾","method":"tools/call","params":{"name":"a","arguments":{}}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"never finished"#,
    ];

    /// Reads the stream in pieces of a size; every other look is given up before it is done.
    async fn read(piece: usize) -> (Vec<String>, String) {
        let (mut client, server) = tokio::io::duplex(piece.max(16));
        let (mut answers, writer) = tokio::io::duplex(1 << 16);
        let feeding = tokio::spawn(async move {
            for bytes in STREAM.join("\n").as_bytes().chunks(piece) {
                client.write_all(bytes).await.expect("the server reads");
                tokio::task::yield_now().await;
            }
        });
        let (_stop, stopped) = watch::channel(false);
        let mut lines = Lines::new(server, writer, stopped);
        let mut seen = Vec::new();
        loop {
            let message = tokio::select! {
                biased;
                message = lines.receive() => message,
                () = tokio::task::yield_now() => continue,
            };
            match message {
                Some(JsonRpcMessage::Request(request)) => seen.push(request.id.to_string()),
                Some(JsonRpcMessage::Notification(_)) => seen.push("notification".to_owned()),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        }
        lines.close().await.expect("everything is written");
        feeding.await.expect("everything was sent");
        let mut said = String::new();
        answers.read_to_string(&mut said).await.expect("text");
        (seen, said)
    }

    #[tokio::test]
    async fn what_is_read_does_not_depend_on_how_it_arrives() {
        for piece in [1, 2, 3, 7, 50, 100, 100_000] {
            let (seen, said) = read(piece).await;
            assert_eq!(seen, ["1", "2", "notification", "🧾", "3"], "in pieces of {piece}");
            let codes: Vec<&str> =
                said.lines().map(|line| if line.contains("-32700") { "parse" } else { "other" }).collect();
            assert_eq!(codes, ["parse", "other"], "in pieces of {piece}: {said}");
        }
    }

    #[tokio::test]
    async fn a_message_of_many_mebibytes_fits_and_a_longer_one_is_skipped() {
        let text = |length: usize| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(length));
        let frame = text(0).len();
        for (length, fits) in [(MAX_LINE - frame, true), (MAX_LINE - frame + 1, false), (3 * MAX_LINE, false)] {
            let (mut client, server) = tokio::io::duplex(1 << 16);
            let (mut answers, writer) = tokio::io::duplex(1 << 16);
            let line = format!("{}\n{}\n", text(length), text(1));
            let feeding = tokio::spawn(async move { client.write_all(line.as_bytes()).await });
            let (_stop, stopped) = watch::channel(false);
            let mut lines = Lines::new(server, writer, stopped);
            let mut seen = Vec::new();
            while let Some(JsonRpcMessage::Request(request)) = lines.receive().await {
                seen.push(request.request.method().len());
            }
            feeding.await.expect("it runs to its end").expect("everything was read");
            lines.close().await.expect("everything is written");
            let mut said = String::new();
            answers.read_to_string(&mut said).await.expect("text");
            assert_eq!(seen, if fits { vec![length, 1] } else { vec![1] });
            assert_eq!(said.lines().count(), usize::from(!fits), "{said}");
        }
    }

    #[tokio::test]
    async fn reading_ends_when_it_is_told_to_and_when_nobody_reads_the_answers() {
        let (_client, server) = tokio::io::duplex(64);
        let (stop, stopped) = watch::channel(false);
        let mut lines = Lines::new(server, tokio::io::sink(), stopped);
        stop.send(true).expect("somebody listens");
        assert!(lines.receive().await.is_none());

        let (mut client, server) = tokio::io::duplex(64);
        let (answers, writer) = tokio::io::duplex(64);
        drop(answers);
        let (_stop, stopped) = watch::channel(false);
        let mut lines = Lines::new(server, writer, stopped);
        client.write_all(b"no json\n").await.expect("room");
        assert!(lines.receive().await.is_none());
    }
}
