//! One attempt through an app's handler: everything is looked up before the claim, as for a guarded write.

use std::time::Duration;

use jiff::Timestamp;
use synapsor_core::code::Code;
use synapsor_core::contract::Executor;
use synapsor_core::event::{BODY_VERSION, Claim};
use synapsor_core::handler::judge;
use synapsor_core::handler::request::{self, Asker};
use synapsor_core::proposal::ready::Ready;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::handler::{HandlerRequest, HandlerStatus};
use synapsor_core::writeback::Settlement;
use synapsor_db::crash::{Point, point};

use super::{claim_it, lease_end};
use crate::app::handler::Handler;
use crate::app::outcome::{Applied, ApplyEnding};
use crate::app::{App, Stop};
use crate::clock;

/// Beyond the handler's timeout, what a claim may take before others may ask what became of it.
const LEASE_SLACK: Duration = Duration::from_secs(5);

pub(super) struct Handed<'a> {
    app: &'a App,
    ready: Ready<'a>,
    executor: &'a Executor,
    handler: Handler,
    decided_at: String,
}

impl<'a> Handed<'a> {
    pub(super) async fn prepare(app: &'a App, ready: Ready<'a>, executor: &'a Executor) -> Result<Self, Stop> {
        let handler = Handler::open(executor)?;
        let decided_at = app.decided_at(&ready.proposal().change_set().proposal_id).await?;
        Ok(Self { app, ready, executor, handler, decided_at })
    }

    fn claim(&self, runner_id: &str, now: Timestamp) -> Claim {
        Claim {
            v: BODY_VERSION,
            job_id: clock::job_id().as_str().to_owned(),
            runner_id: runner_id.to_owned(),
            lease_expires_at: lease_end(now, self.executor.timeout + LEASE_SLACK),
            receipts_schema: String::new(),
            receipts_table: String::new(),
            receipts_id: String::new(),
            server_id: None,
            executor: Some(self.executor.name.as_str().to_owned()),
        }
    }

    fn request(&self, claim: &Claim) -> HandlerRequest {
        let asker = Asker { ledger_id: self.app.ledger.id().as_str(), claim };
        self.handler.stamped(clock::now(), |stamp| {
            request::apply(self.ready.proposal(), self.ready.decision(), &self.decided_at, asker, stamp)
        })
    }

    /// Has the handler go through all of it and undo it, if it says that it can.
    pub(super) async fn rehearse(self, runner_id: &str) -> Result<Applied, Stop> {
        let abilities = self.handler.abilities().await?;
        if !abilities.iter().any(|ability| ability == "dry_run") {
            let name = &self.executor.name;
            return Err(Refusal::new(Code::HandlerLacks, format!("handler `{name}` does no dry run")).into());
        }
        let claim = self.claim(runner_id, self.app.now().await?);
        let mut request = self.request(&claim);
        if let Some(about) = &mut request.about {
            about.dry_run = true;
        }
        let ending = match judge::settle(self.handler.ask(&request).await) {
            Settlement::Told(said) if matches!(said.status, HandlerStatus::Applied | HandlerStatus::AlreadyApplied) => {
                ApplyEnding::Rehearsed
            }
            Settlement::Told(said) => ApplyEnding::WouldNot(judge::outcome(&said)),
            Settlement::Settled(outcome) => ApplyEnding::WouldNot(outcome),
            Settlement::Released(code) => ApplyEnding::Released(code),
            // Nothing was to be written, so nothing is in doubt.
            Settlement::InDoubt(_) | Settlement::ClaimLost => ApplyEnding::Released(Code::HandlerUnready),
        };
        Ok(Applied { proposal: self.ready.proposal().clone(), ending })
    }

    /// Claims, asks and records. `None` if someone else claimed, or settled our claim, first.
    pub(super) async fn run(self, runner_id: &str) -> Result<Option<Applied>, Stop> {
        point(Point::ApplyPrepared);
        let claim = self.claim(runner_id, self.app.now().await?);
        let Some(claimed) = claim_it(self.app, self.ready.proposal(), &claim).await? else { return Ok(None) };
        point(Point::ApplyClaimed);
        let settlement = judge::settle(self.handler.ask(&self.request(&claim)).await);
        point(Point::ApplyRecording);
        let recorded = self.app.record_or_doubt(&claimed, &claim, settlement).await;
        point(Point::ApplyRecorded);
        recorded
    }
}
