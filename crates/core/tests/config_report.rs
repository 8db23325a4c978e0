//! What a config report says beyond one code at a time.
#![expect(clippy::unwrap_used, reason = "a missing part may end the test")]

use std::time::Duration;

use synapsor_core::caller::Grants;
use synapsor_core::config::{self, ReadOptions, Report};
use synapsor_core::contract::http::{Algorithm, Certificate, Http, Jwt, Keys, Limits};
use synapsor_core::contract::{Binding, Contract, Durability, EngineKind, Mode, ResultFormat, TenantRule, TrustRule};
use synapsor_core::problem::Level;

const BILLING: &str = include_str!("config/valid/postgres-billing.json");
const HANDLER: &str = include_str!("config/invalid/EXECUTOR_INVALID_IN_READ_ONLY.json");

fn read(text: &str) -> Report {
    config::read(text, &ReadOptions::default())
}

fn codes(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.code).collect()
}

fn contract(text: &str) -> Contract {
    let report = read(text);
    assert_eq!(report.errors().count(), 0, "{:?}", report.problems);
    report.contract.unwrap()
}

#[test]
fn a_file_with_five_mistakes_shows_five_problems() {
    let text = r#"{
  // five things are wrong here
  "version": 1,
  "mode": "reveiw",
  "sources": {
	"app": { "engine": "postgres", "read_url_env": "postgres://reader:hunter2@db.example/app" }
  },
  "trusted_context": { "provider": "environment" },
  "capabilities": [
    {
      "name": "billing.inspect_invoice",
      "kind": "read",
      "source": "app",
      "target": { "schema": "public", "table": "invoices", "primary_key": "id" },
      "args": { "請求書": { "type": "string" }, "invoice_id": { "type": "string" } },
      "lookup": { "id_from_arg": "invoice_id" },
      "visable_columns": ["id"],
      "visible_columns": ["id"]
    }
  ]
}
"#;
    let report = read(text);
    assert_eq!(report.problems.len(), 5);
    insta::assert_snapshot!(config::render(text, "synapsor.runner.json", &report.problems));
}

#[test]
fn the_contract_holds_what_the_file_says() {
    let contract = contract(BILLING);
    assert_eq!((contract.mode, contract.result_format), (Mode::Review, ResultFormat::V2));
    let source = contract.sources.values().next().unwrap();
    assert_eq!((source.name.as_str(), source.engine), ("app_postgres", EngineKind::Postgres));
    assert_eq!(source.read_url_env.as_str(), "BILLING_POSTGRES_READ_URL");
    let proposal = contract.capability("billing.propose_late_fee_waiver").unwrap();
    assert!(matches!(&proposal.target.tenant, TenantRule::Column(column) if column.as_str() == "tenant_id"));
    assert!(
        matches!(&proposal.trust, TrustRule::Environment { tenant_env, .. } if tenant_env.as_str() == "SYNAPSOR_TENANT_ID")
    );
    let rule = proposal.proposal().unwrap();
    let patch: Vec<_> = rule.patch.iter().map(|(column, binding)| (column.as_str(), binding)).collect();
    assert!(matches!(
        patch.as_slice(),
        [("late_fee_cents", Binding::Fixed(zero)), ("waiver_reason", Binding::FromArg(arg))]
            if *zero == 0 && arg.as_str() == "reason"
    ));
    assert_eq!(rule.approval.required_role.as_deref(), Some("billing_lead"));
    assert_eq!(rule.approval.expires_in, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(proposal.args.iter().map(|arg| arg.name.as_str()).collect::<Vec<_>>(), ["invoice_id", "reason"]);
}

#[test]
fn defaults_are_those_of_the_interface() {
    let contract = contract(include_str!("config/warning/WRITEBACK_DISABLED.json"));
    assert_eq!(contract.result_format, ResultFormat::V2);
    assert_eq!(contract.storage.sqlite_path, "./.synapsor/local.db");
    assert_eq!(contract.storage.durability, Durability::Full);
    let source = contract.sources.values().next().unwrap();
    let waits = [source.connect_timeout, source.lock_timeout, source.statement_timeout, source.pool.acquire_timeout];
    assert_eq!(waits.map(|wait| wait.as_millis()), [3000, 2000, 3000, 2000]);
    assert_eq!(source.pool.max_connections, 10);
    assert_eq!(source.receipts.table.as_str(), "synapsor_writeback_receipts");
    assert_eq!((&source.receipts.schema, source.tls.mode, source.read_only), (&None, None, false));
    assert_eq!(contract.http, Http::default());
}

#[test]
fn limits_that_are_not_named_are_those_of_the_schema() {
    let fields = config::schema().pointer("/$defs/httpLimits/properties").unwrap().clone();
    let limits: serde_json::Map<_, _> = fields
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(key, field)| Some((key.clone(), field.get("default")?.clone())))
        .collect();
    assert_eq!(limits.len(), 5);
    let all = serde_json::json!({"limits": limits}).to_string();
    for http in [all.as_str(), r#"{"limits": {}}"#] {
        let text = BILLING.replacen("\"mode\"", &format!("\"http\": {http}, \"mode\""), 1);
        assert_eq!(contract(&text).http.limits, Limits::default());
    }
}

