//! Whether calls would succeed now.

use futures_util::future::join_all;
use synapsor_core::contract::Source;
use synapsor_core::sql::read;

use super::{App, Stop};

impl App {
    /// Whether the ledger takes records and every source answers its reader; else which kind does not, for anybody to
    /// read. Why is logged.
    pub async fn ready(&self) -> Result<(), &'static str> {
        if let Err(fault) = self.ledger.ready().await {
            let _logged = Stop::from(fault).into_refusal("readyz");
            return Err("ledger");
        }
        let asked = self.contract.sources.values().map(|source| self.answers(source));
        for answer in join_all(asked).await {
            if let Err(stop) = answer {
                let _logged = stop.into_refusal("readyz");
                return Err("source");
            }
        }
        Ok(())
    }

    async fn answers(&self, source: &Source) -> Result<(), Stop> {
        self.sources.reader(source)?.read(&read::ping()).await?;
        Ok(())
    }
}
