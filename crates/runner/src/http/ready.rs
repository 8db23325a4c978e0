//! Whether calls would succeed now: the ledger takes records, and every source answers.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::app::App;

/// How long one look is good for. Asking costs nothing, however many ask.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The newest look.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), &'static str>)>>);

impl Readiness {
    /// Looks, or repeats what was seen a moment ago: `ledger` or `source` is what does not work.
    pub async fn look(&self, app: &App) -> Result<(), &'static str> {
        let mut newest = self.0.lock().await;
        if let Some((at, seen)) = *newest
            && at.elapsed() < GOOD_FOR
        {
            return seen;
        }
        let seen = app.ready().await;
        *newest = Some((Instant::now(), seen));
        seen
    }
}
