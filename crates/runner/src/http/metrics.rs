//! Numbers for Prometheus, on an address of their own.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use super::router::Shared;
use crate::app::call::{CALL_SECONDS, CALLS};

/// Answers of the endpoint, by `status`.
pub const RESPONSES: &str = "synapsor_http_responses_total";
const RUNNING: &str = "synapsor_calls_running";
const SESSIONS: &str = "synapsor_sessions";

/// Bounds of the buckets of [`CALL_SECONDS`].
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The numbers of this process.
#[derive(Clone)]
pub struct Metrics {
    numbers: PrometheusHandle,
    shared: Arc<Shared>,
}

impl Metrics {
    /// Begins to count.
    pub(super) fn install() -> Result<PrometheusHandle, Refusal> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(CALL_SECONDS.to_owned()), &BUCKETS)
            .and_then(PrometheusBuilder::install_recorder);
        let numbers = builder.map_err(|_| Refusal::new(Code::Internal, "metrics cannot be counted"))?;
        metrics::describe_counter!(CALLS, "Calls of tools, by tool and outcome");
        metrics::describe_histogram!(CALL_SECONDS, "How long calls of tools took");
        metrics::describe_counter!(RESPONSES, "Answers of the endpoint, by HTTP status");
        metrics::describe_gauge!(RUNNING, "Calls that run now");
        metrics::describe_gauge!(SESSIONS, "Sessions of older protocol revisions that are open");
        Ok(numbers)
    }

    /// Shows the numbers to whoever asks on the listener, for as long as the process runs.
    pub(super) async fn serve(listener: TcpListener, numbers: PrometheusHandle, shared: Arc<Shared>) {
        let router = Router::new().route("/metrics", get(show)).with_state(Self { numbers, shared });
        let served = async {
            listener.set_nonblocking(true)?;
            axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
        };
        if let Err(error) = served.await {
            tracing::error!("metrics are not shown any more: {error}");
        }
    }
}

async fn show(State(metrics): State<Metrics>) -> impl IntoResponse {
    metrics::gauge!(RUNNING).set(f64::from(metrics.shared.site().limits.running()));
    metrics::gauge!(SESSIONS).set(f64::from(u32::try_from(metrics.shared.sessions.count()).unwrap_or(u32::MAX)));
    metrics.numbers.run_upkeep();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.numbers.render())
}
