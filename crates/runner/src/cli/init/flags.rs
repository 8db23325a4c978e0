//! What is wished of tools on the command line.

use serde_json::{Map, Number, Value as Json, json};
use synapsor_core::contract::{Binding, Mode, ResultFormat, TenantRule};
use synapsor_core::draft::{Frame, Guard, NameWish, TableWish, Texts, Wish};
use synapsor_core::id::{CapabilityName, EnvName, Ident};

/// What is wished of tools. What is left open is suggested by the catalog, as `inspect` shows it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "The tools")]
pub struct Flags {
    /// The table, `name` or `schema.name`; may be given several times.
    #[arg(long, value_name = "TABLE")]
    table: Vec<String>,
    /// What the runner may do with proposals [default: read_only, or with `--patch` shadow].
    #[arg(long, value_enum)]
    mode: Option<ModeWord>,
    /// The column that finds a row.
    #[arg(long, value_name = "COLUMN", value_parser = ident)]
    primary_key: Option<Ident>,
    /// The column that tells tenants apart.
    #[arg(long, visible_alias = "tenant-key", value_name = "COLUMN", value_parser = ident)]
    tenant_column: Option<Ident>,
    /// Development only: rows are not separated by tenant.
    #[arg(long, conflicts_with = "tenant_column")]
    single_tenant_dev: bool,
    /// The version column, which changes with every update.
    #[arg(long, value_name = "COLUMN", value_parser = ident)]
    conflict_column: Option<Ident>,
    /// The columns that the model may see.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = ident)]
    visible_columns: Vec<Ident>,
    /// The columns that proposals may change at most [default: the patched ones].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = ident)]
    allowed_columns: Vec<Ident>,
    /// A column that proposals change: `column=fixed:value` or `column=arg:name`; may be given several times.
    #[arg(long, value_name = "CHANGE", value_parser = patch)]
    patch: Vec<(Ident, Binding)>,
    /// As `--patch column=fixed:value`: `column=value`.
    #[arg(long, value_name = "CHANGE", value_parser = patch_fixed)]
    patch_fixed: Vec<(Ident, Binding)>,
    /// As `--patch column=arg:name`: `column=name`.
    #[arg(long, value_name = "CHANGE", value_parser = patch_from_arg)]
    patch_from_arg: Vec<(Ident, Binding)>,
    /// Bounds on a patched number: `column=least:most`, either of which may be left out.
    #[arg(long, visible_alias = "patch-bounds", value_name = "BOUNDS", value_parser = bounds)]
    numeric_bound: Vec<(String, Json)>,
    /// Allowed moves of a patched state: `column=from:to|to;from:to`.
    #[arg(long, visible_alias = "status-guards", value_name = "MOVES", value_parser = moves)]
    transition_guard: Vec<(String, Json)>,
    /// What stands before the dot in the tools' names.
    #[arg(long, value_name = "NAME", value_parser = ident)]
    namespace: Option<Ident>,
    /// What one row is called.
    #[arg(long, value_name = "NAME", value_parser = ident)]
    object_name: Option<Ident>,
    /// The name of the tool that reads.
    #[arg(long, visible_alias = "inspect-tool-name", value_name = "NAME", value_parser = tool)]
    read_tool: Option<CapabilityName>,
    /// The name of the tool that proposes.
    #[arg(long, visible_alias = "proposal-tool-name", value_name = "NAME", value_parser = tool)]
    proposal_tool: Option<CapabilityName>,
    /// The argument that holds the row's key.
    #[arg(long, visible_alias = "lookup-arg", value_name = "NAME", value_parser = ident)]
    id_arg: Option<Ident>,
    /// What the model reads about the tool that reads.
    #[arg(long, visible_alias = "inspect-description", value_name = "TEXT")]
    read_description: Option<String>,
    /// What the model reads about what was read.
    #[arg(long, visible_alias = "inspect-returns-hint", value_name = "TEXT")]
    read_returns_hint: Option<String>,
    /// What the model reads about the tool that proposes.
    #[arg(long, value_name = "TEXT")]
    proposal_description: Option<String>,
    /// What the model reads about what was proposed.
    #[arg(long, value_name = "TEXT")]
    proposal_returns_hint: Option<String>,
    /// The shape of tool results.
    #[arg(long, value_enum)]
    result_format: Option<FormatWord>,
    /// The variable that holds the tenant [default: SYNAPSOR_TENANT_ID].
    #[arg(long, value_name = "NAME", value_parser = env)]
    tenant_env: Option<EnvName>,
    /// The variable that holds the principal [default: SYNAPSOR_PRINCIPAL].
    #[arg(long, value_name = "NAME", value_parser = env)]
    principal_env: Option<EnvName>,
    /// The role of who decides [default: local_reviewer].
    #[arg(long, value_name = "ROLE")]
    approval_role: Option<String>,
    /// The source's name in the configuration [default: local_ and the engine].
    #[arg(long, value_name = "NAME", value_parser = ident)]
    source_name: Option<Ident>,
    /// The variable that holds the writer's URL, in mode review [default: SYNAPSOR_DATABASE_WRITE_URL].
    #[arg(long, value_name = "NAME", value_parser = env)]
    write_url_env: Option<EnvName>,
}

