//! Row-level security: each transaction tells the database's policies whose rows it is about, and nobody after it.

use serde_json::json;
use synapsor_core::contract::{EngineKind, Session};
use synapsor_core::id::SettingName;
use synapsor_core::sql::{Whose, read};
use synapsor_core::value::Cell;
use synapsor_core::writeback::Effect;
use synapsor_db::engine::{Engine, Role, RowSecurity};

use crate::site::{CLAIMED, FOR_REAL, Site, change, filter, keys, open, site, source, sql, statements};

const TABLE: &str = "CREATE TABLE t (id text PRIMARY KEY, tenant_id text NOT NULL, fee int NOT NULL, version int NOT NULL, changed_by text);
    INSERT INTO t VALUES ('1', 'acme', 1, 1), ('2', 'globex', 1, 1);
    ALTER TABLE t ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON t USING (tenant_id = current_setting('app.tenant_id', true));
    CREATE FUNCTION sign() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.changed_by := current_setting('app.principal', true); RETURN NEW; END $$;
    CREATE TRIGGER sign BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION sign()";

fn told(tenant: bool, principal: bool) -> Session {
    let setting = |text: &str| Some(SettingName::parse(text).unwrap());
    Session {
        tenant_setting: setting("app.tenant_id").filter(|_| tenant),
        principal_setting: setting("app.principal").filter(|_| principal),
    }
}

fn engines(site: &Site, session: Session) -> (Engine, Engine) {
    let mut source = source();
    source.session = session;
    source.pool.max_connections = 1;
    (open(&site.db.reader_url(), Role::Reader, &source), open(&site.db.writer_url(), Role::Writer, &source))
}

async fn setting(engine: &Engine) -> String {
    let left = sql("SELECT coalesce(current_setting('app.tenant_id', true), '')", 1);
    engine.read(&left).await.unwrap()[0][0].text().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn policies_are_told_whose_rows_are_read_and_nothing_is_left_behind() {
    let site = site(TABLE).await;
    let table = site.table("t").await;
    let select = |key: &str, tenant: &str| {
        read::select(EngineKind::Postgres, &table, &table.columns, &filter(&table, &json!(key), tenant).unwrap())
    };
    // Told nothing, the policies hide every row.
    assert!(site.reader.read(&select("1", "acme")).await.unwrap().is_empty());
    for session in [told(true, false), told(true, true)] {
        let (reader, _) = engines(&site, session);
        assert_eq!(reader.read(&select("1", "acme")).await.unwrap().len(), 1);
        assert_eq!(setting(&reader).await, "", "the next user of the connection is nobody");
        assert_eq!(reader.read(&select("2", "globex")).await.unwrap().len(), 1);
        assert!(reader.read(&select("2", "acme")).await.unwrap().is_empty());
    }
    let (reader, _) = engines(&site, told(false, true));
    assert!(reader.read(&select("1", "acme")).await.unwrap().is_empty(), "the principal is no tenant");
    // A tenant that is text of the settings' own syntax is a tenant like any other.
    let (reader, _) = engines(&site, told(true, false));
    assert!(reader.read(&select("1", "acme', true); SET app.tenant_id = 'acme")).await.unwrap().is_empty());
    assert_eq!(setting(&reader).await, "");
}

#[tokio::test]
async fn policies_are_told_whose_row_is_written_and_looked_at() {
    let site = site(TABLE).await;
    let table = site.table("t").await;
    let write = || statements(&change(&table, "fee", "2"), &keys());
    let missed = Effect::Missed { affected: 0, look: Vec::new() };
    assert_eq!(site.writer.transact(&write(), &CLAIMED, FOR_REAL).await.unwrap(), missed, "told nothing");
    let (_, writer) = engines(&site, told(true, true));
    let effect = writer.transact(&write(), &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: None });
    let row = site.db.query_text("SELECT fee, changed_by FROM t WHERE id = '1'").await.remove(0);
    assert_eq!(row, ["2", "support.agent"].map(|text| Some(text.to_owned())), "triggers read the settings too");
    assert_eq!(setting(&writer).await, "");
    // After a miss the row is looked at as the tenant sees it, so a conflict is told from a row that is not there.
    let guarded = filter(&table, &json!("1"), "acme").unwrap();
    let fee = table.columns.iter().find(|column| column.name.as_str() == "fee").unwrap().clone();
    let mut stale = change(&table, "fee", "3");
    stale.filter = guarded.and(fee.clone(), Cell::new(fee.kind.clone(), Some("1".to_owned())));
    let effect = writer.transact(&statements(&stale, &keys()), &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] });
}

#[tokio::test]
async fn settings_stay_in_their_transaction_behind_a_pooler() {
    let site = site(TABLE).await;
    let table = site.table("t").await;
    let pooler = site.db.pooler();
    let mut source = source();
    source.session = told(true, true);
    let reader = open(&pooler.through(&site.db.reader_url()), Role::Reader, &source);
    let other = open(&pooler.through(&site.db.reader_url()), Role::Reader, &crate::site::source());
    for _ in 0..20 {
        let own =
            read::select(EngineKind::Postgres, &table, &table.columns, &filter(&table, &json!("1"), "acme").unwrap());
        let (rows, left) = tokio::join!(reader.read(&own), setting(&other));
        assert_eq!(rows.unwrap().len(), 1);
        assert_eq!(left, "");
    }
}

#[tokio::test]
async fn whether_policies_hold_is_asked_as_a_stranger() {
    let site = site(TABLE).await;
    let table = site.table("t").await;
    let stranger = Whose { tenant: "nobody".to_owned(), principal: "nobody".to_owned() };
    let (reader, _) = engines(&site, told(true, true));
    let asked = async || reader.row_security(&table, &stranger).await.unwrap();
    assert_eq!(asked().await, RowSecurity::Holds);
    site.db.execute("CREATE POLICY open ON t FOR SELECT USING (fee > 0)").await;
    assert_eq!(asked().await, RowSecurity::Leaks);
    site.db.execute("ALTER TABLE t DISABLE ROW LEVEL SECURITY").await;
    assert_eq!(asked().await, RowSecurity::Off);
    site.db
        .execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY; DROP POLICY open ON t; ALTER TABLE t OWNER TO {reader}")
        .await;
    assert_eq!(asked().await, RowSecurity::Off, "policies pass over the owner");
    site.db.execute("ALTER TABLE t FORCE ROW LEVEL SECURITY").await;
    assert_eq!(asked().await, RowSecurity::Holds);
}
