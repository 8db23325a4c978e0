//! Whether the tables suit the tools: keys, tenants, versions and triggers, as the reader's catalog describes them.

use std::collections::{BTreeMap, BTreeSet};

use synapsor_core::check::{self, Check, Target};
use synapsor_core::wire::inspection::Inspection;
use synapsor_db::engine::{Ask, Engine};

use super::Patient;
use crate::clock;

impl Patient<'_> {
    pub(super) async fn tables(&self, engine: &Engine) -> Vec<Check> {
        let capabilities = self.contract.capabilities.iter().filter(|one| one.source == self.source.name);
        let mut schemas: BTreeMap<&str, Inspection> = BTreeMap::new();
        let mut checks: Vec<Check> = Vec::new();
        for capability in capabilities {
            let schema = capability.target.schema.as_str();
            if !schemas.contains_key(schema) {
                match engine.inspect(Some(schema), clock::now()).await {
                    Ok(seen) => {
                        schemas.insert(schema, seen);
                    }
                    Err(fault) => {
                        checks.push(self.stopped(
                            "target.catalog",
                            &format!("the catalog of `{schema}`"),
                            fault.into(),
                        ));
                        return checks;
                    }
                }
            }
            let Some(seen) = schemas.get(schema) else { continue };
            let name = capability.target.table.as_str();
            // A table that the account cannot see was told of with its privileges.
            let Some(table) = seen.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) else { continue };
            let target = Target { capability, table, seen };
            checks.push(check::key::check(target));
            checks.push(check::tenant::check(target));
            checks.extend(check::triggers::check(target));
            if let Some(version) = capability.proposal().and_then(|rule| rule.guard.column.clone()) {
                let (schema, table) = (capability.target.schema.clone(), capability.target.table.clone());
                let described = engine.describe(&Ask { schema, table, columns: vec![version.clone()] }).await;
                let described = described.ok().flatten();
                let column = described.as_ref().and_then(|table| table.column(&version));
                checks.extend(check::version::check(target, column));
            }
        }
        // Two tools of one table are told the same.
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        checks.retain(|check| told.insert((check.id.clone(), check.message.clone())));
        checks
    }
}
