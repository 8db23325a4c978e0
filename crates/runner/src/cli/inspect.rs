//! `inspect`

use synapsor_core::code::{Code, Exit};
use synapsor_core::inspection::{CAUTION, Hint, Suggestions};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::inspection::{Column, Inspection, Table, TableKind};

use super::Ended;
use super::database::Database;
use super::print::{Out, Tone, clean};

/// Look at a database's tables, keys and columns, and at what they are probably for.
///
/// Only the catalog is read, in a read-only transaction, and the weakest role that can read the tables is enough. No row is
/// shown. Suggestions go by names and types; each says why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database's URL; better is `--from-env`.
    #[arg(value_name = "DB-URL", conflicts_with_all = ["from", "from_env", "inspection_json"])]
    url: Option<String>,
    #[command(flatten)]
    database: Database,
    /// Show this table column by column: `name` or `schema.name`.
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Print everything as JSON; a snapshot for `--inspection-json`.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    if args.json && args.table.is_some() {
        return Err(Refusal::new(Code::Usage, "`--json` prints all tables, which one of `--table` is not")
            .with_fix("leave one of them out")
            .into());
    }
    let inspection = args.database.look(args.url.as_deref(), out).await?.inspection;
    match &args.table {
        _ if args.json => out.json(&inspection.to_json()),
        Some(named) => one(inspection.find(named)?, &inspection, out),
        None => all(&inspection, out),
    }
    Ok(Exit::Done)
}

fn all(inspection: &Inspection, out: &Out) {
    out.line(clean(&headline(inspection)));
    if inspection.tables.is_empty() {
        out.note("It may read no table here. Grant it SELECT on what an agent should look at.");
        return;
    }
    out.line("");
    let rows: Vec<[String; 6]> = inspection.tables.iter().map(|table| overview(table, inspection)).collect();
    out.table(["TABLE", "ROWS", "KEY", "TENANT", "VERSION", "COMMENT"], &rows);
    out.note(&format!("\n{}. `--table NAME` shows one table with its columns.", sentence(CAUTION)));
}

fn headline(inspection: &Inspection) -> String {
    let views = inspection.tables.iter().filter(|table| table.kind == TableKind::View).count();
    let tables = inspection.tables.len() - views;
    let seen_by = if inspection.current_user.is_empty() {
        String::new()
    } else {
        format!(", as `{}` sees it", inspection.current_user)
    };
    format!(
        "{} {}{seen_by}: {tables} table{} and {views} view{}",
        inspection.engine.word(),
        inspection.server_version,
        if tables == 1 { "" } else { "s" },
        if views == 1 { "" } else { "s" },
    )
}

fn overview(table: &Table, inspection: &Inspection) -> [String; 6] {
    let found = Suggestions::of(table, inspection);
    let first = |hints: &[Hint]| hints.first().map_or_else(|| "-".to_owned(), |hint| hint.column.clone());
    let comment = table.comment.clone().unwrap_or_default();
    [
        table.full_name(),
        if table.kind == TableKind::View { "view".to_owned() } else { rows(table.row_estimate) },
        found.key.as_ref().map_or_else(|| "-".to_owned(), |hint| hint.column.clone()),
        first(&found.tenant),
        first(&found.version),
        comment.lines().next().unwrap_or_default().to_owned(),
    ]
}

fn rows(estimate: Option<u64>) -> String {
    estimate.map_or_else(|| "?".to_owned(), |rows| format!("~{rows}"))
}

fn one(table: &Table, inspection: &Inspection, out: &Out) {
    let found = Suggestions::of(table, inspection);
    let what = match (table.kind, table.writable) {
        (TableKind::View, _) => "a view, which changes cannot be proposed for",
        (TableKind::Table, true) => "a table",
        (TableKind::Table, false) => "a table that changes cannot be proposed for",
    };
    let rows = match table.row_estimate {
        None => String::new(),
        Some(1) => " of about one row".to_owned(),
        Some(rows) => format!(" of about {rows} rows"),
    };
    out.line(format!("{}: {what}{rows}", out.paint(Tone::Strong, &clean(&table.full_name()))));
    for line in table.comment.iter().flat_map(|comment| comment.lines()) {
        out.line(format!("  {}", clean(line)));
    }
    out.line("");
    let columns: Vec<[String; 5]> = table.columns.iter().map(|column| described(column, &found)).collect();
    out.table(["COLUMN", "TYPE", "NULL", "PROBABLY", "COMMENT"], &columns);
    let roles = [("tenant", &found.tenant), ("version", &found.version), ("sensitive", &found.sensitive)];
    let key = found.key.iter().map(|hint| ("key", hint));
    let hints = roles.into_iter().flat_map(|(role, hints)| hints.iter().map(move |hint| (role, hint)));
    let reasons: Vec<[String; 3]> =
        key.chain(hints).map(|(role, hint)| [hint.column.clone(), role.to_owned(), hint.reason.clone()]).collect();
    if !reasons.is_empty() {
        out.line("");
        out.table(["COLUMN", "PROBABLY", "BECAUSE"], &reasons);
    }
    let keys =
        table.unique_constraints.iter().map(|unique| ["unique".to_owned(), unique.columns.join(", "), String::new()]);
    let references = table.foreign_keys.iter().map(|key| {
        let to = format!("{}.{} ({})", key.referenced_schema, key.referenced_table, key.referenced_columns.join(", "));
        ["refers to".to_owned(), key.columns.join(", "), to]
    });
    let indexes = table.indexes.iter().map(|index| {
        let partial = if index.partial { "some rows only" } else { "" };
        ["index".to_owned(), index.columns.join(", "), partial.to_owned()]
    });
    let triggers = table.triggers.iter().map(|name| ["trigger".to_owned(), String::new(), name.clone()]);
    let rows: Vec<[String; 3]> = keys.chain(references).chain(indexes).chain(triggers).collect();
    if !rows.is_empty() {
        out.line("");
        out.table(["KIND", "COLUMNS", "OF"], &rows);
    }
    out.note(&format!("\n{}.", sentence(CAUTION)));
}

fn described(column: &Column, found: &Suggestions) -> [String; 5] {
    let is = |hints: &[Hint]| hints.iter().any(|hint| hint.column == column.name);
    let roles = [
        ("key", is(found.key.as_slice())),
        ("tenant", is(&found.tenant)),
        ("version", is(&found.version)),
        ("sensitive", is(&found.sensitive)),
        ("large", is(&found.large)),
        ("generated", column.generated),
    ];
    let roles: Vec<&str> = roles.into_iter().filter_map(|(role, is)| is.then_some(role)).collect();
    [
        column.name.clone(),
        column.data_type.clone(),
        if column.nullable { "yes" } else { "no" }.to_owned(),
        roles.join(", "),
        column.comment.as_deref().and_then(|comment| comment.lines().next()).unwrap_or_default().to_owned(),
    ]
}

/// A message as the beginning of a sentence.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
