//! `smoke boundary`, `mcp smoke` and `tools preview`: what a model would see, and that it holds no authority.

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;
use synapsor_core::config::ReadOptions;
use synapsor_core::redact;
use synapsor_core::tool::{self, AliasMode, Tool};

use crate::cli::Ended;
use crate::cli::mcp::Aliases;
use crate::cli::open::Where;
use crate::cli::print::{Out, Tone};
use crate::mcp::listing;

/// Check that no tool gives a model authority it must not have.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    aliases: Aliases,
    /// List canonical names and aliases.
    #[arg(long = "aliases")]
    both: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// A look at the tools of a configuration, under their canonical names.
    #[must_use]
    pub fn of(place: Where) -> Self {
        Self { place, aliases: Aliases::default(), both: false, json: false }
    }
}

struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

struct Boundary {
    config: String,
    store: String,
    aliases: AliasMode,
    tools: Vec<Tool>,
    costs: Vec<Cost>,
    checks: Vec<Check>,
}

/// About how many tokens a tool takes of a model's context, with every request.
struct Cost {
    /// What hosts give the model: name, description and schema of the arguments.
    shown: usize,
    /// The whole entry.
    entry: usize,
}

impl Cost {
    fn of(entry: &Json) -> Self {
        let part = |name: &str| tool::estimate_tokens(&entry.get(name).map(Json::to_string).unwrap_or_default());
        Self {
            shown: ["name", "description", "inputSchema"].map(part).into_iter().sum(),
            entry: tool::estimate_tokens(&entry.to_string()),
        }
    }
}

const HIDDEN: [&str; 7] = [
    "raw SQL",
    "table, schema and column names",
    "tenant and principal",
    "row versions and guards",
    "approval and apply",
    "database credentials",
    "other tenants' rows",
];

impl Boundary {
    fn look(args: &Args, out: &Out) -> Result<Self, crate::app::Stop> {
        let contract = args.place.contract(out, &ReadOptions::default())?;
        let aliases = if args.both { AliasMode::Both } else { args.aliases.mode()? };
        let tools = tool::list(&contract, aliases);
        let costs = listing(&contract, aliases).iter().map(Cost::of).collect();
        let checks = checks(&tools);
        Ok(Self {
            config: args.place.config_path().display().to_string(),
            store: args.place.store_path(Some(&contract)).display().to_string(),
            aliases,
            tools,
            costs,
            checks,
        })
    }

    fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    fn exit(&self) -> Exit {
        if self.ok() { Exit::Done } else { Exit::Failed }
    }

    fn checks_json(&self) -> Vec<Json> {
        self.checks.iter().map(|check| json!({ "name": check.name, "ok": check.ok, "detail": check.detail })).collect()
    }

    fn costs_json(&self) -> Vec<Json> {
        let costs = self.tools.iter().zip(&self.costs);
        costs
            .map(|(tool, cost)| json!({ "tool": tool.name, "shown_to_model": cost.shown, "entry": cost.entry }))
            .collect()
    }

    fn print_checks(&self, out: &Out) {
        out.line("Safety checks:");
        for check in &self.checks {
            let mark = if check.ok { out.paint(Tone::Good, "PASS") } else { out.paint(Tone::Bad, "FAIL") };
            out.line(format!("  {mark} {}: {}", check.name, check.detail));
        }
    }
}

/// Whether no tool has authority that it must not have.
pub(crate) fn holds(tools: &[Tool]) -> bool {
    checks(tools).iter().all(|check| check.ok)
}

