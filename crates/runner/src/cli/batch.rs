//! Many proposals on the terminal: progress while it lasts, then one summary.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::wire::receipt::ReceiptStatus;

use super::Ended;
use super::apply::{after_doubt, to_json};
use super::print::{Out, Tone, refusal_json};
use crate::app::App;
use crate::app::apply::ApplyOrder;
use crate::app::batch::{Done, Task, exit};
use crate::app::outcome::ApplyEnding;

/// Does a task for every proposal that it is about, oldest first. One that fails does not keep the others.
pub(super) async fn run(app: &App, task: &Task, json: bool, out: &Out) -> Ended {
    let due = app.due(task).await?;
    let total = due.len();
    let mut done: Vec<Done> = Vec::new();
    let mut held = Vec::new();
    let mut broken = None;
    for id in due {
        progress(out, done.len() + held.len(), total);
        match app.carry_out(&id, task).await {
            // Someone else is at it: the rest comes first.
            Ok(one) if matches!(task, Task::Apply(_)) && is_held(&one) => held.push(id),
            Ok(one) => done.push(one),
            Err(stop) => {
                broken = Some(stop);
                break;
            }
        }
    }
    let patient = match task {
        Task::Apply(order) => Task::Apply(ApplyOrder { wait: true, ..order.clone() }),
        Task::Reconcile(finder) => Task::Reconcile(finder.clone()),
    };
    for id in held {
        if broken.is_some() {
            break;
        }
        progress(out, done.len(), total);
        match app.carry_out(&id, &patient).await {
            Ok(one) => done.push(one),
            Err(stop) => broken = Some(stop),
        }
    }
    progress(out, total, total);
    if json {
        out.json(&document(&done, total));
    } else {
        print(out, task, &done, total);
    }
    match broken {
        Some(stop) => Err(stop),
        None => Ok(exit(&done)),
    }
}

fn is_held(one: &Done) -> bool {
    matches!(&one.result, Err(refusal) if refusal.code() == Code::WritebackBusy)
}

/// One line that is written over, for a person who watches.
fn progress(out: &Out, done: usize, total: usize) {
    let mut screen = std::io::stderr();
    if !out.is_quiet() && screen.is_terminal() && total > 1 {
        let line = if done < total { format!("\r{done} of {total} done\u{1b}[K") } else { "\r\u{1b}[K".to_owned() };
        let _ = screen.write_all(line.as_bytes()).and_then(|()| screen.flush());
    }
}

/// What one came to, in a word.
fn word(one: &Done) -> &'static str {
    match &one.result {
        Ok(applied) => match &applied.ending {
            ApplyEnding::Settled { receipt, before: true } if receipt.status == ReceiptStatus::Applied => {
                "already_applied"
            }
            ApplyEnding::Settled { receipt, .. } => receipt.status.word(),
            ApplyEnding::Rehearsed => "dry_run_passed",
            ApplyEnding::WouldNot(_) => "dry_run_failed",
            ApplyEnding::Released(Code::WritebackFenced) => "approved_again",
            ApplyEnding::Released(_) => "not_applied",
            ApplyEnding::InDoubt(_) => "unknown",
        },
        Err(refusal) if refusal.code() == Code::WritebackBusy => "being_applied",
        Err(_) => "refused",
    }
}

fn counts(done: &[Done]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for one in done {
        *counts.entry(word(one)).or_default() += 1;
    }
    counts
}

fn document(done: &[Done], total: usize) -> Json {
    let results: Vec<Json> = done
        .iter()
        .map(|one| match &one.result {
            Ok(applied) => to_json(applied),
            Err(refusal) => {
                let mut json = refusal_json(refusal);
                if let Some(json) = json.as_object_mut() {
                    json.insert("proposal_id".to_owned(), json!(one.id.as_str()));
                }
                json
            }
        })
        .collect();
    json!({
        "ok": done.len() == total && exit(done) == Exit::Done,
        "found": total,
        "done": done.len(),
        "counts": counts(done),
        "results": results,
    })
}

fn print(out: &Out, task: &Task, done: &[Done], total: usize) {
    if total == 0 {
        out.line(match task {
            Task::Apply(_) => "No approved proposals.",
            Task::Reconcile(_) => "No unfinished applies.",
        });
        return;
    }
    let rows: Vec<[String; 3]> = done
        .iter()
        .filter(|one| one.exit() != Exit::Done || matches!(task, Task::Reconcile(_)))
        .map(|one| [one.id.to_string(), word(one).replace('_', " "), why(one)])
        .collect();
    if !rows.is_empty() {
        out.table(["PROPOSAL", "RESULT", "WHY"], &rows);
    }
    let verb = match task {
        Task::Apply(order) if order.dry_run => "Rehearsed",
        Task::Apply(_) => "Applied",
        Task::Reconcile(_) => "Reconciled",
    };
    let well = done.iter().filter(|one| one.exit() == Exit::Done).count();
    let parts: Vec<String> =
        counts(done).iter().map(|(word, count)| format!("{count} {}", word.replace('_', " "))).collect();
    let tone = if well == total { Tone::Good } else { Tone::Careful };
    let line = format!("{verb} {well} of {total}: {}.", parts.join(", "));
    out.line(out.paint(tone, &line));
    if done.len() < total {
        out.line(format!("{} were not tried.", total - done.len()));
    }
    for next in next(done) {
        out.line(format!("Next: {next}"));
    }
}

fn why(one: &Done) -> String {
    match &one.result {
        Err(refusal) => format!("{}: {}", refusal.code().text(), refusal.message()),
        Ok(applied) => match &applied.ending {
            ApplyEnding::Settled { receipt, .. } => receipt.reason.clone().unwrap_or_default(),
            ApplyEnding::Rehearsed => String::new(),
            ApplyEnding::WouldNot(outcome) => outcome.reason.clone().unwrap_or_default(),
            ApplyEnding::Released(code) => format!("{}: {}", code.text(), code.meaning()),
            ApplyEnding::InDoubt(reason) => reason.clone(),
        },
    }
}

/// What to do about those that did not go well, each said once.
fn next(done: &[Done]) -> Vec<String> {
    let mut steps = Vec::new();
    let mut add = |step: String| {
        if !steps.contains(&step) {
            steps.push(step);
        }
    };
    for one in done {
        match &one.result {
            Err(refusal) => add(refusal.fix().to_owned()),
            Ok(applied) => match &applied.ending {
                ApplyEnding::InDoubt(reason) => add(after_doubt(reason, "<proposal>")),
                ApplyEnding::Released(Code::WritebackFenced) => add("synapsor-runner apply --approved".to_owned()),
                ApplyEnding::Released(code) => add(code.fix().to_owned()),
                ApplyEnding::Settled { receipt, .. } if receipt.status == ReceiptStatus::Conflict => {
                    add("inspect the rows in conflict again, then propose again from what they hold now".to_owned());
                }
                ApplyEnding::Settled { receipt, .. } if receipt.status == ReceiptStatus::Failed => {
                    add("see why with `synapsor-runner receipts list --status failed`".to_owned());
                }
                _ => {}
            },
        }
    }
    steps
}
