//! The servers that an MCP client's settings name.

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;
use synapsor_core::refusal::Refusal;

use super::over_http::Address;
use super::over_stdio::Start;
use super::{Args, Fetched};
use crate::cli::print::{Out, clean};

const SECTIONS: [&str; 2] = ["mcpServers", "servers"];

/// Whether a document is a client's settings.
pub fn names_servers(json: &Json) -> bool {
    servers(json).any(|(_, server)| server.get("command").is_some() || server.get("url").is_some())
}

fn servers(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    SECTIONS.iter().filter_map(|section| json.get(*section)?.as_object()).flatten()
}

/// Fetches the tools of every server, after asking whether they may be started.
pub async fn fetch(args: &Args, path: &Path, json: &Json, fetched: &mut Fetched, out: &Out) -> Result<(), Refusal> {
    let starts: Vec<(&String, Start)> =
        servers(json).filter_map(|(name, server)| Some((name, start(server, path)?))).collect();
    for (name, start) in &starts {
        // What is asked about is shown as it will be run; the values of variables are not.
        let variables: Vec<&str> = start.env.keys().map(String::as_str).collect();
        let with = if variables.is_empty() { String::new() } else { format!(" with {}", variables.join(", ")) };
        out.note(&clean(&format!("{name}: {}{with}", start.command.join(" "))));
    }
    let may_start = starts.is_empty() || out.confirm("Start these programs to list their tools?", args.yes)?;
    let patience = Duration::from_millis(args.timeout_ms);
    for (name, start) in &starts {
        let listed = if may_start { start.list(patience).await } else { Err("it was not to be started".to_owned()) };
        fetched.add(name, listed);
    }
    for (name, server) in servers(json) {
        let Some(url) = server.get("url").and_then(Json::as_str) else { continue };
        let listed = match Address::new(url, None) {
            Ok(address) => address.list(patience).await,
            Err(refusal) => Err(refusal.message().to_owned()),
        };
        fetched.add(name, listed);
    }
    Ok(())
}

/// How a client starts a server; `None` if it connects to one.
fn start(server: &Json, path: &Path) -> Option<Start> {
    let program = server.get("command")?.as_str()?.to_owned();
    let args = server.get("args").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let env = server.get("env").and_then(Json::as_object).into_iter().flatten();
    let env = env.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    // Paths in a project's settings begin in the project.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(|folder| {
        let inside = [".cursor", ".vscode"].iter().any(|name| folder.file_name().is_some_and(|last| last == *name));
        let project = folder.parent().filter(|project| inside && !project.as_os_str().is_empty());
        if inside { project.unwrap_or(Path::new(".")) } else { folder }.to_path_buf()
    });
    let folder = server.get("cwd").and_then(Json::as_str).map(Into::into).or(folder);
    let command = std::iter::once(program).chain(args.map(str::to_owned)).collect();
    Some(Start { command, env: env.collect(), folder })
}
