//! Whether a receipt table can be trusted.

use std::sync::Arc;

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts::{Identity, Place, identity};

use super::catalog;
use super::reader::Links;
use crate::engine::ReceiptsState;
use crate::fault::{Class, Fault};

/// The columns that a guarded write names.
const NEEDED: [&str; 11] = [
    "idempotency_key",
    "job_id",
    "proposal_id",
    "proposal_hash",
    "ledger_id",
    "ledger_head",
    "server_id",
    "status",
    "new_version",
    "result_hash",
    "completed_at",
];

/// The columns of every unique key; a part of a column, or an expression, counts as none.
const UNIQUE_KEYS: &str = "SELECT INDEX_NAME AS a, CASE WHEN SUB_PART IS NULL THEN COLUMN_NAME END AS b \
                           FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
                           ORDER BY INDEX_NAME, SEQ_IN_INDEX";

/// Looks at the receipt table and reads its identity.
pub(super) async fn state(links: &Arc<Links>, place: &Place) -> Result<ReceiptsState, Fault> {
    let Some(object) = catalog::object(links, &place.schema, &place.table).await? else {
        return Ok(ReceiptsState::Missing);
    };
    if let Some(refused) = object.refused() {
        return Ok(ReceiptsState::Unsafe { why: format!("it is {}", refused.words()) });
    }
    let columns = catalog::columns(links, &place.schema, &place.table).await?;
    let missing = NEEDED.iter().find(|name| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)));
    if let Some(name) = missing {
        return Ok(ReceiptsState::Unsafe { why: format!("it has no column `{name}` that the role can see") });
    }
    let keys = catalog::ask(links, UNIQUE_KEYS, &[place.schema.as_str(), place.table.as_str()], 2).await?;
    for column in ["idempotency_key", "job_id"] {
        if !is_unique(&keys, column) {
            return Ok(ReceiptsState::Unsafe { why: format!("it has no unique key on `{column}`") });
        }
    }
    let rows = match links.read((&identity(EngineKind::Mysql, place)).into()).await {
        Err(fault) if matches!(fault.class(), Class::Missing | Class::Permission) => return Ok(ReceiptsState::Missing),
        rows => rows?,
    };
    Ok(match rows.as_slice() {
        [] => ReceiptsState::Missing,
        [row] => Identity::of_row(row).map_or(ReceiptsState::Missing, ReceiptsState::Ready),
        _ => ReceiptsState::Unsafe { why: "its identity has more than one row".to_owned() },
    })
}

/// Whether some unique key is on this column alone.
fn is_unique(keys: &[catalog::Row], column: &str) -> bool {
    let index = |row: &catalog::Row| row.first().cloned().flatten();
    keys.iter().any(|row| {
        let alone = keys.iter().filter(|other| index(other) == index(row)).count() == 1;
        let named = row.get(1).and_then(|name| name.as_deref());
        alone && named.is_some_and(|name| name.eq_ignore_ascii_case(column))
    })
}
