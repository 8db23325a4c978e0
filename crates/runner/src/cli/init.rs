//! `init`: from a database to reviewed tools.

mod example;
pub mod files;
mod flags;
mod plan;
mod starter;
mod wizard;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use synapsor_core::code::{Code, Exit};
use synapsor_core::config;
use synapsor_core::contract::{Contract, Mode};
use synapsor_core::draft::{self, Draft, Wish};
use synapsor_core::inspection::best_first;
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::{self, AliasMode};
use synapsor_core::wire::inspection::Inspection;

use super::Ended;
use super::database::{Database, Looked};
use super::open::DEFAULT_CONFIG;
use super::print::{Out, Tone, clean};
use crate::app::Stop;
use crate::mcp::listing;
pub use flags::ModeWord;
use plan::{Before, Plan};

/// Make reviewed tools for tables of your database, and the configuration that serves them.
///
/// On a terminal it asks; Enter takes what is suggested, and nothing is written before the last question. Scripts name the
/// table with `--table`, or hand a file to `--answers` or `--spec`. Run again, it adds to the configuration that is there.
/// No URL and no password is written anywhere.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Take what is wished from a JSON file; what it leaves open is suggested by the database, if one is named.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spec", "table", "starter", "wizard"])]
    answers: Option<PathBuf>,
    /// As `--answers`, but looks at no database unless an option names one, and proposals are for shadow mode.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "starter", "wizard"])]
    spec: Option<PathBuf>,
    /// Write a configuration to begin with, for a table `records` that you change to your own.
    #[arg(long, conflicts_with_all = ["table", "wizard"])]
    starter: bool,
    /// Ask, even if options answer some of the questions.
    #[arg(long)]
    wizard: bool,
    /// Do not ask.
    #[arg(long, visible_alias = "non-interactive", conflicts_with = "wizard")]
    yes: bool,
    /// Print the configuration and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Replace tools that have the same names.
    #[arg(long)]
    force: bool,
    /// The configuration to make, or to add to.
    #[arg(long, visible_aliases = ["out", "config"], value_name = "FILE", default_value = DEFAULT_CONFIG)]
    output: PathBuf,
    #[command(flatten)]
    flags: flags::Flags,
}

impl Args {
    /// The configuration that is made or added to.
    #[must_use]
    pub fn config_path(&self) -> &Path {
        &self.output
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    fn target(&self) -> Output<'_> {
        Output { path: &self.output, force: self.force, dry_run: self.dry_run }
    }
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let before = Before::read(&args.output, out)?;
    if args.starter {
        let draft = starter::draft(&args.database, args.flags.frame())?;
        return finish(&before, &draft, &args.target(), out);
    }
    if args.answers.is_some() || args.spec.is_some() || args.flags.names_tables() {
        let draft = scripted(args, &before, out).await?;
        return finish(&before, &draft, &args.target(), out);
    }
    let is_asked = !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if is_asked {
        let looked = args.database.look(None, out).await?;
        return wizard::run(args, &before, looked, out).await;
    }
    if args.wizard {
        return Err(Refusal::new(Code::Usage, "`--wizard` asks on a terminal, and this is none")
            .with_fix("name the table with `--table`, or hand a file to `--answers`")
            .into());
    }
    if args.database.is_known() {
        return Err(unnamed(&args.database.look(None, out).await?.inspection).into());
    }
    let draft = starter::draft(&args.database, args.flags.frame())?;
    finish(&before, &draft, &args.target(), out)
}

/// The draft of a file or of flags.
async fn scripted(args: &Args, before: &Before, out: &Out) -> Result<Draft, Stop> {
    let (mut wish, usual, looks) = match (&args.answers, &args.spec) {
        (Some(path), _) => (wish_of(path, out)?, Mode::Review, args.database.is_known()),
        (None, Some(path)) => (wish_of(path, out)?, Mode::Shadow, args.database.is_named()),
        (None, None) => (args.flags.wish(args.database.schema()), Mode::Shadow, true),
    };
    let looked = if looks { Some(args.database.look(None, out).await?) } else { None };
    if let Some(Looked { url_env: Some(name), .. }) = &looked {
        wish.frame.read_url_env.get_or_insert_with(|| name.clone());
    }
    let seen = looked.map(|looked| looked.inspection);
    Ok(draft::settle(wish, seen.as_ref(), before.usual_mode(usual))?)
}

fn wish_of(path: &Path, out: &Out) -> Result<Wish, Refusal> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal::new(Code::Io, format!("`{name}` cannot be read: {error}")))?;
    draft::read(&text).map_err(|problems| {
        out.note(&config::render(&text, &name, &problems));
        Refusal::new(Code::InvalidArgument, format!("`{name}` has {} problem(s), listed above", problems.len()))
            .with_fix("mend them; schemas/onboarding-selection.v1.schema.json lists every field")
    })
}

