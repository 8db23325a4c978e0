//! Serving over HTTP: where, to whom, within which bounds.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::address;
use super::code::http as code;
use super::report::Problems;
use super::shape::{Field, Items, Literal, Name, Section, Shape};
use super::tree::Node;
use crate::caller::Grants;
use crate::contract::http::{Algorithm, Certificate, Http, Jwt, Keys, Limits, Token};
use crate::id::SafeName;

pub(crate) static HTTP: Section = Section {
    name: "http",
    doc: "Serving over HTTP. What the command line says wins over it",
    rules: None,
    fields: &[
        Field::new(
            "host",
            "The IP address to listen on, or `localhost`; the default is loopback",
            Shape::Form(&address::LISTEN),
            &code::INVALID_HTTP_ADDRESS,
        ),
        Field::new(
            "port",
            "The port to listen on; the default is that of the transport",
            Shape::Whole { from: 1, to: 65535 },
            &code::INVALID_HTTP_ADDRESS,
        ),
        Field::new(
            "allowed_hosts",
            "The `Host` names that requests may give; the default is those of loopback",
            Shape::List(&HOSTS),
            &code::INVALID_ALLOWED_HOST,
        ),
        Field::new(
            "allowed_origins",
            "The `Origin`s that browsers' requests may give; the default is those of loopback",
            Shape::List(&ORIGINS),
            &code::INVALID_ALLOWED_ORIGIN,
        ),
        Field::new(
            "tokens",
            "Bearer tokens, each with whom it stands for",
            Shape::List(&TOKENS),
            &code::HTTP_TOKENS_NOT_LIST,
        ),
        Field::new(
            "jwt",
            "JSON Web Tokens from an authorization server",
            Shape::Section(&JWT),
            &code::HTTP_JWT_NOT_OBJECT,
        ),
        Field::new("tls", "The server's certificate", Shape::Section(&TLS), &code::HTTP_TLS_NOT_OBJECT),
        Field::new("limits", "What clients may use", Shape::Section(&LIMITS), &code::HTTP_LIMITS_NOT_OBJECT),
    ],
};

static HOSTS: Items = Items { shape: Shape::Form(&address::HOST), bad: &code::INVALID_ALLOWED_HOST, least: 1 };

static ORIGINS: Items = Items { shape: Shape::Form(&address::ORIGIN), bad: &code::INVALID_ALLOWED_ORIGIN, least: 1 };

static TOKENS: Items = Items { shape: Shape::Section(&TOKEN), bad: &code::HTTP_TOKEN_NOT_OBJECT, least: 1 };

static TOKEN: Section = Section {
    name: "httpToken",
    doc: "A bearer token with whom it stands for",
    rules: None,
    fields: &[
        Field::new("name", "Its name, for logs", Shape::Name(Name::Safe), &code::INVALID_HTTP_TOKEN).required(),
        Field::new(
            "token_env",
            "The variable that holds it; `NAME_FILE` may name a file that holds it",
            Shape::Name(Name::Env),
            &code::HTTP_TOKEN_ENV_REQUIRED,
        )
        .required(),
        Field::new("tenant_id", "The tenant of whoever sends it", TEXT, &code::INVALID_HTTP_TOKEN).required(),
        Field::new("principal", "The principal of whoever sends it", TEXT, &code::INVALID_HTTP_TOKEN).required(),
        Field::new(
            "scopes",
            "What it may be used for; the default is both",
            Shape::List(&SCOPES),
            &code::INVALID_HTTP_SCOPE,
        ),
    ],
};

static SCOPES: Items = Items { shape: Shape::Word(&Grants::WORDS), bad: &code::INVALID_HTTP_SCOPE, least: 1 };

