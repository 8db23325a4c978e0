//! `writeback …`

pub mod doctor;
pub mod grants;
pub mod migration;

use clap::{Subcommand, ValueEnum};
use synapsor_core::code::Code;
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::{Contract, EngineKind, Source};
use synapsor_core::id::Ident;
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::Place;

use super::Ended;
use super::open::ConfigFile;
use super::print::Out;

/// Prepare a source database for applying.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the statements that create the receipt table, or run them.
    Migration(migration::Args),
    /// Print what the reader and the writer need to be granted, and no more.
    Grants(grants::Args),
    /// Compare what the reader and the writer need with what they really hold.
    Doctor(doctor::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Migration(args) => migration::run(&args, out).await,
        Command::Grants(args) => grants::run(&args, out),
        Command::Doctor(args) => doctor::run(&args, out).await,
    }
}

/// What a command is about: the sources of a configuration, or one place without any.
#[derive(Debug, Clone, clap::Args)]
pub struct About {
    /// The engine, in place of a configuration.
    #[arg(value_enum, value_name = "ENGINE", conflicts_with_all = ["engine", "config", "source"])]
    positional: Option<EngineWord>,
    /// The engine, as a flag.
    #[arg(long, value_enum, conflicts_with_all = ["config", "source"])]
    engine: Option<EngineWord>,
    /// With an engine: the schema of the receipt table [default: public, app, main].
    #[arg(long, conflicts_with_all = ["config", "source"])]
    schema: Option<String>,
    /// With an engine: the receipt table [default: synapsor_writeback_receipts].
    #[arg(long, conflicts_with_all = ["config", "source"])]
    table: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// One source of the configuration [default: all of them].
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// What [`About`] names.
pub(super) enum Subject {
    /// A receipt table, on its own.
    Place(EngineKind, Place),
    /// Sources of a checked configuration.
    Sources(Box<Contract>, Vec<Source>),
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

impl About {
    pub(super) fn subject(&self, out: &Out) -> Result<Subject, Refusal> {
        let engine = match self.positional.or(self.engine) {
            Some(EngineWord::Postgres) => EngineKind::Postgres,
            Some(EngineWord::Mysql) => EngineKind::Mysql,
            Some(EngineWord::Sqlite) => EngineKind::Sqlite,
            None => return self.configured(out),
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
            schema: name("--schema", self.schema.as_deref().unwrap_or(usual))?,
            table: name("--table", self.table.as_deref().unwrap_or("synapsor_writeback_receipts"))?,
        };
        Ok(Subject::Place(engine, place))
    }

    fn configured(&self, out: &Out) -> Result<Subject, Refusal> {
        if self.schema.is_some() || self.table.is_some() {
            return Err(no_engine(
                "`--schema` and `--table` go with an engine; a configuration says where receipts are",
            ));
        }
        if self.source.is_none() && !self.config.path().exists() {
            return Err(no_engine("there is no configuration here"));
        }
        let contract = self.config.contract(out, &ReadOptions::default())?;
        let name = named_source(&contract, self.source.as_deref())?;
        let is_meant = |source: &&Source| name.as_ref().is_none_or(|name| name == &source.name);
        let sources = contract.sources.values().filter(is_meant).cloned().collect();
        Ok(Subject::Sources(Box::new(contract), sources))
    }
}

fn no_engine(why: &str) -> Refusal {
    Refusal::new(Code::Usage, why)
        .with_fix("name the engine, `--engine postgres`, `mysql` or `sqlite`, or a configuration with `--config`")
}

/// The source that was named, if one was.
fn named_source(contract: &Contract, typed: Option<&str>) -> Result<Option<Ident>, Refusal> {
    let Some(typed) = typed else { return Ok(None) };
    let known = contract.sources.keys().find(|name| name.as_str() == typed);
    known.cloned().map(Some).ok_or_else(|| {
        let names: Vec<&str> = contract.sources.keys().map(Ident::as_str).collect();
        Refusal::new(Code::Usage, format!("the configuration has no source `{typed}`"))
            .with_fix(format!("name one of: {}", names.join(", ")))
    })
}
