//! Links that certainly end at the server itself. What is set and prepared there stays, and nobody else meets it.
//!
//! A pooler in between would hand the server's side to somebody else after each transaction. It cannot be asked whether it
//! is there, but it has ends of its own: where both sides name the same two ends, there is none.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use synapsor_core::sql::Sql;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

/// Most statements that stay prepared on one link; those of the capabilities are far fewer.
const MOST: usize = 256;

/// The link as the server sees it; no addresses on a local socket.
const ENDS: &str = "SELECT pg_catalog.host(pg_catalog.inet_client_addr()), pg_catalog.inet_client_port(), \
     pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port()";

/// The link as we see it: our end and theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends(pub(super) [SocketAddr; 2]);

impl Ends {
    /// Whether the server sees the same.
    pub(super) async fn are_the_servers(self, client: &Client) -> Result<bool, Error> {
        let messages = client.simple_query(ENDS).await?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cell = |place| row.and_then(|row| row.try_get(place).ok().flatten());
        Ok(self.are([cell(0), cell(1), cell(2), cell(3)]))
    }

    fn are(self, said: [Option<&str>; 4]) -> bool {
        let address = |host: Option<&str>, port: Option<&str>| {
            Some((host?.parse::<IpAddr>().ok()?.to_canonical(), port?.parse::<u16>().ok()?))
        };
        let [client, client_port, server, server_port] = said;
        let theirs = [address(client, client_port), address(server, server_port)];
        self.0.map(|end| Some((end.ip().to_canonical(), end.port()))) == theirs
    }
}

/// The statements that are prepared on one link.
#[derive(Default)]
pub(super) struct Prepared(Mutex<HashMap<String, Statement>>);

impl Prepared {
    /// The statement, prepared when it is first asked for; `None` = there are too many.
    pub(super) async fn statement(&self, client: &Client, sql: &Sql) -> Result<Option<Statement>, Error> {
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(statement) = known.get(sql.text()) {
                return Ok(Some(statement.clone()));
            }
            if known.len() >= MOST {
                return Ok(None);
            }
        }
        let types = vec![Type::TEXT; sql.binds().len()];
        let statement = client.prepare_typed(sql.text(), &types).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(sql.text().to_owned(), statement.clone());
        Ok(Some(statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_two_ends_are_direct() {
        let check = |ends: [&str; 2], said: [Option<&str>; 4], expected: bool| {
            let ends = Ends(ends.map(|end| end.parse().expect("an address")));
            assert_eq!(ends.are(said), expected, "{ends:?} {said:?}");
        };
        let said = [Some("10.0.0.7"), Some("50000"), Some("10.0.0.5"), Some("5432")];
        check(["10.0.0.7:50000", "10.0.0.5:5432"], said, true);
        check(["[::ffff:10.0.0.7]:50000", "10.0.0.5:5432"], said, true);
        // A pooler on the way, on either side of a tunnel.
        check(["10.0.0.7:50000", "10.0.0.5:6432"], said, false);
        check(["10.0.0.7:50001", "10.0.0.5:5432"], said, false);
        check(["10.0.0.8:50000", "10.0.0.5:5432"], said, false);
        check(["10.0.0.7:50000", "10.0.0.6:5432"], said, false);
        // A local socket.
        check(["10.0.0.7:50000", "10.0.0.5:5432"], [None; 4], false);
        check(["10.0.0.7:50000", "10.0.0.5:5432"], [Some("10.0.0.7"), Some("50000"), Some("x"), Some("5432")], false);
    }
}