static JWT: Section = Section {
    name: "httpJwt",
    doc: "Which JSON Web Tokens are accepted",
    rules: Some(jwt_rules),
    fields: &[
        Field::new("issuer", "The `iss` that they must have", TEXT, &code::INVALID_JWT_RULE).required(),
        Field::new("audience", "The `aud` that they must have, alone or among others", TEXT, &code::INVALID_JWT_RULE)
            .required(),
        Field::new(
            "jwks_file",
            "The issuer's public keys: a file with a JSON Web Key Set, relative to the configuration",
            TEXT,
            &code::INVALID_JWT_RULE,
        ),
        Field::new(
            "jwks_url",
            "The issuer's public keys: the `https` address of a JSON Web Key Set, or an `http` address on loopback",
            Shape::Form(&address::KEYS_URL),
            &code::INVALID_JWKS_URL,
        ),
        Field::new(
            "algorithms",
            "The signature algorithms that are accepted; the default is all three",
            Shape::List(&ALGORITHMS),
            &code::INVALID_JWT_ALGORITHM,
        ),
        Field::new("tenant_claim", "The claim that holds the tenant", TEXT, &code::INVALID_JWT_RULE).required(),
        Field::new("principal_claim", "The claim that holds the principal", TEXT, &code::INVALID_JWT_RULE)
            .default(Literal::Text(PRINCIPAL_CLAIM)),
        Field::new("scope_claim", "The claim that holds the scopes", TEXT, &code::INVALID_JWT_RULE)
            .default(Literal::Text(SCOPE_CLAIM)),
        Field::new(
            "leeway_s",
            "How far the issuer's clock may be off, in seconds",
            Shape::Whole { from: 0, to: 60 },
            &code::INVALID_JWT_RULE,
        )
        .default(Literal::Whole(LEEWAY_S)),
    ],
};

static ALGORITHMS: Items =
    Items { shape: Shape::Word(&["RS256", "ES256", "EdDSA"]), bad: &code::INVALID_JWT_ALGORITHM, least: 1 };

static TLS: Section = Section {
    name: "httpTls",
    doc: "The server's certificate and its key, both PEM files relative to the configuration",
    rules: None,
    fields: &[
        Field::new("cert_file", "The chain, the server's own certificate first", TEXT, &code::INVALID_TLS_FILE)
            .required(),
        Field::new("key_file", "Its private key", TEXT, &code::INVALID_TLS_FILE).required(),
    ],
};

static LIMITS: Section = Section {
    name: "httpLimits",
    doc: "What clients may use",
    rules: None,
    fields: &[
        limit("body_bytes", "Longest body of a request", 1024, 67_108_864)
            .default(Literal::Whole(Limits::DEFAULT.body_bytes as u64)),
        limit(
            "concurrent",
            "Most calls that run at once; one principal gets three quarters of them at most",
            1,
            100_000,
        )
        .default(Literal::Whole(Limits::DEFAULT.concurrent as u64)),
        limit("per_principal_rate", "Most calls that a principal may begin in a second; by default any", 1, 1_000_000),
        limit("sessions", "Most sessions of older protocol revisions", 1, 1_000_000)
            .default(Literal::Whole(Limits::DEFAULT.sessions as u64)),
        limit("idle_s", "How long a session lives without a message, in seconds", 1, 86_400)
            .default(Literal::Whole(Limits::DEFAULT.idle.as_secs())),
        limit("deadline_ms", "How long a call may take", 1, 3_600_000)
            .default(Literal::Whole(Limits::DEFAULT.deadline.as_millis() as u64)),
    ],
};

const fn limit(key: &'static str, doc: &'static str, from: u64, to: u64) -> Field {
    Field::new(key, doc, Shape::Whole { from, to }, &code::INVALID_HTTP_LIMIT)
}

const TEXT: Shape = Shape::Text { blank: false };
const PRINCIPAL_CLAIM: &str = "sub";
const SCOPE_CLAIM: &str = "scope";
const LEEWAY_S: u64 = 30;

fn jwt_rules() -> Json {
    json!({"oneOf": [{"required": ["jwks_file"]}, {"required": ["jwks_url"]}]})
}

/// How tools are served over HTTP.
pub(crate) fn build(root: Node<'_>, problems: &mut Problems) -> Http {
    let Some(node) = root.get("http") else { return Http::default() };
    let texts = |key: &str, normal: fn(&str) -> String| {
        let items = node.get(key).into_iter().flat_map(|list| list.items());
        items.filter_map(|item| item.text().map(normal)).collect()
    };
    Http {
        host: text(node, "host"),
        port: node.get_whole("port").and_then(|port| u16::try_from(port).ok()),
        allowed_hosts: texts("allowed_hosts", address::normal_host),
        allowed_origins: texts("allowed_origins", address::normal_origin),
        tokens: tokens(node, problems),
        jwt: node.get("jwt").and_then(|jwt| self::jwt(jwt, problems)),
        tls: node.get("tls").and_then(certificate),
        limits: node.get("limits").map(limits).unwrap_or_default(),
    }
}

