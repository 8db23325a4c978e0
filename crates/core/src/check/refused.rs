//! Whether one row of a table can be changed exactly once.

use super::{Check, quoted};
use crate::code::Code;
use crate::contract::{EngineKind, Target};
use crate::value::RefusedTarget;

/// Checks a table that changes are proposed for; `refused` is what the engine has against it.
#[must_use]
pub fn check(engine: EngineKind, target: &Target, refused: Option<RefusedTarget>) -> Check {
    const ID: &str = "target.refused";
    let name = format!("{}.{}", target.schema, target.table);
    let Some(refused) = refused else {
        return Check::pass(ID, format!("`{name}` is a table that can be written exactly once"));
    };
    let fix = match refused {
        RefusedTarget::NonTransactional => {
            format!("ALTER TABLE {}.{} ENGINE=InnoDB;", quoted(engine, &target.schema), quoted(engine, &target.table))
        }
        RefusedTarget::View => {
            "write the table behind it into \"target\": { \"table\": … }; tools that only read may stay with the view"
                .to_owned()
        }
        _ => Code::RefusedTarget.fix().to_owned(),
    };
    Check::fail(ID, format!("`{name}` is {}", refused.words()), fix)
}
