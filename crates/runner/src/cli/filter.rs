//! Filters that the searching commands share.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use synapsor_db::ledger::{Kind, Ledger, Query, Record};

use super::print::Out;
use crate::app::Stop;

/// Most records that a search gives.
pub const MOST: usize = 200;

/// When, and how many.
#[derive(Debug, Clone, Args)]
pub struct Page {
    /// Only what was recorded at this time or later: RFC 3339, or a date (UTC), which means its start.
    #[arg(long, value_name = "TIME", value_parser = start)]
    pub from: Option<Timestamp>,
    /// Only what was recorded at this time or earlier: RFC 3339, or a date (UTC), which means its end.
    #[arg(long, value_name = "TIME", value_parser = end)]
    pub to: Option<Timestamp>,
    /// At most so many, the newest; never more than 200.
    #[arg(long, value_name = "N", default_value = "20", value_parser = limit, allow_negative_numbers = true)]
    pub limit: usize,
}

impl Page {
    /// A query for records of a kind within the page.
    #[must_use]
    pub fn query(&self, kind: Kind, now: Timestamp) -> Query {
        Query { limit: self.limit, from: self.from, to: self.to, ..Query::new(kind, now) }
    }
}

/// Whose records, and about what.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Only this tenant's.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only this principal's.
    #[arg(long)]
    pub principal: Option<String>,
    /// Only this capability's.
    #[arg(long, visible_alias = "action")]
    pub capability: Option<String>,
    /// Only about this business object, such as `invoice:INV-3001`.
    #[arg(long, value_name = "TYPE:ID", value_parser = object, conflicts_with_all = ["object_type", "object_id"])]
    pub object: Option<Object>,
    /// Only about objects of this type: the table, in singular or plural, with or without its schema.
    #[arg(long, value_name = "TYPE")]
    pub object_type: Option<String>,
    /// Only about the object with this key.
    #[arg(long, value_name = "ID")]
    pub object_id: Option<String>,
    /// Only from this source of the configuration.
    #[arg(long)]
    pub source: Option<String>,
    /// Only from this table, `invoices` or `public.invoices`.
    #[arg(long)]
    pub table: Option<String>,
}

/// A business object: its type and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    kind: String,
    id: String,
}

impl Which {
    /// Adds the filters to a query.
    #[must_use]
    pub fn narrow(&self, query: Query) -> Query {
        let (kind, id) = match &self.object {
            Some(object) => (Some(object.kind.clone()), Some(object.id.clone())),
            None => (self.object_type.clone(), self.object_id.clone()),
        };
        Query {
            tenant: self.tenant.clone(),
            principal: self.principal.clone(),
            capability: self.capability.clone(),
            object_type: kind,
            object_id: id,
            source: self.source.clone(),
            table: self.table.clone(),
            ..query
        }
    }
}

/// Finds records, and says on stderr if there are more than the limit.
pub async fn find(ledger: &Ledger, mut query: Query, out: &Out) -> Result<Vec<Record>, Stop> {
    let limit = query.limit;
    query.limit = limit.saturating_add(1);
    let mut found = ledger.search(query).await?;
    if found.len() > limit {
        found.truncate(limit);
        note_more(limit, out);
    }
    Ok(found)
}

/// Says on stderr that there is more than what is shown.
pub fn note_more(limit: usize, out: &Out) {
    let how = format!("`--limit` shows up to {MOST}, `--to` goes back in time");
    out.note(&format!("note: only the newest {limit} are shown; {how}"));
}

/// A proposal's states, for filters.
pub const STATES: [&str; 10] = [
    "pending_review",
    "approved",
    "pending_worker",
    "unknown",
    "applied",
    "conflict",
    "failed",
    "rejected",
    "expired",
    "canceled",
];

/// A receipt's statuses, for filters.
pub const STATUSES: [&str; 5] = ["applied", "already_applied", "conflict", "failed", "canceled"];

fn start(text: &str) -> Result<Timestamp, String> {
    time(text, |date| date.at(0, 0, 0, 0))
}

fn end(text: &str) -> Result<Timestamp, String> {
    time(text, |date| date.at(23, 59, 59, 999_999_999))
}

fn time(text: &str, of_day: impl Fn(Date) -> jiff::civil::DateTime) -> Result<Timestamp, String> {
    let bad = "expected a time such as 2026-06-20T14:31:08Z, or a date such as 2026-06-20";
    if text.len() != "2026-06-20".len() {
        return text.parse().map_err(|_| bad.to_owned());
    }
    let date: Date = text.parse().map_err(|_| bad.to_owned())?;
    let zoned = of_day(date).to_zoned(TimeZone::UTC).map_err(|_| bad.to_owned())?;
    Ok(zoned.timestamp())
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(MOST)),
        // Too many digits is still more than the most.
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => Ok(MOST),
        _ => Err("expected a positive integer".to_owned()),
    }
}

fn object(text: &str) -> Result<Object, String> {
    match text.split_once(':') {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => {
            Ok(Object { kind: kind.to_owned(), id: id.to_owned() })
        }
        _ => Err("expected `type:id`, such as `invoice:INV-3001`".to_owned()),
    }
}

/// A positive record number.
pub fn record_number(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a positive integer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_whole_days() {
        let check = |parsed: Result<Timestamp, String>, expected: &str| {
            assert_eq!(parsed.map(|time| time.to_string()).as_deref(), Ok(expected));
        };
        check(start("2026-06-20"), "2026-06-20T00:00:00Z");
        check(end("2026-06-20"), "2026-06-20T23:59:59.999999999Z");
        check(start("2026-06-20T14:31:08+02:00"), "2026-06-20T12:31:08Z");
        check(end("2026-06-20T14:31:08.5Z"), "2026-06-20T14:31:08.5Z");
        for bad in ["", "yesterday", "2026-06-31", "2026-06-20T14:31:08", "20.06.2026", "2026-6-20"] {
            assert!(start(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_positive_and_capped() {
        assert_eq!([limit("1"), limit("200"), limit("9000")], [Ok(1), Ok(200), Ok(200)]);
        assert_eq!(limit("99999999999999999999999"), Ok(MOST));
        for bad in ["", "0", "-1", "x", "1.5"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_object_needs_both_parts() {
        assert_eq!(object("invoice:a:b"), Ok(Object { kind: "invoice".to_owned(), id: "a:b".to_owned() }));
        for bad in ["", "invoice", "invoice:", ":INV"] {
            assert!(object(bad).is_err(), "{bad}");
        }
    }
}
