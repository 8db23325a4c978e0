//! Whether the apps' handlers can be asked, prove who they are, and know what the runner needs.

use synapsor_core::check::Check;
use synapsor_core::contract::{Contract, Executor, Mode};
use synapsor_core::refusal::Refusal;

use crate::app::handler::Handler;

/// What a handler should be able to do, and what is lost without it.
const ABILITIES: [(&str, &str); 4] = [
    ("status", "an apply whose reply was lost stays in doubt for a person"),
    ("fence", "an apply whose reply was lost, and whose decision does not hold any more, stays in doubt for a person"),
    ("idempotent", "an apply whose reply was lost is not sent again, but ended"),
    ("dry_run", "`apply --dry-run` is refused"),
];

/// Looks at every handler of a configuration that applies; with `ask`, sends each a handshake, which changes nothing.
pub async fn handlers(contract: &Contract, ask: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if contract.mode == Mode::Review {
        for executor in contract.executors.values() {
            checks.extend(look(executor, ask).await);
        }
    }
    checks
}

async fn look(executor: &Executor, ask: bool) -> Vec<Check> {
    let id = |what: &str| format!("executor:{}:handler-{what}", executor.name);
    let failed =
        |what: &str, refusal: Refusal| Check::fail(id(what), refusal.message().to_owned(), refusal.fix().to_owned());
    let handler = match Handler::open(executor) {
        Ok(handler) => handler,
        Err(refusal) => return vec![failed("address", refusal)],
    };
    let mut checks = vec![if handler.is_signed() {
        Check::pass(id("signing"), "requests and replies are signed, or never leave this machine")
    } else {
        Check::warn(
            id("signing"),
            "requests are not signed: whatever can reach the handler's port on this machine can have changes made",
            "set `signing_secret_env` and the variable it names, here and in the app",
        )
    }];
    if handler.is_cleartext() {
        checks.push(Check::warn(
            id("transport"),
            "rows, and the token if there is one, cross the network in cleartext",
            "reach the handler by https",
        ));
    }
    if !ask {
        checks.push(Check::warn(
            id("reachability"),
            "whether the handler answers was not tried",
            "run this again with `--check-handlers`; it asks what the handler can do, and changes nothing",
        ));
        return checks;
    }
    match handler.abilities().await {
        Ok(known) => {
            checks.push(Check::pass(id("reachability"), "the handler answers as the protocol says"));
            for (ability, loss) in ABILITIES {
                if !known.iter().any(|known| known == ability) {
                    let message = format!("the handler does not say that it supports `{ability}`: {loss}");
                    checks.push(Check::warn(id(ability), message, "see docs/handler-protocol.md, or use an SDK"));
                }
            }
        }
        Err(refusal) => checks.push(Check::fail(
            id("reachability"),
            refusal.message().to_owned(),
            "see that the app runs, and that token, secret, and the address it takes for its own are the same there",
        )),
    }
    checks
}
