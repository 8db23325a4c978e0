//! Trusted contexts: where tenant and principal come from.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::code;
use super::http;
use super::report::Problems;
use super::shape::{Field, Name, Section, Shape};
use super::tree::Node;
use crate::contract::TrustRule;
use crate::id::EnvName;

pub(crate) static CONTEXT: Section = Section {
    name: "context",
    doc: "Where tenant and principal come from; never from the model",
    rules: Some(rules),
    fields: &[
        Field::new(
            "provider",
            "`environment`: variables of the serving process; `static_dev`: literals, for development; \
             `http_claims`: each client over HTTP proves its own, by one of `http.tokens` or a token of `http.jwt`. \
             `cloud_session` is not supported yet",
            Shape::Word(&["static_dev", "environment", "http_claims", "cloud_session"]),
            &code::INVALID_CONTEXT_PROVIDER,
        )
        .required(),
        Field::new("values", "What the provider needs", Shape::Section(&VALUES), &code::CONTEXT_VALUES_NOT_OBJECT),
    ],
};

static VALUES: Section = Section {
    name: "contextValues",
    doc: "The variables or literals of a context",
    rules: None,
    fields: &[
        Field::new(
            "tenant_id_env",
            "The variable that holds the tenant; for `environment` the default is `SYNAPSOR_TENANT_ID`",
            Shape::Name(Name::Env),
            &code::INVALID_CONTEXT_ENV,
        ),
        Field::new(
            "principal_env",
            "The variable that holds the principal; for `environment` the default is `SYNAPSOR_PRINCIPAL`",
            Shape::Name(Name::Env),
            &code::INVALID_CONTEXT_ENV,
        ),
        Field::new("tenant_id", "The tenant, for `static_dev`", LITERAL, &code::INVALID_CONTEXT_LITERAL),
        Field::new("principal", "The principal, for `static_dev`", LITERAL, &code::INVALID_CONTEXT_LITERAL),
    ],
};

const LITERAL: Shape = Shape::Text { blank: false };
const TENANT_ENV: &str = "SYNAPSOR_TENANT_ID";
const PRINCIPAL_ENV: &str = "SYNAPSOR_PRINCIPAL";

fn rules() -> Json {
    let either = |env: &str, literal: &str| json!({"anyOf": [{"required": [env]}, {"required": [literal]}]});
    json!({
        "if": {"properties": {"provider": {"const": "static_dev"}}, "required": ["provider"]},
        "then": {
            "required": ["values"],
            "properties": {"values": {"allOf": [either("tenant_id_env", "tenant_id"), either("principal_env", "principal")]}},
        },
    })
}

/// The named contexts; `None` = wrong.
pub(crate) fn build_named<'t>(root: Node<'t>, problems: &mut Problems) -> BTreeMap<&'t str, Option<TrustRule>> {
    let entries = root.get("contexts").into_iter().flat_map(|contexts| contexts.entries());
    entries.filter_map(|node| Some((node.key()?, build(node, problems)))).collect()
}

/// Some context must be there for every capability.
pub(crate) fn check_presence(root: Node<'_>, problems: &mut Problems) {
    let mut capabilities = root.get("capabilities").into_iter().flat_map(|list| list.items());
    let lacking = capabilities.any(|capability| capability.is_object() && capability.get("context").is_none());
    if lacking && root.get("trusted_context").is_none() {
        problems.missing(&code::TRUSTED_CONTEXT_REQUIRED, root, "trusted_context");
    }
}

/// Where clients must prove who they are, there must be a way to.
pub(crate) fn check_clients(root: Node<'_>, problems: &mut Problems) {
    if http::knows_clients(root) {
        return;
    }
    let named = root.get("contexts").into_iter().flat_map(|contexts| contexts.entries());
    let providers = root.get("trusted_context").into_iter().chain(named).filter_map(|context| context.get("provider"));
    for provider in providers.filter(|provider| provider.text() == Some("http_claims")) {
        let message = "there is neither `http.jwt` nor `http.tokens`, so no client could prove who it is";
        problems.add(&code::http::HTTP_CLAIMS_WITHOUT_CLIENTS, provider, message);
    }
}

/// One context; `None` if it is wrong.
pub(crate) fn build(node: Node<'_>, problems: &mut Problems) -> Option<TrustRule> {
    let provider = node.get("provider")?;
    let values = node.get("values");
    let env = |key| values.and_then(|values| values.get_env(key));
    match provider.text()? {
        "environment" => {
            for key in ["tenant_id", "principal"] {
                if let Some(literal) = values.and_then(|values| values.get(key)) {
                    let message = format!("`{key}` is not used by the provider `environment`");
                    problems.add_key(&code::CONTEXT_LITERAL_UNUSED, literal, message);
                }
            }
            Some(TrustRule::Environment {
                tenant_env: env("tenant_id_env").or_else(|| EnvName::parse(TENANT_ENV).ok())?,
                principal_env: env("principal_env").or_else(|| EnvName::parse(PRINCIPAL_ENV).ok())?,
            })
        }
        "static_dev" => {
            problems.add(&code::STATIC_DEV_CONTEXT, provider, "tenant and principal come from the file");
            for (env, literal) in [("tenant_id_env", "tenant_id"), ("principal_env", "principal")] {
                let given = |key| values.is_some_and(|values| values.get(key).is_some());
                if !given(env) && !given(literal) {
                    problems.missing(&code::CONTEXT_VALUE_REQUIRED, values.unwrap_or(node), literal);
                }
            }
            let literal = |key| values.and_then(|values| values.get_text(key)).map(str::to_owned);
            Some(TrustRule::StaticDev {
                tenant_env: env("tenant_id_env"),
                tenant: literal("tenant_id"),
                principal_env: env("principal_env"),
                principal: literal("principal"),
            })
        }
        "http_claims" => {
            for key in VALUES.fields.iter().map(|field| field.key) {
                if let Some(value) = values.and_then(|values| values.get(key)) {
                    let message = format!("`{key}` is not used by the provider `http_claims`");
                    problems.add_key(&code::CONTEXT_VALUE_UNUSED, value, message);
                }
            }
            Some(TrustRule::HttpClaims)
        }
        "cloud_session" => {
            problems.add(&code::NOT_SUPPORTED_YET, provider, "the provider `cloud_session` is not supported yet");
            None
        }
        _ => None,
    }
}
