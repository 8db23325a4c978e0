//! What the runner makes of an app's replies: those that come, those that do not, and those that lie.

use synapsor_testkit::database::Engine;

use crate::app::App;
use crate::gateway::{Gateway, Manner};

/// An app behind a gateway, with short leases.
async fn behind_a_gateway() -> (App, Gateway) {
    let mut app = App::make("python", Engine::Sqlite).await;
    let gateway = Gateway::before(app.port());
    app.behind(gateway.port);
    let config = app.env.read("synapsor.runner.json");
    app.env.write("synapsor.runner.json", config.replace("\"timeout_ms\": 10000", "\"timeout_ms\": 3000"));
    app.run(&[]);
    (app, gateway)
}

/// Weakness 6: a dry run was carried out, and its receipt kept the real one from being made.
#[tokio::test]
async fn weakness_6_a_dry_run_leaves_nothing_and_the_app_then_makes_the_change_once() {
    let app = App::start("python", Engine::Sqlite).await;
    let id = app.approved(500);
    let dry = app.env.run(["apply", &id, "--dry-run"]).expect(0);
    assert!(dry.contains("dry run passed"), "{dry}");
    assert_eq!(app.booked().await, (0, "0".to_owned()));
    app.env.run(["apply", &id]).expect(0);
    assert_eq!(app.booked().await, (1, "500".to_owned()));
    app.env.run(["apply", &id]).expect(0);
    assert_eq!(app.booked().await, (1, "500".to_owned()));
    assert_eq!(app.state(&id), "applied");
    let receipt = app.env.run(["receipts", "list", "--proposal", &id, "--json"]).expect(0);
    assert!(receipt.contains("\"rows_affected\": 2") && receipt.contains("account_credits"), "{receipt}");
    app.env.run(["replay", "show", &id]).expect(0);
    app.env.run(["store", "verify"]).expect(0);
    // The runner itself never writes such a change.
    let other = app.approved(5);
    app.env.run(["proposals", "writeback-job", &other, "--output", "job.json"]).expect(4);
    let doctor = app.env.run(["doctor", "--check-handlers", "--json"]).stdout;
    assert!(doctor.contains("executor:account_credits:handler-reachability"), "{doctor}");
    assert!(doctor.contains("the handler answers as the protocol says"), "{doctor}");
}

#[tokio::test]
async fn a_row_that_changed_since_is_a_conflict_and_a_refusing_effect_a_failure() {
    let app = App::start("python", Engine::Sqlite).await;
    let stale = app.approved(500);
    app.db.execute("UPDATE accounts SET updated_at = '2030-01-01T00:00:00.000Z' WHERE id = 'AC-1'").await;
    app.env.run(["apply", &stale, "--dry-run"]).expect(3);
    app.env.run(["apply", &stale]).expect(3);
    assert_eq!(app.state(&stale), "conflict");
    app.db.execute("UPDATE accounts SET credited_cents = 999999 WHERE id = 'AC-1'").await;
    let too_much = app.approved(500);
    let said = app.env.run(["apply", &too_much]);
    assert!(said.stdout.contains("CREDIT_LIMIT_REACHED"), "{}{}", said.stdout, said.stderr);
    said.expect(1);
    assert_eq!(app.state(&too_much), "failed");
    assert_eq!(app.booked().await.0, 0);
}

/// Weakness 9: a timeout or an error of a gateway was a failure for good, whatever the app had done.
#[tokio::test]
async fn weakness_9_a_reply_that_is_lost_is_asked_for() {
    for manner in [Manner::LoseReply, Manner::StripSignature, Manner::NotFoundAfter, Manner::BrokenAfter] {
        let (app, gateway) = behind_a_gateway().await;
        let id = app.approved(500);
        gateway.behaves(manner);
        app.env.run(["apply", &id]).expect(6);
        assert_eq!(app.state(&id), "unknown", "{manner:?}");
        // As long as nobody can say, nothing is said.
        app.env.run(["reconcile", &id]).expect(6);
        gateway.behaves(Manner::Pass);
        app.env.run(["reconcile", &id]).expect(0);
        assert_eq!((app.state(&id).as_str(), app.booked().await.0), ("applied", 1), "{manner:?}");
        app.env.run(["store", "verify"]).expect(0);
    }
}

#[tokio::test]
async fn a_request_that_is_lost_is_sent_again_and_its_late_copy_changes_nothing() {
    let (app, gateway) = behind_a_gateway().await;
    let id = app.approved(500);
    gateway.behaves(Manner::KeepRequest);
    app.env.run(["apply", &id]).expect(6);
    assert_eq!(app.booked().await.0, 0);
    gateway.behaves(Manner::Pass);
    app.env.run(["reconcile", &id]).expect(0);
    assert_eq!(app.booked().await, (1, "500".to_owned()));
    let late = gateway.delivers_late();
    assert!(late.iter().any(|reply| reply.contains("already_applied")), "{late:?}");
    assert_eq!(app.booked().await, (1, "500".to_owned()));
}

#[tokio::test]
async fn a_request_that_is_lost_is_ended_once_its_decision_does_not_hold() {
    let (app, gateway) = behind_a_gateway().await;
    let id = app.approved(500);
    gateway.behaves(Manner::KeepRequest);
    app.env.run(["apply", &id]).expect(6);
    // Another rule than the reviewer decided under.
    let config = app.env.read("synapsor.runner.json");
    app.env.write("synapsor.runner.json", config.replace("\"maximum\": 10000", "\"maximum\": 400"));
    gateway.behaves(Manner::Pass);
    app.env.run(["reconcile", &id]).expect(1);
    assert_eq!(app.state(&id), "canceled");
    let late = gateway.delivers_late();
    assert!(late.iter().any(|reply| reply.contains("canceled")), "{late:?}");
    assert_eq!(app.booked().await.0, 0);
}

