//! One capability and its table on each engine, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::args::Args;
use crate::caller::Caller;
use crate::contract::{
    Advance, ApprovalRule, Arg, ArgType, Binding, Bounds, Capability, CapabilityKind, ConflictGuard, Contract,
    Durability, EngineKind, Http, Mode, Pool, ProposalRule, Receipts, ResultFormat, Session, Source, Storage, Target,
    TenantRule, Tls, TrustRule,
};
use crate::event::{BODY_VERSION, Claim};
use crate::id::{CapabilityName, EnvName, EvidenceId, Ident, ProposalId};
use crate::plan;
use crate::proposal::draft::{Material, Stamp, draft};
use crate::scope::Scope;
use crate::value::{Affinity, Cell, Column, Kind, Limits, Native, Table};
use crate::wire::change_set::ChangeSet;

pub(crate) fn ident(text: &str) -> Ident {
    Ident::parse(text).expect("valid name")
}

fn env(text: &str) -> EnvName {
    EnvName::parse(text).expect("valid name")
}

fn arg(name: &str, ty: ArgType, required: bool) -> Arg {
    Arg { name: ident(name), ty, description: None, required, default: None, allowed: Vec::new() }
}

/// `billing.propose_late_fee`: sets `late_fee_cents` from `fee` (0..=10000) and, if given, `waiver_reason`.
pub(crate) fn proposal() -> Capability {
    let number = |n: u32| Some(serde_json::Number::from(n));
    Capability {
        name: CapabilityName::parse("billing.propose_late_fee").expect("valid name"),
        description: Some("Propose a new late fee.".to_owned()),
        returns_hint: None,
        source: ident("app"),
        trust: TrustRule::Environment {
            tenant_env: env("SYNAPSOR_TENANT_ID"),
            principal_env: env("SYNAPSOR_PRINCIPAL"),
        },
        target: Target {
            schema: ident("main"),
            table: ident("invoices"),
            primary_key: ident("id"),
            tenant: TenantRule::Column(ident("tenant_id")),
            principal: None,
        },
        args: vec![
            arg("invoice_id", ArgType::Text { max_length: Some(128) }, true),
            arg("fee", ArgType::Number { minimum: number(0), maximum: number(10_000) }, true),
            arg("reason", ArgType::Text { max_length: None }, false),
        ],
        lookup_arg: ident("invoice_id"),
        visible_columns: vec![ident("id"), ident("late_fee_cents"), ident("status")],
        kind: CapabilityKind::Proposal(ProposalRule {
            patch: vec![
                (ident("late_fee_cents"), Binding::FromArg(ident("fee"))),
                (ident("waiver_reason"), Binding::FromArg(ident("reason"))),
            ],
            allowed_columns: vec![ident("late_fee_cents"), ident("waiver_reason")],
            bounds: BTreeMap::from([(ident("late_fee_cents"), Bounds { minimum: number(0), maximum: number(10_000) })]),
            transitions: BTreeMap::new(),
            guard: ConflictGuard {
                column: Some(ident("updated_at")),
                advance: Advance::Auto,
                cover: None,
                cascade_ack: false,
                require_fresh_read: false,
            },
            approval: ApprovalRule::default(),
            executor: None,
        }),
    }
}

pub(crate) fn contract(engine: EngineKind) -> Contract {
    let source = Source {
        name: ident("app"),
        engine,
        read_url_env: env("APP_READ_URL"),
        write_url_env: Some(env("APP_WRITE_URL")),
        read_only: false,
        connect_timeout: Duration::from_millis(3000),
        lock_timeout: Duration::from_millis(2000),
        statement_timeout: Duration::from_millis(3000),
        pool: Pool { max_connections: 10, acquire_timeout: Duration::from_millis(2000) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: ident("synapsor_writeback_receipts") },
        session: Session::default(),
    };
    Contract {
        mode: Mode::Review,
        result_format: ResultFormat::V2,
        storage: Storage { sqlite_path: "./.synapsor/local.db".to_owned(), durability: Durability::Full },
        sources: BTreeMap::from([(ident("app"), source)]),
        executors: BTreeMap::new(),
        http: Http::default(),
        capabilities: vec![proposal()],
    }
}

