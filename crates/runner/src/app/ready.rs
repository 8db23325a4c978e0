//! Whether calls would succeed now, and whether any still runs.

use std::time::Duration;

use futures_util::future::join_all;
use synapsor_core::contract::Source;
use synapsor_core::sql::read;

use super::{App, Stop};

/// How long cancelled statements may take to end.
const SETTLING: Duration = Duration::from_secs(5);

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

    /// Waits a moment for the end of statements that nobody waits for any more. A process that ends before that leaves
    /// them to run on.
    pub async fn settled(&self) {
        if tokio::time::timeout(SETTLING, self.sources.settled()).await.is_err() {
            tracing::warn!("some statements did not end in time; what they read is not used");
        }
    }

    async fn answers(&self, source: &Source) -> Result<(), Stop> {
        self.sources.reader(source)?.read(&read::ping()).await?;
        Ok(())
    }
}
