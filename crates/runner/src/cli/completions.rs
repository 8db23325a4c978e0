//! `completions`

use std::path::PathBuf;

use clap::{Command, CommandFactory as _, ValueEnum};
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::print::Out;
use super::{Cli, Ended};

/// Print a shell's completion script, the manual pages or the command reference.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to print.
    #[arg(value_enum, value_name = "FORM")]
    form: Form,
    /// The folder for manual pages, one for each command.
    #[arg(long, value_name = "DIR", required_if_eq("form", "man"))]
    dir: Option<PathBuf>,
}

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A script for bash.
    Bash,
    /// A script for elvish.
    Elvish,
    /// A script for fish.
    Fish,
    /// A script for PowerShell.
    Powershell,
    /// A script for zsh.
    Zsh,
    /// Manual pages, into `--dir`.
    Man,
    /// The command reference in Markdown.
    Markdown,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let shell = match args.form {
        Form::Bash => clap_complete::Shell::Bash,
        Form::Elvish => clap_complete::Shell::Elvish,
        Form::Fish => clap_complete::Shell::Fish,
        Form::Powershell => clap_complete::Shell::PowerShell,
        Form::Zsh => clap_complete::Shell::Zsh,
        Form::Man => return manual(args, out),
        Form::Markdown => {
            out.line(reference().trim_end());
            return Ok(Exit::Done);
        }
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "synapsor-runner", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}

fn manual(args: &Args, out: &Out) -> Ended {
    let dir = args.dir.clone().unwrap_or_default();
    std::fs::create_dir_all(&dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &dir))
        .map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be written: {error}", dir.display())))?;
    out.line(format!("manual pages written to {}", dir.display()));
    Ok(Exit::Done)
}

/// Every command with its help, as `--help` prints it.
fn reference() -> String {
    let mut text = "# Command reference\n\nEvery command with its help, as `--help` prints it.\n".to_owned();
    let mut root = Cli::command().max_term_width(100).term_width(100);
    root.build();
    describe(&mut root, "", &mut text);
    text
}

fn describe(command: &mut Command, path: &str, text: &mut String) {
    let name = if path.is_empty() { command.get_name().to_owned() } else { format!("{path} {}", command.get_name()) };
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    for child in command.get_subcommands_mut().filter(|child| !child.is_hide_set() && child.get_name() != "help") {
        describe(child, &name, text);
    }
}