/// A mode, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ModeWord {
    /// Only tools that read.
    ReadOnly,
    /// Proposals are recorded for comparison and never applied.
    Shadow,
    /// Proposals wait for review and may then be applied.
    Review,
}

/// A result format, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatWord {
    /// The shapes of the reference program's first format.
    #[value(name = "1", alias = "v1")]
    V1,
    /// The one envelope.
    #[value(name = "2", aliases = ["v2", "default"])]
    V2,
}

impl ModeWord {
    /// The mode.
    pub fn mode(self) -> Mode {
        match self {
            Self::ReadOnly => Mode::ReadOnly,
            Self::Shadow => Mode::Shadow,
            Self::Review => Mode::Review,
        }
    }
}

impl Flags {
    /// Whether a table is named.
    pub fn names_tables(&self) -> bool {
        !self.table.is_empty()
    }

    /// What all tables have in common.
    pub fn frame(&self) -> Frame {
        Frame {
            engine: None,
            mode: self.mode.map(ModeWord::mode),
            source_name: self.source_name.clone(),
            read_url_env: None,
            write_url_env: self.write_url_env.clone(),
            statement_timeout_ms: None,
            result_format: self.result_format.map(|word| match word {
                FormatWord::V1 => ResultFormat::V1,
                FormatWord::V2 => ResultFormat::V2,
            }),
            tenant_env: self.tenant_env.clone(),
            principal_env: self.principal_env.clone(),
        }
    }

    /// The tables, each as the flags wish it.
    pub fn wish(&self, schema: Option<&str>) -> Wish {
        let tables = self.table.iter().map(|table| TableWish {
            table: Some(table.clone()),
            schema: schema.filter(|_| !table.contains('.')).map(str::to_owned),
            ..self.table_wish()
        });
        Wish { frame: self.frame(), tables: tables.collect() }
    }

    /// What is wished of any table.
    pub fn table_wish(&self) -> TableWish {
        let column = self.tenant_column.clone().map(TenantRule::Column);
        let patch = self.patch.iter().chain(&self.patch_fixed).chain(&self.patch_from_arg);
        let some = |columns: &Vec<Ident>| (!columns.is_empty()).then(|| columns.clone());
        TableWish {
            schema: None,
            table: None,
            primary_key: self.primary_key.clone(),
            tenant: column.or_else(|| self.single_tenant_dev.then_some(TenantRule::SingleTenantDev)),
            guard: self.conflict_column.clone().map(Guard::Column),
            visible_columns: some(&self.visible_columns),
            names: NameWish {
                namespace: self.namespace.clone(),
                object_name: self.object_name.clone(),
                lookup_arg: self.id_arg.clone(),
                read_tool: self.read_tool.clone(),
                proposal_tool: self.proposal_tool.clone(),
            },
            texts: Texts {
                read_description: self.read_description.clone(),
                read_returns_hint: self.read_returns_hint.clone(),
                proposal_description: self.proposal_description.clone(),
                proposal_returns_hint: self.proposal_returns_hint.clone(),
            },
            patch: patch.cloned().collect(),
            allowed_columns: some(&self.allowed_columns),
            patch_args: Map::new(),
            numeric_bounds: self.numeric_bound.iter().cloned().collect(),
            transition_guards: self.transition_guard.iter().cloned().collect(),
            approval_role: self.approval_role.clone(),
        }
    }
}

