//! What the answer to FOR_REAL, or its absence, is taken for.

use std::time::{Duration, Instant};

use synapsor_core::writeback::{Effect, Fenced, Violation};
use synapsor_db::engine::Role;
use synapsor_testkit::link::{Fault, Link, When};

use crate::forger::{Forged, through_forger};
use crate::site::{CLAIMED, FOR_REAL, Site, change, fence_of, keys, open, site, source, statements};

const T: &str = "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int); INSERT INTO t VALUES ('1', 'acme', 1)";

/// Writes over a URL, and returns the effect and whether the write is there once nothing is open any more.
async fn write(site: &Site, url: &str) -> (Effect, bool) {
    let table = site.table("t").await;
    let mut source = source();
    source.statement_timeout = Duration::from_millis(700);
    let keys = keys();
    let write = statements(&change(&table, "fee", "2"), &keys);
    let effect = open(url, Role::Writer, &source).transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    // The fence waits for whatever is still open.
    let fenced = site.writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    let written = site.value("SELECT fee FROM t").await.as_deref() == Some("2");
    match fenced {
        Fenced::Found(found) => assert!(written && found.status == "applied", "{found:?}"),
        Fenced::Won => assert!(!written),
        Fenced::Unsure { reason } => panic!("{reason}"),
    }
    (effect, written)
}

/// Writes over a link that fails at COMMIT.
async fn write_over(when: When, fault: Fault) -> (Effect, bool) {
    let site = site(T).await;
    let link = Link::to(site.db.address().unwrap());
    link.arm("COMMIT\0", when, fault);
    let done = write(&site, &format!("{}?sslmode=disable", link.through(&site.db.writer_url()))).await;
    link.wait_fired();
    done
}

/// Writes past a proxy that answers COMMIT itself.
async fn write_past(forged: Forged) -> (Effect, bool) {
    let site = site(T).await;
    let url = through_forger(&site.db.writer_url(), site.db.address().unwrap(), forged).await;
    write(&site, &url).await
}

fn in_doubt(effect: &Effect) -> bool {
    matches!(effect, Effect::InDoubt { .. })
}

#[tokio::test]
async fn a_confirmed_commit_is_done() {
    let site = site(T).await;
    let (effect, written) = write(&site, &site.db.writer_url()).await;
    assert_eq!(effect, Effect::Committed { new_version: None });
    assert!(written);
}

#[tokio::test]
async fn a_cut_link_is_in_doubt_on_either_side_of_the_commit() {
    for (when, expect) in [(When::BeforeServer, false), (When::AfterServer, true)] {
        for fault in [Fault::Cut, Fault::Reset] {
            let (effect, written) = write_over(when, fault).await;
            assert!(in_doubt(&effect) && written == expect, "{when:?} {fault:?} {effect:?}");
        }
    }
}

#[tokio::test]
async fn silence_is_in_doubt_within_the_limit_and_cancels_nothing() {
    let started = Instant::now();
    let (effect, written) = write_over(When::AfterServer, Fault::Stall).await;
    assert!(in_doubt(&effect) && written, "{effect:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_warning_is_in_doubt_though_the_commit_is_confirmed() {
    let (effect, written) = write_past(Forged::Warning).await;
    assert!(in_doubt(&effect) && written, "{effect:?}");
}

#[tokio::test]
async fn only_errors_that_say_so_undo() {
    let undone = |violation| Effect::Rejected { violation, step: "commit" };
    for (code, expect) in [
        ("40001", undone(Violation::Transient)),
        ("40P01", undone(Violation::Transient)),
        ("23505", undone(Violation::Constraint)),
        ("23503", undone(Violation::Constraint)),
    ] {
        assert_eq!(write_past(Forged::Error(code)).await, (expect, false), "{code}");
    }
    for code in ["40003", "57P01", "57P02", "XX000", "08006", "53100"] {
        let (effect, _) = write_past(Forged::Error(code)).await;
        assert!(in_doubt(&effect), "{code} {effect:?}");
    }
}
