//! Serving over HTTP: where, to whom, within which bounds.

use std::time::Duration;

use crate::caller::Grants;
use crate::id::{EnvName, SafeName};

/// How tools are served over HTTP. What the command line says wins over it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Http {
    /// The address to listen on; `None` = loopback.
    pub host: Option<String>,
    /// The port to listen on; `None` = the transport's own.
    pub port: Option<u16>,
    /// The `Host` names that requests may give, in lower case, some with a port; none = those of loopback.
    pub allowed_hosts: Vec<String>,
    /// The `Origin`s that requests may give, as browsers write them: in lower case, without a port that the scheme
    /// implies; none = those of loopback.
    pub allowed_origins: Vec<String>,
    /// Bearer tokens, each with whom it stands for.
    pub tokens: Vec<Token>,
    /// JSON Web Tokens from an authorization server.
    pub jwt: Option<Jwt>,
    /// The server's certificate; `None` = cleartext.
    pub tls: Option<Certificate>,
    /// What clients may use.
    pub limits: Limits,
}

/// A bearer token with whom it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, for logs.
    pub name: SafeName,
    /// The variable that holds it.
    pub token_env: EnvName,
    /// The tenant of whoever sends it.
    pub tenant: String,
    /// The principal of whoever sends it.
    pub principal: String,
    /// What it may be used for.
    pub grants: Grants,
}

/// Which JSON Web Tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// The `iss` that they must have.
    pub issuer: String,
    /// The `aud` that they must have, alone or among others.
    pub audience: String,
    /// Where the keys are.
    pub keys: Keys,
    /// The signature algorithms that are accepted; never empty.
    pub algorithms: Vec<Algorithm>,
    /// The claim that holds the tenant.
    pub tenant_claim: String,
    /// The claim that holds the principal.
    pub principal_claim: String,
    /// The claim that holds the scopes.
    pub scope_claim: String,
    /// How far the issuer's clock may be off; at most a minute.
    pub leeway: Duration,
}

/// Where an issuer's public keys are, as a JSON Web Key Set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// In a file, relative to the configuration.
    File(String),
    /// At an address: `https`, or `http` on loopback.
    Url(String),
}

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in tokens and in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A certificate chain and its key, both PEM files relative to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, the server's own certificate first.
    pub cert_file: String,
    /// Its private key.
    pub key_file: String,
}

/// What clients may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest body of a request, in bytes.
    pub body_bytes: usize,
    /// Most calls that run at once; one principal gets three quarters of them at most.
    pub concurrent: u32,
    /// Most calls that a principal may begin in a second; `None` = no limit.
    pub per_principal_rate: Option<u32>,
    /// Most sessions of older protocol revisions.
    pub sessions: u32,
    /// How long a session lives without a message.
    pub idle: Duration,
    /// How long a call may take.
    pub deadline: Duration,
}

impl Limits {
    /// Those of a file that names none.
    pub const DEFAULT: Self = Self {
        body_bytes: 1024 * 1024,
        concurrent: 256,
        per_principal_rate: None,
        sessions: 1000,
        idle: Duration::from_secs(30 * 60),
        deadline: Duration::from_secs(30),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