#[tokio::test]
async fn a_handler_with_other_secrets_or_another_clock_is_in_doubt_until_they_are_mended() {
    let mut app = App::start("python", Engine::Sqlite).await;
    let id = app.approved(500);
    app.env.set("SYNAPSOR_APP_HANDLER_SIGNING_SECRET", "another");
    app.env.run(["apply", &id, "--dry-run"]).expect(5);
    app.env.run(["apply", &id]).expect(6);
    let doctor = app.env.run(["doctor", "--check-handlers"]).stdout;
    assert!(doctor.contains("not signed, or signed with another secret"), "{doctor}");
    // The older of the app's two secrets is as good as the newer.
    app.env.set("SYNAPSOR_APP_HANDLER_SIGNING_SECRET", "older");
    app.env.run(["reconcile", &id]).expect(0);
    assert_eq!((app.state(&id).as_str(), app.booked().await.0), ("applied", 1));
}

#[tokio::test]
async fn a_handler_on_another_machine_must_be_signed() {
    let mut app = App::make("python", Engine::Sqlite).await;
    let id = app.approved(500);
    let config = app.env.read("synapsor.runner.json");
    app.env.write(
        "synapsor.runner.json",
        config.replace("\"signing_secret_env\": \"SYNAPSOR_APP_HANDLER_SIGNING_SECRET\",", ""),
    );
    app.env.set("SYNAPSOR_APP_WRITEBACK_URL", "http://192.0.2.1/synapsor/writeback");
    let said = app.env.run(["apply", &id]);
    assert!(said.stderr.contains("HANDLER_UNSIGNED"), "{}", said.stderr);
    assert!(!said.stderr.contains("192.0.2.1"), "{}", said.stderr);
    said.expect(4);
    assert_eq!(app.state(&id), "approved");
}

/// Weakness 19: a command got every variable of the runner's, database URLs and secrets included.
#[tokio::test]
async fn weakness_19_a_command_makes_the_change_and_gets_only_what_it_is_given() {
    let mut app = App::start("command", Engine::Sqlite).await;
    let id = app.approved(500);
    app.env.run(["apply", &id, "--dry-run"]).expect(0);
    app.env.run(["apply", &id]).expect(0);
    assert_eq!(app.booked().await, (1, "500".to_owned()));
    // One that fails, or says nothing of use, leaves a doubt; the real one settles it.
    let telling = format!("/bin/sh -c 'env > {}'", app.env.path("seen.txt").display());
    for bad in ["/bin/false", "/bin/cat", "/usr/bin/env", "/nowhere/at/all", telling.as_str()] {
        let id = app.approved(7);
        let command = app.env.command(["--version"]);
        let good = command.get_envs().find(|(name, _)| *name == "SYNAPSOR_APP_WRITEBACK_COMMAND");
        let good = good.and_then(|(_, value)| value).unwrap().to_string_lossy().into_owned();
        app.env.set("SYNAPSOR_APP_WRITEBACK_COMMAND", bad);
        app.env.run(["apply", &id]).expect(6);
        app.env.set("SYNAPSOR_APP_WRITEBACK_COMMAND", good);
        app.env.run(["reconcile", &id]).expect(0);
        assert_eq!(app.state(&id), "applied", "{bad}");
    }
    assert_eq!(app.booked().await.0, 6);
    let seen = app.env.read("seen.txt");
    assert!(seen.contains("SYNAPSOR_APP_WRITE_URL="), "{seen}");
    for kept in ["SYNAPSOR_DATABASE_READ_URL", "SYNAPSOR_APP_HANDLER", "SYNAPSOR_TENANT_ID", "WRITEBACK_COMMAND"] {
        assert!(!seen.contains(kept), "{kept}: {seen}");
    }
}

#[tokio::test]
async fn a_handler_that_dies_at_any_step_has_one_effect() {
    for (step, effects) in [("receipt", 0), ("effect", 0), ("completed", 0), ("before-commit", 0), ("after-commit", 1)]
    {
        let mut app = App::make("python", Engine::Sqlite).await;
        app.spoil();
        app.run(&[("BAD", "die"), ("STEP", step)]);
        let id = app.approved(500);
        app.env.run(["apply", &id]).expect(6);
        app.died();
        assert_eq!(app.booked().await.0, effects, "{step}");
        app.run(&[]);
        app.env.run(["reconcile", &id]).expect(0);
        assert_eq!((app.state(&id).as_str(), app.booked().await.0), ("applied", 1), "{step}");
    }
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_runner_that_dies_at_any_step_has_one_effect() {
    for point in ["apply.prepared", "apply.claimed", "apply.recording", "apply.recorded"] {
        let mut app = App::start("python", Engine::Sqlite).await;
        let config = app.env.read("synapsor.runner.json");
        app.env.write("synapsor.runner.json", config.replace("\"timeout_ms\": 10000", "\"timeout_ms\": 1000"));
        let id = app.approved(500);
        app.env.set("SYNAPSOR_CRASH_POINT", format!("die:{point}"));
        let died = app.env.run(["apply", &id]);
        assert_ne!(died.status, 0, "{point}");
        app.env.unset("SYNAPSOR_CRASH_POINT");
        // What was claimed is its holder's until the lease ends; apply waits for that, and finds out.
        app.env.run(["apply", &id]).expect(0);
        assert_eq!((app.state(&id).as_str(), app.booked().await.0), ("applied", 1), "{point}");
        app.env.run(["store", "verify"]).expect(0);
    }
}
