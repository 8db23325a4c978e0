//! The file of `--spec` and `--answers`: one selection, or a list of them.
//!
//! Both forms of the reference program are read: some of their fields have two names.

use serde_json::{Map, Value as Json, json};

use super::{Frame, Guard, NameWish, TableWish, Texts, Wish};
use crate::config::code::{self, Code};
use crate::config::report::{Problems, quoted};
use crate::config::shape::{self, Entries, Field, Items, Name, Section, Shape, Support};
use crate::config::tree::{self, Kind, Node};
use crate::config::{args, proposal, schema as json_schema, transitions};
use crate::contract::{Binding, EngineKind, Mode, ResultFormat, TenantRule};
use crate::id::{CapabilityName, EnvName, Ident};
use crate::problem::Problem;

const BAD: &Code = &code::selection::INVALID_SELECTION;
const TEXT: Shape = Shape::Text { blank: false };
const IDENT: Shape = Shape::Name(Name::Ident);
const ENV: Shape = Shape::Name(Name::Env);
const TOOL: Shape = Shape::Name(Name::Capability);

const fn field(key: &'static str, doc: &'static str, shape: Shape) -> Field {
    Field::new(key, doc, shape, BAD)
}

static SELECTION: Section = Section {
    name: "selection",
    doc: "What the tools of one table are to be",
    rules: None,
    fields: &[
        field("version", "The version of this form", Shape::Whole { from: 1, to: 1 }),
        field(
            "engine",
            "The database's engine; an inspection says it as well",
            Shape::Word(&["postgres", "mysql", "sqlite"]),
        ),
        field(
            "mode",
            "What the runner may do with proposals; `read_only` where nothing is patched",
            Shape::Word(&["read_only", "shadow", "review"]),
        ),
        field("source_name", "The source's name in the configuration", IDENT),
        field("read_url_env", "The variable that holds the reader's URL", ENV),
        field("database_url_env", "Another name of `read_url_env`", ENV),
        field("write_url_env", "The variable that holds the writer's URL, in mode `review`", ENV),
        field(
            "statement_timeout_ms",
            "Longest run of a statement, in milliseconds",
            Shape::Whole { from: 1, to: u64::MAX },
        ),
        field("schema", "The table's schema", TEXT),
        field("table", "The table", TEXT).required(),
        field("primary_key", "The column that finds a row", IDENT),
        field("tenant_key", "The column that tells tenants apart", IDENT),
        field("tenant_column", "Another name of `tenant_key`", IDENT),
        field("single_tenant_dev", "Development only: rows are not separated by tenant", Shape::Flag),
        field("conflict_column", "The version column, which changes with every update", IDENT),
        field("namespace", "What stands before the dot in the tools' names", IDENT),
        field("object_name", "What one row is called", IDENT),
        field("inspect_tool_name", "The name of the tool that reads", TOOL),
        field("read_tool", "Another name of `inspect_tool_name`", TOOL),
        field("proposal_tool_name", "The name of the tool that proposes", TOOL),
        field("proposal_tool", "Another name of `proposal_tool_name`", TOOL),
        field("inspect_description", "What the model reads about the tool that reads", TEXT),
        field("read_description", "Another name of `inspect_description`", TEXT),
        field("proposal_description", "What the model reads about the tool that proposes", TEXT),
        field("inspect_returns_hint", "What the model reads about what was read", TEXT),
        field("read_returns_hint", "Another name of `inspect_returns_hint`", TEXT),
        field("proposal_returns_hint", "What the model reads about what was proposed", TEXT),
        field("lookup_arg", "The argument that holds the row's key", Shape::Name(Name::Arg)),
        field("id_arg", "Another name of `lookup_arg`", Shape::Name(Name::Arg)),
        field("result_format", "The shape of tool results: 1 or 2", Shape::Scalar),
        field("visible_columns", "The columns that the model may see", Shape::Names),
        field("allowed_columns", "The columns that proposals may change at most", Shape::Names),
        field("patch", "The columns that proposals change, and where the values come from", Shape::Map(&PATCH)),
        field("patch_args", "More about the arguments that `patch` takes values from", Shape::Map(&PATCH_ARGS)),
        field("numeric_bounds", "Bounds on patched numbers, by column", Shape::Map(&transitions::BOUNDS_BY_COLUMN)),
        field("patch_bounds", "Another name of `numeric_bounds`", Shape::Map(&transitions::BOUNDS_BY_COLUMN)),
        field(
            "transition_guards",
            "Allowed moves of patched states, by column",
            Shape::Map(&transitions::GUARDS_BY_COLUMN),
        ),
        field("status_guards", "Another name of `transition_guards`", Shape::Map(&transitions::GUARDS_BY_COLUMN)),
        field("trusted_context", "Where tenant and principal come from", Shape::Section(&TRUSTED)),
        field("tenant_env", "The variable that holds the tenant", ENV),
        field("principal_env", "The variable that holds the principal", ENV),
        field("approval", "Who decides", Shape::Section(&APPROVAL)),
        field("approval_role", "The role of who decides", TEXT),
        field("writeback", "How changes are written: `sql_update`, alone or as `executor`", Shape::Any),
        field("handler_url_env", "Of application-owned handlers", ENV).later(Support::Later),
        field("handler_token_env", "Of application-owned handlers", ENV).later(Support::Later),
        field("handler_signing_secret_env", "Of application-owned handlers", ENV).later(Support::Later),
        field("handler_command_env", "Of application-owned handlers", ENV).later(Support::Later),
    ],
};

