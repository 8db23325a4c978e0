//! What tools were like when somebody looked at them, to notice when they change.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Code, Finding, Listed};
use crate::digest;

const SCHEMA_VERSION: &str = "synapsor.mcp-audit-lock.v1";

/// The digests of tools, by server and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    tools: BTreeMap<String, String>,
}

impl Lock {
    /// What the tools are like now.
    #[must_use]
    pub fn of(tools: &[Listed]) -> Self {
        let locked = tools.iter().map(|tool| (key(tool), digest::of(&tool.entry).as_str().to_owned()));
        Self { tools: locked.collect() }
    }

    /// Reads a lock file; `None` if it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        if json.get("schema_version")?.as_str()? != SCHEMA_VERSION {
            return None;
        }
        let tools = json.get("tools")?.as_object()?;
        let locked = tools.iter().map(|(name, digest)| Some((name.clone(), digest.as_str()?.to_owned())));
        Some(Self { tools: locked.collect::<Option<_>>()? })
    }

    /// The lock file.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({ "schema_version": SCHEMA_VERSION, "tools": self.tools })
    }

    /// What is not as it was.
    #[must_use]
    pub fn drift(&self, tools: &[Listed]) -> Vec<Finding> {
        let now = Self::of(tools);
        let changed = now.tools.iter().filter_map(|(name, digest)| match self.tools.get(name) {
            None => Some((name, "it is new")),
            Some(before) if before != digest => Some((name, "it has changed")),
            Some(_) => None,
        });
        let gone = self.tools.keys().filter(|name| !now.tools.contains_key(*name)).map(|name| (name, "it is gone"));
        changed
            .chain(gone)
            .map(|(name, what)| Finding {
                code: Code::ToolDrift,
                tool: Some(name.clone()),
                evidence: vec![what.to_owned()],
            })
            .collect()
    }
}

fn key(tool: &Listed) -> String {
    if tool.server.is_empty() { tool.name.clone() } else { format!("{}/{}", tool.server, tool.name) }
}
