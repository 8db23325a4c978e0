//! One tool call: scope, arguments, read, record, answer.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use synapsor_core::answer::{Answer, Called};
use synapsor_core::args::Args;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Mode, ResultFormat, TrustRule};
use synapsor_core::event::Event;
use synapsor_core::evidence::{self, Seal};
use synapsor_core::id::RequestId;
use synapsor_core::plan::{self, ReadPlan, Row};
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::{Scope, Unbound};
use synapsor_db::ledger::NewEvent;

use super::trace::Trace;
use super::{App, Known, Stop, propose};
use crate::clock;

/// Calls of tools, by `tool` and `outcome`.
pub const CALLS: &str = "synapsor_calls_total";
/// How long calls took, by `tool`.
pub const CALL_SECONDS: &str = "synapsor_call_duration_seconds";

/// A call that has come in: who asks for what, and the id under which everything about it is found.
pub struct Call<'a> {
    app: &'a App,
    caller: &'a Caller,
    asked: String,
    capability: Option<&'a Capability>,
    bound: Option<Result<Scope, Unbound>>,
    request_id: RequestId,
}

impl<'a> Call<'a> {
    /// The id under which everything about it is found.
    pub(crate) fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Counts the call, and writes a line about it: who called what, and how it ended.
    pub(crate) fn note(&self, outcome: &'static str, took: Duration, trace: Option<&Trace>) {
        let tool = self.capability.map(|capability| capability.name.as_str());
        // Names that only a client made up count as one.
        let counted = tool.unwrap_or("unknown").to_owned();
        metrics::counter!(CALLS, "tool" => counted.clone(), "outcome" => outcome).increment(1);
        metrics::histogram!(CALL_SECONDS, "tool" => counted).record(took);
        let scope = self.scope();
        tracing::info!(
            request_id = %self.request_id,
            tool,
            credential = self.caller.credential(),
            tenant = scope.map(Scope::tenant),
            principal = scope.map(Scope::principal),
            outcome,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            trace_id = trace.map(Trace::trace_id),
            parent_id = trace.map(Trace::parent_id),
            "call"
        );
    }

    /// Runs it. A fault becomes a refusal, and is logged under the call's id.
    pub(crate) async fn run(&self, arguments: &Map<String, Json>) -> Result<Answer, Refusal> {
        self.answer(arguments).await.map_err(|stop| {
            // A fault is logged by what turns it into a refusal; a refusal whose words the model does not get, here.
            if let Stop::Refusal(refusal) = &stop
                && refusal.code().face().text() != refusal.code().text()
            {
                let (request_id, name) = (&self.request_id, &self.asked);
                tracing::warn!(%request_id, code = refusal.code().text(), "call of `{name}` refused: {refusal}");
            }
            stop.into_refusal(self.request_id.as_str())
        })
    }

    async fn answer(&self, arguments: &Map<String, Json>) -> Result<Answer, Stop> {
        match (self.capability, &self.bound) {
            (Some(capability), Some(Ok(scope))) => match capability.scope_lacking(self.caller.grants()) {
                Some(lacking) => Err(no_grant(lacking).into()),
                None => self.app.run(capability, scope, arguments, &self.request_id).await,
            },
            (Some(capability), Some(Err(unbound))) => {
                let refusal = Refusal::new(Code::TrustedContextMissing, unbound.to_string());
                Err(match (&unbound.variable, &capability.trust) {
                    (Some(name), _) => refusal.with_fix(format!("set `{name}`")),
                    (None, TrustRule::HttpClaims) => refusal.with_fix(
                        "call it over HTTP, where a client proves whose rows it is about; a command proves nothing",
                    ),
                    (None, _) => refusal,
                }
                .into())
            }
            _ => Err(Refusal::new(
                Code::CapabilityNotFound,
                "there is no tool of that name; list the tools and use one of their names",
            )
            .into()),
        }
    }

    /// Ends it with a result.
    pub(crate) fn finish(self, result: Result<Answer, Refusal>) -> Finished<'a> {
        // What an answer shows was asked of the ledger, or put into it, on the way here.
        let now = clock::now().max(self.app.ledger.newest_seen().unwrap_or(Timestamp::MIN));
        Finished { call: self, now, result }
    }

    fn scope(&self) -> Option<&Scope> {
        self.bound.as_ref()?.as_ref().ok()
    }
}

/// A finished call, ready to be rendered.
pub struct Finished<'a> {
    call: Call<'a>,
    now: Timestamp,
    result: Result<Answer, Refusal>,
}

