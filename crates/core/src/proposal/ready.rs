//! The proof that a proposal may be applied now.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::{Proposal, Stage};
use crate::code::Code;
use crate::contract::{
    Advance, Binding, Capability, Contract, Cover, Executor, Mode, ProposalRule, Source, TenantRule,
};
use crate::digest::{self, Digest};
use crate::event::Decision;
use crate::id::{Ident, SafeName};
use crate::refusal::Refusal;

/// A proposal that is approved, unexpired, unchanged and made under the capability as it is reviewed now.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    proposal: &'a Proposal,
    capability: &'a Capability,
    source: &'a Source,
    decision: &'a Decision,
}

impl<'a> Ready<'a> {
    /// The proposal.
    #[must_use]
    pub fn proposal(&self) -> &'a Proposal {
        self.proposal
    }

    /// The capability as it is reviewed now.
    #[must_use]
    pub fn capability(&self) -> &'a Capability {
        self.capability
    }

    /// The source it writes to.
    #[must_use]
    pub fn source(&self) -> &'a Source {
        self.source
    }

    /// The decision it rests on.
    #[must_use]
    pub fn decision(&self) -> &'a Decision {
        self.decision
    }
}

impl Proposal {
    /// Whether it may be applied now, and if not, why not. An applying or settled proposal is not ready either: the
    /// caller looks at [`Proposal::stage`] first.
    pub fn ready<'a>(&'a self, contract: &'a Contract, now: Timestamp) -> Result<Ready<'a>, Refusal> {
        let (capability, source) = self.current_contract(contract)?;
        if self.is_past_due(now) {
            return Err(expired(self));
        }
        let decision = match &self.stage {
            Stage::Approved { decision } => decision,
            Stage::Pending => {
                return Err(Refusal::new(
                    Code::ApprovalRequired,
                    format!("proposal {} is not approved", self.change_set.proposal_id),
                )
                .with_fix(format!("run `synapsor-runner proposals approve {}`", self.change_set.proposal_id)));
            }
            Stage::Expired => return Err(expired(self)),
            other => {
                return Err(Refusal::new(
                    Code::ProposalClosed,
                    format!("proposal {} is {}", self.change_set.proposal_id, other.state()),
                ));
            }
        };
        if decision.proposal_hash != self.change_set.integrity.proposal_hash {
            return Err(Refusal::new(
                Code::ProposalHashMismatch,
                "the decision was made on another change than the recorded one",
            ));
        }
        Ok(Ready { proposal: self, capability, source, decision })
    }

    /// The decision that an unfinished request to a handler rests on, if it still holds: the capability is as reviewed,
    /// and its changes still go to that handler.
    #[must_use]
    pub fn standing_decision(&self, contract: &Contract, executor: &Executor) -> Option<&Decision> {
        let Stage::Applying { decision, .. } = &self.stage else { return None };
        let (capability, _) = self.current_contract(contract).ok()?;
        let same = decision.proposal_hash == self.change_set.integrity.proposal_hash;
        (same && capability.executor() == Some(&executor.name)).then_some(decision)
    }

    /// The capability this proposal was made under, if the configuration still holds it unchanged in its reviewed parts
    /// and its mode allows deciding and writing.
    pub fn current_contract<'a>(&self, contract: &'a Contract) -> Result<(&'a Capability, &'a Source), Refusal> {
        let change_set = &self.change_set;
        if change_set.mode == "shadow" {
            return Err(Refusal::new(
                Code::ShadowWritebackDisabled,
                "the proposal was made in shadow mode and is never applied",
            ));
        }
        match contract.mode {
            Mode::Review => {}
            Mode::Shadow => {
                return Err(Refusal::new(Code::ShadowWritebackDisabled, "the configuration's mode is `shadow`"));
            }
            Mode::ReadOnly => {
                return Err(Refusal::new(Code::ReadOnlyWritebackDisabled, "the configuration's mode is `read_only`"));
            }
        }
        let capability = contract.capability(&change_set.action).ok_or_else(|| {
            Refusal::new(
                Code::ConfigVanishedCapability,
                format!("the configuration has no capability `{}`", change_set.action),
            )
        })?;
        let source = contract.source_of(capability).ok_or_else(|| {
            Refusal::new(
                Code::ConfigVanishedCapability,
                format!("the configuration has no source `{}`", capability.source),
            )
        })?;
        if contract_digest(capability, source).as_str() != change_set.contract_digest {
            return Err(Refusal::new(
                Code::ContractChanged,
                format!("capability `{}` changed since the proposal was made", change_set.action),
            ));
        }
        Ok((capability, source))
    }
}

