//! How an agent's change compares with a person's.

use serde_json::{Map, Value as Json, json};
use synapsor_core::digest;
use synapsor_core::event::{Event, HumanAction};
use synapsor_db::ledger::Stored;

/// Whether the agent would have done what the person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same columns, the same values.
    Exact,
    /// At least one column the same.
    Partial,
    /// None.
    Mismatch,
    /// Nobody recorded what a person did.
    NoHumanAction,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact_match",
            Self::Partial => "partial_match",
            Self::Mismatch => "mismatch",
            Self::NoHumanAction => "no_human_action",
        }
    }
}

/// A comparison, column by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) proposal_id: String,
    pub(super) verdict: Verdict,
    pub(super) agent: Map<String, Json>,
    pub(super) human: Option<HumanAction>,
    /// The columns that both set to the same value.
    pub(super) matching: Vec<String>,
    /// Those that both set, to different values.
    pub(super) differing: Vec<String>,
    /// Those that only the agent set.
    pub(super) missing: Vec<String>,
    /// Those that only the person set.
    pub(super) extra: Vec<String>,
}

impl Comparison {
    /// Compares a proposal's patch with the newest human action beside it.
    pub(super) fn of(proposal_id: &str, agent: &Map<String, Json>, history: &[Stored]) -> Self {
        let human = history.iter().rev().find_map(|stored| match &stored.event {
            Event::ShadowHumanActionRecorded(action) => Some(action.clone()),
            _ => None,
        });
        let set = human.as_ref().map(|human| human.patch.clone()).unwrap_or_default();
        let columns = |fits: &dyn Fn(&String, &Json) -> bool| -> Vec<String> {
            agent.iter().filter(|(column, value)| fits(column, value)).map(|(column, _)| column.clone()).collect()
        };
        let matching = columns(&|column, value| set.get(column).is_some_and(|other| same(value, other)));
        let differing = columns(&|column, value| set.get(column).is_some_and(|other| !same(value, other)));
        let missing = if human.is_some() { columns(&|column, _| !set.contains_key(column)) } else { Vec::new() };
        let extra: Vec<String> = set.keys().filter(|column| !agent.contains_key(*column)).cloned().collect();
        let verdict = match &human {
            None => Verdict::NoHumanAction,
            Some(_) if matching.len() == agent.len() && extra.is_empty() => Verdict::Exact,
            Some(_) if !matching.is_empty() => Verdict::Partial,
            Some(_) => Verdict::Mismatch,
        };
        Self {
            proposal_id: proposal_id.to_owned(),
            verdict,
            agent: agent.clone(),
            human,
            matching,
            differing,
            missing,
            extra,
        }
    }

    /// The comparison as a document.
    pub(super) fn json(&self, compared_at: &str) -> Json {
        let mut document = json!({
            "proposal_id": self.proposal_id,
            "status": self.verdict.word(),
            "agent_patch": self.agent,
        });
        if let Json::Object(document) = &mut document {
            let mut put = |key: &str, value: Json| document.insert(key.to_owned(), value);
            if let Some(human) = &self.human {
                put("human_patch", Json::Object(human.patch.clone()));
                put("human_actor", json!(human.actor));
            }
            put("matching_columns", json!(self.matching));
            put("differing_columns", json!(self.differing));
            put("missing_from_human", json!(self.missing));
            put("extra_human_columns", json!(self.extra));
            if let Some(notes) = self.human.as_ref().and_then(|human| human.notes.as_ref()) {
                put("notes", json!(notes));
            }
            put("compared_at", json!(compared_at));
        }
        document
    }
}

/// Whether two values are the same; how a number is written makes no difference, its type does.
fn same(one: &Json, other: &Json) -> bool {
    digest::of(one) == digest::of(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use synapsor_core::event::BODY_VERSION;

    fn check(agent: &Json, human: Option<&Json>, expected: (&str, [&[&str]; 4])) {
        let stored = human.map(|patch| Stored {
            event_id: 2,
            subject: "wrp_x".to_owned(),
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            event: Event::ShadowHumanActionRecorded(HumanAction {
                v: BODY_VERSION,
                actor: "ann".to_owned(),
                patch: patch.as_object().unwrap().clone(),
                notes: None,
            }),
        });
        let found = Comparison::of("wrp_x", agent.as_object().unwrap(), stored.as_slice());
        let columns = [&found.matching, &found.differing, &found.missing, &found.extra];
        assert_eq!((found.verdict.word(), columns.map(|names| names.iter().map(String::as_str).collect())), {
            let (word, columns) = expected;
            (word, columns.map(<[&str]>::to_vec))
        });
    }

    #[test]
    fn columns_are_compared_by_value() {
        let agent = json!({ "fee": 0, "reason": "late" });
        check(&agent, None, ("no_human_action", [&[], &[], &[], &[]]));
        check(
            &agent,
            Some(&json!({ "reason": "late", "fee": 0.0 })),
            ("exact_match", [&["fee", "reason"], &[], &[], &[]]),
        );
        check(&agent, Some(&json!({ "fee": 0, "reason": "x" })), ("partial_match", [&["fee"], &["reason"], &[], &[]]));
        check(&agent, Some(&json!({ "fee": 0 })), ("partial_match", [&["fee"], &[], &["reason"], &[]]));
        let more = json!({ "fee": 0, "reason": "late", "status": "paid" });
        check(&agent, Some(&more), ("partial_match", [&["fee", "reason"], &[], &[], &["status"]]));
        check(&agent, Some(&json!({ "fee": "0" })), ("mismatch", [&[], &["fee"], &["reason"], &[]]));
        check(&agent, Some(&json!({})), ("mismatch", [&[], &[], &["fee", "reason"], &[]]));
    }
}