impl Finished<'_> {
    /// The result as JSON in a format, and whether it is an error.
    #[must_use]
    pub fn render(&self, format: ResultFormat) -> (Json, bool) {
        self.called().render(format)
    }

    /// How it ended.
    pub fn result(&self) -> &Result<Answer, Refusal> {
        &self.result
    }

    /// What the wire shapes are made of.
    #[must_use]
    pub fn called(&self) -> Called<'_> {
        Called {
            asked: &self.call.asked,
            capability: self.call.capability,
            scope: self.call.scope(),
            request_id: &self.call.request_id,
            mode: self.call.app.contract.mode,
            now: self.now,
            result: &self.result,
        }
    }
}

/// A row that was read within its scope, with everything that led to it.
pub(super) struct Seen<'a> {
    pub(super) capability: &'a Capability,
    pub(super) scope: &'a Scope,
    pub(super) args: Args,
    pub(super) known: std::sync::Arc<Known>,
    pub(super) plan: ReadPlan,
    pub(super) row: Row,
}

impl App {
    /// Takes in a call of the tool of that canonical name.
    pub(crate) fn begin<'a>(&'a self, caller: &'a Caller, name: &str) -> Call<'a> {
        let capability = self
            .contract
            .capability(name)
            .filter(|capability| self.contract.mode != Mode::ReadOnly || capability.proposal().is_none());
        Call {
            app: self,
            caller,
            asked: name.to_owned(),
            capability,
            bound: capability.map(|capability| self.scope(caller, capability)),
            request_id: clock::request_id(),
        }
    }

    /// Runs the tool of that canonical name. Every outcome is an answer; faults are logged under the request id.
    pub async fn call<'a>(&'a self, caller: &'a Caller, name: &str, arguments: &Map<String, Json>) -> Finished<'a> {
        let call = self.begin(caller, name);
        let result = call.run(arguments).await;
        call.finish(result)
    }

    async fn run(
        &self,
        capability: &Capability,
        scope: &Scope,
        arguments: &Map<String, Json>,
        request_id: &RequestId,
    ) -> Result<Answer, Stop> {
        let args = Args::parse(capability, arguments)?;
        let _coming = self.ledger.coming();
        let seen = self.look(capability, scope, args).await?;
        if capability.proposal().is_some() {
            return propose::propose(self, &seen, request_id).await;
        }
        let evidence_id = clock::evidence_id();
        let seal = Seal {
            request_id,
            secret: &self.masking_secret,
            receipts_id: seen.known.receipts_id.as_deref(),
            proposal_id: None,
        };
        let evidence = evidence::seal(capability, scope, &seen.plan, &seen.row, seal);
        let data = evidence.visible_row.clone();
        let key = evidence.object_id.clone();
        let event = NewEvent {
            subject: evidence_id.as_str().to_owned(),
            seq: 0,
            event: Event::EvidenceRecorded(Box::new(evidence)),
        };
        self.ledger.append(vec![event], clock::now()).await.map_err(stale_is_internal)?;
        Ok(Answer::Row { data, key, evidence: evidence_id })
    }

    /// Reads the row that a call is about. What the catalog said is looked up again once, if it no longer fits.
    pub(super) async fn look<'a>(
        &self,
        capability: &'a Capability,
        scope: &'a Scope,
        args: Args,
    ) -> Result<Seen<'a>, Stop> {
        let source = self.source_of(capability)?;
        let engine = self.sources.reader(source)?;
        let mut fresh = false;
        loop {
            let known = self.known(capability).await?;
            let plan = plan::read(capability, source.engine, &known.table, scope, &args)?;
            match engine.read(&plan.sql).await {
                Ok(rows) => {
                    let row = plan::one_row(capability, &plan, &args, rows)?;
                    return Ok(Seen { capability, scope, args, known, plan, row });
                }
                Err(fault) => {
                    self.forget(capability);
                    if fresh || fault.code() != Code::ObjectMissing {
                        return Err(fault.into());
                    }
                    fresh = true;
                }
            }
        }
    }
}

/// A credential that may not do this.
pub(crate) fn no_grant(scope: &str) -> Refusal {
    Refusal::new(Code::InsufficientScope, format!("this credential lacks the scope `{scope}`"))
}

/// A fresh random subject is never taken; if the ledger says so, something is wrong with it.
pub(super) fn stale_is_internal(error: synapsor_db::ledger::AppendError) -> Stop {
    match error {
        synapsor_db::ledger::AppendError::Fault(fault) => fault.into(),
        synapsor_db::ledger::AppendError::Stale { .. } => {
            Refusal::new(Code::Internal, "the record could not be kept").into()
        }
    }
}
