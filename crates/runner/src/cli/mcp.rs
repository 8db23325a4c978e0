//! `mcp …`

mod client_config;
pub mod http;
pub mod serve;

use clap::{Subcommand, ValueEnum};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::AliasMode;

use super::print::Out;
use super::smoke::boundary;
use super::{Ended, audit};
use crate::http::Transport;

/// Serve the tools to a model.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve over stdin and stdout, or over HTTP.
    Serve(Box<serve::Args>),
    /// Serve over HTTP: the same as `serve --transport streamable-http`.
    ServeStreamableHttp(Box<http::AliasArgs>),
    /// Serve the older JSON-RPC bridge: `tools/list`, `tools/call` and `resources/read`, for clients that speak no MCP.
    #[command(alias = "serve-http")]
    ServeBridge(Box<http::AliasArgs>),
    /// Print what a client needs to start this server or to reach it, or write it into the client's own file.
    #[command(alias = "configure")]
    ClientConfig(Box<client_config::Args>),
    /// The same as `client-config --client`.
    Config(Box<client_config::ShortArgs>),
    /// Write what a client needs to start this server into its file in the project.
    Install(Box<client_config::InstallArgs>),
    /// Take this server out of a client's file in the project.
    Uninstall(client_config::UninstallArgs),
    /// The same as `audit`.
    Audit(audit::Args),
    /// Check that no tool gives a model authority it must not have.
    Smoke(boundary::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Serve(args) => serve::run(*args, out).await,
        Command::ServeStreamableHttp(args) => http::alias(Transport::Streamable, *args, out).await,
        Command::ServeBridge(args) => http::alias(Transport::Bridge, *args, out).await,
        Command::ClientConfig(args) => args.run(out),
        Command::Config(args) => args.run(out),
        Command::Install(args) => args.run(out),
        Command::Uninstall(args) => args.run(out),
        Command::Audit(args) => audit::run(&args, out).await,
        Command::Smoke(args) => boundary::smoke(&args, out),
    }
}

/// Which names the tools have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AliasWord {
    /// `billing.inspect_invoice`.
    Canonical,
    /// `billing__inspect_invoice`, for hosts that refuse dots.
    Openai,
    /// Both, canonical first.
    Both,
}

/// Which names the tools have.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Aliases {
    /// Which names the tools have [default: canonical].
    #[arg(long, value_enum, value_name = "MODE")]
    alias_mode: Option<AliasWord>,
    /// The same as `--alias-mode`.
    #[arg(long, value_enum, value_name = "MODE")]
    tool_name_style: Option<AliasWord>,
    /// The same as `--alias-mode openai`.
    #[arg(long)]
    openai_tool_aliases: bool,
}

impl Aliases {
    /// The mode; the flags must agree.
    pub fn mode(&self) -> Result<AliasMode, Refusal> {
        self.mode_or(AliasWord::Canonical)
    }

    /// The mode, with another default.
    pub fn mode_or(&self, default: AliasWord) -> Result<AliasMode, Refusal> {
        let named = [self.alias_mode, self.tool_name_style, self.openai_tool_aliases.then_some(AliasWord::Openai)];
        let mut named = named.into_iter().flatten();
        let first = named.next().unwrap_or(default);
        if named.any(|other| other != first) {
            return Err(
                Refusal::new(Code::Usage, "the flags for tool names disagree").with_fix("give only `--alias-mode`")
            );
        }
        Ok(match first {
            AliasWord::Canonical => AliasMode::Canonical,
            AliasWord::Openai => AliasMode::Openai,
            AliasWord::Both => AliasMode::Both,
        })
    }
}
