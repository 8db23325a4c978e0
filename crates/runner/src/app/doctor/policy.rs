//! Whether row-level security keeps what the configuration counts on.

use std::collections::BTreeSet;

use synapsor_core::check::Check;
use synapsor_core::contract::{Capability, TenantRule};
use synapsor_core::privilege::{Use, writing};
use synapsor_core::sql::Whose;
use synapsor_core::value::{Column, Kind};
use synapsor_db::engine::{Ask, RowSecurity};

use super::{Met, Patient};
use crate::clock;

impl Patient<'_> {
    /// Whether the database's own policies hide each target from a tenant that nobody is.
    pub(super) async fn policies(&self, met: &Met) -> Vec<Check> {
        let id = format!("{}.policy", met.of.word());
        let mut seen = BTreeSet::new();
        let mut checks = Vec::new();
        let all = self.contract.capabilities.iter().filter(|capability| capability.source == self.source.name);
        let written: Vec<&Capability> = writing(self.contract, self.source).collect();
        for capability in all.filter(|capability| met.of == Use::Reader || written.contains(capability)) {
            let target = &capability.target;
            if !seen.insert((target.schema.clone(), target.table.clone())) {
                continue;
            }
            let tenant = match &target.tenant {
                TenantRule::Column(column) => vec![column.clone()],
                TenantRule::SingleTenantDev => Vec::new(),
            };
            let ask = Ask { schema: target.schema.clone(), table: target.table.clone(), columns: tenant };
            let name = format!("`{}.{}`", target.schema, target.table);
            let looked = async {
                // What is not there was said already.
                let Some(table) = met.engine.describe(&ask).await? else { return Ok(None) };
                let stranger = stranger(table.columns.first());
                met.engine.row_security(&table, &stranger).await.map(Some)
            };
            let enable = format!(
                "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, with a policy for the {} that compares the tenant with the setting",
                met.of.word()
            );
            checks.extend(match looked.await {
                Ok(None) => None,
                Ok(Some(RowSecurity::Holds)) => {
                    Some(Check::pass(id.clone(), format!("the policies of {name} show a stranger nothing")))
                }
                Ok(Some(RowSecurity::Off)) => Some(Check::fail(
                    id.clone(),
                    format!("no policy of {name} applies to the {}", met.of.word()),
                    enable,
                )),
                Ok(Some(RowSecurity::Leaks)) => {
                    let message = format!("the policies of {name} show a stranger rows to the {}", met.of.word());
                    Some(Check::fail(id.clone(), message, "compare the tenant with the setting in every policy"))
                }
                Err(fault) => Some(self.stopped(&id, &format!("the policies of {name}"), fault.into())),
            });
        }
        checks
    }
}

/// A tenant and principal that nobody is, in the type of the tenant's column.
fn stranger(tenant: Option<&Column>) -> Whose {
    let nobody = format!("stranger-{}", hex::encode(clock::random::<10>()));
    let smallest = |column: &Column| column.limits.range.map_or(i128::from(i64::MIN), |(smallest, _)| smallest);
    let tenant = match tenant {
        Some(column) if column.kind == Kind::Integer => smallest(column).to_string(),
        Some(column) if column.kind == Kind::Uuid => "00000000-0000-0000-0000-000000000000".to_owned(),
        _ => nobody.clone(),
    };
    Whose { tenant, principal: nobody }
}