#[test]
fn serving_over_http_is_as_the_file_says() {
    let http = contract(include_str!("config/valid/sqlite-everything.json")).http;
    assert_eq!((http.host.as_deref(), http.port), (Some("0.0.0.0"), Some(8766)));
    assert_eq!(http.allowed_hosts, ["agents.example.com", "127.0.0.1:8766", "[::1]:8766"]);
    assert_eq!(http.allowed_origins, ["https://app.example.com", "http://localhost:3000"]);
    let tokens = http.tokens.iter().map(|token| {
        (token.name.as_str(), token.token_env.as_str(), token.tenant.as_str(), token.principal.as_str(), token.grants)
    });
    let reads = Grants { read: true, propose: false };
    assert_eq!(
        tokens.collect::<Vec<_>>(),
        [
            ("support-agent", "SUPPORT_TOKEN", "acme", "support", reads),
            ("billing.agent", "BILLING_TOKEN", "globex", "billing", Grants::ALL),
        ]
    );
    let jwt = Jwt {
        issuer: "https://id.example.com".to_owned(),
        audience: "https://agents.example.com/mcp".to_owned(),
        keys: Keys::Url("https://id.example.com/.well-known/jwks.json".to_owned()),
        algorithms: vec![Algorithm::Es256, Algorithm::EdDsa],
        tenant_claim: "org_id".to_owned(),
        principal_claim: "email".to_owned(),
        scope_claim: "scp".to_owned(),
        leeway: Duration::from_secs(5),
    };
    assert_eq!(http.jwt, Some(jwt));
    let files = Certificate { cert_file: "tls/server.pem".to_owned(), key_file: "tls/server.key".to_owned() };
    assert_eq!(http.tls, Some(files));
    let limits = Limits {
        body_bytes: 65536,
        concurrent: 64,
        per_principal_rate: Some(50),
        sessions: 100,
        idle: Duration::from_secs(600),
        deadline: Duration::from_secs(10),
    };
    assert_eq!(http.limits, limits);
}

#[test]
fn clients_prove_who_they_are_by_an_issuer_or_by_tokens() {
    let served = include_str!("config/valid/postgres-served.json");
    let contract = contract(served);
    assert!(contract.capabilities.iter().all(|capability| capability.trust == TrustRule::HttpClaims));
    let jwt = Jwt {
        issuer: "https://id.example.com".to_owned(),
        audience: "billing".to_owned(),
        keys: Keys::File("jwks.json".to_owned()),
        algorithms: Algorithm::ALL.to_vec(),
        tenant_claim: "org_id".to_owned(),
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        leeway: Duration::from_secs(30),
    };
    assert_eq!(contract.http, Http { jwt: Some(jwt), ..Http::default() });
    let start = served.find("\"jwt\"").unwrap();
    let end = start + served.get(start..).unwrap().find('}').unwrap() + 1;
    let with = |http: &str| [served.get(..start).unwrap(), http, served.get(end..).unwrap()].concat();
    assert_eq!(codes(&read(&with(""))), ["HTTP_CLAIMS_WITHOUT_CLIENTS"]);
    let token = r#""tokens": [{ "name": "a", "token_env": "A", "tenant_id": "t", "principal": "p" }]"#;
    assert_eq!(codes(&read(&with(token))), Vec::<&str>::new());
}

#[test]
fn a_token_put_in_place_of_its_variable_is_withheld() {
    let token = "Sn9-qX72bLtfe";
    let entry = |own: &str| format!("{{ {own}, \"name\": \"a\", \"tenant_id\": \"t\", \"principal\": \"p\" }}");
    let cases = [
        (format!("[{}]", entry(&format!("\"token_env\": \"{token}\""))), vec!["HTTP_TOKEN_ENV_REQUIRED"]),
        (format!("[{}]", entry(&format!("\"token\": \"{token}\""))), vec!["HTTP_TOKEN_ENV_REQUIRED", "UNKNOWN_FIELD"]),
        (format!("[\"{token}\"]"), vec!["HTTP_TOKEN_NOT_OBJECT"]),
        (format!("\"{token}\""), vec!["HTTP_TOKENS_NOT_LIST"]),
    ];
    for (tokens, expect) in cases {
        let text = BILLING.replacen("\"mode\"", &format!("\"http\": {{\"tokens\": {tokens}}},\n  \"mode\""), 1);
        let report = read(&text);
        assert_eq!(codes(&report), expect);
        let shown = config::render(&text, "c.json", &report.problems) + &format!("{:?}", report.problems);
        assert!(shown.contains("\"http\": {\"tokens\": ") && !shown.contains("Sn9"), "{shown}");
    }
}