/// What a tool may never be named for, and what may never stand in what a model reads.
fn checks(tools: &[Tool]) -> Vec<Check> {
    let named = |words: &[&str]| -> Vec<&str> {
        tools
            .iter()
            .filter(|tool| words.iter().any(|word| tool.name.to_lowercase().contains(word)))
            .map(|tool| tool.name.as_str())
            .collect()
    };
    let absent = |name, found: Vec<&str>| Check {
        name,
        ok: found.is_empty(),
        detail: if found.is_empty() { "none".to_owned() } else { found.join(", ") },
    };
    let holding_secrets: Vec<&str> = tools
        .iter()
        .filter(|tool| {
            let texts = [Json::from(tool.description.clone()), Json::Object(tool.input_schema.clone())];
            texts.iter().any(redact::holds_secret)
        })
        .map(|tool| tool.name.as_str())
        .collect();
    let reserved: Vec<&str> = tools
        .iter()
        .filter(|tool| {
            let properties = tool.input_schema.get("properties").and_then(Json::as_object);
            properties.is_some_and(|map| map.keys().any(|key| synapsor_core::args::RESERVED.contains(&key.as_str())))
        })
        .map(|tool| tool.name.as_str())
        .collect();
    vec![
        Check { name: "semantic tools present", ok: !tools.is_empty(), detail: format!("{} tool(s)", tools.len()) },
        absent("execute_sql absent", named(&["execute_sql", "run_query", "query_database"])),
        absent("approval tools absent", named(&["approve"])),
        absent("commit tools absent", named(&["commit", "apply_writeback"])),
        absent("trusted arguments absent", reserved),
        absent("database_url and credentials absent", holding_secrets),
    ]
}

pub(crate) fn smoke(args: &Args, out: &Out) -> Ended {
    let boundary = Boundary::look(args, out)?;
    if args.json {
        out.json(&json!({
            "ok": boundary.ok(),
            "config_path": boundary.config,
            "store_path": boundary.store,
            "tools": boundary.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
            "checks": boundary.checks_json(),
        }));
        return Ok(boundary.exit());
    }
    out.line(format!("Synapsor MCP smoke: {}", if boundary.ok() { "ok" } else { "failed" }));
    out.line("Tools the model would see:");
    for tool in &boundary.tools {
        out.line(format!("  - {}", tool.name));
    }
    boundary.print_checks(out);
    Ok(boundary.exit())
}

pub(crate) fn preview(args: &Args, out: &Out) -> Ended {
    let boundary = Boundary::look(args, out)?;
    if args.json {
        let mappings: Vec<Json> = boundary
            .tools
            .iter()
            .map(|tool| {
                json!({
                    "canonicalName": tool.canonical,
                    "exposedName": tool.name,
                    "isAlias": tool.name != tool.canonical,
                    "style": if tool.name == tool.canonical { "canonical" } else { "openai" },
                })
            })
            .collect();
        out.json(&json!({
            "ok": boundary.ok(),
            "config_path": boundary.config,
            "store_path": boundary.store,
            "alias_mode": boundary.aliases.word(),
            "exposed_to_mcp": boundary.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
            "alias_mappings": mappings,
            "token_costs": boundary.costs_json(),
            "not_exposed_to_mcp": HIDDEN,
            "checks": boundary.checks_json(),
        }));
        return Ok(boundary.exit());
    }
    out.line(format!("Synapsor tools preview: {}", if boundary.ok() { "ok" } else { "failed" }));
    out.line(format!("Config: {}", boundary.config));
    out.line(format!("Store: {}", boundary.store));
    out.line(format!("Alias mode: {}", boundary.aliases.word()));
    out.line("Exposed to MCP:");
    for (tool, cost) in boundary.tools.iter().zip(&boundary.costs) {
        let name = out.paint(Tone::Strong, &tool.name);
        let alias = if tool.name == tool.canonical { String::new() } else { format!(" -> {}", tool.canonical) };
        out.line(format!("  - {name}{alias} (about {} tokens)", cost.shown));
        for line in tool.description.lines() {
            out.line(format!("      {}", out.paint(Tone::Faint, line)));
        }
    }
    let whole: usize = boundary.costs.iter().map(|cost| cost.shown).sum();
    out.line(format!("In all they take about {whole} tokens of a model's context."));
    out.line("Not exposed to MCP:");
    for hidden in HIDDEN {
        out.line(format!("  - {hidden}"));
    }
    boundary.print_checks(out);
    Ok(boundary.exit())
}
