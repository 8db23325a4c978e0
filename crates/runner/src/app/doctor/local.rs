//! What can be said without asking a database: variables, credentials, tools.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;
use synapsor_core::check::Check;
use synapsor_core::config::Report;
use synapsor_core::contract::{Contract, EngineKind, Executor, Mode, TrustRule};
use synapsor_core::id::EnvName;
use synapsor_core::tool::Tool;

use crate::secrets;

/// The configuration itself.
#[must_use]
pub fn configuration(report: &Report) -> Vec<Check> {
    let warnings = report.warnings().map(|problem| {
        let fix = problem.fix.clone().unwrap_or_default();
        Check::warn(format!("config-warning:{}", problem.code), format!("{}: {}", problem.path, problem.message), fix)
    });
    std::iter::once(Check::pass("config-valid", "the configuration has no errors")).chain(warnings).collect()
}

/// The variables that serving and applying need.
#[must_use]
pub fn variables(contract: &Contract) -> Vec<Check> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for source in contract.sources.values() {
        names.insert(source.read_url_env.as_str());
        if contract.mode == Mode::Review {
            names.extend(source.write_url_env.as_ref().map(|name| name.as_str()));
        }
    }
    for capability in &contract.capabilities {
        if let TrustRule::Environment { tenant_env, principal_env } = &capability.trust {
            names.extend([tenant_env.as_str(), principal_env.as_str()]);
        }
    }
    if contract.mode == Mode::Review {
        names.extend(contract.executors.values().flat_map(Executor::variables).map(EnvName::as_str));
    }
    names.extend(contract.http.tokens.iter().map(|token| token.token_env.as_str()));
    let check = |name: &str| {
        let id = format!("env:{name}");
        match secrets::required(name) {
            Ok(_) => Check::pass(id, format!("`{name}` is set")),
            Err(refusal) => Check::fail(id, refusal.message().to_owned(), refusal.fix().to_owned()),
        }
    };
    names.into_iter().map(check).collect()
}

/// Whether reader and writer are told apart. A file knows no accounts.
#[must_use]
pub fn credentials(contract: &Contract) -> Vec<Check> {
    let servers = contract.sources.values().filter(|source| source.engine != EngineKind::Sqlite);
    let both = servers.filter_map(|source| Some((source, source.write_url_env.as_ref()?)));
    let checks = both.filter_map(|(source, writer)| {
        let url = |name: &str| secrets::variable(name).ok().flatten();
        let (reads, writes) = (url(source.read_url_env.as_str())?, url(writer.as_str())?);
        let id = format!("source:{}:credential-separation", source.name);
        let name = &source.name;
        Some(if reads.expose_secret() == writes.expose_secret() {
            let message = format!("reader and writer of `{name}` have one credential: whoever reads can write");
            Check::fail(id, message, format!("put another account's URL into `{writer}`"))
        } else {
            Check::pass(id, format!("reader and writer of `{name}` have URLs of their own"))
        })
    });
    checks.collect()
}

/// Whether a model gets tools, and none that it must not have.
#[must_use]
pub fn tools(tools: &[Tool]) -> Vec<Check> {
    const FORBIDDEN: [&str; 5] = ["execute_sql", "run_query", "approve", "commit", "apply_writeback"];
    let runtime = match tools.len() {
        0 => Check::fail(
            "mcp-runtime",
            "the configuration gives a model no tool",
            "add a capability, or choose another mode than `read_only` if all of them propose",
        ),
        count => Check::pass("mcp-runtime", format!("a model gets {count} tool(s)")),
    };
    let bad: Vec<String> = tools
        .iter()
        .filter(|tool| FORBIDDEN.iter().any(|word| tool.name.to_lowercase().contains(word)))
        .map(|tool| format!("`{}`", tool.name))
        .collect();
    let boundary = if bad.is_empty() {
        Check::pass("mcp-tool-boundary", "no tool is called as if it ran SQL, approved or applied")
    } else {
        let message = format!("{} sound(s) as if a model could run SQL, approve or apply", bad.join(", "));
        Check::fail("mcp-tool-boundary", message, "name the tools for what they look at or propose")
    };
    vec![runtime, boundary]
}