static PATCH: Entries =
    Entries { key: Name::Ident, bad_key: BAD, shape: Shape::Section(&proposal::BINDING), bad: BAD, least: 0 };

static PATCH_ARGS: Entries =
    Entries { key: Name::Arg, bad_key: BAD, shape: Shape::Section(&PATCH_ARG), bad: BAD, least: 0 };

static PATCH_ARG: Section = Section {
    name: "patchArg",
    doc: "More about an argument; it comes before what bounds, guards and columns say of it",
    rules: None,
    fields: &[
        field("type", "What it holds", Shape::Word(&["string", "number", "boolean"])),
        field("description", "What the model reads about it", TEXT),
        field("required", "Whether a call must give it", Shape::Flag),
        field("max_length", "Strings: the longest, in characters", Shape::Whole { from: 1, to: u64::MAX }),
        field("minimum", "Numbers: the smallest, inclusive", Shape::Number),
        field("maximum", "Numbers: the largest, inclusive", Shape::Number),
        field("enum", "The values it may hold", Shape::List(&args::ENUM)),
        field("default", "The value where a call omits it", Shape::Scalar),
    ],
};

static TRUSTED: Section = Section {
    name: "selectedContext",
    doc: "The variables that hold tenant and principal",
    rules: None,
    fields: &[
        field("tenant_id_env", "The tenant's variable", ENV),
        field("principal_env", "The principal's variable", ENV),
    ],
};

static APPROVAL: Section = Section {
    name: "selectedApproval",
    doc: "Who decides",
    rules: None,
    fields: &[field("required_role", "The role of who decides", TEXT)],
};

static LIST: Items = Items { shape: Shape::Section(&SELECTION), bad: BAD, least: 1 };

/// The JSON Schema (2020-12) of the file.
#[must_use]
pub fn schema() -> Json {
    let mut definitions = Map::new();
    let one = json_schema::shape(&Shape::Section(&SELECTION), &mut definitions);
    let list = json_schema::shape(&Shape::List(&LIST), &mut definitions);
    definitions.sort_keys();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "onboarding-selection.v1",
        "description": "What `init --spec` and `init --answers` read",
        "anyOf": [one, list],
        "$defs": definitions,
    })
}

/// Reads the file: what is wished, or every problem.
pub fn read(text: &str) -> Result<Wish, Vec<Problem>> {
    let tree = tree::parse(text).map_err(|problem| vec![*problem])?;
    let Some(root) = tree.root() else { return Ok(Wish::default()) };
    let mut problems = Problems::new(false, false);
    let is_list = matches!(root.kind(), Kind::List(_));
    let shape = if is_list { Shape::List(&LIST) } else { Shape::Section(&SELECTION) };
    shape::check(&shape, BAD, root, &mut problems);
    let nodes: Vec<Node<'_>> = if is_list { root.items().collect() } else { vec![root] };
    let mut wish = Wish::default();
    for node in nodes {
        let reader = Reader { node };
        reader.check_writeback(&mut problems);
        let frame = reader.frame(&mut problems);
        merge(&mut wish.frame, frame, node, &mut problems);
        wish.tables.push(reader.table(&mut problems));
    }
    if problems.has_errors() { Err(problems.into_sorted()) } else { Ok(wish) }
}

