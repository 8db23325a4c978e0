//! `writeback migration`

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Source, Tls};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::privilege::receipt_places;
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_db::engine::{Access, Engine, ReceiptsState, Role};
use synapsor_db::fault::Class;

use super::{About, Subject};
use crate::app::Stop;
use crate::cli::Ended;
use crate::cli::print::{Out, Tone};
use crate::{clock, secrets};

/// Print the statements that create the receipt table, for an administrator to run once; or run them.
///
/// With a configuration, the tables of all its sources, where they belong; with an engine, one. Running them again changes
/// nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    about: About,
    /// Run the statements, as the account of `--admin-url-env`.
    #[arg(long, requires = "admin_url_env")]
    execute: bool,
    /// The environment variable that holds an administrator's URL; never the reader's or the writer's.
    #[arg(long, value_name = "NAME", requires = "execute")]
    admin_url_env: Option<String>,
    /// With `--execute`: do not ask.
    #[arg(long, requires = "execute")]
    yes: bool,
    /// Print `{ok, executed, tables: [{source, schema, table, receipts_id, statements}]}` as JSON.
    #[arg(long)]
    json: bool,
}

/// One receipt table to make.
struct Wanted {
    source: Option<Source>,
    engine: EngineKind,
    place: Place,
    statements: Vec<String>,
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let wanted = wanted(args.about.subject(out)?);
    if wanted.is_empty() {
        out.note("nothing is written to these sources, so they need no receipt table");
    }
    if let (true, Some(variable)) = (args.execute && !wanted.is_empty(), &args.admin_url_env) {
        return execute(args, variable, &wanted, out).await;
    }
    if args.json {
        out.json(&to_json(false, &wanted, &[]));
        return Ok(Exit::Done);
    }
    for wanted in &wanted {
        if let Some(source) = &wanted.source {
            out.line(format!("-- source {} ({})", source.name, wanted.engine.word()));
        }
        out.line(
            "-- The receipt table makes sure that a change is applied once. Run this as an administrator; the runner never",
        );
        out.line("-- creates it while applying.");
        for statement in &wanted.statements {
            out.line(statement);
        }
    }
    Ok(Exit::Done)
}

fn wanted(subject: Subject) -> Vec<Wanted> {
    let statements = |engine, place: &Place| receipts::migration(engine, place, &hex::encode(clock::random::<10>()));
    match subject {
        Subject::Place(engine, place) => {
            vec![Wanted { source: None, engine, statements: statements(engine, &place), place }]
        }
        Subject::Sources(contract, sources) => {
            let places = |source: Source| {
                let places = receipt_places(&contract, &source);
                places.into_iter().map(move |place| Wanted {
                    engine: source.engine,
                    statements: statements(source.engine, &place),
                    source: Some(source.clone()),
                    place,
                })
            };
            sources.into_iter().flat_map(places).collect()
        }
    }
}

/// Runs the statements and looks whether the tables may be used now.
async fn execute(args: &Args, variable: &str, wanted: &[Wanted], out: &Out) -> Ended {
    let mut named: Vec<Option<&Ident>> = wanted.iter().map(|table| table.source.as_ref().map(|s| &s.name)).collect();
    named.dedup();
    if named.len() > 1 {
        return Err(Refusal::new(
            Code::Usage,
            "one administrator's URL is for one source, and the configuration has more",
        )
        .with_fix("name one with `--source`")
        .into());
    }
    let Some(first) = wanted.first() else { return Ok(Exit::Done) };
    let url = secrets::required(EnvName::parse(variable).map_err(bad_name)?.as_str())?.expose_secret().to_owned();
    let source = administered(first, variable)?;
    // What relative paths refer to: the configuration, where there is one.
    let base = if first.source.is_some() { args.about.config.folder() } else { PathBuf::new() };
    let engine =
        Engine::open(Access { url, source, role: Role::Writer, base }).map_err(|fault| bad_url(variable, fault))?;
    let names: Vec<String> =
        wanted.iter().map(|table| format!("`{}.{}`", table.place.schema, table.place.table)).collect();
    let question = format!("Create or complete {} as the administrator in `{variable}`?", names.join(", "));
    if !out.confirm(&question, args.yes)? {
        out.note("nothing was changed");
        return Ok(Exit::Failed);
    }
    let mut made = Vec::new();
    for Wanted { place, statements, .. } in wanted {
        engine.migrate(statements).await?;
        let name = format!("`{}.{}`", place.schema, place.table);
        made.push(match engine.receipts(place).await? {
            ReceiptsState::Ready(found) => found.receipts_id,
            ReceiptsState::Missing => {
                return Err(Refusal::new(Code::ReceiptsMissing, format!("{name} is still not there")).into());
            }
            ReceiptsState::Unsafe { why } => {
                let message = format!("{name} was there in another form, which the statements do not change: {why}");
                return Err(Refusal::new(Code::ReceiptsUnsafe, message)
                    .with_fix("mend or rename that table, then run this again")
                    .into());
            }
        });
        if !args.json {
            out.line(format!("{}: {name}", out.paint(Tone::Good, "receipt table ready")));
        }
    }
    if args.json {
        out.json(&to_json(true, wanted, &made));
    } else {
        out.note("next: grant the accounts what `synapsor-runner writeback grants` prints");
    }
    Ok(Exit::Done)
}

/// The source as an administrator uses it: a change of a table's shape may take its time.
fn administered(wanted: &Wanted, variable: &str) -> Result<Source, Refusal> {
    let long = Duration::from_secs(3600);
    if let Some(source) = &wanted.source {
        return Ok(Source { statement_timeout: long, ..source.clone() });
    }
    let url_env = EnvName::parse(variable).map_err(bad_name)?;
    Ok(Source {
        name: wanted.place.table.clone(),
        engine: wanted.engine,
        read_url_env: url_env.clone(),
        write_url_env: Some(url_env),
        read_only: false,
        connect_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_secs(10),
        statement_timeout: long,
        pool: Pool { max_connections: 1, acquire_timeout: Duration::from_secs(10) },
        tls: Tls::default(),
        receipts: Receipts { schema: Some(wanted.place.schema.clone()), table: wanted.place.table.clone() },
        session: Session::default(),
    })
}

fn bad_name(why: synapsor_core::id::BadName) -> Refusal {
    Refusal::new(Code::Usage, format!("`--admin-url-env` names no variable: {why}"))
        .with_fix("name a variable that holds the URL; a URL on the command line would show in the list of processes")
}

/// The fault's own words name what is wrong with the URL's shape; they never hold the URL.
fn bad_url(variable: &str, fault: synapsor_db::fault::Fault) -> Stop {
    if fault.class() == Class::Url {
        return Refusal::new(Code::CredentialInvalid, format!("the URL in `{variable}` cannot be used: {fault}"))
            .into();
    }
    fault.into()
}

fn to_json(executed: bool, wanted: &[Wanted], made: &[String]) -> Json {
    let table = |(index, wanted): (usize, &Wanted)| {
        json!({
            "source": wanted.source.as_ref().map(|source| source.name.as_str()),
            "schema": wanted.place.schema.as_str(),
            "table": wanted.place.table.as_str(),
            "receipts_id": made.get(index),
            "statements": wanted.statements,
        })
    };
    let tables: Vec<Json> = wanted.iter().enumerate().map(table).collect();
    json!({ "ok": true, "executed": executed, "tables": tables })
}
