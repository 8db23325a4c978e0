//! Filters that fit, and filters that are no filters.

use super::world::World;

#[test]
fn filters_narrow() {
    let world = World::new();
    let check = |command: &str, expected: usize| {
        let document = world.json(command);
        let found = document.as_object().unwrap().values().next().unwrap().as_array().unwrap().len();
        assert_eq!(found, expected, "{command}");
    };
    for (filters, expected) in [
        ("", 2),
        (" --tenant acme", 2),
        (" --tenant ACME", 0),
        (" --principal support.agent", 2),
        (" --capability billing.propose_late_fee_waiver", 2),
        (" --action billing.propose_late_fee_waiver", 2),
        (" --action billing.other", 0),
        (" --object invoice:INV-3001", 1),
        (" --object main.invoices:INV-3001", 1),
        (" --object invoice:INV-9001", 0),
        (" --object-type invoices --object-id INV-3002", 1),
        (" --state applied", 1),
        (" --status conflict", 1),
        (" --state expired", 0),
        (" --source billing", 2),
        (" --table invoices", 2),
        (" --table main.invoices", 2),
        (" --table public.invoices", 0),
        (" --from 2020-01-01 --to 2999-12-31", 2),
        (" --to 2020-01-01T00:00:00+02:00", 0),
        (" --limit 1", 1),
        (" --limit=200", 2),
        (" --limit 100000", 2),
    ] {
        check(&format!("proposals list{filters}"), expected);
        check(&format!("replay list{filters}"), expected);
    }
    check("receipts list --status applied", 1);
    check("receipts list --status already_applied", 0);
    check(&format!("receipts list --proposal {}", world.stale), 1);
    check(&format!("receipts list --idempotency-key {}:INV-3001", world.applied), 1);
    check("query-audit list --primary-key INV-3002", 1);
    check("query-audit list --table main.invoices", 5);
    check(&format!("evidence list --proposal {}", world.applied), 1);
    let audit = world.json("query-audit show 1");
    check(&format!("query-audit list --evidence {}", audit["evidence_bundle_id"].as_str().unwrap()), 1);
    check(&format!("evidence list --query-fingerprint {}", audit["query_fingerprint"].as_str().unwrap()), 5);
    check("evidence list --query-fingerprint sha256:0", 0);
    let more = world.run("proposals list --limit 1");
    assert!(more.stderr.contains("only the newest 1"), "{}", more.stderr);
}

#[test]
fn what_is_no_filter_is_refused() {
    let world = World::new();
    let wrp = &world.applied;
    for (command, why) in [
        ("proposals list --limit 0", "positive integer"),
        ("proposals list --limit -1", "positive integer"),
        ("proposals list --limit many", "positive integer"),
        ("evidence list --from yesterday", "2026-06-20T14:31:08Z"),
        ("evidence list --to 2026-02-30", "2026-06-20"),
        ("proposals list --object invoice", "type:id"),
        ("proposals list --object :INV-3001", "type:id"),
        ("proposals list --object a:b --object-id c", "cannot be used with"),
        ("proposals list --state pending", "pending_review"),
        ("receipts list --status done", "already_applied"),
        ("proposals list --colour red", "unexpected argument"),
        ("receipts show rct_", "positive receipt id"),
        ("receipts show 0", "positive receipt id"),
        ("query-audit show x", "positive integer"),
        ("activity search --receipt -3", "positive receipt id"),
        ("activity search --receipt none", "positive receipt id"),
        ("events tail --interval-ms 249", "250"),
        ("events tail --follow --json", "cannot be used with"),
        ("events tail --kind proposal_created_", "proposal_created"),
        ("replay", "no proposal was named"),
        ("replay show --replay wrp_00000000000000000000", "replay_"),
        (&format!("replay {wrp} --proposal {wrp}"), "cannot be used with"),
        ("evidence export ev_00000000000000000000", "--output"),
        ("evidence export --output x.json", "required"),
        (&format!("replay export {wrp} --output x --format pdf"), "markdown"),
        ("store backup", "--output"),
        ("shadow compare latest", "wrp_"),
    ] {
        let output = world.run(command);
        assert_eq!(output.status, 2, "{command}\n{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(why), "{command}\n{}", output.stderr);
        assert_eq!(output.stdout, "", "{command}");
    }
}
