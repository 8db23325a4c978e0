//! Writes that are undone: proof that an account can do what its grants say.

use synapsor_core::sql::Sql;

use crate::engine::Engine;
use crate::fault::{Class, Fault};
use crate::tx::Reject;

impl Engine {
    /// Runs statements in order, each of which must touch that many rows, and undoes them.
    pub async fn rehearse(&self, statements: &[Sql], rows: u64) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        let mut done = Ok(());
        for statement in statements {
            done = match tx.execute(statement).await {
                Ok(touched) if touched == rows => continue,
                Ok(_) => Err(Fault::new(Class::Other, "a statement touched another number of rows than it should")),
                Err(Reject::Duplicate) => Err(Fault::new(Class::Busy, "a receipt under these keys exists")),
                Err(Reject::Refused(_, fault)) => Err(fault),
            };
            break;
        }
        match (done, tx.rollback().await) {
            (Ok(()), false) => Err(Fault::new(Class::Unreachable, "the link broke while a rehearsal was undone")),
            (done, _) => done,
        }
    }
}
