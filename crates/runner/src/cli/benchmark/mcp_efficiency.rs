//! `benchmark mcp-efficiency`

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::estimate_tokens;

use super::generic;
use crate::app::Stop;
use crate::cli::Ended;
use crate::cli::demo::agent::Agent;
use crate::cli::demo::scene::Scene;
use crate::cli::print::{Out, Tone};
use crate::clock;

/// What is counted, and how.
const METHOD: &str = "The task is to waive the late fee of one invoice of the demo's database (SQLite), which is made anew. The \
     reviewed actions are this program's own server, asked over MCP; of the other way, the list of tools is written down and \
     its answers are read from the same database. Bytes are those of compact JSON; tokens are estimated for the o200k \
     vocabulary, within a tenth. A tool counts with its name, description and schemas as they are listed.";

/// Compare tools that run SQL with reviewed actions: one task, done both ways on one database.
///
/// A small database is made in the system's folder for temporary files, and taken away again. Reviewed actions need fewer
/// calls and no look at the schema, and say more in each schema and answer; what they are for is that nothing is changed
/// before a person has decided.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

/// A way to the task, done.
pub(super) struct Measured {
    /// The tools as they are listed.
    pub(super) tools: Vec<Json>,
    /// What a model must be told of the schema before it can act.
    pub(super) schema_context: Vec<Json>,
    /// What it is told of the invoice.
    pub(super) business_result: Json,
    /// Its calls, in order.
    pub(super) plan: Vec<String>,
    /// Whether a person decides, and a row that has changed is left alone.
    pub(super) reviewed: bool,
}

impl Measured {
    fn numbers(&self) -> [(&'static str, usize); 8] {
        let list = Json::from(self.tools.clone()).to_string();
        let schema: Vec<String> = self.schema_context.iter().map(Json::to_string).collect();
        let result = self.business_result.to_string();
        [
            ("exposed_tools", self.tools.len()),
            ("serialized_tools_list_bytes", list.len()),
            ("serialized_tools_list_tokens", estimate_tokens(&list)),
            ("schema_context_bytes", schema.iter().map(String::len).sum()),
            ("schema_context_tokens", schema.iter().map(|text| estimate_tokens(text)).sum()),
            ("business_result_bytes", result.len()),
            ("business_result_tokens", estimate_tokens(&result)),
            ("scripted_tool_calls", self.plan.len()),
        ]
    }

    fn truths(&self) -> [(&'static str, bool); 4] {
        [
            ("exposes_raw_sql", !self.reviewed),
            ("exposes_write_credentials", !self.reviewed),
            ("approval_separated", self.reviewed),
            ("stale_row_conflict_checked", self.reviewed),
        ]
    }

    fn to_json(&self) -> Json {
        let numbers = self.numbers().map(|(name, number)| (name.to_owned(), Json::from(number)));
        let truths = self.truths().map(|(name, truth)| (name.to_owned(), Json::from(truth)));
        Json::Object(numbers.into_iter().chain(truths).collect())
    }
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let folder = std::env::temp_dir().join(format!("synapsor-benchmark-{}", hex::encode(clock::random::<8>())));
    let measured = both(&folder).await;
    let _gone = std::fs::remove_dir_all(&folder);
    let (generic, reviewed) = measured?;
    if args.json {
        out.json(&json!({
            "benchmark": "mcp-efficiency",
            "fixture": "late-fee-waiver",
            "tokenizer": { "name": "o200k-estimate", "version": 1, "method": "pieces of words, numbers and signs, weighed" },
            "note": METHOD,
            "paths": {
                "generic_database_mcp_reference": generic.to_json(),
                "synapsor_runner_semantic_path": reviewed.to_json(),
            },
            "scripted_plans": {
                "generic_database_mcp_reference": generic.plan,
                "synapsor_runner_semantic_path": reviewed.plan,
            },
        }));
        return Ok(Exit::Done);
    }
    out.line(out.paint(Tone::Strong, "What a late fee's waiver costs a model, by the way to the database"));
    out.line("");
    let rows: Vec<[String; 3]> = generic
        .numbers()
        .iter()
        .zip(reviewed.numbers())
        .map(|((name, left), (_, right))| [name.replace('_', " "), left.to_string(), right.to_string()])
        .chain(generic.truths().iter().zip(reviewed.truths()).map(|((name, left), (_, right))| {
            let word = |truth: bool| if truth { "yes" } else { "no" }.to_owned();
            [name.replace('_', " "), word(*left), word(right)]
        }))
        .collect();
    out.table(["", "TOOLS THAT RUN SQL", "REVIEWED ACTIONS"], &rows);
    out.note(&format!("\n{METHOD}"));
    Ok(Exit::Done)
}

/// Does the task both ways, each on a database that is made anew.
async fn both(folder: &Path) -> Result<(Measured, Measured), Stop> {
    let reviewed = reviewed(&Scene::make(folder).await?).await?;
    let generic = generic::measure(&Scene::make(folder).await?).await?;
    Ok((generic, reviewed))
}

/// Does the task as an agent of this program: look, and propose.
async fn reviewed(scene: &Scene) -> Result<Measured, Stop> {
    let program: PathBuf = std::env::current_exe()
        .map_err(|error| Refusal::new(Code::Internal, format!("this program cannot find itself: {error}")))?;
    let (inspect, propose) = ("billing.inspect_invoice", "billing.propose_late_fee_waiver");
    let mut agent = Agent::connect(scene, &program).await?;
    let tools = agent.listed().await?;
    let seen = agent.call(inspect, &json!({ "invoice_id": "INV-3001" })).await?;
    let proposed = agent.call(propose, &json!({ "invoice_id": "INV-3001", "reason": "First late payment" })).await?;
    agent.leave().await?;
    for answer in [&seen, &proposed] {
        if answer.get("ok") != Some(&Json::Bool(true)) {
            return Err(Refusal::new(Code::Internal, "the demo's server did not do the task").into());
        }
    }
    Ok(Measured {
        tools,
        // The list says everything that a model needs.
        schema_context: Vec::new(),
        business_result: seen,
        plan: vec![format!("{inspect}: the invoice"), format!("{propose}: the waiver, for a person to decide about")],
        reviewed: true,
    })
}
