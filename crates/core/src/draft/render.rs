//! A draft as the configuration file writes it.

use serde_json::{Map, Value as Json, json};

use super::{Changes, Choice, Draft, Guard, Settled};
use crate::contract::{Binding, Mode, ResultFormat, TenantRule};
use crate::id::CapabilityName;

impl Draft {
    /// The whole file.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let format = match self.frame.result_format {
            ResultFormat::V1 => 1,
            ResultFormat::V2 | ResultFormat::V2Dual => 2,
        };
        json!({
            "version": 1,
            "mode": self.frame.mode.word(),
            "result_format": format,
            "storage": { "sqlite_path": "./.synapsor/local.db" },
            "sources": { self.frame.source_name.as_str(): self.frame.source() },
            "trusted_context": self.frame.trusted_context(),
            "capabilities": self.capabilities(self.frame.source_name.as_str()),
        })
    }

    /// The tools, reading from that source.
    pub(super) fn capabilities(&self, source: &str) -> Vec<Json> {
        let of = |choice: &Choice| {
            let proposing = choice.proposal.as_ref().map(|changes| proposal(choice, changes, source));
            std::iter::once(read(choice, source)).chain(proposing).collect::<Vec<_>>()
        };
        self.tables.iter().flat_map(of).collect()
    }
}

impl Settled {
    pub(super) fn source(&self) -> Json {
        let mut source = Map::new();
        source.insert("engine".to_owned(), self.engine.word().into());
        source.insert("read_url_env".to_owned(), self.read_url_env.as_str().into());
        if let Some(name) = &self.write_url_env {
            source.insert("write_url_env".to_owned(), name.as_str().into());
        }
        source.insert("statement_timeout_ms".to_owned(), self.statement_timeout_ms.into());
        source.into()
    }

    pub(super) fn trusted_context(&self) -> Json {
        json!({
            "provider": "environment",
            "values": { "tenant_id_env": self.tenant_env.as_str(), "principal_env": self.principal_env.as_str() },
        })
    }

    /// Whether proposals may be applied.
    #[must_use]
    pub fn applies(&self) -> bool {
        self.mode == Mode::Review
    }
}

fn read(choice: &Choice, source: &str) -> Json {
    let texts = [&choice.texts.read_description, &choice.texts.read_returns_hint];
    let mut capability = head(&choice.names.read_tool, "read", texts);
    capability.extend(body(choice, source, Map::new()));
    capability.into()
}

fn proposal(choice: &Choice, changes: &Changes, source: &str) -> Json {
    let texts = [&choice.texts.proposal_description, &choice.texts.proposal_returns_hint];
    let mut capability = head(&choice.names.proposal_tool, "proposal", texts);
    capability.extend(body(choice, source, changes.args.clone()));
    let patch: Map<String, Json> = changes
        .patch
        .iter()
        .map(|(column, binding)| {
            let value = match binding {
                Binding::Fixed(value) => json!({ "fixed": value }),
                Binding::FromArg(name) => json!({ "from_arg": name.as_str() }),
            };
            (column.to_string(), value)
        })
        .collect();
    let allowed: Vec<&str> = changes.allowed_columns.iter().map(|column| column.as_str()).collect();
    capability.insert("patch".to_owned(), patch.into());
    capability.insert("allowed_columns".to_owned(), allowed.into());
    for (key, guards) in
        [("numeric_bounds", &changes.numeric_bounds), ("transition_guards", &changes.transition_guards)]
    {
        if !guards.is_empty() {
            capability.insert(key.to_owned(), guards.clone().into());
        }
    }
    let guard = match &choice.guard {
        Guard::Column(column) => json!({ "column": column.as_str() }),
        Guard::Weak => json!({ "weak_guard_ack": true }),
    };
    capability.insert("conflict_guard".to_owned(), guard);
    capability.insert("approval".to_owned(), json!({ "mode": "human", "required_role": changes.approval_role }));
    capability.into()
}

fn head(name: &CapabilityName, kind: &str, [description, hint]: [&Option<String>; 2]) -> Map<String, Json> {
    let mut head = Map::new();
    head.insert("name".to_owned(), name.as_str().into());
    head.insert("kind".to_owned(), kind.into());
    for (key, text) in [("description", description), ("returns_hint", hint)] {
        if let Some(text) = text {
            head.insert(key.to_owned(), text.as_str().into());
        }
    }
    head
}

fn body(choice: &Choice, source: &str, more_args: Map<String, Json>) -> Map<String, Json> {
    let mut target = Map::new();
    target.insert("schema".to_owned(), choice.schema.as_str().into());
    target.insert("table".to_owned(), choice.table.as_str().into());
    target.insert("primary_key".to_owned(), choice.primary_key.as_str().into());
    match &choice.tenant {
        TenantRule::Column(column) => target.insert("tenant_key".to_owned(), column.as_str().into()),
        TenantRule::SingleTenantDev => target.insert("single_tenant_dev".to_owned(), true.into()),
    };
    let lookup = choice.names.lookup_arg.as_str();
    let mut args = Map::new();
    args.insert(lookup.to_owned(), choice.lookup.clone());
    args.extend(more_args);
    let visible: Vec<&str> = choice.visible_columns.iter().map(|column| column.as_str()).collect();
    let mut body = Map::new();
    body.insert("source".to_owned(), source.into());
    body.insert("target".to_owned(), target.into());
    body.insert("args".to_owned(), args.into());
    body.insert("lookup".to_owned(), json!({ "id_from_arg": lookup }));
    body.insert("visible_columns".to_owned(), visible.into());
    body.insert("evidence".to_owned(), "required".into());
    body.insert("max_rows".to_owned(), 1.into());
    body
}
