//! The settings themselves, in each client's shape.

use serde_json::{Map, Value as Json, json};
use synapsor_core::contract::Contract;
use synapsor_core::tool::{self, AliasMode};

use super::client::Client;
use super::reach::{Credential, Reach};

/// The name of the server in a client's settings.
pub const SERVER: &str = "synapsor";

/// How the server is started.
pub struct Launch {
    /// The program.
    pub command: String,
    /// The configuration.
    pub config: String,
    /// The ledger.
    pub store: String,
    /// Which names the tools have.
    pub aliases: AliasMode,
}

/// What a client needs to know.
pub struct Settings<'a> {
    /// The client.
    pub client: Client,
    /// How the server is started.
    pub launch: &'a Launch,
    /// Where it is found over HTTP, for a client that looks there.
    pub reach: Option<&'a Reach>,
    /// The configuration, if it is there already.
    pub contract: Option<&'a Contract>,
    /// Which names the tools have.
    pub aliases: AliasMode,
    /// What an agent should be told, if that is wanted.
    pub told: Option<String>,
}

impl Launch {
    fn over_stdio(&self) -> Vec<String> {
        self.arguments("serve", &[])
    }

    fn over_http(&self, reach: &Reach) -> Vec<String> {
        let port = reach.port.to_string();
        let mut more = vec!["--host", &reach.host, "--port", &port];
        if let Credential::One(variable) = &reach.credential {
            more.extend(["--auth-token-env", variable]);
        }
        self.arguments("serve-streamable-http", &more)
    }

    fn arguments(&self, command: &str, more: &[&str]) -> Vec<String> {
        let mut all = vec!["mcp", command, "--config", &self.config, "--store", &self.store];
        all.extend(more);
        if self.aliases != AliasMode::Canonical {
            all.extend(["--alias-mode", self.aliases.word()]);
        }
        all.into_iter().map(str::to_owned).collect()
    }
}

impl Settings<'_> {
    /// One server, as it stands under its name.
    pub fn entry(&self) -> Json {
        let (command, args) = (&self.launch.command, self.launch.over_stdio());
        match self.client {
            Client::ClaudeCode | Client::VsCode => json!({ "type": "stdio", "command": command, "args": args }),
            _ => json!({ "command": command, "args": args }),
        }
    }

    /// Everything, as JSON.
    pub fn json(&self) -> Json {
        let mut whole = match (self.reach, self.client.section()) {
            (Some(reach), _) => self.agents(reach),
            (None, Some(section)) => json!({ section: { SERVER: self.entry() } }),
            (None, None) => self.entry(),
        };
        if let (Some(told), Some(whole)) = (&self.told, whole.as_object_mut()) {
            whole.insert("agent_instructions".to_owned(), self.instructions(told));
        }
        whole
    }

    /// Everything, as TOML.
    pub fn toml(&self) -> String {
        // What JSON writes as a text or a list of texts, TOML reads as the same.
        let (command, args) = (Json::from(self.launch.command.as_str()), Json::from(self.launch.over_stdio()));
        format!("[mcp_servers.{SERVER}]\ncommand = {command}\nargs = {args}\n")
    }

    fn agents(&self, reach: &Reach) -> Json {
        let (url, token_env) = (&reach.url, reach.credential.variable());
        let python = format!(
            "import asyncio\n\
             import os\n\n\
             from agents.mcp import MCPServerStreamableHttp\n\n\n\
             async def main():\n    \
                 headers = {{\"Authorization\": \"Bearer \" + os.environ[\"{token_env}\"]}}\n    \
                 params = {{\"url\": \"{url}\", \"headers\": headers}}\n    \
                 async with MCPServerStreamableHttp(name=\"{SERVER}\", params=params) as server:\n        \
                     print([tool.name for tool in await server.list_tools()])\n        \
                     # Agent(name=..., instructions=..., mcp_servers=[server]) may use them.\n\n\n\
             asyncio.run(main())\n"
        );
        let names = |aliases| -> Vec<String> {
            self.contract
                .map(|contract| tool::list(contract, aliases).into_iter().map(|tool| tool.name).collect())
                .unwrap_or_default()
        };
        let (secrets, needed) = match &reach.credential {
            Credential::One(_) | Credential::Configured(_) => (
                json!({ token_env: "<set-a-random-local-token>" }),
                format!("Server and program need the same {token_env}: at least 32 random characters."),
            ),
            Credential::Issued(issuer) => {
                (json!({}), format!("The program needs a token of {issuer} in {token_env}; the server needs none."))
            }
        };
        json!({
            "transport": "streamable-http",
            "start_server": {
                "command": self.launch.command,
                "args": self.launch.over_http(reach),
                "env": secrets,
            },
            "openai_agents_sdk": {
                "package": "openai-agents",
                "url": url,
                "headers_from_env": { "Authorization": format!("Bearer ${token_env}") },
                "python": python,
            },
            "tool_names": {
                "canonical": names(AliasMode::Canonical),
                "model_visible_with_alias_mode_openai": names(AliasMode::Openai),
                "alias_mode": self.aliases.word(),
            },
            "notes": [
                "OpenAI's models take no dots in the names of tools, so the server lists aliases.",
                needed,
                "A proposal changes nothing: a person reviews it outside the model with `synapsor-runner proposals`.",
            ],
        })
    }

    fn instructions(&self, told: &str) -> Json {
        let mut checklist = vec![
            "Look a row up before proposing a change to it.",
            "Say that a change was proposed, never that it was made: only a result with `source_database_changed: true` was.",
            "After `VERSION_CONFLICT` look again, and propose from what is there now.",
            "Keep the evidence handles of results with your answer; they need no action.",
        ];
        if self.aliases != AliasMode::Canonical {
            checklist.push("Tools have names without dots; documents and records use the names with dots.");
        }
        let mut object = Map::new();
        object.insert("target_client".to_owned(), self.client.word().into());
        object.insert("alias_mode".to_owned(), self.aliases.word().into());
        object.insert("recommended_system_prompt".to_owned(), told.into());
        object.insert("checklist".to_owned(), checklist.into());
        object.into()
    }
}
