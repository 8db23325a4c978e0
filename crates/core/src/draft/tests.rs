//! Drafts from wishes, with and without a database.

use serde_json::json;

use super::*;
use crate::config::{self, ReadOptions};
use crate::wire::inspection::Inspection;

/// A database with an invoice, a ledger line without a key, and a view.
fn seen() -> Inspection {
    let column = |name: &str, ty: &str, comment: Option<&str>| {
        json!({ "name": name, "data_type": ty, "nullable": false, "generated": name == "total", "ordinal_position": 1,
                "comment": comment })
    };
    let table = |name: &str, kind: &str, columns: Vec<Json>, key: &[&str]| {
        json!({ "schema": "public", "name": name, "type": kind, "writable": kind == "table", "columns": columns,
                "primary_key": key, "unique_constraints": [], "indexes": [],
                "foreign_keys": if name == "invoices" {
                    json!([{ "name": "buyer", "columns": ["buyer"], "referenced_schema": "public",
                             "referenced_table": "customers", "referenced_columns": ["id"] }])
                } else { json!([]) },
                "comment": (name == "invoices").then_some("what customers owe\u{202e}") })
    };
    let columns = vec![
        column("id", "text", None),
        column("tenant_id", "text", None),
        column("buyer", "bigint", None),
        column("status", "character varying(20)", Some("paid or open.")),
        column("late_fee_cents", "integer", Some("in cents")),
        column("waived", "boolean", None),
        column("waiver_reason", "text", None),
        column("total", "numeric", None),
        column("updated_at", "timestamp with time zone", None),
    ];
    let bare = vec![column("line", "text", None), column("amount", "integer", None)];
    let json = json!({
        "engine": "postgres", "server_version": "18.1", "current_user": "reader",
        "inspected_at": "2026-01-02T03:04:05Z", "schemas": ["public"],
        "tables": [
            table("invoices", "table", columns.clone(), &["id"]),
            table("lines", "table", bare, &[]),
            table("open_invoices", "view", columns, &[]),
        ],
    });
    Inspection::from_json(&json.to_string()).expect("a snapshot")
}

