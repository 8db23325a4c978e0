//! One capability and its table on each engine, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::contract::{
    Advance, ApprovalRule, Arg, ArgType, Binding, Bounds, Capability, CapabilityKind, ConflictGuard, Contract,
    Durability, EngineKind, Mode, Pool, ProposalRule, Receipts, ResultFormat, Session, Source, Storage, Target,
    TenantRule, Tls, TrustRule,
};
use crate::id::{CapabilityName, EnvName, Ident};
use crate::scope::Scope;
use crate::value::{Affinity, Column, Kind, Limits, Native, Table};

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
    Scope::bind(&rule, |name| Some(if name == "SYNAPSOR_TENANT_ID" { "acme" } else { "support.agent" }.to_owned()))
        .expect("both are set")
}

/// Arguments that [`proposal`] accepts.
pub(crate) fn arguments() -> serde_json::Map<String, serde_json::Value> {
    json!({"invoice_id": "INV-1", "fee": 0, "reason": "goodwill"}).as_object().expect("object").clone()
}
