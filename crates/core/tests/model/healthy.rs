//! Whether a proposal gets to its end once nothing more goes wrong.

use synapsor_core::proposal::Stage;

use crate::act::Act;
use crate::papers::SPARE_CLAIMS;
use crate::protocol::Protocol;
use crate::record::Node;
use crate::steps::Steps;
use crate::world::{Hour, Proc, World};

/// More than one apply takes, with a fence before it.
const MOST_STEPS: usize = 40;

/// From every world, once the server has dealt with what was open: one process alone, whose clock is right, first
/// reconciles and then applies. Every proposal must then have ended, wait for a person, or be in doubt because the
/// server that could tell is gone.
pub fn gets_through(protocol: &Protocol, world: &World) -> bool {
    if !world.source.open.is_empty() {
        // The server deals with it sooner or later, and those worlds are looked at too.
        return true;
    }
    let key = (world.ledger.clone(), world.source.clone());
    if let Some(known) = protocol.healed.lock().unwrap().get(&key) {
        return *known;
    }
    let through = alone(protocol, world);
    protocol.healed.lock().unwrap().insert(key, through);
    through
}

fn alone(protocol: &Protocol, world: &World) -> bool {
    let steps = Steps { sights: None, claims: protocol.bounds.claims + SPARE_CLAIMS, ..protocol.steps() };
    let mut world = World { procs: vec![Proc::Idle], ..world.clone() };
    for proposal in 0..protocol.bounds.proposals {
        // Reconciling must work whatever became of the decision since.
        for (applies, hour) in [(false, Hour::Due), (true, Hour::Late), (true, Hour::Late)] {
            let look = Act::Look { who: 0, proposal, applies, hour };
            world = run(steps, world, look);
        }
        let node = protocol.record.node(world.ledger[usize::from(proposal)]);
        if world.procs != [Proc::Idle] || !has_ended(protocol, &world, &node) {
            return false;
        }
    }
    true
}

/// Takes the good step until the process is idle again.
fn run(steps: Steps<'_>, world: World, look: Act) -> World {
    let Some(mut world) = steps.take(&world, look) else { return world };
    for _ in 0..MOST_STEPS {
        let act = if world.source.open.is_empty() { Act::Step { who: 0 } } else { own(&world) };
        match steps.take(&world, act) {
            Some(next) => world = next,
            None => return world,
        }
    }
    world
}

/// The next step while its transaction is open: its own, or the server's once COMMIT is sent.
fn own(world: &World) -> Act {
    match world.source.open[0].sent {
        true => Act::Server { open: 0, commits: true },
        false => Act::Step { who: 0 },
    }
}

fn has_ended(protocol: &Protocol, world: &World, node: &Node) -> bool {
    match node.stage() {
        None => false,
        Some(Stage::Applying { claim, .. }) => {
            protocol.papers.held(node.proposal, claim).server != world.source.server && protocol.bounds.named_servers
        }
        // Nobody may apply it, and a person can still reject it.
        Some(Stage::Approved { .. }) => !node.plain.approved,
        Some(_) => true,
    }
}
