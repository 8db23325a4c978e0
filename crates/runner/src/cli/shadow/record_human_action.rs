//! `shadow record-human-action`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::event::{BODY_VERSION, Event, HumanAction};
use synapsor_core::id::ProposalId;
use synapsor_core::redact;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{AppendError, Ledger, NewEvent};

use super::{proposal_id, require_shadow};
use crate::app::{Stop, load};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone};
use crate::secrets;

/// Record what a person did about the same thing as a shadow proposal.
///
/// The newest record counts. Nothing is written to any source database.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shadow proposal.
    #[arg(value_name = "PROPOSAL", value_parser = proposal_id)]
    id: ProposalId,
    /// A file with a JSON object: the columns that the person set, and to what.
    #[arg(long, value_name = "FILE")]
    patch: PathBuf,
    /// Who did it [default: this machine's user].
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Why, or anything worth knowing.
    #[arg(long)]
    notes: Option<String>,
    /// Print `{ok, event_id, proposal_id, actor, patch, notes}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

/// The largest patch file, in bytes.
const MOST: u64 = 1024 * 1024;

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let patch = read_patch(&args.patch)?;
    if args.notes.as_deref().is_some_and(redact::is_secret_value) {
        return Err(Refusal::new(Code::PolicyViolation, "the notes hold what looks like a secret").into());
    }
    let action =
        HumanAction { v: BODY_VERSION, actor: args.actor.unwrap_or_else(local_person), patch, notes: args.notes };
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let event_id = record(&ledger, &args.id, &action).await?;
    if args.json {
        out.json(&json!({
            "ok": true,
            "event_id": event_id,
            "proposal_id": args.id.as_str(),
            "actor": action.actor,
            "patch": action.patch,
            "notes": action.notes,
        }));
    } else {
        out.line(format!("{} human action for {}", out.paint(Tone::Good, "recorded"), args.id));
        out.line(format!("Next: synapsor-runner shadow compare {}", args.id));
    }
    Ok(Exit::Done)
}

/// Appends behind whatever the proposal's newest event is then.
async fn record(ledger: &Ledger, id: &ProposalId, action: &HumanAction) -> Result<u64, Stop> {
    loop {
        let proposal = load::load(ledger, id).await?;
        require_shadow(&proposal)?;
        let event = NewEvent {
            subject: id.as_str().to_owned(),
            seq: proposal.next_seq(),
            event: Event::ShadowHumanActionRecorded(action.clone()),
        };
        match ledger.append(vec![event], load::now(ledger).await?).await {
            Ok(ids) => return Ok(ids.first().copied().unwrap_or_default()),
            Err(AppendError::Stale { .. }) => {}
            Err(AppendError::Fault(fault)) => return Err(fault.into()),
        }
    }
}

fn read_patch(path: &Path) -> Result<Map<String, Json>, Refusal> {
    let unreadable =
        |error: &std::io::Error| Refusal::new(Code::Io, format!("`{}` cannot be read: {error}", path.display()));
    let invalid = |what: &str| {
        Refusal::new(Code::InvalidArgument, format!("`{}` {what}", path.display()))
            .with_fix("give a JSON object of columns and values, such as {\"late_fee_cents\": 0}")
    };
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MOST {
        return Err(invalid("is larger than 1 MiB"));
    }
    let Ok(Json::Object(patch)) = serde_json::from_slice(&bytes) else {
        return Err(invalid("holds no JSON object"));
    };
    if redact::holds_secret(&Json::Object(patch.clone())) {
        let message = format!("`{}` holds what looks like a secret", path.display());
        return Err(Refusal::new(Code::PolicyViolation, message).with_fix("leave that column out of the file"));
    }
    Ok(patch)
}

fn local_person() -> String {
    secrets::plain("USER").or_else(|| secrets::plain("LOGNAME")).unwrap_or_else(|| "human_operator".to_owned())
}