/// What the selections of a list have in common must be said once, or alike.
fn merge(whole: &mut Frame, of_one: Frame, node: Node<'_>, problems: &mut Problems) {
    let before = whole.clone();
    let mut clashes: Vec<&str> = Vec::new();
    macro_rules! merge {
        ($($field:ident $key:literal),*) => {
            $(
                if of_one.$field.is_some() {
                    if before.$field.is_some() && before.$field != of_one.$field {
                        clashes.push($key);
                    }
                    whole.$field = of_one.$field;
                }
            )*
        };
    }
    merge!(engine "engine", mode "mode", source_name "source_name", read_url_env "read_url_env",
        write_url_env "write_url_env", statement_timeout_ms "statement_timeout_ms", result_format "result_format",
        tenant_env "tenant_env", principal_env "principal_env");
    for key in clashes {
        problems.add(BAD, node, format!("`{key}` is not what an earlier selection of the list says"));
    }
}

/// One selection.
struct Reader<'t> {
    node: Node<'t>,
}

impl<'t> Reader<'t> {
    /// The value under either of two names of one field.
    fn either(&self, [name, other]: [&str; 2], problems: &mut Problems) -> Option<Node<'t>> {
        match (self.node.get(name), self.node.get(other)) {
            (Some(_), Some(second)) => {
                problems.add_key(BAD, second, format!("`{other}` is another name of `{name}`, which is here too"));
                None
            }
            (first, second) => first.or(second),
        }
    }

    fn text(&self, names: [&str; 2], problems: &mut Problems) -> Option<&'t str> {
        self.either(names, problems).and_then(|node| node.text())
    }

    fn env(&self, names: [&str; 2], problems: &mut Problems) -> Option<EnvName> {
        self.text(names, problems).and_then(|text| EnvName::parse(text).ok())
    }

    fn ident(&self, names: [&str; 2], problems: &mut Problems) -> Option<Ident> {
        self.text(names, problems).and_then(|text| Ident::parse(text).ok())
    }

    fn tool(&self, names: [&str; 2], problems: &mut Problems) -> Option<CapabilityName> {
        self.text(names, problems).and_then(|text| CapabilityName::parse(text).ok())
    }

    fn object(&self, names: [&str; 2], problems: &mut Problems) -> Map<String, Json> {
        self.either(names, problems).map(object).unwrap_or_default()
    }

    fn frame(&self, problems: &mut Problems) -> Frame {
        let trusted = self.node.get("trusted_context");
        let of_trusted = |key| trusted.and_then(|trusted| trusted.get_env(key));
        Frame {
            engine: self.node.get_text("engine").and_then(EngineKind::from_word),
            mode: match self.node.get_text("mode") {
                Some("read_only") => Some(Mode::ReadOnly),
                Some("shadow") => Some(Mode::Shadow),
                Some("review") => Some(Mode::Review),
                _ => None,
            },
            source_name: self.node.get_ident("source_name"),
            read_url_env: self.env(["read_url_env", "database_url_env"], problems),
            write_url_env: self.node.get_env("write_url_env"),
            statement_timeout_ms: self.node.get_whole("statement_timeout_ms"),
            result_format: self.result_format(problems),
            tenant_env: self.node.get_env("tenant_env").or_else(|| of_trusted("tenant_id_env")),
            principal_env: self.node.get_env("principal_env").or_else(|| of_trusted("principal_env")),
        }
    }

    fn result_format(&self, problems: &mut Problems) -> Option<ResultFormat> {
        let node = self.node.get("result_format")?;
        let word = node.text().map(str::to_owned).or_else(|| node.whole().map(|whole| whole.to_string()));
        match word.as_deref() {
            Some("1" | "v1") => Some(ResultFormat::V1),
            Some("2" | "v2") => Some(ResultFormat::V2),
            Some("default") => None,
            _ => {
                problems.add(BAD, node, "expected 1 or 2");
                None
            }
        }
    }

    fn table(&self, problems: &mut Problems) -> TableWish {
        let text = |key| self.node.get_text(key).map(str::to_owned);
        let approval = self.node.get("approval").and_then(|approval| approval.get_text("required_role"));
        TableWish {
            schema: text("schema"),
            table: text("table"),
            primary_key: self.node.get_ident("primary_key"),
            tenant: self.tenant(problems),
            guard: self.node.get_ident("conflict_column").map(Guard::Column),
            visible_columns: self.node.get("visible_columns").map(names),
            names: NameWish {
                namespace: self.node.get_ident("namespace"),
                object_name: self.node.get_ident("object_name"),
                lookup_arg: self.ident(["lookup_arg", "id_arg"], problems),
                read_tool: self.tool(["inspect_tool_name", "read_tool"], problems),
                proposal_tool: self.tool(["proposal_tool_name", "proposal_tool"], problems),
            },
            texts: Texts {
                read_description: self.text(["inspect_description", "read_description"], problems).map(str::to_owned),
                read_returns_hint: self
                    .text(["inspect_returns_hint", "read_returns_hint"], problems)
                    .map(str::to_owned),
                proposal_description: text("proposal_description"),
                proposal_returns_hint: text("proposal_returns_hint"),
            },
            patch: self.patch(problems),
            allowed_columns: self.node.get("allowed_columns").map(names),
            patch_args: self.node.get("patch_args").map(object).unwrap_or_default(),
            numeric_bounds: self.object(["numeric_bounds", "patch_bounds"], problems),
            transition_guards: self.object(["transition_guards", "status_guards"], problems),
            approval_role: text("approval_role").or_else(|| approval.map(str::to_owned)),
        }
    }

    fn tenant(&self, problems: &mut Problems) -> Option<TenantRule> {
        let column = self.ident(["tenant_key", "tenant_column"], problems);
        let single = self.node.get("single_tenant_dev").filter(|single| single.flag() == Some(true));
        match (column, single) {
            (Some(_), Some(single)) => {
                problems.add_key(BAD, single, "`single_tenant_dev` contradicts the tenant's column");
                None
            }
            (Some(column), None) => Some(TenantRule::Column(column)),
            (None, Some(_)) => Some(TenantRule::SingleTenantDev),
            (None, None) => None,
        }
    }

    fn patch(&self, problems: &mut Problems) -> Vec<(Ident, Binding)> {
        let entries = self.node.get("patch").into_iter().flat_map(|patch| patch.entries());
        let mut patch = Vec::new();
        for entry in entries.filter(Node::is_object) {
            let binding = match (entry.get("fixed"), entry.get_ident("from_arg")) {
                (Some(fixed), None) => Binding::Fixed(fixed.json()),
                (None, Some(name)) => Binding::FromArg(name),
                _ => {
                    problems.add(BAD, entry, "expected either `fixed` or `from_arg`");
                    continue;
                }
            };
            patch.extend(entry.key().and_then(|key| Ident::parse(key).ok()).map(|column| (column, binding)));
        }
        patch
    }

    fn check_writeback(&self, problems: &mut Problems) {
        let Some(node) = self.node.get("writeback") else { return };
        let executor = if node.is_object() { node.get("executor") } else { Some(node) };
        match executor.map(|executor| executor.text()) {
            Some(Some("sql_update")) => {}
            Some(Some(word @ ("http_handler" | "command_handler"))) => {
                let message = format!(
                    "here are made tools whose changes the runner writes; {} is added by hand, or by `handler template`",
                    quoted(word)
                );
                problems.add(&code::NOT_SUPPORTED_YET, node, message);
            }
            _ => problems.add(BAD, node, "expected `sql_update`"),
        }
    }
}

fn object(node: Node<'_>) -> Map<String, Json> {
    match node.json() {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Names in a list, or in a text with commas.
fn names(node: Node<'_>) -> Vec<Ident> {
    let of_text = node.text().into_iter().flat_map(|text| text.split(','));
    let of_list = node.items().filter_map(|item| item.text());
    of_text.chain(of_list).filter_map(|name| Ident::parse(name.trim()).ok()).collect()
}