/// Whether clients can prove who they are: there are tokens of theirs, or an issuer.
pub(crate) fn knows_clients(root: Node<'_>) -> bool {
    root.get("http").is_some_and(|http| http.get("tokens").is_some() || http.get("jwt").is_some())
}

fn tokens(node: Node<'_>, problems: &mut Problems) -> Vec<Token> {
    let list: Vec<_> = node.get("tokens").into_iter().flat_map(|list| list.items()).collect();
    for key in ["name", "token_env"] {
        let mut seen = std::collections::BTreeSet::new();
        for value in list.iter().filter_map(|token| token.get(key)) {
            if value.text().is_some_and(|text| !seen.insert(text)) {
                problems.add(&code::DUPLICATE_HTTP_TOKEN, value, format!("another token has the same `{key}`"));
            }
        }
    }
    list.into_iter().filter_map(token).collect()
}

fn token(node: Node<'_>) -> Option<Token> {
    Some(Token {
        name: SafeName::parse(node.get_text("name")?).ok()?,
        token_env: node.get_env("token_env")?,
        tenant: text(node, "tenant_id")?,
        principal: text(node, "principal")?,
        grants: node
            .get("scopes")
            .map_or(Grants::ALL, |scopes| Grants::of(scopes.items().filter_map(|scope| scope.text()))),
    })
}

fn jwt(node: Node<'_>, problems: &mut Problems) -> Option<Jwt> {
    let (file, url) = (node.get("jwks_file"), node.get("jwks_url"));
    match (file, url) {
        (None, None) if node.is_object() => {
            let message = "neither `jwks_file` nor `jwks_url` is given".to_owned();
            problems.absent(&code::JWT_KEYS_REQUIRED, node, "jwks_url", message);
        }
        (Some(_), Some(url)) => {
            problems.add_key(&code::JWT_KEYS_REQUIRED, url, "`jwks_file` and `jwks_url` are both given");
        }
        _ => {}
    }
    let accepts = |algorithm: &Algorithm| {
        node.get("algorithms").is_none_or(|list| list.items().any(|item| item.text() == Some(algorithm.word())))
    };
    Some(Jwt {
        issuer: text(node, "issuer")?,
        audience: text(node, "audience")?,
        keys: text(node, "jwks_file").map(Keys::File).or_else(|| text(node, "jwks_url").map(Keys::Url))?,
        algorithms: Algorithm::ALL.into_iter().filter(accepts).collect(),
        tenant_claim: text(node, "tenant_claim")?,
        principal_claim: text(node, "principal_claim").unwrap_or_else(|| PRINCIPAL_CLAIM.to_owned()),
        scope_claim: text(node, "scope_claim").unwrap_or_else(|| SCOPE_CLAIM.to_owned()),
        leeway: Duration::from_secs(node.get_whole("leeway_s").unwrap_or(LEEWAY_S)),
    })
}

fn certificate(node: Node<'_>) -> Option<Certificate> {
    Some(Certificate { cert_file: text(node, "cert_file")?, key_file: text(node, "key_file")? })
}

fn limits(node: Node<'_>) -> Limits {
    let default = Limits::DEFAULT;
    let whole = |key| node.get_whole(key);
    let count = |key| whole(key).and_then(|count| u32::try_from(count).ok());
    Limits {
        body_bytes: whole("body_bytes").and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default.body_bytes),
        concurrent: count("concurrent").unwrap_or(default.concurrent),
        per_principal_rate: count("per_principal_rate").or(default.per_principal_rate),
        sessions: count("sessions").unwrap_or(default.sessions),
        idle: whole("idle_s").map_or(default.idle, Duration::from_secs),
        deadline: whole("deadline_ms").map_or(default.deadline, Duration::from_millis),
    }
}

fn text(node: Node<'_>, key: &str) -> Option<String> {
    node.get_text(key).map(str::to_owned)
}
