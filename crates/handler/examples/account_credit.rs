//! An account credit, written by the app itself: one row in `account_credits`, and the sum in `accounts`.

use axum::http::Uri;
use serde_json::json;
use synapsor_handler::{BoxError, EffectFuture, Effects, Handler, Job, Tx, WritebackFailed};

const MOST_CENTS: i64 = 1_000_000;

fn account_credit<'a>(job: &'a Job, tx: &'a mut Tx<'_>) -> EffectFuture<'a> {
    Box::pin(async move {
        let id = format!("CR-{}", job.proposal_id);
        let credit = [
            ("id", (&id).into()),
            ("tenant_id", (&job.tenant_id).into()),
            ("account_id", (&job.object_id).into()),
            ("cents", job.patch("credit_cents").into()),
            ("reason", job.patch("credit_reason").into()),
            ("created_by", (&job.principal).into()),
        ];
        tx.insert("account_credits", &credit).await?;
        let cents = job.patch("credit_cents").as_i64().ok_or("no cents")?;
        let credited = job.row.get("credited_cents").and_then(|sum| sum.as_i64()).ok_or("no sum")? + cents;
        if credited > MOST_CENTS {
            // The insert is undone with everything else.
            return Err(WritebackFailed::new("CREDIT_LIMIT_REACHED").into());
        }
        tx.update("accounts", &job.object_id, &[("credited_cents", credited.into())]).await?;
        tx.emit("account.credited", &json!({ "credit_id": id, "cents": cents })).await?;
        Ok(Effects::none().with(json!({ "type": "db.insert", "table": "account_credits", "id": id })))
    })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let handler = Handler::builder()
        .token_env("SYNAPSOR_APP_HANDLER_TOKEN")
        .signing_secret_env("SYNAPSOR_APP_HANDLER_SIGNING_SECRET")
        .write_url_env("SYNAPSOR_APP_WRITE_URL")
        .action("billing.propose_account_credit", account_credit)
        .build()?;
    let own: Uri = std::env::var("SYNAPSOR_APP_WRITEBACK_URL")?.parse()?;
    // Behind a proxy, the address that the runner calls is the proxy's, and PORT says where to listen.
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => own.port_u16().ok_or("SYNAPSOR_APP_WRITEBACK_URL names no port")?,
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let app = axum::Router::new().route_service(own.path(), handler);
    axum::serve(listener, app).await?;
    Ok(())
}
