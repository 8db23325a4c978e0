//! What must hold in every world.

use std::sync::Arc;

use stateright::Property;
use synapsor_core::proposal::Proposal;
use synapsor_core::wire::receipt::ReceiptStatus;

use crate::healthy;
use crate::protocol::Protocol;
use crate::record::{Node, Says};
use crate::world::{Commit, World};

pub fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("the record can be read, and knows its length", |protocol, world| {
            let counts = |node: &Node, folded: &Proposal| folded.next_seq() == 1 + node.events.len() as u64;
            nodes(protocol, world).all(|node| node.folded.as_ref().is_ok_and(|folded| counts(&node, folded)))
        }),
        Property::always("a change is written at most once", at_most_once),
        Property::always("one version of a row is changed at most once", |_, world| {
            commits(world).filter(|commit| matches!(commit, Commit::Write(_))).count() <= 1
        }),
        Property::always("nothing is written without a decision that was valid at the claim", |_, world: &World| {
            !commits(world).any(|commit| match commit {
                Commit::Write(held) => world.truth.unfounded & (1 << held.job) != 0,
                Commit::Fence(_) | Commit::Foreign => false,
            })
        }),
        Property::always("nothing is written after a fence", |_, world| {
            !commits(world).any(|commit| match commit {
                Commit::Fence(held) => commits(world).any(|other| other == Commit::Write(held)),
                Commit::Write(_) | Commit::Foreign => false,
            })
        }),
        Property::always("a receipt is true", receipts_are_true),
        Property::always("what is said of the source database is true", words_are_true),
        Property::always("nobody fences a claim that is live by their own clock", |_, world: &World| {
            !world.truth.hasty
        }),
        Property::always("no proposal is stuck", healthy::gets_through),
    ]
}

fn nodes<'a>(protocol: &'a Protocol, world: &'a World) -> impl Iterator<Item = Arc<Node>> + 'a {
    world.ledger.iter().map(|id| protocol.record.node(*id))
}

fn commits(world: &World) -> impl Iterator<Item = Commit> + '_ {
    world.source.log.iter().copied()
}

/// Whether the ledger still holds all that it ever held, so that the source database holds nothing it does not know of.
fn ledger_is_whole(protocol: &Protocol, world: &World) -> bool {
    world.left.restores == protocol.bounds.restores
}

/// Once in the row; and where servers can be told apart and the ledger is whole, once in all, even if a failover lost it.
fn at_most_once(protocol: &Protocol, world: &World) -> bool {
    let strict = protocol.bounds.named_servers && ledger_is_whole(protocol, world);
    (0..).zip(&world.truth.ever).all(|(proposal, ever)| world.source.writes(proposal) <= 1 && (!strict || *ever <= 1))
}

fn receipts_are_true(protocol: &Protocol, world: &World) -> bool {
    nodes(protocol, world).all(|node| {
        let Some((status, job)) = node.settled(&protocol.papers) else { return true };
        let written = world.source.writes(node.proposal);
        let ever = usize::from(world.truth.ever[usize::from(node.proposal)]);
        let lost = ever > written;
        let by_job =
            |commit: Commit| matches!(commit, Commit::Write(held) if held.proposal == node.proposal && held.job == job);
        match status {
            ReceiptStatus::Applied => lost || commits(world).any(by_job),
            ReceiptStatus::AlreadyApplied => lost || (written == 1 && !commits(world).any(by_job)),
            ReceiptStatus::Conflict | ReceiptStatus::Failed | ReceiptStatus::Canceled => {
                written == 0 && (ever == 0 || !ledger_is_whole(protocol, world))
            }
        }
    })
}

/// What `proposals show` says. A ledger that was put back does not know what it forgot, and a failover that nobody can tell
/// may lose a fence: `reconcile --verify` is for both.
fn words_are_true(protocol: &Protocol, world: &World) -> bool {
    let untold = !protocol.bounds.named_servers && world.left.failovers < protocol.bounds.failovers;
    let forgot = untold || !ledger_is_whole(protocol, world);
    nodes(protocol, world).all(|node| {
        let ever = usize::from(world.truth.ever[usize::from(node.proposal)]);
        match node.says {
            Says::Nothing => ever == 0 || forgot,
            Says::Written => ever > 0,
            Says::Unknown => true,
        }
    })
}
