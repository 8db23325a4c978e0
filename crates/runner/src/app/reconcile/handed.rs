//! Finds out from an app's handler what became of a request: asks, and then makes or ends it under the same key.

use synapsor_core::code::Code;
use synapsor_core::event::Claim;
use synapsor_core::handler::judge::{self, Word};
use synapsor_core::handler::request::{self, Asker};
use synapsor_core::id::SafeName;
use synapsor_core::proposal::Proposal;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::handler::{Ask, HandlerRequest};
use synapsor_core::writeback::Settlement;

use crate::app::handler::Handler;
use crate::app::{App, Stop};
use crate::clock;

/// Why nobody can say: what only a person can find out.
const CANNOT_SAY: &str =
    "the handler does not say that it knows `status` and `fence`, so nobody can ask it what it did";

pub(super) async fn settle(app: &App, proposal: &Proposal, claim: &Claim, name: &str) -> Result<Settlement, Stop> {
    let executor = SafeName::parse(name).ok().and_then(|name| app.contract.executors.get(&name));
    let executor = executor.ok_or_else(|| {
        Refusal::new(Code::ConfigInvalid, format!("executor `{name}`, which was asked, is not configured"))
    })?;
    let handler = Handler::open(executor)?;
    let Ok(abilities) = handler.abilities().await else {
        return Ok(Settlement::InDoubt("the handler does not answer, so nobody can ask it what it did"));
    };
    let can = |ability: &str| abilities.iter().any(|known| known == ability);
    if !can("status") {
        return Ok(Settlement::InDoubt(CANNOT_SAY));
    }
    let asker = Asker { ledger_id: app.ledger.id().as_str(), claim };
    let inquire = |ask: Ask| handler.stamped(clock::now(), |stamp| request::inquire(ask, proposal, asker, stamp));
    match handler.ask(&inquire(Ask::Status)).await {
        Word::None => {}
        word => return Ok(doubtful(word)),
    }
    let next: HandlerRequest = match proposal.standing_decision(&app.contract, executor) {
        Some(decision) if can("idempotent") => {
            let decided_at = app.decided_at(&proposal.change_set().proposal_id).await?;
            handler.stamped(clock::now(), |stamp| request::apply(proposal, decision, &decided_at, asker, stamp))
        }
        _ if can("fence") => inquire(Ask::Fence),
        _ => return Ok(Settlement::InDoubt(CANNOT_SAY)),
    };
    Ok(doubtful(handler.ask(&next).await))
}

/// Only a receipt ends the doubt: a refusal of this request says nothing of the one before.
fn doubtful(word: Word) -> Settlement {
    match word {
        Word::Refused(_) => Settlement::InDoubt("the handler refuses to say what it did"),
        word => judge::settle(word),
    }
}
