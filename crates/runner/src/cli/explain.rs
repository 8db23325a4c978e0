//! `explain`

use synapsor_core::code::{Code, Exit};
use synapsor_core::config;
use synapsor_core::refusal::Refusal;

use super::Ended;
use super::print::{Out, Tone};

/// Explain a code: what it means and what to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The code, such as `VERSION_CONFLICT`; without one, all are listed.
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let Some(asked) = &args.code else {
        for code in Code::ALL {
            out.line(format!("{:<28} {}", code.text(), code.meaning()));
        }
        for code in config::code::all() {
            out.line(format!("{:<28} {}", code.name, code.meaning));
        }
        return Ok(Exit::Done);
    };
    let wanted = asked.to_uppercase();
    if let Some(code) = Code::ALL.iter().find(|code| code.text() == wanted) {
        out.line(out.paint(Tone::Strong, code.text()));
        out.line(code.meaning());
        out.line(format!("What to do: {}", code.fix()));
        out.line(format!("Exit status: {}", code.exit() as u8));
        return Ok(Exit::Done);
    }
    if let Some(code) = config::code::find(&wanted) {
        out.line(out.paint(Tone::Strong, code.name));
        out.line(code.meaning);
        out.line(format!("What to do: {}", code.fix));
        return Ok(Exit::Done);
    }
    Err(Refusal::new(Code::Usage, format!("there is no code `{}`", synapsor_core::plan::shown_key(asked)))
        .with_fix("run `synapsor-runner explain` to list them all")
        .into())
}
