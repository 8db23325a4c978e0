//! Which database to look at while no configuration says so, and what it says of itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret as _;
use synapsor_core::code::Code;
use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Source, Tls};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::inspection::Inspection;
use synapsor_db::engine::{Access, Engine, Role};
use synapsor_db::fault::{Class, Fault};

use super::print::Out;
use crate::app::Stop;
use crate::{clock, secrets};

/// Where a URL is looked for when no variable is named.
pub const USUAL: [&str; 2] = ["SYNAPSOR_DATABASE_READ_URL", "DATABASE_URL"];

/// Which database to look at.
#[derive(Debug, Clone, Args)]
pub struct Database {
    /// The variable that holds the database's URL [default: the first that is set of SYNAPSOR_DATABASE_READ_URL and
    /// DATABASE_URL].
    #[arg(long, visible_aliases = ["url-env", "database-url-env"], value_name = "NAME")]
    from_env: Option<String>,
    /// The database's URL itself; it stays in the shell's history and shows in the list of processes.
    #[arg(long, value_name = "URL", conflicts_with = "from_env")]
    from: Option<String>,
    /// What an earlier `inspect --json` printed, in place of a database.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_env", "from"])]
    inspection_json: Option<PathBuf>,
    /// The engine, where the URL does not say.
    #[arg(long, value_enum, default_value_t = EngineWord::Auto)]
    engine: EngineWord,
    /// Look at this schema only [default: all but the server's own].
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

/// An engine, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineWord {
    /// As the URL says.
    Auto,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl EngineWord {
    /// The engine, if the word names one.
    #[must_use]
    pub fn kind(self) -> Option<EngineKind> {
        match self {
            Self::Auto => None,
            Self::Postgres => Some(EngineKind::Postgres),
            Self::Mysql => Some(EngineKind::Mysql),
            Self::Sqlite => Some(EngineKind::Sqlite),
        }
    }
}

/// What was looked at.
pub struct Looked {
    /// What it says.
    pub inspection: Inspection,
    /// The variable that holds its URL, if one does.
    pub url_env: Option<EnvName>,
    /// The database itself, unless it was a snapshot.
    pub engine: Option<Engine>,
}

/// A URL, and what it may be called.
struct Found {
    url: String,
    called: String,
    env: Option<EnvName>,
}

impl Database {
    /// Whether an option says which database.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.from.is_some() || self.from_env.is_some() || self.inspection_json.is_some()
    }