fn ident(text: &str) -> Result<Ident, String> {
    Ident::parse(text.trim()).map_err(|why| why.to_string())
}

fn env(text: &str) -> Result<EnvName, String> {
    EnvName::parse(text).map_err(|why| why.to_string())
}

fn tool(text: &str) -> Result<CapabilityName, String> {
    CapabilityName::parse(text).map_err(|why| why.to_string())
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=').ok_or_else(|| "a column, `=` and what becomes of it are expected".to_owned())
}

fn patch(text: &str) -> Result<(Ident, Binding), String> {
    let (column, binding) = pair(text)?;
    let binding = match binding.split_once(':') {
        Some(("fixed", value)) => Binding::Fixed(fixed(value)),
        Some(("arg", name)) => Binding::FromArg(ident(name)?),
        _ => return Err("`fixed:value` or `arg:name` is expected after `=`".to_owned()),
    };
    Ok((ident(column)?, binding))
}

fn patch_fixed(text: &str) -> Result<(Ident, Binding), String> {
    let (column, value) = pair(text)?;
    Ok((ident(column)?, Binding::Fixed(fixed(value))))
}

fn patch_from_arg(text: &str) -> Result<(Ident, Binding), String> {
    let (column, name) = pair(text)?;
    Ok((ident(column)?, Binding::FromArg(ident(name)?)))
}

/// A value as a person types it: null, true, false and numbers are what they look like, the rest is text.
pub fn fixed(text: &str) -> Json {
    match text {
        "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => number(text).map_or_else(|| Json::from(text), Json::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    text.parse().ok()
}

fn bounds(text: &str) -> Result<(String, Json), String> {
    let (column, bounds) = pair(text)?;
    Ok((ident(column)?.to_string(), bounds_of(bounds)?))
}

/// `least:most`, either of which may be left out.
pub fn bounds_of(text: &str) -> Result<Json, String> {
    let (least, most) = text.split_once(':').ok_or("the least and the most with `:` between them are expected")?;
    let mut bounds = Map::new();
    for (key, text) in [("minimum", least.trim()), ("maximum", most.trim())] {
        if !text.is_empty() {
            let bound = number(text).ok_or_else(|| format!("`{text}` is no number"))?;
            bounds.insert(key.to_owned(), bound.into());
        }
    }
    if bounds.is_empty() { Err("at least one bound is expected".to_owned()) } else { Ok(bounds.into()) }
}

fn moves(text: &str) -> Result<(String, Json), String> {
    let (column, moves) = pair(text)?;
    Ok((ident(column)?.to_string(), moves_of(moves)?))
}

/// `from:to|to;from:to`
pub fn moves_of(text: &str) -> Result<Json, String> {
    let mut allowed = Map::new();
    for each in text.split(';').map(str::trim).filter(|each| !each.is_empty()) {
        let (from, to) = each.split_once(':').ok_or_else(|| format!("`{each}` has no `:` between from and to"))?;
        let to: Vec<&str> = to.split('|').map(str::trim).filter(|state| !state.is_empty()).collect();
        if from.trim().is_empty() || to.is_empty() {
            return Err(format!("`{each}` leaves a state out"));
        }
        allowed.insert(from.trim().to_owned(), to.into());
    }
    if allowed.is_empty() { Err("at least one move is expected".to_owned()) } else { Ok(json!({ "allowed": allowed })) }
}
