//! Why a use case stops: our no, or the world's.

use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;
use synapsor_db::fault::Fault;
use synapsor_db::ledger::LedgerFault;

/// Why a use case stops.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Our no: safe to show.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// A source database's no: for the log.
    #[error(transparent)]
    Source(#[from] Fault),
    /// The ledger's no: for the log and the operator.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
}

impl Stop {
    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refusal(refusal) => refusal.code(),
            Self::Source(fault) => fault.code(),
            Self::Ledger(fault) => fault.code(),
        }
    }

    /// Turns it into words that are safe to show, after logging a fault's causes once under the request id.
    #[must_use]
    pub fn into_refusal(self, request_id: &str) -> Refusal {
        match self {
            Self::Refusal(refusal) => refusal,
            Self::Source(fault) => {
                tracing::error!(request_id, causes = causes(&fault), "source database: {fault}");
                Refusal::new(fault.code(), fault.to_string())
            }
            Self::Ledger(fault) => {
                tracing::error!(request_id, causes = causes(&fault), "ledger: {fault}");
                Refusal::new(fault.code(), fault.to_string())
            }
        }
    }
}

/// The source chain in one line, with credentials masked.
fn causes(error: &dyn std::error::Error) -> String {
    let mut chain = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(synapsor_core::redact::mask_text(&cause.to_string()).into_owned());
        next = cause.source();
    }
    chain.join(": ")
}
