//! Row-level security: what a transaction tells the database's policies, and whether they hold.

use synapsor_core::contract::Session;
use synapsor_core::sql::read::any_row;
use synapsor_core::sql::{Bind, Sql, Whose};
use synapsor_core::value::{Cell, Table};

use super::Postgres;
use crate::engine::RowSecurity;
use crate::fault::Fault;

/// Whether policies apply to the role that asks: they pass over owners, superusers and BYPASSRLS.
const ACTIVE: &str = "SELECT pg_catalog.row_security_active(c.oid)::text FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::text AND c.relname = $2::text";

/// The statement that tells the policies whose rows come next, until the transaction ends; `None` if they are told nothing.
pub(super) fn settings(session: &Session, sql: &Sql) -> Option<Sql> {
    let whose = sql.whose()?;
    let text = |name: &str, value: &str| [Bind::Text(name.to_owned()), Bind::Text(value.to_owned())];
    let tenant = session.tenant_setting.as_ref().map(|name| text(name.as_str(), &whose.tenant));
    let principal = session.principal_setting.as_ref().map(|name| text(name.as_str(), &whose.principal));
    match (tenant, principal) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => {
            Some(Sql::fixed("SELECT pg_catalog.set_config($1, $2, true)", one.into(), 1))
        }
        (Some(tenant), Some(principal)) => Some(Sql::fixed(
            "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config($3, $4, true)",
            tenant.into_iter().chain(principal).collect(),
            2,
        )),
    }
}

impl Postgres {
    pub(crate) async fn row_security(&self, table: &Table, stranger: &Whose) -> Result<RowSecurity, Fault> {
        let named = vec![Bind::Text(table.schema.to_string()), Bind::Text(table.name.to_string())];
        let active = self.read(&Sql::fixed(ACTIVE, named, 1)).await?;
        if active.first().and_then(|row| row.first()).and_then(Cell::text) != Some("true") {
            return Ok(RowSecurity::Off);
        }
        let rows = self.read(&any_row(synapsor_core::contract::EngineKind::Postgres, table, stranger)).await?;
        Ok(if rows.is_empty() { RowSecurity::Holds } else { RowSecurity::Leaks })
    }
}
