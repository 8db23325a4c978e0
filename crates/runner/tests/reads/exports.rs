//! Exports: files that are made anew and hold what was recorded.

use super::world::World;

#[test]
fn an_export_is_the_record() {
    let world = World::new();
    let evidence = world.json("query-audit show 3")["evidence_bundle_id"].as_str().unwrap().to_owned();
    world.text(&format!("evidence export {evidence} --output evidence.json"), 0);
    world.text("query-audit export --audit 3 --out audit.json", 0);
    world.text(&format!("replay export {} --output=replay.json", world.applied), 0);
    let read = |name: &str| serde_json::from_str::<serde_json::Value>(&world.env.read(name)).unwrap();
    assert_eq!(read("evidence.json"), world.json(&format!("evidence show {evidence}")));
    assert_eq!(read("audit.json"), world.json("query-audit show 3"));
    let (mut exported, mut shown) = (read("replay.json"), world.json(&format!("replay {}", world.applied)));
    for replay in [&mut exported, &mut shown] {
        assert!(replay["generated_at"].take().is_string());
    }
    assert_eq!(exported, shown);

    world.text(&format!("evidence export --evidence {evidence} --format markdown --output evidence.md"), 0);
    insta::assert_snapshot!("evidence", world.env.filter(&world.env.read("evidence.md")));
    world.text(&format!("replay export {} --format markdown --output replay.md", world.applied), 0);
    insta::assert_snapshot!("replay", world.env.filter(&world.env.read("replay.md")));
    let said = world.json("replay export latest --output latest.json");
    assert_eq!(said["output"], "latest.json");
}

#[test]
fn nothing_is_overwritten_and_only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    world.text("replay export latest --output replay.json", 0);
    let mode = std::fs::metadata(world.env.path("replay.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.env.write("taken.md", "mine");
    for command in ["replay export latest --format markdown", "query-audit export 1"] {
        let output = world.run(&format!("{command} --output taken.md"));
        assert_eq!(output.status, 2);
        assert!(output.stderr.contains("OUTPUT_EXISTS") && output.stderr.contains("taken.md"), "{}", output.stderr);
        let nowhere = world.run(&format!("{command} --output no/such/folder.json"));
        assert_eq!(nowhere.status, 1);
        assert!(nowhere.stderr.contains("FILE_ERROR"), "{}", nowhere.stderr);
    }
    assert_eq!(world.env.read("taken.md"), "mine");
}
