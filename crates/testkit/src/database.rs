//! A fresh database for each test, on three engines, with a reader and a writer account.

mod session;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use session::{Session, SqlError};

use crate::servers::{CA_FILE, FOREIGN_CA_FILE, MYSQL_URL, OwnMariadb, OwnPostgres, POSTGRES_URL, Pooler};

/// Names an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, reached as `mysql`.
    Mysql,
    /// SQLite, a file.
    Sqlite,
}

impl Engine {
    /// Lists every engine, for a story told on all of them.
    pub const ALL: [Engine; 3] = [Engine::Postgres, Engine::Mysql, Engine::Sqlite];

    /// Returns the name that configs use.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::Mysql => "mysql",
            Engine::Sqlite => "sqlite",
        }
    }
}

/// Holds a database of its own; it is dropped, with its accounts, when this is.
#[must_use = "the database is dropped with this guard"]
pub struct Database {
    engine: Engine,
    name: String,
    home: Home,
}

enum Home {
    Server { admin: String, place: String, kept: bool },
    File(tempfile::TempDir),
}

/// Makes a database on the run's PostgreSQL server. Panics with a hint when the run has none.
pub async fn postgres() -> Database {
    postgres_on(server_url(POSTGRES_URL)).await
}

/// Makes a database on a server of the test's own; it goes away together with that.
pub async fn postgres_at(server: &OwnPostgres) -> Database {
    postgres_on(server.url()).await.kept()
}

async fn postgres_on(admin: String) -> Database {
    let name = fresh_name();
    let script = [
        format!("CREATE DATABASE {name} TEMPLATE template1"),
        format!("CREATE ROLE {name}_reader LOGIN PASSWORD '{}'", password("reader")),
        format!("CREATE ROLE {name}_writer LOGIN PASSWORD '{}'", password("writer")),
    ];
    let session = Session::open(&admin).await;
    for statement in script {
        session.execute(&statement).await.unwrap();
    }
    Database { engine: Engine::Postgres, name, home: Home::server(admin) }
}

/// Makes a database on the run's MariaDB server. Panics with a hint when the run has none.
pub async fn mysql() -> Database {
    mysql_on(server_url(MYSQL_URL)).await
}

/// Makes a database on a MariaDB server of the test's own; it goes away together with that.
pub async fn mysql_at(server: &OwnMariadb) -> Database {
    mysql_on(server.url()).await.kept()
}

async fn mysql_on(admin: String) -> Database {
    let name = fresh_name();
    let script = format!(
        "CREATE DATABASE {name}; CREATE USER '{name}_reader'@'%' IDENTIFIED BY '{}'; \
         CREATE USER '{name}_writer'@'%' IDENTIFIED BY '{}';",
        password("reader"),
        password("writer")
    );
    Session::open(&admin).await.execute(&script).await.unwrap();
    Database { engine: Engine::Mysql, name, home: Home::server(admin) }
}

/// Makes an empty SQLite file in a folder of its own.
pub fn sqlite() -> Database {
    let dir = tempfile::Builder::new().prefix("synapsor-test-").tempdir().unwrap();
    Database { engine: Engine::Sqlite, name: "main".to_owned(), home: Home::File(dir) }
}

impl Database {
    /// Makes a fresh database on the given engine.
    pub async fn fresh(engine: Engine) -> Database {
        match engine {
            Engine::Postgres => postgres().await,
            Engine::Mysql => mysql().await,
            Engine::Sqlite => sqlite(),
        }
    }

    /// Leaves it to its server's end: dropping it could wait for ever where a server is made for what a good one does
    /// not do.
    fn kept(mut self) -> Database {
        if let Home::Server { kept, .. } = &mut self.home {
            *kept = true;
        }
        self
    }

    /// Returns the engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the schema that a config names: `public`, the database's name on MariaDB, `main`.
    pub fn schema(&self) -> &str {
        match self.engine {
            Engine::Postgres => "public",
            Engine::Mysql | Engine::Sqlite => &self.name,
        }
    }

    /// Returns the URL of the account that may do everything.
    pub fn admin_url(&self) -> String {
        match &self.home {
            Home::Server { admin, .. } => {
                let (server, _) = admin.rsplit_once('/').unwrap();
                format!("{server}/{}", self.name)
            }
            Home::File(_) => format!("sqlite:{}", self.path().unwrap().display()),
        }
    }

    /// Returns the URL of the reader, who may do nothing (on MariaDB not even connect) until granted; see `execute`.
    /// SQLite: the same file.
    pub fn reader_url(&self) -> String {
        self.account_url("reader")
    }

