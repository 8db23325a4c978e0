//! The tools as listed, made once, and a call of one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rmcp::model::{ListToolsResult, MetaObject, Tool, ToolAnnotations};
use serde_json::{Map, Value as Json, json};
use synapsor_core::answer::Answer;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::{Contract, ResultFormat};
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::{self, AliasMode};

use super::{Catalog, contained, render};
use crate::app::App;
use crate::app::call::Call;
use crate::app::limits::Visitor;
use crate::app::trace::Trace;

/// The listed tools, and which capability each name stands for.
pub(super) struct Tools {
    listed: Vec<Tool>,
    canonical: HashMap<String, String>,
}

/// What a call gave as its arguments.
pub(super) enum Arguments {
    /// An object, or nothing at all.
    Named(Map<String, Json>),
    /// Something else.
    NotAnObject,
}

impl Tools {
    /// Makes the tools of a contract.
    pub(super) fn of(contract: &Contract, aliases: AliasMode, format: ResultFormat) -> Self {
        let tools = tool::list(contract, aliases);
        let canonical = tools.iter().map(|tool| (tool.name.clone(), tool.canonical.clone())).collect();
        Self { listed: tools.into_iter().map(|tool| listed(tool, format)).collect(), canonical }
    }

    /// The listed tools, in the file's order.
    pub(super) fn list(&self) -> ListToolsResult {
        ListToolsResult::with_all_items(self.listed.clone()).with_ttl_ms(render::LISTS_TTL)
    }

    /// One listed tool.
    pub(super) fn get(&self, name: &str) -> Option<Tool> {
        self.listed.iter().find(|tool| tool.name == name).cloned()
    }

    /// The names under which a namespace's tools are listed, each with whether it only reads.
    pub(super) fn names(&self, namespace: &str) -> Vec<(&str, bool)> {
        let is_ours = |name: &str| {
            self.canonical.get(name).and_then(|name| name.split_once('.')).is_some_and(|(own, _)| own == namespace)
        };
        let reads = |tool: &Tool| tool.annotations.as_ref().is_some_and(|hints| hints.read_only_hint == Some(true));
        self.listed.iter().filter(|tool| is_ours(&tool.name)).map(|tool| (tool.name.as_ref(), reads(tool))).collect()
    }

    /// Whether any tool proposes changes.
    pub(super) fn propose(&self) -> bool {
        self.listed
            .iter()
            .any(|tool| tool.annotations.as_ref().is_some_and(|hints| hints.read_only_hint == Some(false)))
    }

    /// The scope that a call of a tool needs and its caller lacks. Such a call ends there, so it is noted.
    pub(super) fn turned_away(
        &self,
        app: &App,
        caller: &Caller,
        asked: &str,
        trace: Option<&Trace>,
    ) -> Option<&'static str> {
        let name = self.canonical.get(asked).map_or(asked, String::as_str);
        let lacking = app.contract().capability(name)?.scope_lacking(caller.grants())?;
        app.begin(caller, name).note(Code::InsufficientScope.text(), Duration::ZERO, trace);
        Some(lacking)
    }

    /// Runs a tool by its listed or canonical name. Whatever happens, there is an answer in the format's shape.
    pub(super) async fn call(
        &self,
        catalog: &Catalog,
        visitor: &Visitor,
        asked: &str,
        arguments: Arguments,
    ) -> (Json, bool) {
        let name = self.canonical.get(asked).map_or(asked, String::as_str);
        let call = catalog.app.begin(visitor.caller(), name);
        let mut noted = Noted { call: &call, visitor, begun: Instant::now(), outcome: "CANCELLED" };
        let result = self.result(&call, visitor, name, arguments).await;
        noted.outcome = result.as_ref().map_or_else(|refusal| refusal.code().text(), |_| "OK");
        drop(noted);
        call.finish(result).render(catalog.format)
    }

    async fn result(
        &self,
        call: &Call<'_>,
        visitor: &Visitor,
        name: &str,
        arguments: Arguments,
    ) -> Result<Answer, Refusal> {
        let arguments = match arguments {
            Arguments::Named(arguments) => arguments,
            Arguments::NotAnObject if self.canonical.values().any(|canonical| canonical == name) => {
                return Err(Refusal::new(Code::InvalidArgument, "`arguments` must be an object of named arguments"));
            }
            // There is no such tool, which is the first thing to say.
            Arguments::NotAnObject => Map::new(),
        };
        let _running = visitor.begin()?;
        // Dropping a call that takes too long cancels its statement.
        match tokio::time::timeout(visitor.deadline(), contained(call.run(&arguments))).await {
            Ok(Some(result)) => result,
            Ok(None) => {
                tracing::error!(request_id = %call.request_id(), "a call of `{name}` broke off");
                Err(Refusal::new(Code::Internal, "the call broke off"))
            }
            Err(_) => Err(Refusal::new(Code::DeadlineExceeded, "the call took too long and was stopped")),
        }
    }
}

/// Notes how a call ended, also one that nobody waits for any more.
struct Noted<'a> {
    call: &'a Call<'a>,
    visitor: &'a Visitor,
    begun: Instant,
    outcome: &'static str,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.call.note(self.outcome, self.begun.elapsed(), self.visitor.trace());
    }
}

fn listed(tool: tool::Tool, format: ResultFormat) -> Tool {
    let meta = json!({
        "synapsor.kind": if tool.read_only { "read" } else { "proposal" },
        "synapsor.canonical_tool_name": tool.canonical,
    });
    let annotations = ToolAnnotations::new()
        .read_only(tool.read_only)
        .destructive(false)
        .idempotent(tool.read_only)
        .open_world(false);
    let mut listed =
        Tool::new(tool.name, tool.description, tool.input_schema).with_title(tool.title).with_annotations(annotations);
    // The first format has a shape for each case; the one schema is that of the envelope.
    if format != ResultFormat::V1 {
        listed = listed.with_raw_output_schema(tool.output_schema.into());
    }
    if let Json::Object(meta) = meta {
        listed = listed.with_meta(MetaObject(meta));
    }
    listed
}
