//! Secrets are planted in the environment, in URLs and in rows; then everything written is searched for them.

use std::path::Path;

use serde_json::json;
use synapsor_testkit::database::Engine;

use crate::stage::{billing, id_of};

/// What must appear nowhere: a password, a token and a key as a row may hold them, and an unrelated variable.
const IN_ROW: [&str; 3] = [
    "postgres://root:Pl4nted-In-Row@db.internal/app",
    "Bearer Pl4nted-Bearer-Token-0123456789abcdef",
    "-----BEGIN RSA PRIVATE KEY-----Pl4ntedKeyMaterial",
];
const MARKS: [&str; 5] = ["Pl4nted-In-Row", "Pl4nted-Bearer", "Pl4ntedKey", "Pl4nted-In-Env", "Pl4nted-In-Url"];

fn search(folder: &Path, marks: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, marks);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            for mark in marks {
                let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
                assert!(!found, "{mark} is in {}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn planted_secrets_are_written_nowhere() {
    for engine in Engine::ALL {
        let mut stage = billing(engine).await;
        for (n, secret) in IN_ROW.iter().enumerate() {
            let sql = format!("UPDATE invoices SET waiver_reason = '{secret}' WHERE id = 'INV-300{}'", n + 1);
            stage.db.execute(&sql).await;
        }
        stage.db.execute(&format!("UPDATE support_tickets SET subject = '{}' WHERE id = 'T-1042'", IN_ROW[2])).await;
        stage.env.set("UNRELATED_PASSWORD", "Pl4nted-In-Env");
        let mut written = String::new();
        let mut keep = |args: &[&str]| {
            let output = stage.env.run(args);
            written.push_str(&output.stdout);
            written.push_str(&output.stderr);
            output
        };
        let arguments = |id: &str| json!({ "invoice_id": id }).to_string();
        for id in ["INV-3001", "INV-3002", "INV-9001"] {
            keep(&["smoke", "call", "billing.inspect_invoice", "--json", &arguments(id)]).json();
        }
        let shown = keep(&["smoke", "call", "billing.inspect_invoice", "--json", &arguments("INV-3001")]).json();
        assert_eq!(shown["result"]["data"]["waiver_reason"], "[masked]", "{shown}");
        let ticket = json!({ "ticket_id": "T-1042" }).to_string();
        keep(&["smoke", "call", "support.inspect_ticket", "--json", &ticket]).json();
        // A secret in an argument is refused, and not repeated.
        let planted = json!({ "invoice_id": "INV-3001", "reason": IN_ROW[1] }).to_string();
        let refused = keep(&["propose", "billing.propose_late_fee_waiver", "--json", &planted]).json();
        assert_eq!(refused["error"]["code"], "POLICY_VIOLATION", "{refused}");
        // A masked value before still guards the write.
        let good = json!({ "invoice_id": "INV-3001", "reason": "goodwill" }).to_string();
        let id = id_of(&keep(&["propose", "billing.propose_late_fee_waiver", "--json", &good]).json());
        keep(&["proposals", "show", &id, "--details"]).expect(0);
        keep(&["proposals", "approve", &id, "--yes"]).expect(0);
        keep(&["proposals", "writeback-job", &id, "--output", "job.json"]).expect(0);
        keep(&["apply", &id]).expect(0);
        for command in ["evidence", "query-audit", "receipts", "replay", "proposals"] {
            keep(&[command, "list", "--json"]).expect(0);
        }
        keep(&["replay", "export", &id, "--output", "replay.md", "--format", "markdown"]).expect(0);
        keep(&["replay", "export", &id, "--output", "replay.json"]).expect(0);
        keep(&["events", "tail", "--json", "--limit", "200"]).expect(0);
        keep(&["store", "backup", "--output", "copy.db"]).expect(0);
        // A masked value that changed is a conflict, though the ledger never held it.
        let second = json!({ "invoice_id": "INV-3002", "reason": "goodwill" }).to_string();
        let second = id_of(&keep(&["propose", "billing.propose_late_fee_waiver", "--json", &second]).json());
        keep(&["proposals", "approve", &second, "--yes"]).expect(0);
        let same_version = if engine == Engine::Mysql { ", updated_at = updated_at" } else { "" };
        stage
            .db
            .execute(&format!(
                "UPDATE invoices SET waiver_reason = '{}'{same_version} WHERE id = 'INV-3002'",
                IN_ROW[0]
            ))
            .await;
        let conflict = keep(&["apply", &second]);
        assert_eq!(conflict.status, 3, "{}{}", conflict.stdout, conflict.stderr);
        // A server that cannot be reached, with a password in its URL.
        stage.env.set(
            "BILLING_READ_URL",
            format!(
                "{}://someone:Pl4nted-In-Url@127.0.0.1:1/app",
                if engine == Engine::Mysql { "mysql" } else { "postgres" }
            ),
        );
        let down = stage.env.run(["-vv", "smoke", "call", "billing.inspect_invoice", "--json", &arguments("INV-3001")]);
        let admin = "postgres://root:Pl4nted-In-Url@127.0.0.1:1/app";
        stage.env.set("ADMIN_URL", admin);
        let migration = ["-vv", "writeback", "migration", "--yes", "--execute", "--admin-url-env"];
        let others = [
            stage.env.run(["-vv", "writeback", "doctor", "--check-db"]),
            stage.env.run([&migration[..], &["ADMIN_URL"]].concat()),
            // Where a variable's name belongs.
            stage.env.run([&migration[..], &[admin]].concat()),
        ];
        for output in others.iter().chain([&down]) {
            assert_ne!(output.status, 0, "{}", output.stdout);
            written.push_str(&output.stdout);
            written.push_str(&output.stderr);
        }
        for mark in MARKS {
            assert!(!written.contains(mark), "{engine:?}: {mark} was printed:\n{written}");
        }
        search(&stage.env.work_dir(), &MARKS);
        search(&stage.env.home_dir(), &MARKS);
    }
}
