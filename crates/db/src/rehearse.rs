//! A receipt that is written and undone: proof that an account can do what its grants say.

use synapsor_core::sql::Sql;

use crate::engine::Engine;
use crate::fault::{Class, Fault};
use crate::tx::Reject;

impl Engine {
    /// Runs the statements of a receipt in order, each of which must touch one row, and undoes them.
    pub async fn rehearse(&self, statements: &[Sql]) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        let mut done = Ok(());
        for statement in statements {
            done = match tx.execute(statement).await {
                Ok(1) => continue,
                Ok(_) => Err(Fault::new(Class::Other, "a receipt was not stored as it was sent")),
                Err(Reject::Duplicate) => Err(Fault::new(Class::Busy, "a receipt under these keys exists")),
                Err(Reject::Refused(_, fault)) => Err(fault),
            };
            break;
        }
        match (done, tx.rollback().await) {
            (Ok(()), false) => Err(Fault::new(Class::Unreachable, "the link broke while a receipt was undone")),
            (done, _) => done,
        }
    }
}
