//! One tool call: scope, arguments, read, record, answer.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use synapsor_core::answer::{Answer, Called};
use synapsor_core::args::Args;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Mode, ResultFormat};
use synapsor_core::event::Event;
use synapsor_core::evidence::{self, Seal};
use synapsor_core::id::RequestId;
use synapsor_core::plan::{self, ReadPlan, Row};
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::Scope;
use synapsor_db::ledger::NewEvent;

use super::trace::Trace;
use super::{App, Known, Stop, propose};
use crate::clock;

/// Calls of tools, by `tool` and `outcome`.
pub const CALLS: &str = "synapsor_calls_total";
/// How long calls took, by `tool`.
pub const CALL_SECONDS: &str = "synapsor_call_duration_seconds";

/// A finished call, ready to be rendered.
pub struct Finished<'a> {
    asked: String,
    capability: Option<&'a Capability>,
    scope: Option<Scope>,
    request_id: RequestId,
    mode: Mode,
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

    /// Counts the call, and writes a line about it: who called what, how it ended, and under which request id the rest
    /// is found.
    pub(crate) fn note(&self, took: Duration, trace: Option<&Trace>) {
        let tool = self.capability.map(|capability| capability.name.as_str());
        let outcome = self.result.as_ref().map_or_else(|refusal| refusal.code().text(), |_| "OK");
        // Names that only a client made up count as one.
        let counted = tool.unwrap_or("unknown").to_owned();
        metrics::counter!(CALLS, "tool" => counted.clone(), "outcome" => outcome).increment(1);
        metrics::histogram!(CALL_SECONDS, "tool" => counted).record(took);
        tracing::info!(
            request_id = %self.request_id,
            tool,
            tenant = self.scope.as_ref().map(Scope::tenant),
            principal = self.scope.as_ref().map(Scope::principal),
            outcome,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            trace_id = trace.map(Trace::trace_id),
            parent_id = trace.map(Trace::parent_id),
            "call"
        );
    }

    /// What the wire shapes are made of.
    #[must_use]
    pub fn called(&self) -> Called<'_> {
        Called {
            asked: &self.asked,
            capability: self.capability,
            scope: self.scope.as_ref(),
            request_id: &self.request_id,
            mode: self.mode,
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
    /// Runs the tool of that canonical name. Every outcome is an answer; faults are logged under the request id.
    pub async fn call(&self, caller: &Caller, name: &str, arguments: &Map<String, Json>) -> Finished<'_> {
        let request_id = clock::request_id();
        let capability = self
            .contract
            .capability(name)
            .filter(|capability| self.contract.mode != Mode::ReadOnly || capability.proposal().is_none());
        let bound = capability.map(|capability| self.scope(caller, capability));
        let result = match (capability, &bound) {
            (Some(capability), Some(Ok(scope))) => match capability.scope_lacking(caller.grants()) {
                Some(lacking) => Err(no_grant(lacking).into()),
                None => self.run(capability, scope, arguments, &request_id).await,
            },
            (Some(_), Some(Err(unbound))) => {
                let fix = unbound.variable.as_ref().map(|name| format!("set `{name}`"));
                let refusal = Refusal::new(Code::TrustedContextMissing, unbound.to_string());
                Err(match fix {
                    Some(fix) => refusal.with_fix(fix),
                    None => refusal,
                }
                .into())
            }
            _ => Err(Refusal::new(
                Code::CapabilityNotFound,
                "there is no tool of that name; list the tools and use one of their names",
            )
            .into()),
        };
        let result = result.map_err(|stop| {
            // A fault is logged by what turns it into a refusal; a refusal whose words the model does not get, here.
            if let Stop::Refusal(refusal) = &stop
                && refusal.code().face().text() != refusal.code().text()
            {
                tracing::warn!(%request_id, code = refusal.code().text(), "call of `{name}` refused: {refusal}");
            }
            stop.into_refusal(request_id.as_str())
        });
        // What an answer shows was asked of the ledger, or put into it, on the way here.
        let now = clock::now().max(self.ledger.newest_seen().unwrap_or(Timestamp::MIN));
        Finished {
            asked: name.to_owned(),
            capability,
            scope: bound.and_then(Result::ok),
            request_id,
            mode: self.contract.mode,
            now,
            result,
        }
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
