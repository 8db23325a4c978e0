//! `events tail`

use std::pin::pin;
use std::time::Duration;

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_db::ledger::{EventFilter, Ledger, Stored};

use crate::app::{Stop, records};
use crate::cli::Ended;
use crate::cli::filter::{MOST, Page};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, clean};
use crate::clock;

/// Every kind of event.
const KINDS: [&str; 18] = [
    "evidence_recorded",
    "contract_recorded",
    "slot_taken",
    "proposal_created",
    "proposal_approved",
    "proposal_rejected",
    "proposal_canceled",
    "proposal_expired",
    "proposal_pending_worker",
    "writeback_released",
    "writeback_in_doubt",
    "writeback_applied",
    "writeback_already_applied",
    "writeback_conflict",
    "writeback_failed",
    "writeback_canceled",
    "writeback_job_recorded",
    "shadow_human_action_recorded",
];

/// Print the newest events, oldest of them first, and with `--follow` those that come.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only events of this proposal and of the read it rests on.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only events of this kind.
    #[arg(long, value_parser = KINDS, hide_possible_values = true)]
    kind: Option<String>,
    /// Only what this person, principal or runner caused.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Go on with what is recorded from now on, until interrupted or past `--to`.
    #[arg(long, conflicts_with = "json")]
    follow: bool,
    /// How long to wait between two looks, in milliseconds; at least 250.
    #[arg(long, value_name = "MS", default_value = "1000", value_parser = clap::value_parser!(u64).range(250..))]
    interval_ms: u64,
    /// Print `{events}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let filter = EventFilter {
        after: 0,
        limit: args.page.limit,
        newest: true,
        kind: args.kind.clone(),
        actor: args.actor.clone(),
        proposal: args.proposal.clone(),
        from: args.page.from,
        to: args.page.to,
    };
    if args.follow {
        // Heard from the start, so that no interruption falls between two looks.
        let interrupted = pin!(tokio::signal::ctrl_c());
        return tokio::select! {
            biased;
            Ok(()) = interrupted => Ok(Exit::Done),
            ended = follow(&ledger, filter, Duration::from_millis(args.interval_ms), out) => ended,
        };
    }
    let events = ledger.events(filter).await?;
    if args.json {
        out.json(&json!({ "events": events.iter().map(records::event).collect::<Vec<_>>() }));
    } else if events.is_empty() {
        out.line("No local events found.");
    } else {
        for stored in &events {
            out.line(line(stored));
        }
    }
    Ok(Exit::Done)
}

/// Prints events until the reader goes away or no more can fit.
async fn follow(ledger: &Ledger, first: EventFilter, interval: Duration, out: &Out) -> Ended {
    let (mut tail, mut page) = Tail::start(ledger, first).await?;
    loop {
        for stored in &page {
            if out.try_line(&line(stored)).is_err() {
                return Ok(Exit::Done);
            }
        }
        let ends = tail.filter.to.is_some_and(|to| clock::now() > to);
        if !tail.more {
            tokio::time::sleep(interval).await;
        }
        page = tail.next(ledger).await?;
        if ends && page.is_empty() {
            return Ok(Exit::Done);
        }
    }
}

/// A place in the ledger up to which every event that fits was given, once. Event ids are given in commit order, so
/// nothing appears later before that place.
struct Tail {
    filter: EventFilter,
    /// Whether the last page was full, so that there may be more at once.
    more: bool,
}

impl Tail {
    /// The newest events, as a place to go on from.
    async fn start(ledger: &Ledger, first: EventFilter) -> Result<(Self, Vec<Stored>), Stop> {
        let known = newest(ledger).await?;
        let page = ledger.events(first.clone()).await?;
        // What was recorded after `known` was asked for may be in the page already.
        let after = known.max(last(&page));
        Ok((Self { filter: EventFilter { newest: false, limit: MOST, after, ..first }, more: false }, page))
    }

    /// The events that came since, at most a page of them.
    async fn next(&mut self, ledger: &Ledger) -> Result<Vec<Stored>, Stop> {
        // Asked for before the page: what does not fit up to here need not be looked at again.
        let known = newest(ledger).await?;
        let page = ledger.events(self.filter.clone()).await?;
        self.more = page.len() == self.filter.limit;
        let place = if self.more { last(&page) } else { known.max(last(&page)) };
        self.filter.after = self.filter.after.max(place);
        Ok(page)
    }
}

fn last(page: &[Stored]) -> u64 {
    page.last().map_or(0, |stored| stored.event_id)
}

async fn newest(ledger: &Ledger) -> Result<u64, Stop> {
    let newest = EventFilter { limit: 1, newest: true, ..EventFilter::default() };
    Ok(last(&ledger.events(newest).await?))
}

fn line(stored: &Stored) -> String {
    let about = stored.proposal_id().unwrap_or(&stored.subject);
    let text = format!("{}  {}  {}  {about}", stored.event_id, stored.at, stored.event.kind());
    clean(&format!("{text}  by {}", stored.event.actor()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use synapsor_core::contract::Durability;
    use synapsor_core::event::{BODY_VERSION, Event, Slot};
    use synapsor_db::ledger::{NewEvent, OpenOptions};

    use super::*;

    async fn append(ledger: &Ledger, subjects: std::ops::Range<usize>) {
        let event = |proposal_id: String| Event::SlotTaken(Slot { v: BODY_VERSION, proposal_id });
        let group = subjects.map(|number| NewEvent {
            subject: format!("slot:{number}"),
            seq: 0,
            event: event(format!("wrp_{number}")),
        });
        ledger.append(group.collect(), clock::now()).await.unwrap();
    }

    /// Follows through bursts of events, and gives the ids that were seen.
    async fn followed(first: EventFilter) -> Vec<u64> {
        let options = OpenOptions { create: true, durability: Durability::Full };
        let ledger = Ledger::open(Path::new(":memory:"), options).unwrap();
        append(&ledger, 0..30).await;
        let (mut tail, page) = Tail::start(&ledger, first).await.unwrap();
        let mut seen: Vec<u64> = page.iter().map(|stored| stored.event_id).collect();
        let mut made = 30;
        for burst in [0, 1, 3 * MOST + 17, 0, MOST, 2] {
            append(&ledger, made..made + burst).await;
            made += burst;
            loop {
                seen.extend(tail.next(&ledger).await.unwrap().iter().map(|stored| stored.event_id));
                if !tail.more {
                    break;
                }
            }
        }
        seen
    }

    #[tokio::test]
    async fn nothing_is_missed_or_repeated_when_more_than_a_page_comes() {
        let all = EventFilter { limit: 20, newest: true, ..EventFilter::default() };
        let made = 30 + 1 + 3 * MOST as u64 + 17 + MOST as u64 + 2;
        assert_eq!(followed(all.clone()).await, (11..=made).collect::<Vec<_>>());
        let kind = Some("slot_taken".to_owned());
        assert_eq!(followed(EventFilter { kind, limit: 1, ..all.clone() }).await, (30..=made).collect::<Vec<_>>());
        let kind = Some("proposal_created".to_owned());
        assert_eq!(followed(EventFilter { kind, ..all }).await, Vec::<u64>::new());
    }
}
