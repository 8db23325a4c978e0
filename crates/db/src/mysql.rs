//! MySQL and MariaDB as source databases.

mod address;
mod catalog;
mod columns;
mod inspect;
mod link;
mod privileges;
mod reader;
mod receipts;
mod refusal;
mod row;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use mysql_async::prelude::Queryable as _;
use synapsor_core::privilege::{Held, Relation};
use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::Place;
use synapsor_core::value::{Cell, Table};
use synapsor_core::wire::inspection::Inspection;

pub(crate) use self::writer::MysqlTx;

use self::address::Address;
use self::link::Server;
use self::reader::Links;
use crate::engine::{Access, Ask, ReceiptsState, Role};
use crate::fault::{Class, Fault};
use crate::link::LinkState;

/// One source under one credential.
pub struct Mysql {
    links: Arc<Links>,
}

impl Mysql {
    pub(crate) fn open(access: Access) -> Result<Self, Fault> {
        let Access { url, source, role: _, base } = access;
        let address = Address::parse(&url, &source.tls, &base)?;
        let server = Server {
            address,
            connect: source.connect_timeout,
            lock: source.lock_timeout,
            statement: source.statement_timeout,
        };
        let links = Links::new(server, source.pool.max_connections, source.pool.acquire_timeout);
        Ok(Self { links: Arc::new(links) })
    }

    pub(crate) async fn read(&self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Fault> {
        self.links.read(sql.into()).await
    }

    pub(crate) async fn settled(&self) {
        self.links.settled().await;
    }

    pub(crate) async fn describe(&self, ask: &Ask) -> Result<Option<Table>, Fault> {
        catalog::describe(&self.links, ask).await
    }

    pub(crate) async fn inspect(&self, schema: Option<&str>, at: Timestamp) -> Result<Inspection, Fault> {
        inspect::inspect(&self.links, schema, at).await
    }

    pub(crate) async fn link_state(&self) -> Result<LinkState, Fault> {
        let cipher = catalog::ask(&self.links, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", &[], 2).await?;
        let about = "SELECT SUBSTRING_INDEX(USER(), '@', -1) AS a, UNIX_TIMESTAMP(NOW(6)) AS b";
        let about = catalog::ask(&self.links, about, &[], 2).await?;
        let text = |rows: &[catalog::Row], index: usize| {
            rows.first().and_then(|row| row.get(index).cloned().flatten()).unwrap_or_default()
        };
        let encrypted = if text(&cipher, 1).is_empty() { "false" } else { "true" };
        LinkState::read(encrypted, &text(&about, 0), &text(&about, 1))
            .ok_or_else(|| Fault::new(Class::Other, "the server says nothing of the link"))
    }

    pub(crate) async fn receipts(&self, place: &Place) -> Result<ReceiptsState, Fault> {
        receipts::state(&self.links, place).await
    }

    pub(crate) async fn privileges(&self, relations: &[Relation]) -> Result<Held, Fault> {
        privileges::held(&self.links, relations).await
    }

    /// Each statement may take as long as it needs: it changes the shape of a table that may be large.
    pub(crate) async fn migrate(&self, statements: &[String]) -> Result<(), Fault> {
        let permit = self.links.permit().await?;
        let mut link = self.links.server.connect(Role::Writer).await?;
        let statements = statements.to_vec();
        // On a task of its own: cut off half-way, a statement would go on unseen.
        let task = tokio::spawn(async move {
            let _permit = permit;
            let unlimited = if link.is_maria() { "SET SESSION max_statement_time = 0" } else { "DO 0" };
            for statement in std::iter::once(unlimited.to_owned()).chain(statements) {
                let done = link.conn.query_drop(statement).await;
                done.map_err(|error| refusal::fault(error, "a statement of the migration was refused"))?;
            }
            link.close().await;
            Ok(())
        });
        task.await.unwrap_or_else(|error| {
            Err(Fault::new(Class::Other, "the task of the migration ended early").because(error))
        })
    }

    pub(crate) async fn begin(&self) -> Result<MysqlTx, Fault> {
        MysqlTx::begin(Arc::clone(&self.links)).await
    }
}
