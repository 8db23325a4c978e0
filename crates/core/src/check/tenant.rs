//! Whether every row belongs to a tenant.

use super::key::not_null;
use super::{Check, Target};
use crate::contract::TenantRule;
use crate::inspection::Suggestions;

/// Checks the column that tells tenants apart.
#[must_use]
pub fn check(target: Target<'_>) -> Check {
    const ID: &str = "target.tenant";
    let name = target.name();
    let found = Suggestions::of(target.table, target.seen);
    let suggested = found.tenant.first().map(|hint| hint.column.as_str());
    match &target.capability.target.tenant {
        TenantRule::SingleTenantDev => {
            let fix = match suggested {
                Some(column) => format!("write \"tenant_key\": \"{column}\" in place of `single_tenant_dev`"),
                None => "add a column that says whose a row is, and name it in `tenant_key`".to_owned(),
            };
            Check::warn(ID, format!("rows of {name} are not separated by tenant, which is for development only"), fix)
        }
        TenantRule::Column(column) => match target.table.column(column.as_str()) {
            None => {
                let fix = match suggested {
                    Some(column) => format!("write \"tenant_key\": \"{column}\""),
                    None => format!(
                        "add the column, name another in `tenant_key`, or grant the reader SELECT on `{column}`"
                    ),
                };
                Check::fail(ID, format!("{name} has no column `{column}` that the reader can see"), fix)
            }
            Some(there) if there.nullable && target.table.writable => Check::warn(
                ID,
                format!("`{column}` may be null in {name}: such rows belong to nobody, and no tool finds them"),
                not_null(target, column),
            ),
            Some(_) => Check::pass(ID, format!("`{column}` says whose each row of {name} is")),
        },
    }
}
