//! What was seen, as it is recorded before any answer leaves.

use serde_json::{Map, Value as Json};

use crate::contract::{Capability, TenantRule};
use crate::event::{BODY_VERSION, Evidence};
use crate::id::{Ident, ProposalId, RequestId};
use crate::plan::{ReadPlan, Row};
use crate::redact;
use crate::scope::Scope;
use crate::value::Kept;
use crate::wire::Exact;

/// What a record needs beyond what was read.
#[derive(Debug, Clone, Copy)]
pub struct Seal<'a> {
    /// For finding the call in the log.
    pub request_id: &'a RequestId,
    /// The ledger's secret, for masking secret-shaped values.
    pub secret: &'a [u8; 32],
    /// The identity of the source's receipt table, if there is one.
    pub receipts_id: Option<&'a str>,
    /// The proposal made from this read.
    pub proposal_id: Option<&'a ProposalId>,
}

/// A column as it is kept and shown.
#[must_use]
pub fn kept(row: &Row, column: &Ident, secret: &[u8; 32]) -> Option<Kept> {
    row.cell(column).map(|cell| redact::keep(cell.clone(), secret))
}

/// The columns of a read as shown, in order, secret-shaped values masked.
#[must_use]
pub fn shown(row: &Row, columns: &[Ident], secret: &[u8; 32]) -> Map<String, Json> {
    columns.iter().filter_map(|column| Some((column.as_str().to_owned(), kept(row, column, secret)?.json()))).collect()
}

/// Makes the record of a read.
#[must_use]
pub fn seal(capability: &Capability, scope: &Scope, plan: &ReadPlan, row: &Row, seal: Seal<'_>) -> Evidence {
    let columns = capability.read_columns();
    let version = capability.proposal().and_then(|rule| rule.guard.column.as_ref());
    let key = plan.filter.key().and_then(|term| term.cell.text()).unwrap_or_default();
    Evidence {
        v: BODY_VERSION,
        capability: capability.name.as_str().to_owned(),
        kind: capability.kind_word().to_owned(),
        tenant_id: scope.tenant().to_owned(),
        principal: scope.principal().to_owned(),
        provenance: scope.provenance().to_owned(),
        source_id: capability.source.as_str().to_owned(),
        schema: capability.target.schema.as_str().to_owned(),
        table: capability.target.table.as_str().to_owned(),
        receipts_id: seal.receipts_id.map(str::to_owned),
        primary_key: capability.target.primary_key.as_str().to_owned(),
        object_id: key.to_owned(),
        tenant_column: match &capability.target.tenant {
            TenantRule::Column(column) => Some(column.as_str().to_owned()),
            TenantRule::SingleTenantDev => None,
        },
        query_fingerprint: plan.fingerprint.as_str().to_owned(),
        statement_template: plan.template.clone(),
        columns: plan.columns.iter().map(|column| column.name.as_str().to_owned()).collect(),
        row_count: 1,
        visible_row: shown(row, &columns, seal.secret),
        version: version.and_then(|column| kept(row, column, seal.secret)).as_ref().map(Exact::from),
        proposal_id: seal.proposal_id.map(|id| id.as_str().to_owned()),
        request_id: seal.request_id.as_str().to_owned(),
    }
}
