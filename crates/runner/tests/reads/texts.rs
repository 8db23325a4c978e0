//! What a person reads.

use super::world::World;

fn transcript(world: &World, commands: &[&str]) -> String {
    let one = |command: &&str| format!("$ {command}\n{}", world.text(command, 0));
    world.env.filter(&commands.iter().map(one).collect::<Vec<_>>().join("\n"))
}

#[test]
fn lists() {
    let world = World::new();
    let commands = [
        "proposals list",
        "evidence list",
        "query-audit list",
        "receipts list",
        "replay list",
        "activity search",
        "events tail --limit 200",
    ];
    insta::assert_snapshot!(transcript(&world, &commands));
}

#[test]
fn shows() {
    let world = World::new();
    let evidence = world.json(&format!("evidence list --proposal {}", world.applied));
    let evidence = evidence["evidence"][0]["evidence_bundle_id"].as_str().unwrap();
    let commands = [
        format!("replay {}", world.applied),
        "replay show latest --details".to_owned(),
        format!("evidence show {evidence}"),
        format!("evidence show {evidence} --details"),
        "query-audit show 1".to_owned(),
        "query-audit show 3 --details".to_owned(),
        "receipts show rct_000009".to_owned(),
        "receipts show 16 --details".to_owned(),
    ];
    insta::assert_snapshot!(transcript(&world, &commands.each_ref().map(String::as_str)));
}

#[test]
fn a_replay_is_found_by_every_name_it_has() {
    let world = World::new();
    let expected = world.text(&format!("replay show {}", world.applied), 0);
    let evidence = world.json(&format!("evidence list --proposal {}", world.applied));
    let evidence = evidence["evidence"][0]["evidence_bundle_id"].as_str().unwrap();
    for same in [
        format!("replay {}", world.applied),
        format!("replay replay_{}", world.applied),
        format!("replay show --proposal {}", world.applied),
        format!("replay --replay replay_{}", world.applied),
        format!("replay show --evidence {evidence}"),
    ] {
        assert_eq!(world.text(&same, 0), expected, "{same}");
    }
    assert_eq!(world.text("replay latest", 0), world.text(&format!("replay {}", world.stale), 0));
    let refused = world.run(&format!("replay {evidence}"));
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--evidence"), "{}", refused.stderr);
    let read = world.json("evidence list --capability billing.inspect_invoice");
    let read = read["evidence"][0]["evidence_bundle_id"].as_str().unwrap().to_owned();
    let nothing = world.run(&format!("replay --evidence {read}"));
    assert_eq!(nothing.status, 1);
    assert!(nothing.stderr.contains("RECORD_NOT_FOUND") && nothing.stderr.contains(&read), "{}", nothing.stderr);
}
