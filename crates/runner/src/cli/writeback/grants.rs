//! `writeback grants`

use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::EngineKind;
use synapsor_core::privilege::{Privilege, RoleName, Use, file_permissions, grants, needed, needed_on_receipts};
use synapsor_core::refusal::Refusal;

use super::{About, Subject};
use crate::cli::Ended;
use crate::cli::print::{Out, clean};

/// Print what the reader and the writer need to be granted, column by column, for an administrator to run.
///
/// With a configuration, everything its capabilities need; with an engine, what the receipt table needs. Nothing else
/// needs to be granted, and the page docs/privileges.md says what never should be.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    about: About,
    /// The account that serves tools; on MySQL `user@host` [default: a placeholder].
    #[arg(long, value_name = "ROLE")]
    reader_role: Option<String>,
    /// The account that applies [default: a placeholder].
    #[arg(long, value_name = "ROLE")]
    writer_role: Option<String>,
    /// The database that both connect to, on PostgreSQL [default: a placeholder].
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Print `{ok, sources: [{source, engine, reader, writer}]}` as JSON, each with its statements.
    #[arg(long)]
    json: bool,
}

/// What one source's accounts need.
struct Needs {
    source: Option<String>,
    engine: EngineKind,
    reader: BTreeSet<Privilege>,
    writer: BTreeSet<Privilege>,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let needs: Vec<Needs> = match args.about.subject(out)? {
        Subject::Place(engine, place) => vec![Needs {
            source: None,
            engine,
            reader: needed_on_receipts(engine, &place, Use::Reader),
            writer: needed_on_receipts(engine, &place, Use::Writer),
        }],
        Subject::Sources(contract, sources) => sources
            .iter()
            .map(|source| Needs {
                source: Some(source.name.as_str().to_owned()),
                engine: source.engine,
                reader: needed(&contract, source, Use::Reader),
                writer: needed(&contract, source, Use::Writer),
            })
            .collect(),
    };
    let mut listed = Vec::new();
    for needs in &needs {
        let reader = args.role(needs.engine, Use::Reader)?;
        let writer = args.role(needs.engine, Use::Writer)?;
        let database = args.database.as_deref();
        let reads = grants(needs.engine, &needs.reader, &reader, database);
        let writes = grants(needs.engine, &needs.writer, &writer, database);
        if args.json {
            listed.push(json!({
                "source": needs.source, "engine": needs.engine.word(), "reader": reads, "writer": writes,
            }));
        } else {
            print(needs, [&reads, &writes], out);
        }
    }
    if args.json {
        out.json(&json!({ "ok": true, "sources": Json::from(listed) }));
    }
    Ok(Exit::Done)
}

impl Args {
    fn role(&self, engine: EngineKind, of: Use) -> Result<RoleName, Refusal> {
        let (flag, typed, placeholder) = match of {
            Use::Reader => ("--reader-role", &self.reader_role, "<reader_role>"),
            Use::Writer => ("--writer-role", &self.writer_role, "<writer_role>"),
        };
        match typed {
            None => Ok(RoleName::Placeholder(placeholder)),
            Some(text) => RoleName::parse(engine, text)
                .map_err(|why| Refusal::new(Code::Usage, format!("`{flag}` does not fit: {why}"))),
        }
    }
}

fn print(needs: &Needs, [reads, writes]: [&[String]; 2], out: &Out) {
    match &needs.source {
        Some(source) => out.line(format!("-- source {source} ({})", needs.engine.word())),
        None => {
            out.line(format!("-- the receipt table alone ({}); a configuration tells the rest", needs.engine.word()))
        }
    }
    if needs.engine == EngineKind::Sqlite {
        for line in file_permissions(!needs.writer.is_empty()) {
            out.line(format!("-- {line}"));
        }
        return;
    }
    for (of, statements) in [(Use::Reader, reads), (Use::Writer, writes)] {
        if statements.is_empty() {
            out.line(format!("-- {}: nothing", of.word()));
            continue;
        }
        out.line(format!("-- {}", of.word()));
        for statement in statements {
            out.line(clean(statement));
        }
    }
    out.line("-- never: ownership, DELETE, TRUNCATE, INSERT on a target, UPDATE on a whole table, administration, GRANT OPTION");
}
