//! What a proposal capability may change, and what must hold for it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Number, Value as Json};

use crate::id::{Ident, SafeName};

/// What a proposal may change, and under which guards.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalRule {
    /// The columns it sets, in the file's order, each with where its value comes from.
    pub patch: Vec<(Ident, Binding)>,
    /// The columns a reviewed change may touch.
    pub allowed_columns: Vec<Ident>,
    /// Bounds on numbers in the patch.
    pub bounds: BTreeMap<Ident, Bounds>,
    /// Allowed moves of states in the patch.
    pub transitions: BTreeMap<Ident, Transition>,
    /// How a change of the row is noticed.
    pub guard: ConflictGuard,
    /// Who decides.
    pub approval: ApprovalRule,
    /// The executor whose handler writes it; `None` = the runner, by one guarded update.
    pub executor: Option<SafeName>,
}

/// Where a patched column's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// The file.
    Fixed(Json),
    /// An argument.
    FromArg(Ident),
}

/// Inclusive bounds on a number; at least one is set.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// The smallest.
    pub minimum: Option<Number>,
    /// The largest.
    pub maximum: Option<Number>,
}

/// Allowed moves of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The column that holds the present state; readable.
    pub from_column: Ident,
    /// Present state → states it may become.
    pub allowed: BTreeMap<String, Vec<String>>,
}

/// How a change of the row between look and write is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictGuard {
    /// The version column; `None` = the acknowledged weak guard over all visible columns.
    pub column: Option<Ident>,
    /// How the version moves on a write.
    pub advance: Advance,
    /// What the before-image covers; `None` = by the version's precision.
    pub cover: Option<Cover>,
    /// Whether a column that others reference with a cascade may be patched.
    pub cascade_ack: bool,
    /// Whether a proposal needs a recorded read of the row's present version by the same principal.
    pub require_fresh_read: bool,
}

/// How the version moves on a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Advance {
    /// Integers by one; times to the later of the clock and one unit on; otherwise the patch or a trigger must.
    #[default]
    Auto,
    /// By one.
    Increment,
    /// To the later of the clock and one unit on.
    Now,
    /// A trigger must move it.
    Database,
}

/// What the before-image covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// The patched columns and the states their moves start from.
    Patched,
    /// All visible columns.
    Visible,
}

/// Who decides, and for how long a proposal may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRule {
    /// The role a decision is recorded under.
    pub required_role: Option<String>,
    /// How long after proposing it may still be decided and applied.
    pub expires_in: Duration,
    /// Whether the proposal's own principal may decide, once decisions are signed.
    pub allow_self: bool,
}

impl Default for ApprovalRule {
    fn default() -> Self {
        Self { required_role: None, expires_in: Duration::from_secs(7 * 24 * 3600), allow_self: false }
    }
}
