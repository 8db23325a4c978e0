//! `writeback migration`

use clap::ValueEnum;
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::EngineKind;
use synapsor_core::id::Ident;
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};

use crate::cli::Ended;
use crate::cli::print::Out;
use crate::clock;

/// Print the statements that create the receipt table, for an administrator to run once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine.
    #[arg(value_enum, value_name = "ENGINE", conflicts_with = "engine")]
    positional: Option<EngineWord>,
    /// The engine, as a flag.
    #[arg(long, value_enum)]
    engine: Option<EngineWord>,
    /// The schema: the targets' own, or the one that `sources.<s>.receipts.schema` names [default: public, app, main].
    #[arg(long)]
    schema: Option<String>,
    /// The table.
    #[arg(long, default_value = "synapsor_writeback_receipts")]
    table: String,
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineWord {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    #[value(alias = "mariadb")]
    Mysql,
    /// SQLite.
    Sqlite,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let engine = match args.positional.or(args.engine) {
        Some(EngineWord::Postgres) => EngineKind::Postgres,
        Some(EngineWord::Mysql) => EngineKind::Mysql,
        Some(EngineWord::Sqlite) => EngineKind::Sqlite,
        None => {
            return Err(Refusal::new(Code::Usage, "name the engine: `--engine postgres`, `mysql` or `sqlite`").into());
        }
    };
    let usual = match engine {
        EngineKind::Postgres => "public",
        EngineKind::Mysql => "app",
        EngineKind::Sqlite => "main",
    };
    let name = |what: &str, text: &str| {
        Ident::parse(text).map_err(|why| Refusal::new(Code::Usage, format!("`{what}` does not fit: {why}")))
    };
    let place = Place {
        schema: name("--schema", args.schema.as_deref().unwrap_or(usual))?,
        table: name("--table", &args.table)?,
    };
    out.line(
        "-- The receipt table makes sure that a change is applied once. Run this as an administrator; the runner never",
    );
    out.line("-- creates it while applying.");
    for statement in receipts::migration(engine, &place, &hex::encode(clock::random::<10>())) {
        out.line(statement);
    }
    Ok(Exit::Done)
}
