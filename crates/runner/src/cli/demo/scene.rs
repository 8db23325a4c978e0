//! The demo's folder: a small billing database, its configuration, and nothing of anyone else's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use synapsor_core::code::Code;
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::EngineKind;
use synapsor_core::id::Ident;
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_core::value::Cell;
use synapsor_db::engine::{Access, Engine, Role};

use crate::app::Stop;
use crate::clock;

/// The folder and what it holds.
pub(in crate::cli) struct Scene {
    dir: PathBuf,
}

/// The file that says that the folder is ours to make anew.
const MARKER: &str = ".made-by-synapsor-demo";
const FILES: [&str; 8] = [
    "billing.db",
    "billing.db-wal",
    "billing.db-shm",
    ".synapsor/local.db",
    ".synapsor/local.db-wal",
    ".synapsor/local.db-shm",
    "synapsor.runner.json",
    "env.sh",
];
const CONFIG: &str = include_str!("../../../demo/synapsor.runner.json");
const SCHEMA: &str = include_str!("../../../demo/schema.sql");
const ENV: [(&str, &str); 2] = [("BILLING_READ_URL", "sqlite:billing.db"), ("BILLING_WRITE_URL", "sqlite:billing.db")];

impl Scene {
    /// The scene of that folder, as it is.
    pub(in crate::cli) fn at(dir: &Path) -> Result<Self, Refusal> {
        if !dir.join(MARKER).exists() {
            return Err(Refusal::new(Code::Usage, format!("there is no demo in `{}`", dir.display()))
                .with_fix("run `synapsor-runner demo` first"));
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Makes the folder, or makes it anew if an earlier demo made it.
    pub(in crate::cli) async fn make(dir: &Path) -> Result<Self, Stop> {
        let occupied = dir.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if occupied && !dir.join(MARKER).exists() {
            return Err(Refusal::new(Code::OutputExists, format!("`{}` holds files that no demo made", dir.display()))
                .with_fix("choose another folder with `--dir`")
                .into());
        }
        let written = || -> std::io::Result<()> {
            std::fs::create_dir_all(dir)?;
            for file in FILES {
                match std::fs::remove_file(dir.join(file)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            std::fs::write(dir.join(MARKER), "")?;
            std::fs::write(dir.join("synapsor.runner.json"), CONFIG)?;
            let exports: String = ENV.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
            std::fs::write(dir.join("env.sh"), exports)?;
            // An empty file is an empty database; the engine never makes one.
            std::fs::write(dir.join("billing.db"), "")
        };
        written().map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be written: {error}", dir.display())))?;
        let scene = Self { dir: dir.to_owned() };
        let mut statements: Vec<String> = SCHEMA.split_inclusive(";\n").map(str::to_owned).collect();
        statements.extend(receipts::migration(EngineKind::Sqlite, &place()?, &hex::encode(clock::random::<10>())));
        scene.database()?.migrate(&statements).await?;
        Ok(scene)
    }

    /// The folder.
    pub(in crate::cli) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The variables that the configuration names.
    pub(in crate::cli) fn variables(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        ENV.into_iter()
    }

    /// What someone does in the billing application itself, behind the agent's back.
    pub(in crate::cli) async fn elsewhere(&self, sql: &str) -> Result<(), Stop> {
        Ok(self.database()?.migrate(&[sql.to_owned()]).await?)
    }

    /// What the database answers to a statement that reads.
    pub(in crate::cli) async fn read(&self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Stop> {
        Ok(self.database()?.read(sql).await?)
    }

    fn database(&self) -> Result<Engine, Stop> {
        let contract = config::read(CONFIG, &ReadOptions::default())
            .contract
            .ok_or_else(|| Refusal::new(Code::Internal, "the demo's configuration does not read"))?;
        let source = contract
            .sources
            .into_values()
            .next()
            .ok_or_else(|| Refusal::new(Code::Internal, "the demo's configuration names no source"))?;
        let mut source = source;
        source.lock_timeout = Duration::from_secs(5);
        let access = Access { url: "sqlite:billing.db".to_owned(), source, role: Role::Writer, base: self.dir.clone() };
        Ok(Engine::open(access)?)
    }
}

fn place() -> Result<Place, Refusal> {
    let name = |text| Ident::parse(text).map_err(|_| Refusal::new(Code::Internal, "the demo's names do not read"));
    Ok(Place { schema: name("main")?, table: name("synapsor_writeback_receipts")? })
}
