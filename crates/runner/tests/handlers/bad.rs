//! A handler with one guard broken fails exactly the checks of that guard.

use synapsor_testkit::database::Engine;

use crate::app::App;

async fn fails(bad: &str, expected: &[&str]) {
    let mut app = App::make("python", Engine::Sqlite).await;
    app.spoil();
    app.run(&[("BAD", bad)]);
    let report = app.conformance();
    let checks = report["checks"].as_array().unwrap_or_else(|| panic!("no report: {report}"));
    let failed: Vec<&str> =
        checks.iter().filter(|check| check["status"] == "failed").filter_map(|check| check["id"].as_str()).collect();
    assert_eq!(failed, expected, "{bad}: {report:#}");
}

macro_rules! bad {
    ($($name:ident $bad:literal => [$($expected:literal),+];)*) => {
        $(#[tokio::test] async fn $name() { fails($bad, &[$($expected),+]).await; })*
    };
}

bad! {
    a_handshake_that_promises_little "handshake" => ["handshake"];
    a_method_that_nobody_looks_at "method" => ["method"];
    headers_that_nobody_looks_at "headers" => ["headers"];
    a_version_of_the_protocol_that_is_not_known "protocol" => ["protocol"];
    a_shape_that_nobody_looks_at "malformed" => ["malformed"];
    a_body_without_bounds "oversize" => ["oversize"];
    a_body_that_is_waited_for_for_ever "slow" => ["slow"];
    a_token_that_nobody_looks_at "bearer" => ["bearer"];
    a_signature_that_nobody_looks_at "signature" => ["signature", "tampering"];
    a_signature_that_lasts "stale-signature" => ["stale-signature"];
    an_audience_that_nobody_looks_at "audience" => ["audience"];
    a_reply_with_a_made_up_signature "reply-signature" => ["reply-signature"];
    an_action_that_is_taken_for_another "action" => ["action"];
    a_row_of_whichever_tenant "tenant" => ["tenant"];
    a_version_that_nobody_looks_at "version" => ["version", "race"];
    a_version_that_nobody_moves "version-move" => ["apply", "race"];
    a_key_that_nobody_keeps "duplicate" => ["duplicate", "crowd", "key-reuse", "status", "fence"];
    a_key_for_another_change "key-reuse" => ["key-reuse"];
    a_dry_run_that_is_none "dry-run" => ["dry-run"];
    a_failure_that_leaves_half "failure" => ["failure"];
    a_status_that_knows_nothing "status" => ["status"];
    a_fence_that_shuts_nobody_out "fence" => ["fence"];
}
