//! Records as resources: templates, lists of one's own, and reading one.

use rmcp::model::{
    CompletionInfo, ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceTemplate,
};
use serde_json::json;
use synapsor_core::answer::safe_message;
use synapsor_core::code::Face;
use synapsor_core::id::{EvidenceId, ProposalId};

use super::{prompts, render};
use crate::app::call::no_grant;
use crate::app::limits::{Running, Visitor};
use crate::app::share::{Page, Shared};
use crate::app::{App, Stop};
use crate::clock;

/// The media type of every record.
pub(super) const MIME_TYPE: &str = "application/json";
const PAGE: usize = 50;
/// How many recent records completion looks at.
const COMPLETED: usize = 100;

const PROPOSALS: &str = "synapsor://proposals/";
const EVIDENCE: &str = "synapsor://evidence/";
const REPLAY: &str = "synapsor://replay/";
/// Replays are named after their proposals.
const REPLAY_PREFIX: &str = "replay_";

/// The templates of the three kinds of records.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let template = |start: &str, argument: &str, name: &str, about: &str| {
        ResourceTemplate::new(format!("{start}{{{argument}}}"), name).with_description(about).with_mime_type(MIME_TYPE)
    };
    ListResourceTemplatesResult::with_all_items(vec![
        template(PROPOSALS, "proposal_id", "synapsor-proposals", "A proposal of yours, its events and its receipts"),
        template(EVIDENCE, "evidence_bundle_id", "synapsor-evidence", "What a tool call of yours saw; for audit"),
        template(REPLAY, "replay_id", "synapsor-replay", "Everything recorded about a proposal of yours; for audit"),
    ])
    .with_ttl_ms(render::LISTS_TTL)
}

/// A page of this principal's recent records, newest first.
pub(super) async fn list(app: &App, visitor: &Visitor, cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let _running = begin(visitor)?;
    let before = match cursor.map(str::parse::<u64>) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(_)) => return Err(ErrorData::invalid_params("the cursor is not one that this server gave", None)),
    };
    let Page { records, next } = app.shared_page(visitor.caller(), before, PAGE).await.map_err(failed)?;
    let resources = records.into_iter().map(|record| {
        let start = if record.is_proposal { PROPOSALS } else { EVIDENCE };
        Resource::new(format!("{start}{}", record.id), record.id)
            .with_title(record.title)
            .with_description(format!("Recorded at {}", record.at))
            .with_mime_type(MIME_TYPE)
    });
    let mut list = ListResourcesResult::with_all_items(resources.collect());
    list.next_cursor = next.map(|next| next.to_string());
    Ok(list)
}

/// One record. A malformed address, a missing record and somebody else's are the same error.
pub(super) async fn read(app: &App, visitor: &Visitor, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let _running = begin(visitor)?;
    let Some(record) = parse(uri) else { return Err(not_found(uri)) };
    match app.shared(visitor.caller(), &record).await.map_err(failed)? {
        Some(json) => Ok(render::document(uri, &json)),
        None => Err(not_found(uri)),
    }
}

/// The recent ids of a template's argument that begin with what was typed.
pub(super) async fn complete(
    app: &App,
    visitor: &Visitor,
    template: &str,
    typed: &str,
) -> Result<CompletionInfo, ErrorData> {
    let _running = begin(visitor)?;
    let (proposals, prefix) = match template.split_once('{').map(|(start, _)| start) {
        Some(PROPOSALS) => (true, ""),
        Some(REPLAY) => (true, REPLAY_PREFIX),
        Some(EVIDENCE) => (false, ""),
        _ => return Err(not_found(template)),
    };
    let Page { records, .. } = app.shared_page(visitor.caller(), None, COMPLETED).await.map_err(failed)?;
    let ids = records.into_iter().filter(|record| record.is_proposal == proposals);
    let ids = ids.map(|record| format!("{prefix}{}", record.id)).filter(|id| id.starts_with(typed));
    prompts::completion(ids.collect())
}

fn parse(uri: &str) -> Option<Shared> {
    if let Some(id) = uri.strip_prefix(PROPOSALS) {
        return ProposalId::parse(id).ok().map(Shared::Proposal);
    }
    if let Some(id) = uri.strip_prefix(EVIDENCE) {
        return EvidenceId::parse(id).ok().map(Shared::Evidence);
    }
    let id = uri.strip_prefix(REPLAY)?;
    ProposalId::parse(id.strip_prefix(REPLAY_PREFIX).unwrap_or(id)).ok().map(Shared::Replay)
}

/// Records are read by those who may read, within their share.
fn begin(visitor: &Visitor) -> Result<Running, ErrorData> {
    if !visitor.caller().grants().read {
        return Err(failed(no_grant("read").into()));
    }
    visitor.begin().map_err(|busy| failed(busy.into()))
}

/// Says nothing that the client has not said.
fn not_found(uri: &str) -> ErrorData {
    // The SDK gives it the code that the client's revision knows.
    let data = json!({ "code": "RESOURCE_NOT_FOUND", "uri": uri });
    ErrorData::resource_not_found("there is no such record", Some(data))
}

fn failed(stop: Stop) -> ErrorData {
    let request_id = clock::request_id();
    let refusal = stop.into_refusal(request_id.as_str());
    let face: Face = refusal.code().face();
    let data = json!({ "code": face.text(), "retryable": face.retryable() });
    ErrorData::internal_error(safe_message(&refusal, &request_id), Some(data))
}
