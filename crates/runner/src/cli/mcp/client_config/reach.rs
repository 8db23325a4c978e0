//! Where a client finds the server over HTTP, and what it shows there.

use std::net::{IpAddr, Ipv6Addr};

use synapsor_core::code::Code;
use synapsor_core::contract::{Contract, Http};
use synapsor_core::refusal::Refusal;

use crate::cli::mcp::http::{HOST, PORT};
use crate::http::TOKEN_ENV;
use crate::http::names::is_loopback;

/// Where a client finds the server over HTTP, and what it shows there.
pub struct Reach {
    /// The address that the server listens on.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The address of the endpoint, for clients.
    pub url: String,
    /// What lets a client in.
    pub credential: Credential,
}

/// What lets a client in.
pub enum Credential {
    /// The token of a server with one client, in this variable; the server is told so when it starts.
    One(String),
    /// A token of the configuration, in this variable.
    Configured(String),
    /// A token of this issuer's, which the server does not hold.
    Issued(String),
}

/// What the command line says of it.
#[derive(Debug, Default, clap::Args)]
pub struct ReachArgs {
    /// The address that the server is to listen on, for clients that connect over HTTP [default: the configuration's, else
    /// 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port, for clients that connect over HTTP [default: the configuration's, else 8766].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The variable of the token, for clients that connect over HTTP [default: that of the configuration's first token,
    /// else SYNAPSOR_RUNNER_HTTP_TOKEN].
    #[arg(long, value_name = "NAME")]
    auth_token_env: Option<String>,
}

impl ReachArgs {
    /// The first option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            (self.host.is_some(), "--host"),
            (self.port.is_some(), "--port"),
            (self.auth_token_env.is_some(), "--auth-token-env"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }

    /// Where a server of that configuration is found.
    pub fn reach(&self, contract: Option<&Contract>) -> Result<Reach, Refusal> {
        let http = contract.map(|contract| &contract.http);
        let host = self.host.clone().or_else(|| http?.host.clone()).unwrap_or_else(|| HOST.to_owned());
        let port = self.port.or_else(|| http?.port).unwrap_or(PORT);
        let tls = http.is_some_and(|http| http.tls.is_some());
        if !tls && !is_loopback(&host) {
            let message =
                format!("`{host}` is no loopback address, and there is no TLS, so the server would not start");
            return Err(Refusal::new(Code::Usage, message).with_fix(
                "configure `http.tls`, or leave the address to a proxy on this machine: docs/reverse-proxies.md",
            ));
        }
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/mcp", authority(&host, port, http));
        Ok(Reach { host, port, url, credential: self.credential(contract)? })
    }

    fn credential(&self, contract: Option<&Contract>) -> Result<Credential, Refusal> {
        let one = |name: Option<&String>| Credential::One(name.map_or(TOKEN_ENV, String::as_str).to_owned());
        let asked = self.auth_token_env.as_ref();
        let Some(contract) = contract else { return Ok(one(asked)) };
        let mut configured = contract.http.tokens.iter().map(|token| token.token_env.as_str());
        match asked {
            Some(name) if configured.any(|token| token == name) => Ok(Credential::Configured(name.clone())),
            Some(name) if contract.needs_proof() => {
                let message = format!("`{name}` is the variable of no token in `http.tokens`, so it proves no tenant");
                Err(Refusal::new(Code::Usage, message).with_fix("name one of those, or leave `--auth-token-env` out"))
            }
            Some(_) => Ok(one(asked)),
            None => Ok(match (configured.next(), &contract.http.jwt) {
                (Some(token), _) => Credential::Configured(token.to_owned()),
                (None, Some(jwt)) => Credential::Issued(jwt.issuer.clone()),
                (None, None) => one(None),
            }),
        }
    }
}

impl Credential {
    /// The variable in which the client's program finds it.
    pub fn variable(&self) -> &str {
        match self {
            Self::One(name) | Self::Configured(name) => name,
            Self::Issued(_) => "MCP_ACCESS_TOKEN",
        }
    }
}

/// The name and port for clients: one that the server listens to, and that it lets them name.
fn authority(host: &str, port: u16, http: Option<&Http>) -> String {
    let allowed = http.map(|http| http.allowed_hosts.as_slice()).unwrap_or_default();
    let everywhere = host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    let name = match allowed.first() {
        Some(name) => name,
        None if everywhere => "localhost",
        None => host,
    };
    let bare_v6 = name.parse::<Ipv6Addr>().is_ok();
    let has_port = !bare_v6 && name.rsplit(']').next().is_some_and(|end| end.contains(':'));
    match (bare_v6, has_port) {
        (true, _) => format!("[{name}]:{port}"),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name}:{port}"),
    }
}
