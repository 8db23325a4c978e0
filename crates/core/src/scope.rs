//! Whose rows a call may touch. A [`Scope`] comes from the trusted side only.

use crate::caller::Caller;
use crate::contract::TrustRule;

/// The trusted tenant and principal of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: String,
    principal: String,
    provenance: &'static str,
}

/// Why no scope could be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trusted {what} is not set")]
pub struct Unbound {
    /// `tenant` or `principal`.
    pub what: &'static str,
    /// The environment variable to set, if the rule names one.
    pub variable: Option<String>,
}

impl Scope {
    /// Binds the scope of a caller: its own where it has proven one, else what the rule says of this process. `lookup`
    /// gives the value of an environment variable; nothing a model sends gets here.
    pub fn bind(caller: &Caller, rule: &TrustRule, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Unbound> {
        if let Caller::Client(identity) = caller {
            let (tenant, principal) = (identity.tenant.clone(), identity.principal.clone());
            return Ok(Self { tenant, principal, provenance: identity.provenance });
        }
        let full = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (tenant, principal) = match rule {
            TrustRule::Environment { tenant_env, principal_env } => {
                let need = |what, name: &str| {
                    full(lookup(name)).ok_or_else(|| Unbound { what, variable: Some(name.to_owned()) })
                };
                (need("tenant", tenant_env.as_str())?, need("principal", principal_env.as_str())?)
            }
            TrustRule::StaticDev { tenant_env, tenant, principal_env, principal } => {
                let need = |what, name: Option<&str>, literal: &Option<String>| {
                    full(name.and_then(&lookup))
                        .or_else(|| full(literal.clone()))
                        .ok_or_else(|| Unbound { what, variable: name.map(str::to_owned) })
                };
                (
                    need("tenant", tenant_env.as_ref().map(|name| name.as_str()), tenant)?,
                    need("principal", principal_env.as_ref().map(|name| name.as_str()), principal)?,
                )
            }
            TrustRule::HttpClaims => return Err(Unbound { what: "tenant", variable: None }),
        };
        Ok(Self { tenant, principal, provenance: rule.provenance() })
    }

    /// The scope that a recorded proposal was made under, for applying it.
    #[must_use]
    pub fn of_record(tenant: &str, principal: &str) -> Self {
        Self { tenant: tenant.to_owned(), principal: principal.to_owned(), provenance: "recorded" }
    }

    /// The trusted tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The trusted principal.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Where both came from.
    #[must_use]
    pub fn provenance(&self) -> &'static str {
        self.provenance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Grants, Identity};
    use crate::id::EnvName;

    #[test]
    fn scope_needs_both_and_takes_them_as_they_are() {
        let rule = TrustRule::Environment {
            tenant_env: EnvName::parse("T").expect("valid"),
            principal_env: EnvName::parse("P").expect("valid"),
        };
        let bind = |tenant: &str, principal: &str| {
            Scope::bind(&Caller::Process, &rule, |name| Some(if name == "T" { tenant } else { principal }.to_owned()))
        };
        let scope = bind("acme ", "support.agent").expect("both set");
        assert_eq!((scope.tenant(), scope.principal(), scope.provenance()), ("acme ", "support.agent", "environment"));
        assert_eq!(bind("  ", "support.agent").expect_err("blank").what, "tenant");
        assert_eq!(bind("acme", "").expect_err("empty").variable.as_deref(), Some("P"));
    }

    #[test]
    fn a_set_variable_wins_over_a_development_literal() {
        let rule = TrustRule::StaticDev {
            tenant_env: Some(EnvName::parse("T").expect("valid")),
            tenant: Some("acme".to_owned()),
            principal_env: None,
            principal: Some("dev".to_owned()),
        };
        let with = Scope::bind(&Caller::Process, &rule, |_| Some("globex".to_owned())).expect("bound");
        assert_eq!((with.tenant(), with.principal()), ("globex", "dev"));
        let without = Scope::bind(&Caller::Process, &rule, |_| None).expect("bound");
        assert_eq!(without.tenant(), "acme");
    }

    #[test]
    fn what_a_client_has_proven_wins_over_the_process() {
        let rule = TrustRule::StaticDev {
            tenant_env: None,
            tenant: Some("acme".to_owned()),
            principal_env: None,
            principal: Some("dev".to_owned()),
        };
        let client = Caller::Client(Identity {
            credential: "desk".to_owned(),
            tenant: "globex".to_owned(),
            principal: "desk.agent".to_owned(),
            provenance: "http_token",
            grants: Grants::ALL,
        });
        for rule in [&rule, &TrustRule::HttpClaims] {
            let scope = Scope::bind(&client, rule, |_| Some("initech".to_owned())).expect("bound");
            assert_eq!((scope.tenant(), scope.principal(), scope.provenance()), ("globex", "desk.agent", "http_token"));
        }
        Scope::bind(&Caller::Process, &TrustRule::HttpClaims, |_| Some("acme".to_owned())).expect_err("nothing proven");
    }
}
