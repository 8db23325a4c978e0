//! A configuration, drafted from what somebody wishes and what the database says of itself.
//!
//! Every form of `init` fills a [`Wish`]: flags, a file, or answers to questions. [`settle`] makes it whole or says
//! everything that is wrong with it, and a [`Draft`] becomes a configuration file, alone or beside what one holds.

mod add;
mod names;
mod recipe;
mod render;
mod selection;
mod settle;
mod words;

use serde_json::{Map, Value as Json};

pub use add::add;
pub use names::Names;
pub use recipe::Recipe;
pub use selection::{read, schema};
pub use settle::settle;

use crate::code::Code;
use crate::contract::{Binding, EngineKind, Mode, ResultFormat, TenantRule};
use crate::id::{CapabilityName, EnvName, Ident};
use crate::refusal::Refusal;

/// What somebody wishes; what is left open is filled in from the catalog, or by custom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// What the tools have in common.
    pub frame: Frame,
    /// The tables, in order.
    pub tables: Vec<TableWish>,
}

/// What the tools of a run have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The engine.
    pub engine: Option<EngineKind>,
    /// What the runner may do with proposals.
    pub mode: Option<Mode>,
    /// The source's name in the file.
    pub source_name: Option<Ident>,
    /// The variable that holds the reader's URL.
    pub read_url_env: Option<EnvName>,
    /// The variable that holds the writer's URL.
    pub write_url_env: Option<EnvName>,
    /// Longest run of a statement, in milliseconds.
    pub statement_timeout_ms: Option<u64>,
    /// The shape of tool results.
    pub result_format: Option<ResultFormat>,
    /// The variable that holds the tenant.
    pub tenant_env: Option<EnvName>,
    /// The variable that holds the principal.
    pub principal_env: Option<EnvName>,
}

/// What is wished of one table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableWish {
    /// Its schema.
    pub schema: Option<String>,
    /// Its name; `schema.name` where an inspection can tell them apart.
    pub table: Option<String>,
    /// What finds a row.
    pub primary_key: Option<Ident>,
    /// How rows belong to tenants.
    pub tenant: Option<TenantRule>,
    /// What moves when a row changes.
    pub guard: Option<Guard>,
    /// What the model may see.
    pub visible_columns: Option<Vec<Ident>>,
    /// What the tools are called.
    pub names: NameWish,
    /// What the model reads.
    pub texts: Texts,
    /// What proposals change; empty = the tools only read.
    pub patch: Vec<(Ident, Binding)>,
    /// What proposals may change at most.
    pub allowed_columns: Option<Vec<Ident>>,
    /// More about the arguments that patches take values from, by argument, as the configuration writes it.
    pub patch_args: Map<String, Json>,
    /// Bounds on patched numbers, by column, as the configuration writes them.
    pub numeric_bounds: Map<String, Json>,
    /// Allowed moves of patched states, by column, as the configuration writes them.
    pub transition_guards: Map<String, Json>,
    /// Who decides.
    pub approval_role: Option<String>,
}

/// How the tools of a table are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameWish {
    /// What stands before the dot.
    pub namespace: Option<Ident>,
    /// What one row is called.
    pub object_name: Option<Ident>,
    /// The argument that holds the row's key.
    pub lookup_arg: Option<Ident>,
    /// The reading tool.
    pub read_tool: Option<CapabilityName>,
    /// The proposing tool.
    pub proposal_tool: Option<CapabilityName>,
}

/// What the model reads about the tools of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// About the reading tool.
    pub read_description: Option<String>,
    /// About its answer.
    pub read_returns_hint: Option<String>,
    /// About the proposing tool.
    pub proposal_description: Option<String>,
    /// About its answer.
    pub proposal_returns_hint: Option<String>,
}

/// How a change of the row between look and write is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// By this column.
    Column(Ident),
    /// By comparing all visible columns.
    Weak,
}

/// A whole choice: everything that the file needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What the tools have in common.
    pub frame: Settled,
    /// The tables, in order.
    pub tables: Vec<Choice>,
    /// What is worth a thought before it is used: lower case, no full stop.
    pub remarks: Vec<String>,
}

/// [`Frame`], whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The engine.
    pub engine: EngineKind,
    /// What the runner may do with proposals.
    pub mode: Mode,
    /// The source's name in the file.
    pub source_name: Ident,
    /// The variable that holds the reader's URL.
    pub read_url_env: EnvName,
    /// The variable that holds the writer's URL, where changes are to be applied.
    pub write_url_env: Option<EnvName>,
    /// Longest run of a statement, in milliseconds.
    pub statement_timeout_ms: u64,
    /// The shape of tool results.
    pub result_format: ResultFormat,
    /// The variable that holds the tenant.
    pub tenant_env: EnvName,
    /// The variable that holds the principal.
    pub principal_env: EnvName,
}

/// The tools of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its schema.
    pub schema: Ident,
    /// Its name.
    pub table: Ident,
    /// What finds a row.
    pub primary_key: Ident,
    /// How rows belong to tenants.
    pub tenant: TenantRule,
    /// What moves when a row changes.
    pub guard: Guard,
    /// What the model may see: key, tenant and version first.
    pub visible_columns: Vec<Ident>,
    /// What the tools are called.
    pub names: Names,
    /// What the model reads.
    pub texts: Texts,
    /// The lookup argument, as the configuration writes it.
    pub lookup: Json,
    /// What proposals change, if any are made.
    pub proposal: Option<Changes>,
}

/// What proposals change.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The columns and where their values come from.
    pub patch: Vec<(Ident, Binding)>,
    /// What proposals may change at most.
    pub allowed_columns: Vec<Ident>,
    /// The arguments beside the lookup argument, as the configuration writes them.
    pub args: Map<String, Json>,
    /// Bounds on patched numbers, by column.
    pub numeric_bounds: Map<String, Json>,
    /// Allowed moves of patched states, by column.
    pub transition_guards: Map<String, Json>,
    /// Who decides.
    pub approval_role: String,
}

/// Everything that is wrong with a wish.
#[derive(Debug, Default)]
struct Flaws(Vec<(String, String)>);

impl Flaws {
    fn add(&mut self, message: impl Into<String>, fix: impl Into<String>) {
        self.0.push((message.into(), fix.into()));
    }

    /// One refusal for all of them; `Ok` if there is none.
    fn settle(self) -> Result<(), Refusal> {
        match self.0.as_slice() {
            [] => Ok(()),
            [(message, fix)] => Err(Refusal::new(Code::InvalidArgument, message.clone()).with_fix(fix.clone())),
            several => {
                let lines: Vec<String> = several.iter().map(|(message, fix)| format!("- {message}; {fix}")).collect();
                let message = format!("{} choices do not fit:\n{}", several.len(), lines.join("\n"));
                Err(Refusal::new(Code::InvalidArgument, message).with_fix("change them, then run this again"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
