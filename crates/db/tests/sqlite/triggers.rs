//! What a table's own triggers may and may not do to a guarded write.

use synapsor_core::writeback::{Effect, Violation};

use crate::bench::{Bench, new_fee};

async fn check(trigger: &str, expect: Effect) {
    let bench = Bench::billing(trigger).await;
    assert_eq!(bench.apply(new_fee(0)).await, expect, "{trigger}");
    if !matches!(expect, Effect::Committed { .. }) {
        assert!(bench.is_untouched().await, "{trigger}");
    }
}

fn not_as_approved(rows: &[&[bool]]) -> Effect {
    Effect::NotAsApproved { rows: rows.iter().map(|row| row.to_vec()).collect() }
}

#[tokio::test]
async fn a_suppressed_write_is_seen() {
    let suppressed = || Effect::Missed { affected: 0, look: vec![vec![true]] };
    check("CREATE TRIGGER x BEFORE UPDATE ON t BEGIN SELECT RAISE(IGNORE); END;", suppressed()).await;
}

#[tokio::test]
async fn a_rewritten_write_is_seen_and_undone() {
    // The after-image has a flag for the patch and one for the version.
    check(
        "CREATE TRIGGER x AFTER UPDATE ON t BEGIN UPDATE t SET fee = fee + 1 WHERE id = NEW.id; END;",
        not_as_approved(&[&[false, true]]),
    )
    .await;
    check(
        "CREATE TRIGGER x AFTER UPDATE ON t BEGIN UPDATE t SET version = OLD.version WHERE id = NEW.id; END;",
        not_as_approved(&[&[true, false]]),
    )
    .await;
    check(
        "CREATE TRIGGER x AFTER UPDATE ON t BEGIN UPDATE t SET tenant = 'globex' WHERE id = NEW.id; END;",
        not_as_approved(&[]),
    )
    .await;
    check("CREATE TRIGGER x AFTER UPDATE ON t BEGIN DELETE FROM t WHERE id = NEW.id; END;", not_as_approved(&[])).await;
    check(
        "CREATE TRIGGER x AFTER UPDATE ON t BEGIN UPDATE t SET id = 'moved' WHERE id = NEW.id; END;",
        not_as_approved(&[]),
    )
    .await;
}

#[tokio::test]
async fn a_trigger_may_refuse() {
    let refused = || Effect::Rejected { violation: Violation::Constraint, step: "update" };
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        check(&format!("CREATE TRIGGER x AFTER UPDATE ON t BEGIN SELECT RAISE({how}, 'no'); END;"), refused()).await;
    }
}

#[tokio::test]
async fn a_trigger_may_move_the_version_and_write_elsewhere() {
    check(
        "CREATE TABLE log (line TEXT);
         CREATE TRIGGER x AFTER UPDATE ON t BEGIN
           INSERT INTO log VALUES (\"changed\" || NEW.id);
           UPDATE t SET version = version + 10 WHERE id = NEW.id;
         END;",
        Effect::Committed { new_version: Some("18".to_owned()) },
    )
    .await;
}

#[tokio::test]
async fn a_trigger_may_keep_a_full_text_index() {
    check(
        "CREATE VIRTUAL TABLE words USING fts5(fee, content='t', content_rowid='rowid');
         INSERT INTO words (words) VALUES ('rebuild');
         CREATE TRIGGER x AFTER UPDATE ON t BEGIN
           INSERT INTO words (words, rowid, fee) VALUES ('delete', OLD.rowid, OLD.fee);
           INSERT INTO words (rowid, fee) VALUES (NEW.rowid, NEW.fee);
         END;",
        Effect::Committed { new_version: Some("8".to_owned()) },
    )
    .await;
}

#[tokio::test]
async fn a_trigger_keeps_its_own_way_with_conflicts() {
    check(
        "CREATE TABLE seen (id TEXT PRIMARY KEY, fee INTEGER); INSERT INTO seen VALUES ('1', 100), ('first', 1);
         CREATE TRIGGER x AFTER UPDATE ON t BEGIN
           INSERT OR REPLACE INTO seen VALUES (NEW.id, NEW.fee);
           INSERT OR IGNORE INTO seen VALUES ('first', 2);
           INSERT INTO seen VALUES ('first', 3) ON CONFLICT (id) DO UPDATE SET fee = excluded.fee;
         END;",
        Effect::Committed { new_version: Some("8".to_owned()) },
    )
    .await;
}
