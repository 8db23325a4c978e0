//! Proves a handler safe, in whatever language it is written: asks it as a runner, an attacker and a retry would, and looks
//! in its database at what really happened.

mod checks;
mod wire;
mod world;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Contract, Executor};
use synapsor_core::refusal::Refusal;

use super::Stop;
pub use checks::CHECKS;
use checks::Checks;
use wire::Line;
use world::World;

/// What is tested, and with what.
#[derive(Debug, Clone)]
pub struct Order {
    /// The capability; `None` = the only one that has a handler.
    pub action: Option<String>,
    /// Arguments of a call that the handler can apply again and again.
    pub arguments: Map<String, Json>,
    /// Another address than the executor's.
    pub url: Option<String>,
    /// The variable of a URL that may read all tables that the handler writes; `None` = the source's reader.
    pub watch_url_env: Option<String>,
    /// A patch at which the effect fails midway; `None` = every value null.
    pub failing_patch: Option<Map<String, Json>>,
}

/// One guard, and whether it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Names it.
    pub id: &'static str,
    /// What should hold.
    pub title: &'static str,
    /// What an attacker or a retry does with a handler for which it does not.
    pub consequence: &'static str,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not; what happened.
    Failed(String),
    /// It could not be tried; why.
    Skipped(String),
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The address, or the command's name.
    pub address: String,
    /// The capability.
    pub action: String,
    /// Every check, in order.
    pub checks: Vec<(Check, Verdict)>,
}

impl Findings {
    /// How many checks failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.checks.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_))).count()
    }
}

/// Tests a handler. `base` is what relative paths in the configuration refer to. Changes made on the way stay: the rows
/// are the caller's to give.
pub async fn examine(contract: &Contract, base: &Path, order: &Order) -> Result<Findings, Stop> {
    let (capability, executor) = subject(contract, order.action.as_deref())?;
    let line = Line::open(executor, order.url.as_deref())?;
    let base = PathBuf::from(base);
    let world = World::open(contract, capability, base, order).await?;
    let address = line.address();
    let checks = Checks::new(line, world, order).run().await?;
    Ok(Findings { address, action: capability.name.as_str().to_owned(), checks })
}

fn subject<'a>(contract: &'a Contract, action: Option<&str>) -> Result<(&'a Capability, &'a Executor), Refusal> {
    let handled = |capability: &'a Capability| Some((capability, contract.handler_of(capability)?));
    let mut all = contract.capabilities.iter().filter_map(handled);
    let names = || {
        let names: Vec<_> =
            contract.capabilities.iter().filter_map(handled).map(|(one, _)| one.name.as_str()).collect();
        if names.is_empty() {
            "no capability has a handler".to_owned()
        } else {
            format!("these have a handler: {}", names.join(", "))
        }
    };
    match action {
        Some(action) => all.find(|(capability, _)| capability.name.as_str() == action).ok_or_else(|| {
            let name = synapsor_core::plan::shown_key(action);
            Refusal::new(Code::CapabilityNotFound, format!("`{name}` is no capability with a handler"))
                .with_fix(names())
        }),
        None => match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Refusal::new(Code::Usage, "name the capability to test with `--action`").with_fix(names())),
        },
    }
}
