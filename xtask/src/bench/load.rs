//! Callers that keep a connection each and send the next request when the last was answered.
//!
//! All of them share one thread, so that what is measured keeps the other processors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::process::Running;

const MODERN: &str = "2026-07-28";

/// Every caller is answered so often before anything is counted.
const WARM_UP: usize = 20;

/// Makes the bytes of the next request.
pub(super) type Requests = Arc<dyn Fn() -> Vec<u8>>;

/// What a load came to.
pub(super) struct Load {
    /// Answers a second.
    pub(super) rate: f64,
    /// The server's processor time for an answer, in microseconds.
    pub(super) processor_us: f64,
    /// How long each answer took, in milliseconds.
    pub(super) took_ms: Vec<f64>,
}

/// Calls for a while, from so many callers at once. Every answer must be a good one.
pub(super) async fn run(
    server: &Running,
    address: &str,
    requests: &Requests,
    callers: usize,
    time: Duration,
) -> Result<Load, String> {
    let together = Arc::new(Barrier::new(callers + 1));
    let local = tokio::task::LocalSet::new();
    let calling: Vec<_> = (0..callers)
        .map(|_| {
            let (address, requests, together) = (address.to_owned(), Arc::clone(requests), Arc::clone(&together));
            local.spawn_local(async move {
                let mut caller = Caller::connect(&address).await;
                let mut warm = Ok(());
                for _ in 0..WARM_UP {
                    if let (Ok(caller), Ok(())) = (&mut caller, &warm) {
                        warm = caller.call(&requests()).await;
                    }
                }
                // Whatever happened, the others wait here.
                together.wait().await;
                warm?;
                let mut caller = caller?;
                let end = Instant::now() + time;
                let mut took = Vec::new();
                loop {
                    let begun = Instant::now();
                    if begun > end {
                        return Ok::<_, String>(took);
                    }
                    caller.call(&requests()).await?;
                    took.push(begun.elapsed().as_secs_f64() * 1e3);
                }
            })
        })
        .collect();
    local
        .run_until(async {
            together.wait().await;
            let (begun, used) = (Instant::now(), server.processor_time()?);
            let mut took_ms = Vec::new();
            for calls in calling {
                took_ms.extend(calls.await.map_err(|e| format!("a caller broke off: {e}"))??);
            }
            let (seconds, used) = (begun.elapsed().as_secs_f64(), server.processor_time()? - used);
            let count = took_ms.len() as f64;
            Ok(Load { rate: count / seconds, processor_us: used * 1e6 / count, took_ms })
        })
        .await
}

/// Makes the request that calls a tool, as a client of the newest revision.
pub(super) fn call(address: &str, token: &str, tool: &str, arguments: &Json) -> Vec<u8> {
    let body = message(1, tool, arguments);
    format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: {MODERN}\r\nmcp-method: tools/call\r\n\
         mcp-name: {tool}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Makes the message that calls a tool.
pub(super) fn message(id: u64, tool: &str, arguments: &Json) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

/// One connection.
pub(super) struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    pub(super) async fn connect(address: &str) -> Result<Caller, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| format!("cannot connect: {e}"))?;
        stream.set_nodelay(true).map_err(|e| format!("cannot connect: {e}"))?;
        Ok(Caller { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and waits for its answer, which must be a good one.
    async fn call(&mut self, request: &[u8]) -> Result<(), String> {
        let body = self.ask(request).await?;
        if body.contains(r#""ok":true"#) { Ok(()) } else { Err(format!("a call failed: {body}")) }
    }

    /// Sends a request and returns the body of its answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<&str, String> {
        let broken = |e: std::io::Error| format!("the server hung up: {e}");
        self.stream.write_all(request).await.map_err(broken)?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(broken)? == 0 {
                return Err(format!("the server hung up after: {}", String::from_utf8_lossy(&self.buffer)));
            }
            if let Some((start, end)) = body(&self.buffer)? {
                let body = self.buffer.get(start..end).unwrap_or_default();
                return std::str::from_utf8(body).map_err(|e| format!("an answer is no text: {e}"));
            }
        }
    }
}

/// Finds the body of an answer; nothing while some of it is missing.
fn body(answer: &[u8]) -> Result<Option<(usize, usize)>, String> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(length) = answer.windows(END.len()).position(|window| window == END) else { return Ok(None) };
    let head = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(format!("a request was refused: {}", String::from_utf8_lossy(answer)));
    }
    let size = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let (start, size) = (length + END.len(), size.ok_or_else(|| format!("an answer has no length: {head}"))?);
    Ok((answer.len() >= start + size).then_some((start, start + size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_once_all_of_it_has_come() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(body(answer), Ok(Some((answer.len() - 5, answer.len()))));
        for end in 0..answer.len() {
            assert_eq!(body(&answer[..end]), Ok(None), "{end}");
        }
        body(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").expect_err("refused");
        body(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").expect_err("no length");
    }
}
