//! What the author of an effect is told, and tells.

use serde_json::{Map, Value as Json, json};
use synapsor_core::handler::MAX_DETAILS;
use synapsor_core::wire::handler::{About, HandlerApproval, HandlerChange};

use crate::value::Row;

/// One approved change. The row is locked, and is what the reviewer saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The capability's name.
    pub action: String,
    /// The proposal.
    pub proposal_id: String,
    /// What exactly was decided on.
    pub proposal_hash: String,
    /// One for a proposal, for ever.
    pub idempotency_key: String,
    /// The tenant.
    pub tenant_id: String,
    /// The row's key as text.
    pub object_id: String,
    /// Who proposed it.
    pub principal: String,
    /// The change: target, patch and guards.
    pub change: HandlerChange,
    /// The locked row, all columns.
    pub row: Row,
    /// The row as the reviewer saw it.
    pub before: Map<String, Json>,
    /// Who approved, and when.
    pub approval: Option<HandlerApproval>,
    /// Whether everything is undone at the end.
    pub dry_run: bool,
}

impl Job {
    pub(crate) fn of(about: &About, change: &HandlerChange, row: Row) -> Self {
        Self {
            action: change.action.clone(),
            proposal_id: about.proposal_id.clone(),
            proposal_hash: about.proposal_hash.clone(),
            idempotency_key: about.idempotency_key.clone(),
            tenant_id: change.scope.tenant_id.clone(),
            object_id: change.scope.object_id.clone(),
            principal: change.principal.id.clone(),
            change: change.clone(),
            row,
            before: about.before.clone().unwrap_or_default(),
            approval: about.approval.clone(),
            dry_run: about.dry_run,
        }
    }

    /// A reviewed value; null if the change does not set it. Integers beyond 2^53−1 and decimals are texts.
    #[must_use]
    pub fn patch(&self, column: &str) -> &Json {
        self.change.patch.get(column).unwrap_or(&Json::Null)
    }
}

/// What an effect tells of itself; a reviewer sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    details: Map<String, Json>,
}

impl Effects {
    /// Nothing to tell.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One more effect, such as `{"type": "db.insert", "table": "credits", "id": "CR-1"}`.
    #[must_use]
    pub fn with(mut self, effect: Json) -> Self {
        match self.details.get_mut("effects").and_then(Json::as_array_mut) {
            Some(effects) => effects.push(effect),
            None => {
                self.details.insert("effects".to_owned(), json!([effect]));
            }
        }
        self
    }

    /// One more detail.
    #[must_use]
    pub fn detail(mut self, name: &str, value: Json) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// The details of the receipt; what is over 16 KiB is left out.
    pub(crate) fn into_details(self) -> Map<String, Json> {
        let length = serde_json::to_vec(&self.details).map_or(0, |json| json.len());
        if length <= MAX_DETAILS {
            return self.details;
        }
        [("truncated".to_owned(), Json::Bool(true))].into_iter().collect()
    }
}
