//! The agent's side of the demo: an MCP client that talks to a real server process over its stdin and stdout.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::scene::Scene;

/// A connected client.
pub(in crate::cli) struct Agent {
    server: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Agent {
    /// Starts `mcp serve` for the scene and shakes hands.
    pub(in crate::cli) async fn connect(scene: &Scene, program: &std::path::Path) -> Result<Self, Refusal> {
        let mut server = Command::new(program)
            .args(["mcp", "serve"])
            .current_dir(scene.dir())
            .envs(scene.variables())
            // The scene has a ledger and a configuration of its own.
            .env_remove("SYNAPSOR_LOCAL_STORE")
            .env_remove("SYNAPSOR_MCP_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Refusal::new(Code::Io, format!("the MCP server cannot be started: {error}")))?;
        let (Some(input), Some(output)) = (server.stdin.take(), server.stdout.take()) else {
            return Err(Refusal::new(Code::Internal, "the MCP server has no stdin or stdout"));
        };
        let mut agent = Self { server, input, output: BufReader::new(output).lines(), next_id: 0 };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "synapsor-demo-agent", "version": env!("CARGO_PKG_VERSION") },
        });
        agent.request("initialize", hello).await?;
        agent.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(agent)
    }

    /// The tools it is offered, as they are listed.
    pub(in crate::cli) async fn listed(&mut self) -> Result<Vec<Json>, Refusal> {
        let result = self.request("tools/list", json!({})).await?;
        Ok(result.get("tools").and_then(Json::as_array).cloned().unwrap_or_default())
    }

    /// Their names.
    pub(in crate::cli) async fn tools(&mut self) -> Result<Vec<String>, Refusal> {
        let tools = self.listed().await?;
        Ok(tools.iter().filter_map(|tool| tool.get("name").and_then(Json::as_str)).map(str::to_owned).collect())
    }

    /// Calls a tool; gives back the structured result.
    pub(in crate::cli) async fn call(&mut self, tool: &str, arguments: &Json) -> Result<Json, Refusal> {
        let result = self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await?;
        Ok(result.get("structuredContent").cloned().unwrap_or(Json::Null))
    }

    /// Ends the session by closing the server's stdin, and waits until it is gone.
    pub(in crate::cli) async fn leave(self) -> Result<(), Refusal> {
        let Self { mut server, input, .. } = self;
        drop(input);
        match tokio::time::timeout(PATIENCE, server.wait()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Refusal::new(Code::Internal, "the MCP server did not end with its client")),
        }
    }

    async fn request(&mut self, method: &str, params: Json) -> Result<Json, Refusal> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        loop {
            let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
            let Ok(Ok(Some(line))) = line else {
                return Err(Refusal::new(Code::Internal, format!("the MCP server gave no answer to `{method}`")));
            };
            let message: Json = serde_json::from_str(&line)
                .map_err(|_| Refusal::new(Code::Internal, "the MCP server sent a line that is not JSON"))?;
            if message.get("id").and_then(Json::as_u64) != Some(id) {
                continue;
            }
            return message
                .get("result")
                .cloned()
                .ok_or_else(|| Refusal::new(Code::Internal, format!("the MCP server refused `{method}`: {message}")));
        }
    }

    async fn send(&mut self, message: &Json) -> Result<(), Refusal> {
        let line = format!("{message}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .map_err(|error| Refusal::new(Code::Internal, format!("the MCP server went away: {error}")))
    }
}
