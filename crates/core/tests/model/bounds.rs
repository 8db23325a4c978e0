//! How far a run of the model goes.

use std::fmt;

use crate::world::Closing;

/// How far one run goes. Crashes, pauses, cut links, lost answers, wrong clocks and lock timeouts have no bound.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What the run is about.
    pub name: &'static str,
    /// Proposals, all for the same version of the same row.
    pub proposals: u8,
    /// Processes that apply and reconcile.
    pub appliers: usize,
    /// Claims, over all proposals.
    pub claims: u8,
    /// Changes of the row by others.
    pub foreign: u8,
    /// Failovers, each of which may lose the newest commits of the source database.
    pub failovers: u8,
    /// Times that the ledger is put back to an older state.
    pub restores: u8,
    /// Whether a process may be configured with another database's receipt table.
    pub strays: bool,
    /// Whether a decision may be recorded that was made on another change.
    pub other_decisions: bool,
    /// Whether the engine tells servers apart.
    pub named_servers: bool,
    /// How a proposal may be closed before it is claimed.
    pub closings: &'static [Closing],
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, proposals, appliers, claims, foreign, failovers, restores, .. } = self;
        write!(
            f,
            "{name}: {appliers} appliers, {proposals} proposals, {claims} claims, {foreign} foreign changes, \
             {failovers} failovers, {restores} restores, closed by {:?}",
            self.closings
        )?;
        for (said, word) in [
            (self.strays, "wrong receipt tables"),
            (self.other_decisions, "decisions on another change"),
            (!self.named_servers, "servers that cannot be told apart"),
        ] {
            if said {
                write!(f, ", {word}")?;
            }
        }
        f.write_str("; any number of crashes, pauses, cut links, lost answers, lock timeouts and wrong clocks")
    }
}
