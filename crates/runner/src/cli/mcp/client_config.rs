//! `mcp client-config` and `mcp config`: what an MCP client needs to know to start this server, or to reach it.

mod client;
mod file;
mod install;
mod reach;
mod settings;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use synapsor_core::code::{Code, Exit};
use synapsor_core::config::ReadOptions;
use synapsor_core::contract::{Contract, TrustRule};
use synapsor_core::refusal::Refusal;
use synapsor_core::tool::AliasMode;

use self::client::Client;
pub use self::install::{InstallArgs, UninstallArgs};
use self::reach::{Credential, Reach, ReachArgs};
use self::settings::{Launch, Settings};
use super::serve::{Transport, unproven};
use super::{AliasWord, Aliases};
use crate::cli::Ended;
use crate::cli::open::Where;
use crate::cli::print::{Out, json_text};
use crate::mcp::instructions;

/// The settings of a client that is named by an option.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The client.
    #[arg(long, value_enum)]
    client: Client,
    #[command(flatten)]
    options: Options,
}

/// The settings of a client that is named by itself.
#[derive(Debug, clap::Args)]
pub struct ShortArgs {
    /// The client.
    #[arg(value_enum, default_value = "claude-desktop")]
    client: Client,
    #[command(flatten)]
    options: Options,
}

/// What the settings say, and where they go.
#[derive(Debug, clap::Args)]
struct Options {
    #[command(flatten)]
    place: Where,
    /// Write paths in full, that of this program too: for clients that start the server in a folder of their own.
    #[arg(long)]
    absolute_paths: bool,
    /// How the client connects [default: what it can].
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    #[command(flatten)]
    aliases: Aliases,
    #[command(flatten)]
    reach: ReachArgs,
    /// Add what an agent should be told about working with the tools.
    #[arg(long)]
    include_instructions: bool,
    /// Put the settings into the client's own file, beside what it holds already.
    #[arg(long, requires = "destination")]
    write: bool,
    /// The client's own file.
    #[arg(long, value_name = "FILE", requires = "write")]
    destination: Option<PathBuf>,
    /// Write without asking.
    #[arg(long, requires = "write")]
    yes: bool,
}

impl Args {
    pub(super) fn run(self, out: &Out) -> Ended {
        self.options.run(self.client, out)
    }
}

impl ShortArgs {
    pub(super) fn run(self, out: &Out) -> Ended {
        self.options.run(self.client, out)
    }
}

impl Options {
    fn run(self, client: Client, out: &Out) -> Ended {
        self.check(client)?;
        let contract = self.contract(out)?;
        let aliases =
            self.aliases.mode_or(if client.over_http() { AliasWord::Openai } else { AliasWord::Canonical })?;
        let reach = match &contract {
            _ if client.over_http() => Some(self.reach.reach(contract.as_ref())?),
            Some(contract) if contract.needs_proof() => {
                return Err(unproven("connect this client over HTTP, as docs/http-mcp.md says").into());
            }
            _ => None,
        };
        let launch = self.launch(contract.as_ref(), aliases).map_err(|error| {
            Refusal::new(Code::Io, format!("the paths cannot be written in full: {error}"))
                .with_fix("run it in a folder that exists, or leave `--absolute-paths` out")
        })?;
        let told = match (&contract, self.include_instructions) {
            (Some(contract), true) => Some(instructions(contract, aliases)),
            (None, true) => {
                let path = self.place.config_path().display().to_string();
                return Err(Refusal::new(Code::ConfigNotFound, format!("there is no configuration at `{path}`"))
                    .with_fix("name it with `--config`: instructions are about its tools")
                    .into());
            }
            (_, false) => None,
        };
        let settings =
            Settings { client, launch: &launch, reach: reach.as_ref(), contract: contract.as_ref(), aliases, told };
        if let Some(destination) = &self.destination {
            return self.write(&settings, destination, out);
        }
        match client {
            Client::Codex => out.line(settings.toml().trim_end()),
            _ => out.line(json_text(&settings.json())),
        }
        out.note(&format!("Put this into {}.", client.place()));
        self.remind(&settings, out);
        Ok(Exit::Done)
    }