    /// Returns the URL of the writer, likewise.
    pub fn writer_url(&self) -> String {
        self.account_url("writer")
    }

    /// Returns host and port of the server, to put a `Link` or another name in between; none for SQLite.
    pub fn address(&self) -> Option<&str> {
        match &self.home {
            Home::Server { place, .. } => Some(place),
            Home::File(_) => None,
        }
    }

    /// Starts a pooler before the server, for the accounts of this database. Panics where there is none to pool for.
    pub fn pooler(&self) -> Pooler {
        let accounts = ["reader", "writer"].map(|account| (format!("{}_{account}", self.name), password(account)));
        Pooler::before(self.address().unwrap(), &accounts).unwrap()
    }

    /// Returns the URL of this database on another server that is a copy of its own.
    pub fn on_copy(&self, url: &str, copy: &str) -> String {
        let (_, place) = copy.split_once('@').unwrap();
        let (place, _) = place.split_once('/').unwrap();
        url.replace(self.address().unwrap(), place)
    }

    /// Returns the file; none for servers.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.home {
            Home::Server { .. } => None,
            Home::File(dir) => Some(dir.path().join("source.db")),
        }
    }

    /// Runs statements, separated by `;`, as administrator. `{reader}`, `{writer}` and `{schema}` stand for the quoted
    /// names, as in `GRANT SELECT ON orders TO {reader}`. Panics with the server's message if one fails.
    pub async fn execute(&self, sql: &str) {
        let session = self.session().await;
        if let Err(error) = session.execute(&self.fill(sql)).await {
            panic!("{error}\nin: {sql}");
        }
    }

    /// Runs one query as administrator and returns every value in the server's own text form.
    pub async fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let session = self.session().await;
        match session.query_text(&self.fill(sql)).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error}\nin: {sql}"),
        }
    }

    /// Opens a connection as administrator that stays open, to hold a transaction or a lock.
    pub async fn session(&self) -> Session {
        Session::open(&self.admin_url()).await
    }

    fn account_url(&self, account: &str) -> String {
        match &self.home {
            Home::Server { place, .. } => {
                let Database { engine, name, .. } = self;
                format!("{}://{name}_{account}:{}@{place}/{name}", engine.name(), password(account))
            }
            Home::File(_) => self.admin_url(),
        }
    }

    fn fill(&self, sql: &str) -> String {
        let quote = |account: &str| match self.engine {
            Engine::Postgres => format!("\"{}_{account}\"", self.name),
            Engine::Mysql => format!("'{}_{account}'@'%'", self.name),
            Engine::Sqlite => account.to_owned(),
        };
        sql.replace("{reader}", &quote("reader"))
            .replace("{writer}", &quote("writer"))
            .replace("{schema}", self.schema())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Home::Server { admin, kept: false, .. } = &self.home else { return };
        let (admin, name) = (admin.clone(), self.name.clone());
        let script: Vec<String> = match self.engine {
            Engine::Postgres => vec![
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("DROP ROLE IF EXISTS {name}_reader"),
                format!("DROP ROLE IF EXISTS {name}_writer"),
            ],
            Engine::Mysql | Engine::Sqlite => {
                vec![format!(
                    "DROP DATABASE IF EXISTS {name}; DROP USER IF EXISTS '{name}_reader'@'%', '{name}_writer'@'%';"
                )]
            }
        };
        // A drop may run inside the test's own runtime, where blocking on another is not allowed: hence the thread.
        // Failing to clean up harms nobody: the whole server is thrown away after the run.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let Ok(session) = Session::connect(&admin).await else { return };
                for statement in script {
                    let _ = session.execute(&statement).await;
                }
            });
        });
        let _ = cleaner.join();
    }
}

impl Home {
    fn server(admin: String) -> Home {
        let (_, rest) = admin.split_once('@').unwrap();
        let (place, _) = rest.split_once('/').unwrap();
        Home::Server { place: place.to_owned(), admin, kept: false }
    }
}

/// Returns the path of the authority that signed the servers' certificates, made out to `localhost` only.
pub fn ca_file() -> PathBuf {
    server_url(CA_FILE).into()
}

/// Returns the path of an authority that the servers' certificates are not from.
pub fn foreign_ca_file() -> PathBuf {
    server_url(FOREIGN_CA_FILE).into()
}

fn server_url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests with `cargo xtask test [filter]`, which starts the servers")
    })
}

fn password(account: &str) -> String {
    format!("{account}-throwaway-password")
}

/// Returns a name that no other test of this run has.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("t{}_{:x}_{}", std::process::id(), now % 0x1_0000_0000, COUNT.fetch_add(1, Ordering::Relaxed))
}
