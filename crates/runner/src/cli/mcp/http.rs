//! `mcp serve --transport streamable-http`; `mcp serve-streamable-http`, which is the same; and `mcp serve-bridge`.

use std::net::SocketAddr;
use std::sync::Arc;

use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::serve::ToolArgs;
use crate::cli::Ended;
use crate::cli::print::Out;
use crate::http::{Listen, Listening, TOKEN_ENV, Terms, Transport};

/// Where to serve, and to whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of Streamable HTTP")]
pub struct HttpArgs {
    /// The address to listen on [default: the configuration's `http.host`, else 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on; 0 takes any free one [default: the configuration's `http.port`, else 8766; the bridge's 8765].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The variable that holds the token of a server with one client [default: SYNAPSOR_RUNNER_HTTP_TOKEN].
    #[arg(long, value_name = "NAME")]
    auth_token_env: Option<String>,
    /// Let everybody in. For development, on a loopback address only.
    #[arg(long)]
    dev_no_auth: bool,
    /// A web page's origin that may use the server, added to `http.allowed_origins`; may be repeated.
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// Listen on any address without TLS: a proxy in front has it, and only the proxy can reach this port.
    #[arg(long)]
    behind_tls_proxy: bool,
    /// Show metrics for Prometheus at this address and port, under `/metrics`, to whoever can reach it.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

/// What is served over HTTP, and where.
#[derive(Debug, clap::Args)]
pub struct AliasArgs {
    #[command(flatten)]
    tools: ToolArgs,
    #[command(flatten)]
    http: HttpArgs,
}

pub(super) const HOST: &str = "127.0.0.1";
pub(super) const PORT: u16 = 8766;
const BRIDGE_PORT: u16 = 8765;

impl HttpArgs {
    /// Refuses what has no meaning on stdin and stdout.
    pub(crate) fn refuse(&self) -> Result<(), Refusal> {
        let given = [
            (self.host.is_some(), "--host"),
            (self.port.is_some(), "--port"),
            (self.auth_token_env.is_some(), "--auth-token-env"),
            (self.dev_no_auth, "--dev-no-auth"),
            (!self.cors_origin.is_empty(), "--cors-origin"),
            (self.behind_tls_proxy, "--behind-tls-proxy"),
            (self.metrics.is_some(), "--metrics"),
        ];
        match given.into_iter().find(|(given, _)| *given) {
            None => Ok(()),
            Some((_, flag)) => Err(Refusal::new(Code::Usage, format!("`{flag}` has no meaning on stdin and stdout"))
                .with_fix("add `--transport streamable-http`, or remove it")),
        }
    }
}

pub(super) async fn alias(transport: Transport, args: AliasArgs, out: &Out) -> Ended {
    run(transport, args.tools, args.http, out).await
}

/// Serves over HTTP.
pub(crate) async fn run(transport: Transport, tools: ToolArgs, args: HttpArgs, out: &Out) -> Ended {
    let (app, serve) = tools.open(out)?;
    let http = &app.contract().http;
    let token_env = args.auth_token_env.unwrap_or_else(|| TOKEN_ENV.to_owned());
    let port = match transport {
        Transport::Streamable => PORT,
        Transport::Bridge => BRIDGE_PORT,
    };
    let listen = Listen {
        transport,
        host: args.host.or_else(|| http.host.clone()).unwrap_or_else(|| HOST.to_owned()),
        port: args.port.or(http.port).unwrap_or(port),
        behind_tls_proxy: args.behind_tls_proxy,
        metrics: args.metrics,
        terms: Terms {
            token_env,
            open: args.dev_no_auth,
            origins: args.cors_origin,
            base: tools.place().config_folder(),
            serve,
        },
    };
    let _lease = tools.lease(&app, transport.word(), out)?;
    let listening = Listening::new(Arc::new(app), listen)?;
    if transport == Transport::Bridge {
        out.note("the bridge is for clients of the reference program; others should use `mcp serve-streamable-http`");
    }
    out.note(&format!("listening on {}", listening.url()));
    out.note(&listening.authentication());
    if let Some(url) = listening.metrics_url() {
        out.note(&format!("metrics are shown at {url}"));
    }
    out.note(&format!("configuration: {}", tools.place().config_path().display()));
    out.note("press Ctrl+C to stop");
    listening.serve(|app| tools.again(app, out)).await?;
    Ok(Exit::Done)
}