    /// Refuses what has no meaning for the client.
    fn check(&self, client: Client) -> Result<(), Refusal> {
        let usage = |message: String, fix: &str| Err(Refusal::new(Code::Usage, message).with_fix(fix));
        let over_http = client.over_http();
        if self.transport.is_some_and(|transport| (transport == Transport::StreamableHttp) != over_http) {
            let (can, fix) = if over_http {
                ("over HTTP", "leave `--transport` out")
            } else {
                (
                    "over stdio",
                    "leave `--transport` out, or see docs/http-mcp.md for what a client needs to connect over HTTP",
                )
            };
            return usage(format!("settings for `{}` are made for connecting {can}", client.word()), fix);
        }
        if let Some(flag) = self.reach.given().filter(|_| !over_http) {
            return usage(format!("`{flag}` has no meaning for a client that starts the server itself"), "remove it");
        }
        if self.write && client.section().is_none() {
            return usage(
                format!("the file of `{}` is not written by this command", client.word()),
                "leave `--write` out, and put what is printed where the client wants it",
            );
        }
        if self.include_instructions && (self.write || client == Client::Codex) {
            return usage(
                "the client's own file has no place for instructions".to_owned(),
                "leave `--include-instructions` out; the server tells every client the same when it connects",
            );
        }
        Ok(())
    }

    /// The configuration, which need not be there yet.
    fn contract(&self, out: &Out) -> Result<Option<Contract>, Refusal> {
        let path = self.place.config_path();
        if !path.exists() {
            out.note(&format!("There is no configuration at {} yet.", path.display()));
            return Ok(None);
        }
        self.place.contract(out, &ReadOptions::default()).map(Some)
    }

    fn launch(&self, contract: Option<&Contract>, aliases: AliasMode) -> io::Result<Launch> {
        let full = |path: PathBuf| if self.absolute_paths { std::path::absolute(path) } else { Ok(path) };
        let text = |path: PathBuf| full(path).map(|path| path.display().to_string());
        let command = if self.absolute_paths { std::env::current_exe()? } else { PathBuf::from("synapsor-runner") };
        let store = self.place.store_path(contract);
        let store = if store == Path::new(":memory:") { store.display().to_string() } else { text(store)? };
        Ok(Launch {
            command: command.display().to_string(),
            config: text(dotted(&self.place.config_path()))?,
            store,
            aliases,
        })
    }

    fn write(&self, settings: &Settings<'_>, destination: &Path, out: &Out) -> Ended {
        let Some(section) = settings.client.section() else { return Ok(Exit::Done) };
        let change = file::Change::to(destination, section, Some(settings.entry()))?;
        if change.is_none() {
            out.line(format!("{} holds these settings already.", destination.display()));
            return Ok(Exit::Done);
        }
        let ended = carry_out(&change, self.yes, out)?;
        if ended == Exit::Done {
            self.remind(settings, out);
        }
        Ok(ended)
    }

    /// What the settings do not say, because it is secret or this machine's.
    fn remind(&self, settings: &Settings<'_>, out: &Out) {
        if !self.absolute_paths && !settings.client.over_http() {
            out.note("Its paths hold in the folder where the client starts the server; `--absolute-paths` writes them in full.");
        }
        let names = settings.contract.map(|contract| variables(contract, settings.reach)).unwrap_or_default();
        if !names.is_empty() {
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            out.note(&format!(
                "The server must find these variables in its environment, or each with _FILE added as the name of a file: {names}."
            ));
        }
    }
}

/// Shows a change, asks, and writes it.
fn carry_out(change: &file::Change, yes: bool, out: &Out) -> Ended {
    out.note(&change.describe());
    let place = change.path().display();
    if !out.confirm(&format!("Write this to {place}?"), yes)? {
        out.note("Nothing was written.");
        return Ok(Exit::Failed);
    }
    let backup = change.write()?;
    out.line(format!("Wrote {place}."));
    if let Some(backup) = backup {
        out.line(format!("What it held before is in {}.", backup.display()));
    }
    Ok(Exit::Done)
}

/// The variables that serving needs.
fn variables(contract: &Contract, reach: Option<&Reach>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        contract.sources.values().map(|source| source.read_url_env.as_str().to_owned()).collect();
    for capability in &contract.capabilities {
        if let TrustRule::Environment { tenant_env, principal_env } = &capability.trust {
            names.extend([tenant_env, principal_env].map(|name| name.as_str().to_owned()));
        }
    }
    if let Some(reach) = reach {
        names.extend(contract.http.tokens.iter().map(|token| token.token_env.as_str().to_owned()));
        if let Credential::One(name) = &reach.credential {
            names.insert(name.clone());
        }
    }
    names
}

/// A path that shows that it is one: `./synapsor.runner.json`.
fn dotted(path: &Path) -> PathBuf {
    if path.components().count() == 1 && path.is_relative() { Path::new(".").join(path) } else { path.to_path_buf() }
}
