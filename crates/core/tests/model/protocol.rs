//! The model as the checker sees it: where it starts, what can happen, what must hold.

use std::collections::HashMap;
use std::sync::Mutex;

use stateright::{Model, Property};

use crate::act::{self, Act};
use crate::bounds::Bounds;
use crate::papers::Papers;
use crate::properties;
use crate::record::Record;
use crate::sights::Sights;
use crate::steps::Steps;
use crate::world::{Left, NodeId, Proc, Source, Truth, World};

/// One run.
pub struct Protocol {
    pub bounds: Bounds,
    pub papers: Papers,
    pub record: Record,
    pub sights: Sights,
    /// What [`crate::healthy`] found out already.
    pub healed: Mutex<HashMap<(Vec<NodeId>, Source), bool>>,
}

impl Protocol {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            papers: Papers::new(&bounds),
            bounds,
            record: Record::default(),
            sights: Sights::default(),
            healed: Mutex::default(),
        }
    }

    pub fn steps(&self) -> Steps<'_> {
        Steps { papers: &self.papers, record: &self.record, sights: Some(&self.sights), claims: self.bounds.claims }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let bounds = &self.bounds;
        vec![World {
            ledger: (0..bounds.proposals).map(|proposal| self.record.created(&self.papers, proposal)).collect(),
            source: Source { server: 0, log: Vec::new(), open: Vec::new() },
            procs: vec![Proc::Idle; bounds.appliers],
            left: Left { foreign: bounds.foreign, failovers: bounds.failovers, restores: bounds.restores },
            truth: Truth { ever: vec![0; usize::from(bounds.proposals)], unfounded: 0, hasty: false },
        }]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        act::all(&self.bounds, world, acts);
    }

    fn next_state(&self, world: &World, act: Act) -> Option<World> {
        self.steps().take(world, act)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