#[test]
fn a_config_with_a_handler_can_be_served_read_only() {
    assert!(read(HANDLER).contract.is_none());
    for text in [HANDLER, include_str!("config/invalid/EXECUTOR_INVALID_IN_READ_ONLY.json")] {
        let report = config::read(text, &ReadOptions { read_only: true });
        assert_eq!(codes(&report), Vec::<&str>::new());
        assert_eq!(report.contract.unwrap().mode, Mode::ReadOnly);
    }
    let ignored = [
        include_str!("config/invalid/READ_ONLY_SOURCE_DIRECT_WRITEBACK.json"),
        include_str!("config/invalid/NOT_SUPPORTED_YET-operators.json"),
        include_str!("config/invalid/QUORUM_NEEDS_OPERATORS.json"),
        include_str!("config/warning/WRITEBACK_DISABLED.json"),
    ];
    for text in ignored {
        let report = config::read(text, &ReadOptions { read_only: true });
        assert_eq!(codes(&report), Vec::<&str>::new(), "{text}");
    }
    let broken = HANDLER.replace("\"url_env\"", "\"url_enf\"");
    let report = config::read(&broken, &ReadOptions { read_only: true });
    assert_eq!(codes(&report), ["HANDLER_URL_ENV_REQUIRED", "UNKNOWN_FIELD"]);
}

#[test]
fn strict_false_makes_unknown_keys_warnings() {
    let text = BILLING.replacen("\"mode\"", "\"strict\": false, \"notes\": \"x\", \"mode\"", 1);
    let report = read(&text);
    assert!(report.is_ok());
    assert_eq!(codes(&report), ["UNKNOWN_FIELD"]);
    assert_eq!(report.problems.first().map(|problem| problem.level), Some(Level::Warning));
    let forbidden = text.replacen("\"notes\"", "\"database_url\"", 1);
    assert_eq!(codes(&read(&forbidden)), ["INLINE_DATABASE_URL_FORBIDDEN"]);
    assert!(!read(&forbidden).is_ok());
}

#[test]
fn every_capability_may_name_its_own_context() {
    let own = BILLING.replacen("\"trusted_context\": {", "\"contexts_of_old\": {", 1);
    assert_eq!(codes(&read(&own)), ["UNKNOWN_FIELD"]);
    let fix = |text: &str| read(text).problems.first().and_then(|problem| problem.fix.clone());
    let typo = BILLING.replacen("\"executor", "\"x", 1).replacen("\"lookup\"", "\"lokup\"", 1);
    assert_eq!(fix(&typo).as_deref(), Some("write `{\"id_from_arg\": \"invoice_id\"}`"));
    let typo = BILLING.replacen("\"local_operator\"", "\"localoperator\"", 1);
    assert_eq!(fix(&typo).as_deref(), Some("did you mean `localoperator`?"));
}

#[test]
fn nesting_and_size_are_no_danger() {
    for text in ["[".repeat(10_000), "{\"a\":".repeat(10_000), format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))]
    {
        assert_eq!(codes(&read(&text)), ["CONFIG_TOO_DEEP"]);
    }
    let digits = BILLING.replacen("\"maximum\": 10000", &format!("\"maximum\": {}", "9".repeat(200)), 1);
    assert_eq!(codes(&read(&digits)), ["NUMBER_OUT_OF_RANGE"]);
    for tiny in ["1e-999", "-1e999", "1e99999999999999999999"] {
        let text = BILLING.replacen("\"maximum\": 10000", &format!("\"maximum\": {tiny}"), 1);
        assert_eq!(codes(&read(&text)), ["NUMBER_OUT_OF_RANGE"], "{tiny}");
    }
    let wide = BILLING.replacen("\"maximum\": 10000", "\"maximum\": 18446744073709551616.5e2", 1);
    assert!(read(&wide).is_ok());
}

#[test]
fn odd_texts_are_read_or_refused_in_words() {
    assert!(read(&format!("\u{feff}{BILLING}")).is_ok());
    assert!(read(&BILLING.replace('\n', "\r\n")).is_ok());
    for text in ["", "  ", "// nothing", "/*", "\"", "nul", "{'a': 1}", "{a: 1}", "{\"a\": 01}", "[1 2]", "{} {}", "\0"]
    {
        assert_eq!(codes(&read(text)), ["CONFIG_NOT_JSON"], "{text:?}");
    }
}