    /// Whether an option or a usual variable says which database.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_named() || usual_name().is_some()
    }

    /// The engine, if an option names it.
    #[must_use]
    pub fn engine_word(&self) -> Option<EngineKind> {
        self.engine.kind()
    }

    /// The schema that was asked for.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Looks. `inline` is a URL that stood on the command line without an option.
    pub async fn look(&self, inline: Option<&str>, out: &Out) -> Result<Looked, Stop> {
        if let Some(path) = &self.inspection_json {
            let url_env = usual_name().and_then(|name| EnvName::parse(name).ok());
            return Ok(Looked { inspection: self.snapshot(path)?, url_env, engine: None });
        }
        let found = self.find(inline, out)?;
        let kind = self.engine(&found)?;
        let source = source(kind, found.env.as_ref())?;
        let access = Access { url: found.url, source, role: Role::Reader, base: PathBuf::new() };
        let look = async {
            let engine = Engine::open(access)?;
            let inspection = engine.inspect(self.schema.as_deref(), clock::now()).await?;
            Ok((engine, inspection))
        };
        let (engine, inspection) = look.await.map_err(|fault| unseen(kind, &found.called, fault))?;
        if let Some(schema) = self.schema.as_ref().filter(|schema| !inspection.schemas.contains(schema)) {
            let names: Vec<String> = inspection.schemas.iter().map(|name| format!("`{name}`")).collect();
            return Err(Refusal::new(Code::ObjectMissing, format!("the account sees no schema `{schema}`"))
                .with_fix(format!("it sees {}", names.join(", ")))
                .into());
        }
        Ok(Looked { inspection, url_env: found.env, engine: Some(engine) })
    }

    fn snapshot(&self, path: &Path) -> Result<Inspection, Refusal> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be read: {error}", path.display())))?;
        let mut inspection = Inspection::from_json(&text)?;
        if let Some(schema) = &self.schema {
            inspection.tables.retain(|table| table.schema == *schema);
        }
        Ok(inspection)
    }

    fn find(&self, inline: Option<&str>, out: &Out) -> Result<Found, Refusal> {
        if let Some(url) = inline.or(self.from.as_deref()) {
            out.note(
                "The URL is in the shell's history now. Next time put it into a variable and name that with `--from-env`.",
            );
            return Ok(Found { url: url.to_owned(), called: "that URL".to_owned(), env: None });
        }
        let name = match &self.from_env {
            Some(name) => name.as_str(),
            None => usual_name().ok_or_else(no_url)?,
        };
        let env = EnvName::parse(name).map_err(|why| {
            Refusal::new(Code::Usage, format!("`--from-env` names no variable: {why}"))
                .with_fix("name the variable that holds the URL; a URL itself goes to `--from`")
        })?;
        let url = secrets::required(name)?.expose_secret().trim().to_owned();
        Ok(Found { url, called: format!("`{name}`"), env: Some(env) })
    }

    fn engine(&self, found: &Found) -> Result<EngineKind, Refusal> {
        match self.engine_word() {
            Some(engine) => Ok(engine),
            None => match found.url.split_once(':').map(|(scheme, _)| scheme) {
                Some("postgres" | "postgresql") => Ok(EngineKind::Postgres),
                Some("mysql" | "mariadb") => Ok(EngineKind::Mysql),
                Some("sqlite") => Ok(EngineKind::Sqlite),
                _ => Err(Refusal::new(Code::Usage, format!("{} does not say which engine it is for", found.called))
                    .with_fix(
                        "write it as `postgres://…`, `mysql://…` or `sqlite:FILE`, or name the engine with `--engine`",
                    )),
            },
        }
    }
}

/// The first of the usual variables that is set.
fn usual_name() -> Option<&'static str> {
    USUAL.into_iter().find(|name| secrets::plain(name).is_some())
}

fn no_url() -> Refusal {
    let [first, second] = USUAL;
    Refusal::new(Code::Usage, "nothing says which database to look at")
        .with_fix(format!("set `{second}` or `{first}` to its URL, or name another variable with `--from-env`"))
}

/// A database without a configuration, within the limits that a configuration would have by default.
fn source(engine: EngineKind, env: Option<&EnvName>) -> Result<Source, Refusal> {
    let named = |what| Refusal::new(Code::Internal, what);
    let [usual, _] = USUAL;
    let read_url_env = match env {
        Some(env) => env.clone(),
        None => EnvName::parse(usual).map_err(|_| named("the usual variable has no name"))?,
    };
    let name = Ident::parse("inspected").map_err(|_| named("the source has no name"))?;
    Ok(Source {
        receipts: Receipts { schema: None, table: name.clone() },
        name,
        engine,
        read_url_env,
        write_url_env: None,
        read_only: true,
        connect_timeout: Duration::from_secs(3),
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(3),
        pool: Pool { max_connections: 1, acquire_timeout: Duration::from_secs(3) },
        tls: Tls::default(),
        session: Session::default(),
    })
}

/// The database's no, with what mends it for somebody who is just beginning.
fn unseen(engine: EngineKind, called: &str, fault: Fault) -> Stop {
    let class = fault.class();
    let refusal = Stop::from(fault).into_refusal("command");
    let message = format!("schema inspection failed for {} using {called}: {}", engine.word(), refusal.message());
    let refusal = Refusal::new(refusal.code(), message);
    match class {
        Class::Credential => refusal.with_fix(format!("check user and password in {called}")),
        Class::Unreachable if engine == EngineKind::Sqlite => {
            refusal.with_fix(format!("check the path in {called}; a relative one begins in the current folder"))
        }
        Class::Unreachable => refusal.with_fix(format!("check that the server runs, and host and port in {called}")),
        Class::Missing => refusal.with_fix(format!("check the database's name in {called}")),
        Class::Timeout => refusal.with_fix(format!(
            "check host and port in {called}; if the server is there but slow, try one schema with `--schema`"
        )),
        _ => refusal,
    }
    .into()
}
