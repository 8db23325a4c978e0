//! A handler that is a program: the request on its standard input, the receipt on its standard output, no shell.

use std::process::Stdio;

use secrecy::ExposeSecret as _;
use synapsor_core::code::Code;
use synapsor_core::contract::{Executor, Way};
use synapsor_core::handler::{MAX_BODY, judge};
use synapsor_core::refusal::Refusal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Came;
use crate::secrets;

/// Variables that every command gets.
const ALWAYS: [&str; 3] = ["PATH", "HOME", "LANG"];

pub(super) struct Command {
    program: String,
    args: Vec<String>,
    pass: Vec<String>,
}

impl Command {
    pub(super) fn read(executor: &Executor) -> Result<Self, Refusal> {
        let Way::Command { command_env, pass_env } = &executor.way else {
            return Err(Refusal::new(Code::Internal, "the executor is no command"));
        };
        let line = secrets::required(command_env.as_str())?;
        let mut words = shlex::split(line.expose_secret()).unwrap_or_default().into_iter();
        let program = words.next().ok_or_else(|| {
            Refusal::new(Code::CredentialInvalid, format!("`{command_env}` holds no command"))
                .with_fix("give a program and its arguments, quoted as for a shell; no shell runs it")
        })?;
        let named = pass_env.iter().map(|name| name.as_str().to_owned());
        let pass = ALWAYS.iter().map(|name| (*name).to_owned()).chain(named).collect();
        Ok(Self { program, args: words.collect(), pass })
    }

    pub(super) async fn run(&self, mut body: Vec<u8>) -> Result<Came, &'static str> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        for name in &self.pass {
            if let Some(value) = secrets::plain(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().map_err(|_| "the handler's command cannot be started")?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the handler's command cannot be spoken to");
        };
        body.push(b'\n');
        let tell = async move {
            // A command that has read enough may close its end.
            let _ = stdin.write_all(&body).await;
            drop(stdin);
        };
        let hear = async move {
            let mut read = Vec::new();
            let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX) + 1;
            stdout.take(limit).read_to_end(&mut read).await.map(|_| read)
        };
        let ((), heard) = tokio::join!(tell, hear);
        let heard = heard.map_err(|_| "the handler's reply could not be read")?;
        if heard.len() > MAX_BODY {
            return Err("the handler's reply is too large");
        }
        let ended = child.wait().await.map_err(|_| "the handler's command cannot be waited for")?;
        if !ended.success() {
            return Err("the handler's command failed");
        }
        let status = if judge::refusal_code(&heard).is_some() { 400 } else { 200 };
        Ok(Came { status, signed: None, body: heard })
    }
}