fn expired(proposal: &Proposal) -> Refusal {
    let change_set = &proposal.change_set;
    Refusal::new(
        Code::ProposalExpired,
        format!("proposal {} expired at {}", change_set.proposal_id, change_set.expires_at),
    )
}

/// Digest of a capability's reviewed parts.
#[must_use]
pub fn contract_digest(capability: &Capability, source: &Source) -> Digest {
    digest::of(&reviewed(capability, source))
}

/// A capability's reviewed parts: everything that decides what may be read and written, for whom and by whose decision.
/// Descriptions, hints and timeouts are not among them.
#[must_use]
pub fn reviewed(capability: &Capability, source: &Source) -> Json {
    let names = |columns: &[Ident]| Json::from(columns.iter().map(Ident::as_str).collect::<Vec<_>>());
    // By name, not by place: a file whose keys stand in another order says the same.
    let args: Map<String, Json> = capability
        .args
        .iter()
        .map(|arg| {
            let rule = json!({
                "type": crate::tool::argument_schema(arg, crate::tool::Describe::No),
                "required": arg.required,
                "default": arg.default,
            });
            (arg.name.as_str().to_owned(), rule)
        })
        .collect();
    let patch = |rule: &ProposalRule| -> Map<String, Json> {
        let bound = |binding: &Binding| match binding {
            Binding::Fixed(value) => json!({ "fixed": value }),
            Binding::FromArg(arg) => json!({ "from_arg": arg.as_str() }),
        };
        rule.patch.iter().map(|(column, binding)| (column.as_str().to_owned(), bound(binding))).collect()
    };
    json!({
        "name": capability.name.as_str(),
        "kind": capability.kind_word(),
        "executor": capability.executor().map_or("sql_update", SafeName::as_str),
        "source": source.name.as_str(),
        "engine": source.engine.word(),
        "target": {
            "schema": capability.target.schema.as_str(),
            "table": capability.target.table.as_str(),
            "primary_key": capability.target.primary_key.as_str(),
            "tenant": match &capability.target.tenant {
                TenantRule::Column(column) => Json::from(column.as_str()),
                TenantRule::SingleTenantDev => Json::Null,
            },
            "principal": capability.target.principal.as_ref().map(Ident::as_str),
        },
        "args": args,
        "lookup": capability.lookup_arg.as_str(),
        "visible_columns": names(&capability.visible_columns),
        "proposal": capability.proposal().map(|rule| json!({
            "patch": patch(rule),
            "allowed_columns": names(&rule.allowed_columns),
            "bounds": rule.bounds.iter().map(|(column, bounds)| json!({
                "column": column.as_str(), "minimum": bounds.minimum, "maximum": bounds.maximum,
            })).collect::<Vec<_>>(),
            "transitions": rule.transitions.iter().map(|(column, transition)| json!({
                "column": column.as_str(), "from_column": transition.from_column.as_str(), "allowed": transition.allowed,
            })).collect::<Vec<_>>(),
            "conflict_guard": {
                "column": rule.guard.column.as_ref().map(Ident::as_str),
                "advance": match rule.guard.advance {
                    Advance::Auto => "auto",
                    Advance::Increment => "increment",
                    Advance::Now => "now",
                    Advance::Database => "database",
                },
                "guard": rule.guard.cover.map(|cover| match cover { Cover::Patched => "patched", Cover::Visible => "visible" }),
                "cascade_ack": rule.guard.cascade_ack,
                "require_fresh_read": rule.guard.require_fresh_read,
            },
            "approval": {
                "required_role": rule.approval.required_role,
                "expires_in_seconds": rule.approval.expires_in.as_secs(),
                "allow_self": rule.approval.allow_self,
            },
        })),
    })
}

/// The first paths in which two reviewed contracts differ, for a person to see what changed.
#[must_use]
pub fn differences(old: &Json, new: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect(old, new, String::new(), &mut found);
    found
}

fn collect(old: &Json, new: &Json, path: String, found: &mut Vec<String>) {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let (a, b) = (old.get(key).unwrap_or(&Json::Null), new.get(key).unwrap_or(&Json::Null));
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(a, b, path, found);
            }
        }
        (old, new) if old != new => found.push(format!("{path}: {old} -> {new}")),
        _ => {}
    }
}
