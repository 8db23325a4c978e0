//! Rows and words that would like to be obeyed, and rows that hold secrets.

use super::world::World;

const SECRET: &str = "hunter2-correct-horse";

#[test]
fn nothing_printed_is_obeyed_by_a_terminal_or_holds_a_masked_value() {
    let world = World::new();
    let row = format!(
        "UPDATE invoices SET customer = char(27) || '[2J' || char(155) || '31m' || char(8238) || 'evil', \
         status = 'postgres://app:{SECRET}@db/app' WHERE id = 'INV-3001'; \
         UPDATE invoices SET updated_at = '2026-07-01T00:00:00.000Z' WHERE id = 'INV-3001';"
    );
    world.sql("synapsor-demo/billing.db", &row);
    let proposal = world.propose("INV-3001", "line\u{1b}[31m\u{9b}2J\u{202e}\n## heading `code`");
    let reason = "because\u{7}\u{1b}]0;title\u{9c}";
    world.env.run(["proposals", "approve", &proposal, "--actor", "a\u{1b}[1m", "--reason", reason, "--yes"]).expect(0);
    let audits = world.json("query-audit list --limit 1");
    let audit = audits["query_audit"][0]["audit_id"].to_string();
    let evidence = audits["query_audit"][0]["evidence_bundle_id"].as_str().unwrap().to_owned();

    for command in [
        "proposals list".to_owned(),
        format!("proposals show {proposal}"),
        format!("proposals show {proposal} --details"),
        "evidence list".to_owned(),
        format!("evidence show {evidence}"),
        format!("evidence show {evidence} --details"),
        "query-audit list".to_owned(),
        format!("query-audit show {audit} --details"),
        "receipts list".to_owned(),
        "replay list".to_owned(),
        format!("replay {proposal}"),
        format!("replay {proposal} --details"),
        "activity search".to_owned(),
        "events tail".to_owned(),
        "store stats".to_owned(),
    ] {
        for form in [command.clone(), format!("{} --json", command.replace(" --details", ""))] {
            check(&form, &world.text(&form, 0));
        }
    }
    for command in [
        format!("replay export {proposal} --output replay.json"),
        format!("replay export {proposal} --format markdown --output replay.md"),
        format!("evidence export {evidence} --output evidence.json"),
        format!("evidence export {evidence} --format markdown --output evidence.md"),
    ] {
        world.text(&command, 0);
        let file = command.rsplit(' ').next().unwrap();
        check(&command, &world.env.read(file));
    }
    let markdown = world.env.read("replay.md");
    assert!(!markdown.lines().any(|line| line.starts_with("## heading")), "{markdown}");
    let shown = world.text(&format!("evidence show {evidence}"), 0);
    assert!(shown.contains("customer: \u{fffd}[2J\u{fffd}31m\u{fffd}evil"), "{shown}");
}

#[track_caller]
fn check(command: &str, text: &str) {
    let obeyed = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(obeyed, None, "{command}\n{text:?}");
    assert!(!text.contains(SECRET), "{command}\n{text}");
}
