//! The servers of the run: fresh databases, accounts without rights, TLS offered, a zone that is not UTC.

use synapsor_testkit::database::{Database, Engine, Session};

#[tokio::test]
async fn each_database_is_fresh_and_accounts_have_what_they_are_granted() {
    for engine in Engine::ALL {
        let db = Database::fresh(engine).await;
        db.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, note varchar(20)); INSERT INTO t VALUES (1, 'ünï'), (2, NULL);",
        )
        .await;
        let rows = db.query_text("SELECT id, note FROM t ORDER BY id").await;
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(rows, [[text("1"), text("ünï")], [text("2"), None]], "{engine:?}");

        if engine != Engine::Sqlite {
            // MariaDB does not even let an account into a database where it has no rights.
            if let Ok(reader) = Session::connect(&db.reader_url()).await {
                reader.query_text("SELECT 1 FROM t").await.expect_err("nothing is granted yet");
            }
            let table = if engine == Engine::Mysql { "{schema}.t" } else { "t" };
            db.execute(&format!("GRANT SELECT ON {table} TO {{reader}}")).await;
            let reader = Session::open(&db.reader_url()).await;
            assert_eq!(reader.query_text("SELECT count(*) FROM t").await.unwrap(), [[text("2")]]);
            reader.execute("DELETE FROM t").await.expect_err("the reader may not write");
        }

        let other = Database::fresh(engine).await;
        other.execute("CREATE TABLE t (id integer)").await;
        assert_eq!(other.query_text("SELECT * FROM t").await.len(), 0, "{engine:?}: databases are apart");
    }
}

#[tokio::test]
async fn a_dropped_guard_takes_database_and_accounts_along() {
    for (engine, count) in [
        (
            Engine::Postgres,
            "SELECT count(*) FROM pg_roles r FULL JOIN pg_database d ON false WHERE coalesce(rolname, datname) LIKE 'NAME%'",
        ),
        (
            Engine::Mysql,
            "SELECT count(*) FROM (SELECT user n FROM mysql.user UNION ALL SELECT schema_name FROM information_schema.schemata) x WHERE n LIKE 'NAME%'",
        ),
    ] {
        let witness = Database::fresh(engine).await;
        let db = Database::fresh(engine).await;
        let (_, name) = db.admin_url().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let count = count.replace("NAME", &name);
        let _held = db.session().await;
        assert_eq!(witness.query_text(&count).await[0][0].as_deref(), Some("3"), "{engine:?}");
        drop(db);
        assert_eq!(witness.query_text(&count).await[0][0].as_deref(), Some("0"), "{engine:?}");
    }
}

#[tokio::test]
async fn servers_are_not_in_utc_and_refuse_a_wrong_password() {
    let (pg, my) = (Database::fresh(Engine::Postgres).await, Database::fresh(Engine::Mysql).await);
    let offset = pg.query_text("SELECT extract(timezone FROM now())::int").await;
    assert_eq!(offset[0][0].as_deref(), Some("20700"));
    let offset = my.query_text("SELECT timediff(now(), utc_timestamp())").await;
    assert_eq!(offset[0][0].as_deref(), Some("05:45:00"));
    for url in [pg.reader_url(), my.reader_url()] {
        let wrong = url.replace("throwaway-password", "wrong");
        assert!(Session::connect(&wrong).await.is_err());
    }
}
