//! The checked configuration: if a [`Contract`] exists, every reference in it resolves and every rule in it holds.
//!
//! Only [`crate::config::read`] makes one. It holds names of secrets, never secrets, so it may be printed and hashed.

mod executor;
pub mod http;
mod proposal;
mod source;

use std::collections::BTreeMap;

use serde_json::{Number, Value as Json};

pub use executor::{Executor, Way};
pub use http::Http;
pub use proposal::{Advance, ApprovalRule, Binding, Bounds, ConflictGuard, Cover, ProposalRule, Transition};
pub use source::{EngineKind, Pool, Receipts, Session, Source, Tls, TlsMode};

use crate::caller::Grants;
use crate::id::{CapabilityName, EnvName, Ident, SafeName};

/// A whole checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// What the runner may do with proposals.
    pub mode: Mode,
    /// The shape of tool results.
    pub result_format: ResultFormat,
    /// Where the ledger is and how hard it is kept.
    pub storage: Storage,
    /// The source databases, by name.
    pub sources: BTreeMap<Ident, Source>,
    /// The apps' handlers, by name.
    pub executors: BTreeMap<SafeName, Executor>,
    /// Serving over HTTP.
    pub http: Http,
    /// The capabilities, in the file's order; names are unique.
    pub capabilities: Vec<Capability>,
}

impl Contract {
    /// The capability of that canonical name.
    #[must_use]
    pub fn capability(&self, name: &str) -> Option<&Capability> {
        self.capabilities.iter().find(|capability| capability.name.as_str() == name)
    }

    /// The handler that writes a capability's changes; `None` if the runner does, or it changes nothing.
    #[must_use]
    pub fn handler_of(&self, capability: &Capability) -> Option<&Executor> {
        self.executors.get(capability.executor()?)
    }

    /// Whether a capability takes tenant and principal from what each client proves over HTTP, so that nothing else will do.
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        self.capabilities.iter().any(|capability| capability.trust == TrustRule::HttpClaims)
    }

    /// The source a capability reads; the check made sure that it exists.
    #[must_use]
    pub fn source_of(&self, capability: &Capability) -> Option<&Source> {
        self.sources.get(&capability.source)
    }
}

/// What the runner may do with proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads only; proposal tools are not listed.
    ReadOnly,
    /// Proposals are recorded for comparison and can never be applied.
    Shadow,
    /// Proposals wait for review and may then be applied.
    Review,
}

impl Mode {
    /// The word in config and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Shadow => "shadow",
            Self::Review => "review",
        }
    }
}

/// The shape of tool results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// The shapes of the reference program's first format.
    V1,
    /// The one envelope.
    V2,
    /// The one envelope, with the first format's keys under `legacy`.
    V2Dual,
}

/// Where the ledger is and how hard it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Path of the SQLite ledger as written in the file; relative to the working directory.
    pub sqlite_path: String,
    /// How hard records are kept.
    pub durability: Durability,
}

/// How hard records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Proposals, decisions, claims and receipts survive power loss; read evidence survives a process crash.
    #[default]
    Full,
    /// Everything survives power loss.
    Paranoid,
}

/// Where the tenant and principal come from. Never from the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustRule {
    /// Environment variables of the serving process.
    Environment {
        /// The tenant's variable.
        tenant_env: EnvName,
        /// The principal's variable.
        principal_env: EnvName,
    },
    /// Literals in the file, for development; a variable, where named and set, wins.
    StaticDev {
        /// The tenant's variable.
        tenant_env: Option<EnvName>,
        /// The tenant.
        tenant: Option<String>,
        /// The principal's variable.
        principal_env: Option<EnvName>,
        /// The principal.
        principal: Option<String>,
    },
    /// What each client proves over HTTP; nothing else will do.
    HttpClaims,
}

impl TrustRule {
    /// The word for where the context came from, in records and `_meta.provenance`.
    #[must_use]
    pub fn provenance(&self) -> &'static str {
        match self {
            Self::Environment { .. } => "environment",
            Self::StaticDev { .. } => "static_dev",
            Self::HttpClaims => "http_claims",
        }
    }
}

/// One reviewed action.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// Its canonical name.
    pub name: CapabilityName,
    /// What the model reads about it.
    pub description: Option<String>,
    /// What the model reads about its answer.
    pub returns_hint: Option<String>,
    /// The source it reads.
    pub source: Ident,
    /// Where its tenant and principal come from.
    pub trust: TrustRule,
    /// The row it is about.
    pub target: Target,
    /// Its arguments, in the file's order.
    pub args: Vec<Arg>,
    /// The argument that holds the row's key.
    pub lookup_arg: Ident,
    /// The columns the model may see, in the file's order.
    pub visible_columns: Vec<Ident>,
    /// What it does beyond reading.
    pub kind: CapabilityKind,
}

