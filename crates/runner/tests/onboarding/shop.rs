//! A shop's tables on an engine, and an account that may only read them.

use std::path::PathBuf;

use synapsor_testkit::database::{Database, Engine};
use synapsor_testkit::env::TestEnv;

/// The shop, and a place whose `DATABASE_URL` is its reader's.
pub(crate) struct Shop {
    pub(crate) db: Database,
    pub(crate) env: TestEnv,
}

const POSTGRES: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, org_id text NOT NULL, email text, password_hash text);
    CREATE TABLE invoices (
        id text PRIMARY KEY, org_id text NOT NULL, customer_id bigint REFERENCES customers,
        number text NOT NULL UNIQUE, status varchar(20) NOT NULL, late_fee_cents integer NOT NULL, document jsonb,
        doubled integer GENERATED ALWAYS AS (late_fee_cents * 2) STORED,
        updated_at timestamptz NOT NULL DEFAULT now());
    COMMENT ON TABLE invoices IS 'What customers owe';
    COMMENT ON COLUMN invoices.late_fee_cents IS 'in cents';
    CREATE INDEX open_ones ON invoices (org_id, status) WHERE status = 'open';
    CREATE TABLE lines (invoice_id text, place integer, PRIMARY KEY (invoice_id, place));
    CREATE TABLE hidden (id integer PRIMARY KEY, org_id text);
    CREATE VIEW open_invoices AS SELECT id, org_id, status FROM invoices WHERE status = 'open'";

const MYSQL: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, org_id varchar(40) NOT NULL, email text, password_hash text);
    CREATE TABLE invoices (
        id varchar(40) PRIMARY KEY, org_id varchar(40) NOT NULL, customer_id bigint,
        number varchar(40) NOT NULL UNIQUE, status varchar(20) NOT NULL,
        late_fee_cents int NOT NULL COMMENT 'in cents', document json,
        doubled int GENERATED ALWAYS AS (late_fee_cents * 2) STORED,
        updated_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
        CONSTRAINT buyer FOREIGN KEY (customer_id) REFERENCES customers (id)) COMMENT 'What customers owe';
    CREATE INDEX open_ones ON invoices (org_id, status);
    CREATE TABLE `lines` (invoice_id varchar(40), place integer, PRIMARY KEY (invoice_id, place));
    CREATE TABLE hidden (id integer PRIMARY KEY, org_id varchar(40));
    CREATE VIEW open_invoices AS SELECT id, org_id, status FROM invoices WHERE status = 'open'";

const SQLITE: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, org_id TEXT NOT NULL, email TEXT, password_hash TEXT);
    CREATE TABLE invoices (
        id TEXT NOT NULL PRIMARY KEY, org_id TEXT NOT NULL, customer_id INTEGER REFERENCES customers,
        number TEXT NOT NULL UNIQUE, status VARCHAR(20) NOT NULL, late_fee_cents INTEGER NOT NULL, document JSON,
        doubled INTEGER GENERATED ALWAYS AS (late_fee_cents * 2) STORED,
        updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')));
    CREATE INDEX open_ones ON invoices (org_id, status) WHERE status = 'open';
    CREATE TABLE lines (invoice_id TEXT, place INTEGER, PRIMARY KEY (invoice_id, place));
    CREATE VIEW open_invoices AS SELECT id, org_id, status FROM invoices WHERE status = 'open'";

/// The rows to begin with.
pub(crate) const ROWS: &str = "
    INSERT INTO customers VALUES (7, 'acme', 'a@example.com', 'x');
    INSERT INTO invoices (id, org_id, customer_id, number, status, late_fee_cents)
        VALUES ('INV-1', 'acme', 7, '2026-1', 'open', 500)";

/// The release binary where the whole suite runs, else the one built for this test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("SYNAPSOR_TEST_RELEASE")
        .map_or_else(|| env!("CARGO_BIN_EXE_synapsor-runner").into(), PathBuf::from)
}

/// Sets the shop up. Its reader may read every table but `hidden`.
pub(crate) async fn shop(engine: Engine) -> Shop {
    let db = Database::fresh(engine).await;
    let (tables, grants) = match engine {
        Engine::Postgres => (
            POSTGRES,
            "GRANT SELECT ON customers, invoices, lines, open_invoices TO {reader};
             ANALYZE invoices",
        ),
        Engine::Mysql => (
            MYSQL,
            "GRANT SELECT ON {schema}.customers TO {reader}; GRANT SELECT ON {schema}.invoices TO {reader};
             GRANT SELECT ON {schema}.`lines` TO {reader}; GRANT SELECT ON {schema}.open_invoices TO {reader};
             GRANT INSERT (id) ON {schema}.hidden TO {reader}",
        ),
        Engine::Sqlite => (SQLITE, ""),
    };
    for sql in [tables, ROWS, grants].into_iter().filter(|sql| !sql.is_empty()) {
        db.execute(sql).await;
    }
    let mut env = TestEnv::new(binary());
    env.set("DATABASE_URL", db.reader_url());
    Shop { db, env }
}