/// The catalog's answer for [`proposal`]'s target.
pub(crate) fn table(engine: EngineKind) -> Table {
    let column = |name: &str, kind: Kind, types: [&str; 2]| {
        let [pg, my] = types;
        let native = match engine {
            EngineKind::Postgres => {
                let own = format!("\"pg_catalog\".\"{pg}\"");
                Native::Postgres { cast: own.clone(), own, send: format!("\"pg_catalog\".\"{pg}send\"") }
            }
            EngineKind::Mysql => Native::Mysql {
                data_type: my.to_owned(),
                unsigned: false,
                charset: (my == "varchar").then(|| "utf8mb4".to_owned()),
                collation: (my == "varchar").then(|| "utf8mb4_general_ci".to_owned()),
            },
            EngineKind::Sqlite => {
                Native::Sqlite { affinity: if kind == Kind::Integer { Affinity::Integer } else { Affinity::Text } }
            }
        };
        let kind = if engine == EngineKind::Sqlite && kind != Kind::Integer { Kind::Text } else { kind };
        let range = (kind == Kind::Integer).then_some((i128::from(i64::MIN), i128::from(i64::MAX)));
        let fraction = (kind == Kind::Instant).then_some(6);
        let limits = Limits { range, fraction, ..Limits::default() };
        Column { name: ident(name), kind, nullable: true, generated: false, limits, native }
    };
    Table {
        schema: ident("main"),
        name: ident("invoices"),
        columns: vec![
            column("id", Kind::Text, ["text", "varchar"]),
            column("tenant_id", Kind::Text, ["text", "varchar"]),
            column("late_fee_cents", Kind::Integer, ["int8", "bigint"]),
            column("status", Kind::Text, ["text", "varchar"]),
            column("waiver_reason", Kind::Text, ["text", "varchar"]),
            column("updated_at", Kind::Instant, ["timestamptz_", "timestamp"]),
        ],
        refused: None,
        cascading: Vec::new(),
        replaces: false,
    }
}

pub(crate) fn scope() -> Scope {
    let rule = proposal().trust;
    Scope::bind(&Caller::Process, &rule, |name| {
        Some(if name == "SYNAPSOR_TENANT_ID" { "acme" } else { "support.agent" }.to_owned())
    })
    .expect("both are set")
}

/// Arguments that [`proposal`] accepts.
pub(crate) fn arguments() -> serde_json::Map<String, serde_json::Value> {
    json!({"invoice_id": "INV-1", "fee": 0, "reason": "goodwill"}).as_object().expect("object").clone()
}

/// A proposal to waive the late fee of one invoice in SQLite.
pub(crate) fn change_set() -> ChangeSet {
    let contract = contract(EngineKind::Sqlite);
    let capability = proposal();
    let (table, scope) = (table(EngineKind::Sqlite), scope());
    let args = Args::parse(&capability, &arguments()).expect("arguments fit");
    let plan = plan::read(&capability, EngineKind::Sqlite, &table, &scope, &args).expect("a plan");
    let text = |text: &str| Cell::new(Kind::Text, Some(text.to_owned()));
    let cells = plan
        .columns
        .iter()
        .map(|column| match column.name.as_str() {
            "id" => text("INV-1"),
            "tenant_id" => text("acme"),
            "late_fee_cents" => Cell::new(Kind::Integer, Some("5500".to_owned())),
            "status" => text("overdue"),
            "updated_at" => text("2026-06-20T14:31:08.000Z"),
            _ => Cell::null(Kind::Text),
        })
        .collect();
    let row = plan::one_row(&capability, &plan, &args, vec![cells]).expect("one row");
    let source = contract.source_of(&capability).expect("its source");
    let material =
        Material { capability: &capability, source, table: &table, scope: &scope, args: &args, plan: &plan, row: &row };
    let stamp = Stamp {
        proposal_id: &ProposalId::from_random([0x11; 10]),
        evidence_id: &EvidenceId::from_random([0x22; 10]),
        now: "2026-06-28T12:00:00Z".parse().expect("a time"),
        mode: Mode::Review,
        secret: &[7; 32],
        receipts_id: Some("44444444444444444444"),
        supersedes: None,
        salt: "66666666666666666666666666666666",
    };
    draft(&material, &stamp).expect("a draft")
}

/// A claim on it, until 12:05.
pub(crate) fn claim() -> Claim {
    Claim {
        v: BODY_VERSION,
        job_id: "wbj_33333333333333333333".to_owned(),
        runner_id: "local_runner".to_owned(),
        lease_expires_at: "2026-06-28T12:05:00Z".to_owned(),
        receipts_schema: "main".to_owned(),
        receipts_table: "synapsor_writeback_receipts".to_owned(),
        receipts_id: "44444444444444444444".to_owned(),
        server_id: None,
        executor: None,
    }
}
