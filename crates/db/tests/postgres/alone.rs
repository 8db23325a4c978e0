//! What only a server of one's own can be put through: commits that wait for a standby, and standbys themselves.

use std::time::Duration;

use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::writeback::{Effect, Fenced};
use synapsor_db::engine::{ReceiptsState, Role};
use synapsor_db::fault::Class;
use synapsor_testkit::database::{self, Session};
use synapsor_testkit::servers::OwnPostgres;

use crate::site::{
    CLAIMED, FOR_REAL, Site, change, fence_of, is_ready, keys, open, place, site_in, source, sql, statements, until,
};

const T: &str = "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int); INSERT INTO t VALUES ('1', 'acme', 1)";

/// Ours that wait for a standby.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'";

async fn own(settings: &[&str]) -> (OwnPostgres, Site) {
    let server = OwnPostgres::start(settings).unwrap();
    let site = site_in(database::postgres_at(&server).await, T).await;
    (server, site)
}

fn in_doubt(effect: &Effect) -> bool {
    matches!(effect, Effect::InDoubt { .. })
}

async fn fee(site: &Site) -> String {
    site.value("SELECT fee FROM t").await.unwrap()
}

#[tokio::test]
async fn a_commit_that_waits_for_a_standby_is_in_doubt_until_a_fence_finds_it() {
    // The server and its roles ask for no durability at all; the write asks for what the server can give.
    let (_server, site) = own(&["synchronous_standby_names = 'nobody'"]).await;
    let table = site.table("t").await;
    let mut quick = source();
    quick.statement_timeout = Duration::from_millis(300);
    quick.lock_timeout = Duration::from_millis(300);
    let writer = open(&site.db.writer_url(), Role::Writer, &quick);
    let keys = keys();
    let write = statements(&change(&table, "fee", "2"), &keys);
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(in_doubt(&effect), "{effect:?}");
    // It outlives its client and its time limits, and nobody sees it yet.
    assert_eq!(site.value(WAITING).await.as_deref(), Some("1"));
    assert_eq!(fee(&site).await, "1");
    let fenced = writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    assert!(matches!(fenced, Fenced::Unsure { .. }), "{fenced:?}");
    // A fence is a commit too: it has not won before it is answered.
    let fenced = writer.fence(&fence_of(&crate::site::keys()), &CLAIMED).await.unwrap();
    assert!(matches!(fenced, Fenced::Unsure { .. }), "{fenced:?}");

    site.db.execute("ALTER SYSTEM SET synchronous_standby_names = ''").await;
    site.db.execute("SELECT pg_reload_conf()").await;
    until(&site.db, "SELECT fee FROM t", "2").await;
    let fenced = writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    assert!(matches!(&fenced, Fenced::Found(found) if found.status == "applied"), "{fenced:?}");
}

#[tokio::test]
async fn a_commit_that_is_cancelled_or_terminated_is_in_doubt_and_was_done() {
    for end in ["pg_cancel_backend", "pg_terminate_backend"] {
        let (_server, site) = own(&["synchronous_standby_names = 'nobody'"]).await;
        let table = site.table("t").await;
        let keys = keys();
        let write = statements(&change(&table, "fee", "2"), &keys);
        let ending = async {
            until(&site.db, WAITING, "1").await;
            let query = format!("SELECT {end}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
            site.db.query_text(&query).await;
        };
        // Cancelled, the server confirms with a warning; terminated, it warns and hangs up.
        let (effect, ()) = tokio::join!(site.writer.transact(&write, &CLAIMED, FOR_REAL), ending);
        assert!(in_doubt(effect.as_ref().unwrap()), "{end}: {effect:?}");
        until(&site.db, "SELECT fee FROM t", "2").await;
        let fenced = site.writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
        assert!(matches!(&fenced, Fenced::Found(found) if found.status == "applied"), "{end}: {fenced:?}");
    }
}

#[tokio::test]
async fn a_standby_that_lags_is_never_taken_for_an_answer() {
    let (mut server, site) = own(&[]).await;
    let table = site.table("t").await;
    let standby = server.lagging_standby().unwrap();
    let copy = open(&site.db.on_copy(&site.db.writer_url(), &standby), Role::Writer, &source());
    let keys = keys();
    let write = statements(&change(&table, "fee", "2"), &keys);
    let ReceiptsState::Ready(claimed) = site.writer.receipts(&place()).await.unwrap() else { panic!("not ready") };
    let effect = site.writer.transact(&write, &claimed, FOR_REAL).await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");

    // It is the same receipt table, and reading it would say that nothing was written.
    assert!(is_ready(&copy.receipts(&place()).await.unwrap()));
    let count = sql("SELECT count(*)::text FROM synapsor_writeback_receipts", 1);
    assert_eq!(copy.read(&count).await.unwrap()[0][0].text(), Some("0"));
    let fault = copy.fence(&fence_of(&keys), &CLAIMED).await.unwrap_err();
    assert_eq!(fault.class(), Class::Busy);
    let fault = copy.transact(&write, &CLAIMED, FOR_REAL).await.unwrap_err();
    assert_eq!(fault.class(), Class::Busy);

    // Promoted, it has lost what the other confirmed: nothing there says that it was applied.
    let admin = Session::open(&site.db.on_copy(&site.db.admin_url(), &standby)).await;
    admin.execute("SELECT pg_promote()").await.unwrap();
    let lost = admin.query_text("SELECT fee, (SELECT count(*) FROM synapsor_writeback_receipts) FROM t").await.unwrap();
    assert_eq!(lost, [[Some("1".to_owned()), Some("0".to_owned())]]);
    let fenced = copy.fence(&fence_of(&keys), &claimed).await.unwrap();
    assert_eq!(fenced, Fenced::elsewhere(Elsewhere::Server));
    let late = statements(&change(&table, "fee", "3"), &crate::site::keys());
    let effect = copy.transact(&late, &claimed, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Elsewhere(Elsewhere::Server));
    // And the change can be made again there, once.
    let anew = statements(&change(&table, "fee", "2"), &crate::site::keys());
    let effect = copy.transact(&anew, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
    let effect = copy.transact(&anew, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(matches!(effect, Effect::Duplicate { .. }), "{effect:?}");
}
