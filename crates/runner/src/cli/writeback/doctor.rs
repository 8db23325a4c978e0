//! `writeback doctor`

use serde_json::{Value as Json, json};
use synapsor_core::check::{Check, Level};
use synapsor_core::code::Exit;
use synapsor_core::config::ReadOptions;

use super::named_source;
use crate::app::doctor::{self, Examined, Order, worst};
use crate::cli::Ended;
use crate::cli::open::ConfigFile;
use crate::cli::print::{Out, Tone, clean};

/// Compare what the reader and the writer need with what they really hold, as they themselves see it.
///
/// Missing privileges fail, each with the GRANT that mends it; privileges beyond what is needed are warnings. Nothing is
/// changed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// One source of the configuration [default: all of them].
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// As the writer, also write a receipt and undo it: proof that the grants do what they say.
    #[arg(long)]
    check_db: bool,
    /// Print `{ok, sources: [{source, engine, checks: [{id, level, message, fix}]}]}` as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, out: &Out) -> Ended {
    let contract = args.config.contract(out, &ReadOptions::default())?;
    let source = named_source(&contract, args.source.as_deref())?;
    let order = Order { source: source.as_ref(), rehearse: args.check_db, thorough: false };
    let examined = doctor::examine(&contract, args.config.folder(), order).await;
    let failed = worst(&examined) == Level::Fail;
    if args.json {
        let sources: Vec<Json> = examined.iter().map(to_json).collect();
        out.json(&json!({ "ok": !failed, "sources": sources }));
    } else {
        for source in &examined {
            print(source, out);
        }
        let count = |level| examined.iter().flat_map(|source| &source.checks).filter(|c| c.level == level).count();
        out.line(format!("{} failed, {} warnings", count(Level::Fail), count(Level::Warn)));
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn to_json(examined: &Examined) -> Json {
    let check = |check: &Check| json!({ "id": check.id, "level": check.level.word(), "message": check.message, "fix": check.fix });
    json!({
        "source": examined.source.as_str(),
        "engine": examined.engine.word(),
        "checks": examined.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

fn print(examined: &Examined, out: &Out) {
    out.line(out.paint(Tone::Strong, &format!("source {} ({})", examined.source, examined.engine.word())));
    for check in &examined.checks {
        let tone = match check.level {
            Level::Pass => Tone::Good,
            Level::Warn => Tone::Careful,
            Level::Fail => Tone::Bad,
        };
        out.line(format!("  {} {}: {}", out.paint(tone, check.level.word()), check.id, clean(&check.message)));
        for line in check.fix.iter().flat_map(|fix| fix.lines()) {
            out.line(format!("       {}", clean(line)));
        }
    }
}
