//! `reconcile --verify`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;

use crate::app::App;
use crate::app::verify::Verified;
use crate::cli::Ended;
use crate::cli::print::{Out, Tone};

pub(super) async fn run(app: &App, json: bool, out: &Out) -> Ended {
    let verified = app.verify().await?;
    let exit = exit(&verified);
    if json {
        out.json(&document(&verified, exit));
    } else {
        print(out, &verified, exit);
    }
    Ok(exit)
}

fn exit(verified: &Verified) -> Exit {
    if !verified.findings.is_empty() {
        return Exit::Failed;
    }
    verified.unchecked.first().map_or(Exit::Done, |unchecked| unchecked.why.code().exit())
}

fn document(verified: &Verified, exit: Exit) -> Json {
    let findings: Vec<Json> = verified
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code.text(),
                "proposal_id": finding.proposal_id,
                "source": finding.source,
                "message": finding.what,
                "fix": finding.code.fix(),
            })
        })
        .collect();
    let unchecked: Vec<Json> = verified
        .unchecked
        .iter()
        .map(|unchecked| {
            json!({
                "code": unchecked.why.code().text(),
                "source": unchecked.source,
                "message": unchecked.why.message(),
                "fix": unchecked.why.fix(),
            })
        })
        .collect();
    json!({
        "ok": exit == Exit::Done,
        "receipts_in_ledger": verified.in_ledger,
        "receipts_in_sources": verified.in_sources,
        "findings": findings,
        "unchecked": unchecked,
    })
}

fn print(out: &Out, verified: &Verified, exit: Exit) {
    let findings: Vec<[String; 4]> = verified
        .findings
        .iter()
        .map(|finding| {
            [finding.proposal_id.clone(), finding.code.text().to_owned(), finding.source.clone(), finding.what.clone()]
        })
        .collect();
    if !findings.is_empty() {
        out.table(["PROPOSAL", "FINDING", "SOURCE", "WHAT"], &findings);
    }
    let not_compared: Vec<[String; 2]> = verified
        .unchecked
        .iter()
        .map(|unchecked| {
            [unchecked.source.clone(), format!("{}: {}", unchecked.why.code().text(), unchecked.why.message())]
        })
        .collect();
    if !not_compared.is_empty() {
        out.table(["NOT COMPARED", "WHY"], &not_compared);
    }
    let (ledger, sources) = (verified.in_ledger, verified.in_sources);
    let compared = format!("compared {ledger} receipts of the ledger and {sources} of the source databases");
    let (tone, verdict) = match exit {
        Exit::Done => (Tone::Good, "they agree".to_owned()),
        _ if findings.is_empty() => (Tone::Careful, "what was compared agrees".to_owned()),
        _ => (Tone::Bad, format!("{} do not agree", findings.len())),
    };
    out.line(out.paint(tone, &format!("Reconcile --verify {compared}: {verdict}.")));
    let fixes = verified.findings.iter().map(|finding| finding.code.fix().to_owned());
    let fixes = fixes.chain(verified.unchecked.iter().map(|unchecked| unchecked.why.fix().to_owned()));
    let mut said: Vec<String> = Vec::new();
    for fix in fixes {
        if !said.contains(&fix) {
            out.line(format!("Next: {fix}"));
            said.push(fix);
        }
    }
}