/// Nobody says which table, and nobody can be asked.
fn unnamed(seen: &Inspection) -> Refusal {
    const LISTED: usize = 12;
    let names: Vec<String> =
        best_first(seen).into_iter().take(LISTED).map(|table| format!("`{}`", table.full_name())).collect();
    let refusal = Refusal::new(Code::Usage, "nothing says which table the tools are for");
    if names.is_empty() {
        return refusal.with_fix("the account may read no table here: grant it SELECT, or name another database");
    }
    refusal.with_fix(format!("name it with `--table`; the likeliest are {}", names.join(", ")))
}

/// Where a draft goes.
pub struct Output<'a> {
    /// The configuration to make, or to add to.
    pub path: &'a Path,
    /// Whether tools of the same names are replaced.
    pub force: bool,
    /// Whether the configuration is only printed.
    pub dry_run: bool,
}

/// Writes what a draft makes beside what is there, and says what comes next.
pub fn write_draft(draft: &Draft, output: &Output<'_>, out: &Out) -> Ended {
    finish(&Before::read(output.path, out)?, draft, output, out)
}

/// Writes what a draft makes, or shows it.
fn finish(before: &Before, draft: &Draft, output: &Output<'_>, out: &Out) -> Ended {
    let plan = before.plan(draft, None, output.force, out)?;
    if output.dry_run {
        if let Some(config) = plan.files.first() {
            out.line(config.text().trim_end());
        }
        return Ok(Exit::Done);
    }
    write(&plan, draft, out)?;
    next(output.path, draft, &plan.contract, None, out);
    Ok(Exit::Done)
}

/// Writes the files and says which.
fn write(plan: &Plan, draft: &Draft, out: &Out) -> Result<(), Refusal> {
    files::write(&plan.files)?;
    for file in &plan.files {
        if let Some(verb) = file.verb() {
            let done = if verb == "create" { "created" } else { "changed" };
            out.line(format!("{} {}", out.paint(Tone::Good, done), file.path().display()));
        }
    }
    for remark in &draft.remarks {
        out.note(&format!("note: {remark}"));
    }
    Ok(())
}

/// The tools of a draft as the model sees them, with what they cost.
fn show_tools(draft: &Draft, contract: &Contract, out: &Out) {
    let names: Vec<&str> = draft
        .tables
        .iter()
        .flat_map(|table| {
            let proposing = table.proposal.is_some().then_some(&table.names.proposal_tool);
            std::iter::once(&table.names.read_tool).chain(proposing)
        })
        .map(|name| name.as_str())
        .collect();
    let tools = tool::list(contract, AliasMode::Canonical);
    for (tool, entry) in tools.iter().zip(listing(contract, AliasMode::Canonical)) {
        if !names.contains(&tool.name.as_str()) {
            continue;
        }
        let tokens = tool::estimate_tokens(&entry.to_string());
        out.line(format!("  {}  (about {tokens} tokens)", out.paint(Tone::Strong, &tool.name)));
        for line in tool.description.lines() {
            out.line(format!("    {}", clean(line)));
        }
        let properties = tool.input_schema.get("properties").and_then(serde_json::Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let about = schema.get("description").and_then(serde_json::Value::as_str).unwrap_or_default();
            out.line(format!("    - {name}: {}", clean(about)));
        }
    }
}

/// What to do next.
fn next(path: &Path, draft: &Draft, contract: &Contract, example: Option<&Tried>, out: &Out) {
    let config =
        if path == Path::new(DEFAULT_CONFIG) { String::new() } else { format!(" --config {}", path.display()) };
    let frame = &draft.frame;
    let mut lines = Vec::new();
    let (tenant, principal) = match example {
        Some(tried) => (tried.tenant.as_str(), tried.principal.as_str()),
        None => ("acme", "local_operator"),
    };
    lines.push(format!("export {}={} {}={}", frame.tenant_env, shell(tenant), frame.principal_env, shell(principal)));
    let urls: Vec<String> =
        std::iter::once(&frame.read_url_env).chain(&frame.write_url_env).map(|name| format!("`{name}`")).collect();
    if let Some(choice) = draft.tables.first() {
        let input = if example.is_some() { " --input .synapsor/smoke-input.json" } else { "" };
        lines.push(format!("synapsor-runner smoke call {}{input}{config}", choice.names.read_tool));
    }
    if frame.applies() {
        lines.push(format!("synapsor-runner writeback migration{config}"));
        lines.push(format!("synapsor-runner writeback grants{config}"));
        lines.push(format!("synapsor-runner doctor --check-writeback{config}"));
    }
    lines.push(format!("synapsor-runner tools preview{config}"));
    lines.push(format!("synapsor-runner mcp config claude-desktop --absolute-paths{config}"));
    if contract.mode == Mode::ReadOnly && draft.tables.iter().any(|table| table.proposal.is_some()) {
        out.note("note: mode read_only lists no tools that propose");
    }
    out.note(&format!("\nNext, with {} set:", urls.join(" and ")));
    for line in lines {
        out.note(&format!("  {line}"));
    }
}

/// Whose row a tool was tried with.
struct Tried {
    tenant: String,
    principal: String,
}

/// A word as a shell reads it back.
fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", clean(word).replace('\'', "'\\''"))
    }
}