impl Capability {
    /// The scope that calling it needs and a credential does not grant.
    #[must_use]
    pub fn scope_lacking(&self, held: Grants) -> Option<&'static str> {
        let (needed, held) = if self.proposal().is_some() { ("propose", held.propose) } else { ("read", held.read) };
        (!held).then_some(needed)
    }

    /// The columns a read returns: visible, then key, tenant and version column where missing.
    #[must_use]
    pub fn read_columns(&self) -> Vec<Ident> {
        let mut columns = self.visible_columns.clone();
        let version = self.proposal().and_then(|rule| rule.guard.column.clone());
        let tenant = match &self.target.tenant {
            TenantRule::Column(column) => Some(column.clone()),
            TenantRule::SingleTenantDev => None,
        };
        for column in [Some(self.target.primary_key.clone()), tenant, version].into_iter().flatten() {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// Every column the capability names, read or written: what a catalog look-up must find.
    #[must_use]
    pub fn all_columns(&self) -> Vec<Ident> {
        let mut columns = self.read_columns();
        // A handler may take values that no column of its target holds.
        let patched = self.direct().into_iter().flat_map(|rule| rule.patch.iter().map(|(column, _)| column.clone()));
        for column in patched.chain(self.target.principal.clone()) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// The proposal rule, if this is a proposal capability.
    #[must_use]
    pub fn proposal(&self) -> Option<&ProposalRule> {
        match &self.kind {
            CapabilityKind::Read => None,
            CapabilityKind::Proposal(rule) => Some(rule),
        }
    }

    /// The name of the executor whose handler writes its changes; `None` if the runner does, or it changes nothing.
    #[must_use]
    pub fn executor(&self) -> Option<&SafeName> {
        self.proposal().and_then(|rule| rule.executor.as_ref())
    }

    /// The rule of what the runner itself writes; `None` if it writes nothing, or an app's handler does.
    #[must_use]
    pub fn direct(&self) -> Option<&ProposalRule> {
        self.proposal().filter(|rule| rule.executor.is_none())
    }

    /// `read` or `proposal`.
    #[must_use]
    pub fn kind_word(&self) -> &'static str {
        match &self.kind {
            CapabilityKind::Read => "read",
            CapabilityKind::Proposal(_) => "proposal",
        }
    }

    /// The noun for one row in sentences: the table's name without a plural `s` (`ies` → `y`), underscores as spaces.
    #[must_use]
    pub fn noun(&self) -> String {
        let table = self.target.table.as_str().to_lowercase();
        let singular = if let Some(stem) = table.strip_suffix("ies") {
            format!("{stem}y")
        } else if table.ends_with("ss") {
            table
        } else {
            table.strip_suffix('s').map_or(table.clone(), str::to_owned)
        };
        singular.replace('_', " ")
    }
}

/// What a capability does beyond reading.
#[derive(Debug, Clone, PartialEq)]
pub enum CapabilityKind {
    /// Nothing.
    Read,
    /// Proposes a change to the row.
    Proposal(ProposalRule),
}

/// The row a capability is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Schema.
    pub schema: Ident,
    /// Table.
    pub table: Ident,
    /// The key column; one column.
    pub primary_key: Ident,
    /// How rows belong to tenants.
    pub tenant: TenantRule,
    /// The column that must also equal the trusted principal.
    pub principal: Option<Ident>,
}

/// How rows belong to tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantRule {
    /// By this column.
    Column(Ident),
    /// They do not: an acknowledged development exception.
    SingleTenantDev,
}

/// One argument of a capability.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// Its name.
    pub name: Ident,
    /// What it holds and may hold.
    pub ty: ArgType,
    /// What the model reads about it.
    pub description: Option<String>,
    /// Whether a call must give it.
    pub required: bool,
    /// The value of an omitted argument; already of the right type and within bounds.
    pub default: Option<Json>,
    /// The values it may hold; empty = any.
    pub allowed: Vec<Json>,
}

/// What an argument holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgType {
    /// Text.
    Text {
        /// The longest, in characters.
        max_length: Option<u64>,
    },
    /// A number.
    Number {
        /// The smallest, inclusive.
        minimum: Option<Number>,
        /// The largest, inclusive.
        maximum: Option<Number>,
    },
    /// True or false.
    Boolean,
}
