//! A proposal's guarded write as a file, and the way back: nothing in the file is trusted.

use jiff::SignedDuration;
use synapsor_core::code::Code;
use synapsor_core::contract::EngineKind;
use synapsor_core::event::Event;
use synapsor_core::id::ProposalId;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::job::{Export, JobLease, WritebackJob};
use synapsor_db::ledger::{AppendError, NewEvent};

use super::{App, Stop};
use crate::clock;

impl App {
    /// Exports an approved proposal's job. This records the export; it claims nothing.
    pub async fn export_job(
        &self,
        id: &ProposalId,
        project_id: &str,
        lease_seconds: u32,
    ) -> Result<WritebackJob, Stop> {
        loop {
            let now = self.now().await?;
            let proposal = self.load(id).await?;
            let ready = proposal.ready(&self.contract, now)?;
            if let Some(name) = ready.capability().executor() {
                return Err(Refusal::new(Code::HandlerWrites, format!("handler `{name}` writes the change")).into());
            }
            let exports = self.exports(id).await?;
            let lease = SignedDuration::from_secs(i64::from(lease_seconds));
            let export = Export {
                job_id: clock::job_id().as_str().to_owned(),
                project_id: project_id.to_owned(),
                lease: JobLease {
                    lease_id: clock::lease_id().as_str().to_owned(),
                    attempt: u32::try_from(exports.len()).unwrap_or(u32::MAX).saturating_add(1),
                    expires_at: now.checked_add(lease).unwrap_or(now).to_string(),
                },
            };
            let job = WritebackJob::of(proposal.change_set(), ready.source().engine, export);
            let event = NewEvent {
                subject: id.as_str().to_owned(),
                seq: proposal.next_seq(),
                event: Event::WritebackJobRecorded(Box::new(job.clone())),
            };
            match self.ledger.append(vec![event], now).await {
                Ok(_) => return Ok(job),
                Err(AppendError::Stale { .. }) => {}
                Err(AppendError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }

    /// The proposal that a job file stands for: the job is derived from the ledger again, and any difference is refused.
    pub async fn check_job(&self, text: &str) -> Result<ProposalId, Stop> {
        let job = WritebackJob::parse(text)?;
        let id = ProposalId::parse(&job.proposal_id)
            .map_err(|_| Refusal::new(Code::JobInvalid, "`proposal_id` is no proposal id"))?;
        let proposal = self.load(&id).await?;
        let exports = self.exports(&id).await?;
        let recorded = exports
            .iter()
            .find(|recorded| recorded.writeback_job_id == job.writeback_job_id)
            .ok_or_else(|| Refusal::new(Code::JobMismatch, "this ledger never exported that job"))?;
        let engine = EngineKind::from_word(&recorded.engine)
            .ok_or_else(|| Refusal::new(Code::StoreCorrupt, "the recorded job names no engine"))?;
        let export = Export {
            job_id: recorded.writeback_job_id.clone(),
            project_id: recorded.runner_scope.project_id.clone(),
            lease: recorded.lease.clone(),
        };
        let derived = WritebackJob::of(proposal.change_set(), engine, export);
        if let Some(field) = job.difference(&derived) {
            return Err(
                Refusal::new(Code::JobMismatch, format!("`{field}` differs from what the ledger derives")).into()
            );
        }
        let now = self.now().await?;
        if job.lease.expires_at.parse::<jiff::Timestamp>().is_ok_and(|until| until <= now) {
            return Err(Refusal::new(
                Code::WritebackLeaseExpired,
                format!("the job file expired at {}", job.lease.expires_at),
            )
            .into());
        }
        Ok(id)
    }

    async fn exports(&self, id: &ProposalId) -> Result<Vec<WritebackJob>, Stop> {
        let events = self.ledger.load(id.as_str()).await?;
        Ok(events
            .into_iter()
            .filter_map(|stored| match stored.event {
                Event::WritebackJobRecorded(job) => Some(*job),
                _ => None,
            })
            .collect())
    }
}
