//! Many proposals in one command.

use std::process::Stdio;

use synapsor_testkit::database::Engine;

use crate::stage::{billing, id_of};

#[tokio::test]
async fn one_that_fails_does_not_keep_the_others() {
    let stage = billing(Engine::Sqlite).await;
    let ids = [stage.approved("INV-3001"), stage.approved("INV-3002")];
    let pending = id_of(&stage.propose("INV-3002", "not decided yet"));
    stage.db.execute("UPDATE invoices SET late_fee_cents = 1200 WHERE id = 'INV-3001'").await;
    let rehearsed = stage.run(["apply", "--approved", "--dry-run", "--json"]);
    assert_eq!(rehearsed.status, 3, "{}", rehearsed.stdout);
    assert_eq!(rehearsed.json()["counts"], serde_json::json!({ "dry_run_failed": 1, "dry_run_passed": 1 }));
    assert!(stage.receipts().await.is_empty());

    let output = stage.run(["apply", "--approved"]);
    assert_eq!(output.status, 3, "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stderr, "", "progress is for terminals");
    assert!(output.stdout.contains("Applied 1 of 2: 1 applied, 1 conflict."), "{}", output.stdout);
    assert!(output.stdout.contains(&ids[0]) && !output.stdout.contains(&ids[1]), "{}", output.stdout);
    assert!(output.stdout.contains("changed since it was reviewed: late_fee_cents"), "{}", output.stdout);
    assert_eq!(stage.state(&ids[1]), "applied");
    assert_eq!(stage.state(&pending), "pending_review", "nobody decided that one");
    assert_eq!(stage.run(["apply", "--approved"]).expect(0), "No approved proposals.\n");
}

#[tokio::test]
async fn what_keeps_all_of_them_is_said_for_each_and_fixed_once() {
    let mut stage = billing(Engine::Postgres).await;
    let ids = [stage.approved("INV-3001"), stage.approved("INV-3002")];
    stage.env.set("BILLING_WRITE_URL", "postgres://app:hush-hush@127.0.0.1:1/app");
    let output = stage.run(["apply", "--approved"]);
    assert_eq!(output.status, 5, "{}{}", output.stdout, output.stderr);
    assert!(ids.iter().all(|id| output.stdout.contains(id.as_str())), "{}", output.stdout);
    assert_eq!(output.stdout.matches("Next: ").count(), 1, "{}", output.stdout);
    assert!(!output.stdout.contains("hush-hush") && !output.stderr.contains("hush-hush"));
    stage.env.set("BILLING_WRITE_URL", stage.db.writer_url());
    assert_eq!(stage.run(["apply", "--approved"]).expect(0), "Applied 2 of 2: 2 applied.\n");
}

/// Processes that each apply everything share the work and report the same.
#[tokio::test]
async fn many_appliers_of_everything_write_each_once() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        stage.approved("INV-3001");
        stage.approved("INV-3002");
        let racers: Vec<_> = (0..8)
            .map(|_| {
                let mut command = stage.env.command(["apply", "--approved", "--json"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for racer in racers {
            let output = racer.wait_with_output().unwrap();
            assert!(output.status.success(), "{engine:?} {}", String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(stage.receipts().await.len(), 2, "{engine:?}");
        assert_eq!(stage.run(["apply", "--approved"]).expect(0), "No approved proposals.\n");
        stage.run(["reconcile", "--verify"]).expect(0);
    }
}