fn wish(text: &str) -> Wish {
    read(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn draft(json: Json) -> Draft {
    settle(wish(&json.to_string()), Some(&seen()), Mode::Shadow).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// Why a wish cannot be made whole.
fn refused(json: Json) -> String {
    let seen = seen();
    let refusal = settle(wish(&json.to_string()), Some(&seen), Mode::Shadow).expect_err("a flaw");
    format!("{}; {}", refusal.message(), refusal.fix())
}

fn contract(draft: &Draft) -> crate::contract::Contract {
    let text = draft.to_json().to_string();
    let report = config::read(&text, &ReadOptions::default());
    report.contract.unwrap_or_else(|| panic!("{:#?}", report.problems))
}

#[test]
fn a_table_alone_becomes_a_tool_that_reads() {
    let draft = draft(json!({ "table": "invoices" }));
    insta::assert_snapshot!(serde_json::to_string_pretty(&draft.to_json()).expect("json"));
    assert_eq!(contract(&draft).mode, Mode::ReadOnly);
    assert_eq!(draft.remarks, [""; 0]);
}

#[test]
fn changes_become_a_tool_that_proposes() {
    let draft = draft(json!({
        "table": "public.invoices", "mode": "review", "namespace": "billing",
        "patch": {
            "status": { "from_arg": "next_status" }, "late_fee_cents": { "from_arg": "fee" },
            "waived": { "from_arg": "waived" }, "waiver_reason": { "from_arg": "reason" }, "buyer": { "fixed": 7 },
        },
        "numeric_bounds": { "late_fee_cents": { "minimum": 0, "maximum": 5000 } },
        "transition_guards": { "status": { "allowed": { "open": ["paid", "void"], "paid": ["void"] } } },
        "patch_args": {
            "fee": { "maximum": 1000, "description": "The fee.", "required": false }, "waived": { "type": "string" },
        },
    }));
    insta::assert_snapshot!(serde_json::to_string_pretty(&draft.to_json()).expect("json"));
    assert_eq!(contract(&draft).capabilities.len(), 2);
    // What the wish says comes first, and what it leaves open is known from bounds and columns.
    let args = &draft.to_json()["capabilities"][1]["args"];
    let fee = json!({ "type": "number", "description": "The fee.", "minimum": 0, "maximum": 1000, "required": false });
    assert_eq!((&args["fee"], &args["waived"]), (&fee, &json!({ "type": "string", "description": "The new waived." })));
}

#[test]
fn a_spec_needs_no_database() {
    let spec = json!({
        "version": 1, "engine": "mysql", "schema": "app", "table": "orders", "primary_key": "id",
        "tenant_key": "tenant_id", "conflict_column": "updated_at", "visible_columns": "id, status",
        "patch": { "status": { "from_arg": "status" } }, "writeback": { "executor": "sql_update" },
    });
    let draft = settle(wish(&spec.to_string()), None, Mode::Shadow).expect("whole");
    let contract = contract(&draft);
    assert_eq!(contract.mode, Mode::Shadow);
    let visible: Vec<_> = draft.tables[0].visible_columns.iter().map(Ident::as_str).collect();
    assert_eq!(visible, ["id", "tenant_id", "updated_at", "status"]);
    let bare = settle(wish(r#"{"table": "orders"}"#), None, Mode::Shadow).expect_err("nothing is known");
    for part in ["which engine", "which schema"] {
        assert!(bare.message().contains(part), "{bare:?}");
    }
}

#[test]
fn both_names_of_a_field_mean_the_same() {
    let one = json!({
        "table": "invoices", "tenant_key": "buyer", "read_url_env": "A_URL", "inspect_tool_name": "a.b",
        "lookup_arg": "number", "inspect_description": "D", "trusted_context": { "tenant_id_env": "T" },
    });
    let other = json!({
        "table": "invoices", "tenant_column": "buyer", "database_url_env": "A_URL", "read_tool": "a.b",
        "id_arg": "number", "read_description": "D", "tenant_env": "T",
    });
    assert_eq!(wish(&one.to_string()), wish(&other.to_string()));
    let both = read(r#"{"table": "t", "lookup_arg": "a", "id_arg": "b"}"#).expect_err("twice");
    assert!(both[0].message.contains("another name of `lookup_arg`"), "{both:?}");
}

#[test]
fn every_flaw_is_told_with_what_mends_it() {
    for (wish, expected) in [
        (json!({ "table": "invoice" }), "no table or view `invoice`"),
        (json!({ "table": "invoices", "engine": "mysql" }), "the database is postgres, not mysql"),
        (json!({ "table": "invoices", "primary_key": "nr" }), "has no column `nr`"),
        (json!({ "table": "invoices", "visible_columns": ["id", "secret"] }), "has no column `secret`"),
        (json!({ "table": "invoices", "mode": "review" }), "nothing says what they change"),
        (json!({ "table": "lines" }), "what finds one row"),
        (json!({ "table": "lines", "primary_key": "line" }), "told tenants apart"),
        (json!({ "table": "open_invoices", "patch": { "status": { "fixed": "x" } } }), "cannot be proposed"),
        (json!({ "table": "invoices", "patch": { "tenant_id": { "fixed": "x" } } }), "says whose the row is"),
        (json!({ "table": "invoices", "patch": { "id": { "fixed": "x" } } }), "finds the row"),
        (json!({ "table": "invoices", "patch": { "total": { "fixed": 1 } } }), "from the database alone"),
        (
            json!({ "table": "invoices", "patch": { "status": { "fixed": "x" } }, "allowed_columns": ["waived"] }),
            "patched, but not allowed",
        ),
        (json!({ "table": "invoices", "patch": { "status": { "from_arg": "invoice_id" } } }), "holds the row's key"),
        (json!({ "table": "invoices", "numeric_bounds": { "buyer": { "minimum": 0 } } }), "nothing is patched"),
        (
            json!([{ "table": "invoices" }, { "table": "open_invoices", "primary_key": "id", "object_name": "invoice" }]),
            "two tools are called `invoice.inspect_invoice`",
        ),
    ] {
        let said = refused(wish);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let several = refused(json!({ "table": "lines", "visible_columns": ["x"], "patch": { "y": { "fixed": 1 } } }));
    assert!(several.starts_with("2 choices do not fit:\n- "), "{several}");
}

#[test]
fn a_file_with_problems_says_them_all() {
    let text = r#"{"tabel": "t", "engine": "oracle", "patch": {"a": {"fixed": 1, "from_arg": "b"}},
        "visible_columns": "id,,x", "writeback": "http_handler", "handler_url_env": "U", "result_format": 3}"#;
    let problems = read(text).expect_err("problems");
    let said: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.path, problem.code)).collect();
    insta::assert_debug_snapshot!(said);
    assert!(read("[]").is_err() && read("7").is_err() && read("{").is_err() && read("").is_err());
}

#[test]
fn the_schema_accepts_what_is_read() {
    let schema = jsonschema::validator_for(&schema()).expect("a schema");
    for (valid, wish) in [
        (true, json!({ "table": "t" })),
        (true, json!([{ "table": "t", "visible_columns": ["a"], "allowed_columns": "a,b" }])),
        (
            true,
            json!({ "table": "t", "patch": { "a": { "fixed": null } }, "patch_args": { "b": { "type": "number" } } }),
        ),
        (false, json!({})),
        (false, json!([])),
        (false, json!({ "table": "t", "mode": "cloud" })),
        (false, json!({ "table": "t", "unknown": 1 })),
        (false, json!({ "table": "t", "visible_columns": [] })),
    ] {
        assert_eq!(schema.is_valid(&wish), valid, "{wish}");
        assert_eq!(read(&wish.to_string()).is_ok(), valid, "{wish}");
    }
}

#[test]
fn a_second_draft_goes_beside_what_is_there() {
    let first = draft(json!({ "table": "invoices" }));
    let text = serde_json::to_string_pretty(&first.to_json()).expect("json");
    // A person has written into it since.
    let text = text.replace("\"mode\"", "// ours\n  \"mode\"");
    let contract_of = |text: &str| config::read(text, &ReadOptions::default()).contract.expect("valid");
    let more = draft(json!({ "table": "open_invoices", "primary_key": "id" }));
    let added = add(&text, &contract_of(&text), &more, false).expect("added");
    assert!(added.contains("// ours"), "{added}");
    let names: Vec<_> = contract_of(&added).capabilities.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["invoice.inspect_invoice", "open.inspect_open_invoice"]);
    assert_eq!(contract_of(&added).sources.len(), 1);

    let again = add(&added, &contract_of(&added), &first, false).expect_err("taken");
    assert_eq!(again.code(), Code::OutputExists);
    assert_eq!(add(&text, &contract_of(&text), &first, true).map(|text| contract_of(&text)), Ok(contract_of(&text)));
    let patched = draft(json!({ "table": "invoices", "patch": { "status": { "fixed": "x" } } }));
    let clash = add(&text, &contract_of(&text), &patched, true).expect_err("another mode");
    assert!(clash.message().contains("`read_only`"), "{clash:?}");
    let mut elsewhere = more.clone();
    elsewhere.frame.read_url_env = EnvName::parse("ELSEWHERE_URL").expect("a name");
    let clash = add(&text, &contract_of(&text), &elsewhere, false).expect_err("another database");
    assert!(clash.fix().contains("--source-name"), "{clash:?}");
    elsewhere.frame.source_name = Ident::parse("elsewhere").expect("a name");
    let two = add(&text, &contract_of(&text), &elsewhere, false).expect("added");
    assert_eq!(contract_of(&two).sources.len(), 2);
}

#[test]
fn a_model_reads_no_more_than_people_can_see() {
    let draft = draft(json!({ "table": "invoices" }));
    let told = draft.tables[0].texts.read_description.clone().unwrap_or_default();
    assert!(told.contains("What customers owe.") && !told.contains('\u{202e}'), "{told}");
}

#[test]
fn names_that_a_model_may_not_use_are_not_given() {
    let names = Names::usual(&NameWish::default(), "projects").expect("names");
    assert_eq!(names.lookup_arg.as_str(), "project_key");
    assert_eq!(
        Names::usual(&NameWish::default(), "données").map(|names| names.object.to_string()),
        Some("donn_e".to_owned())
    );
}
