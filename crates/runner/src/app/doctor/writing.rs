//! Whether the writer can change what proposals change: tried on no row, and undone.

use std::collections::BTreeSet;

use synapsor_core::check::Check;
use synapsor_core::privilege::{Privilege, RoleName, Use, changed, grants, receipt_places};
use synapsor_core::sql::write;
use synapsor_db::engine::Engine;
use synapsor_db::fault::Class;

use super::Patient;

impl Patient<'_> {
    pub(super) async fn rehearse_changes(&self, engine: &Engine, written: &BTreeSet<Privilege>) -> Vec<Check> {
        const ID: &str = "target.rehearsed";
        let mut checks = Vec::new();
        let mut tried = 0;
        for (relation, column) in changed(written, &receipt_places(self.contract, self.source)) {
            let probe = write::probe(self.source.engine, &relation.schema, &relation.table, &column);
            tried += 1;
            let Err(fault) = engine.rehearse(&[probe], 0).await else { continue };
            let what = format!("setting `{column}` of `{relation}`");
            if fault.class() != Class::Permission {
                checks.push(self.stopped(ID, &what, fault.into()));
                continue;
            }
            let action = synapsor_core::privilege::Action::Update;
            let lacking = BTreeSet::from([Privilege::Column(relation, action, column)]);
            let role = RoleName::Placeholder("<writer_role>");
            let grant = grants(self.source.engine, &lacking, &role, None).join("\n");
            checks.push(Check::fail(ID, format!("{what} is not allowed to the {}", Use::Writer.word()), grant));
        }
        if checks.is_empty() && tried > 0 {
            let columns = if tried == 1 { "column was" } else { "columns were" };
            checks.push(Check::pass(ID, format!("{tried} {columns} set as the writer, of no row, and undone")));
        }
        checks
    }
}
