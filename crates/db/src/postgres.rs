//! Postgres as a source database.

use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::Place;
use synapsor_core::value::{Cell, Table};

use crate::engine::{Access, Ask, ReceiptsState};
use crate::fault::Fault;
use crate::tx::{Commit, Reject};

/// One source under one credential.
pub struct Postgres {}

/// An open write transaction.
pub(crate) struct PostgresTx {}

impl Postgres {
    pub(crate) fn open(_access: Access) -> Result<Self, Fault> {
        todo!()
    }
    pub(crate) async fn read(&self, _sql: &Sql) -> Result<Vec<Vec<Cell>>, Fault> {
        todo!()
    }
    pub(crate) async fn describe(&self, _ask: &Ask) -> Result<Option<Table>, Fault> {
        todo!()
    }
    pub(crate) async fn receipts(&self, _place: &Place) -> Result<ReceiptsState, Fault> {
        todo!()
    }
    pub(crate) async fn migrate(&self, _statements: &[String]) -> Result<(), Fault> {
        todo!()
    }
    pub(crate) async fn begin(&self) -> Result<PostgresTx, Fault> {
        todo!()
    }
}

impl PostgresTx {
    pub(crate) async fn execute(&mut self, _sql: &Sql) -> Result<u64, Reject> {
        todo!()
    }
    pub(crate) async fn fetch(&mut self, _sql: &Sql) -> Result<Vec<Vec<Cell>>, Reject> {
        todo!()
    }
    pub(crate) async fn constraints_now(&mut self) -> Result<(), Reject> {
        todo!()
    }
    pub(crate) async fn rollback(&mut self) -> bool {
        todo!()
    }
    pub(crate) async fn commit(self) -> Commit {
        todo!()
    }
}
