//! The documents under `fixtures/protocol`: made by this code, read by others, pinned by a manifest.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files; only tests read them")]

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::change_set::ChangeSet;
use super::job::{Export, JobLease, WritebackJob};
use super::receipt::{ExecutionReceipt, ReceiptStatus};
use crate::code::Code;
use crate::contract::EngineKind;
use crate::writeback::{self, Outcome};
use crate::{digest, fixture};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/protocol")
}

fn receipt(change_set: &ChangeSet, outcome: &Outcome) -> ExecutionReceipt {
    let claim = fixture::claim();
    writeback::receipt(change_set, &claim, outcome, "2026-06-28T12:01:00Z".parse().expect("a time"))
}

/// Each document with its file and the schema that describes it.
fn documents() -> Vec<(&'static str, &'static str, Json)> {
    let change_set = fixture::change_set();
    let export = Export {
        job_id: "wbj_33333333333333333333".to_owned(),
        project_id: "local".to_owned(),
        lease: JobLease {
            lease_id: "lease_55555555555555555555".to_owned(),
            attempt: 1,
            expires_at: "2026-06-28T12:05:00Z".to_owned(),
        },
    };
    let job = WritebackJob::of(&change_set, EngineKind::Sqlite, export);
    let new_version = Some("2026-06-28T12:01:00.000Z".to_owned());
    let applied = Outcome { status: ReceiptStatus::Applied, code: None, reason: None, new_version };
    let conflict = Outcome {
        status: ReceiptStatus::Conflict,
        code: Some(Code::VersionConflict),
        reason: Some("changed since it was reviewed: updated_at".to_owned()),
        new_version: None,
    };
    let json = |document: Result<Json, _>| document.expect("plain data");
    vec![
        ("change-set.late-fee.v1.json", "change-set.v1.schema.json", json(serde_json::to_value(&change_set))),
        ("writeback-job.late-fee.v1.json", "writeback-job.v1.schema.json", json(serde_json::to_value(&job))),
        (
            "execution-receipt.applied.v1.json",
            "execution-receipt.v1.schema.json",
            json(serde_json::to_value(receipt(&change_set, &applied))),
        ),
        (
            "execution-receipt.conflict.v1.json",
            "execution-receipt.v1.schema.json",
            json(serde_json::to_value(receipt(&change_set, &conflict))),
        ),
    ]
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).expect("plain data") + "\n"
}

fn manifest() -> Json {
    let files: Vec<Json> = documents()
        .iter()
        .map(|(file, schema, document)| {
            json!({ "file": file, "schema": format!("schemas/{schema}"), "digest": digest::of_bytes(pretty(document).as_bytes()).as_str() })
        })
        .collect();
    json!({ "schema_version": "synapsor.protocol-manifest.v1", "set": "database-mcp-writeback", "version": "1.0.0", "files": files })
}

/// With `SYNAPSOR_UPDATE_FIXTURES` set, the files are written instead of compared.
#[test]
fn fixtures_are_what_the_code_makes() {
    let mut files: Vec<(&str, String)> =
        documents().iter().map(|(file, _, document)| (*file, pretty(document))).collect();
    files.push(("MANIFEST.json", pretty(&manifest())));
    for (file, expected) in files {
        let path = folder().join(file);
        if option_env!("SYNAPSOR_UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, &expected).expect("writable");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "{file}: run the test with SYNAPSOR_UPDATE_FIXTURES=1 and review the difference");
    }
}

#[test]
fn fixtures_fit_their_schemas_and_their_own_digests() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    for (file, schema, document) in documents() {
        let text = std::fs::read_to_string(schemas.join(schema)).expect("the schema is there");
        let schema: Json = serde_json::from_str(&text).expect("a JSON Schema");
        let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
        let mut broken = document.clone();
        broken.as_object_mut().expect("an object").insert("unexpected".to_owned(), json!(1));
        assert!(!validator.is_valid(&broken), "{file}: unknown keys are refused");
    }
    let change_set = fixture::change_set();
    assert_eq!(change_set.hash().as_str(), change_set.integrity.proposal_hash);
    let job = documents().remove(1).2.to_string();
    assert!(WritebackJob::parse(&job).is_ok());
    assert!(WritebackJob::parse(&job.replace("\"late_fee_cents\":0", "\"late_fee_cents\":1")).is_err());
}
