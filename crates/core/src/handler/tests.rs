use serde_json::{Value as Json, json};

use super::judge::{self, Reply, Word};
use super::request::{self, Asker, Stamp};
use super::verify::{Incoming, Rules, verify, verify_command};
use super::{is_safe_code, moment, sign};
use crate::proposal::Proposal;
use crate::wire::handler::{Ask, HandlerRequest, HandlerStatus};
use crate::wire::receipt::ReceiptStatus;
use crate::writeback::{self, Settlement};
use crate::{event, fixture};

const VECTORS: &str = include_str!("../../../../fixtures/handler-vectors/vectors.json");

fn vectors() -> Json {
    serde_json::from_str(VECTORS).expect("the vectors are JSON")
}

#[test]
fn requests_are_accepted_and_refused_as_the_shared_vectors_say() {
    let vectors = vectors();
    let settings = &vectors["settings"];
    let secrets: Vec<&str> = sign::secrets(settings["secrets"].as_str().expect("text")).collect();
    let known: Vec<&str> = settings["actions"].as_array().expect("a list").iter().filter_map(Json::as_str).collect();
    let rules = Rules {
        token: settings["token"].as_str(),
        secrets: &secrets,
        audience: settings["audience"].as_str(),
        now: settings["now"].as_str().expect("text").parse().expect("a time"),
        knows: &|action| known.contains(&action),
    };
    let cases = vectors["requests"].as_array().expect("a list");
    assert!(cases.len() > 90);
    for case in cases {
        let body = match case["body"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => base64(case["body_base64"].as_str().expect("text")),
        };
        let header = |name: &str| case["headers"][name].as_str();
        let method = case["method"].as_str().expect("text");
        let found = match verify(Incoming { method, header: &header, body: &body }, rules) {
            Ok(verified) => json!({ "status": 200, "kind": verified.request.kind.word() }),
            Err(no) => json!({ "status": no.status, "code": no.code, "signed": no.secret.is_some() }),
        };
        assert_eq!(found, case["expect"], "{}", case["name"]);
    }
}

#[test]
fn the_published_schema_accepts_what_is_accepted_and_refuses_what_lacks_a_part() {
    let schema = serde_json::to_value(schemars::schema_for!(HandlerRequest)).expect("plain data");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let mut refused = 0;
    for case in vectors()["requests"].as_array().expect("a list") {
        let Some(Ok(body)) = case["body"].as_str().map(serde_json::from_str::<Json>) else { continue };
        if case["expect"]["status"] == 200 {
            assert!(schema.is_valid(&body), "{}", case["name"]);
        } else if case["expect"]["code"] == "BAD_WRITEBACK_REQUEST" && !schema.is_valid(&body) {
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused}");
}

/// The one vector that is no text; a dependency for it would be one too many.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = (0_u32, 0);
    let mut bytes = Vec::new();
    for digit in text.bytes().filter(|byte| *byte != b'=') {
        let value = DIGITS.iter().position(|known| *known == digit).expect("a digit");
        bits = ((bits.0 << 6) | u32::try_from(value).expect("small"), bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            bytes.push(u8::try_from((bits.0 >> bits.1) & 255).expect("a byte"));
        }
    }
    bytes
}

#[test]
fn replies_are_signed_as_the_shared_vectors_say() {
    for case in vectors()["replies"].as_array().expect("a list") {
        let text = |name: &str| case[name].as_str().expect("text");
        let (request, body, secret) = (text("request_body").as_bytes(), text("reply_body").as_bytes(), text("secret"));
        assert_eq!(sign::reply(secret, request, body), text("signature"), "{}", case["name"]);
        assert!(sign::reply_is_signed(&["another", secret], request, body, text("signature")));
        assert!(!sign::reply_is_signed(&[secret], b"another request", body, text("signature")));
        assert!(!sign::reply_is_signed(&["another"], request, body, text("signature")));
        // A request's signature is none of a reply.
        assert!(!sign::reply_is_signed(&[secret], request, body, &sign::request(secret, body)));
    }
}

#[test]
fn versions_are_compared_as_the_shared_vectors_say() {
    for case in vectors()["versions"].as_array().expect("a list") {
        let same = moment::same_version(case["stored"].as_str(), &case["expected"]);
        assert_eq!(Json::from(same), case["same"], "{case}");
    }
}

fn claimed() -> Proposal {
    let change_set = fixture::change_set();
    let decision = event::Decision {
        v: 1,
        actor: "reviewer".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: None,
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        ledger_head: "1:x".to_owned(),
    };
    let events = [
        event::Event::ProposalCreated(Box::new(change_set)),
        event::Event::ProposalApproved(decision),
        event::Event::ProposalPendingWorker(fixture::claim()),
    ];
    Proposal::replay(events).expect("a proposal")
}

const STAMP: Stamp<'_> = Stamp { audience: "command:app", issued_at: "2026-06-28T12:00:00Z", nonce: "n" };

fn asked(ask: Ask) -> HandlerRequest {
    let (proposal, claim) = (claimed(), fixture::claim());
    let asker = Asker { ledger_id: "led_1", claim: &claim };
    let crate::proposal::Stage::Applying { decision, .. } = proposal.stage() else { panic!("not claimed") };
    match ask {
        Ask::Apply => request::apply(&proposal, decision, "2026-06-28T11:00:00Z", asker, STAMP),
        Ask::Handshake => request::handshake(STAMP),
        ask => request::inquire(ask, &proposal, asker, STAMP),
    }
}

#[test]
fn what_the_runner_asks_reads_back_the_same() {
    let rules = Rules {
        token: None,
        secrets: &[],
        audience: Some("command:app"),
        now: "2026-06-28T12:00:00Z".parse().expect("a time"),
        knows: &|_| true,
    };
    for ask in [Ask::Apply, Ask::Status, Ask::Fence, Ask::Handshake] {
        let request = asked(ask);
        let body = serde_json::to_vec(&request).expect("plain data");
        assert_eq!(verify_command(&body, rules).expect("accepted"), request, "{}", ask.word());
        let mut text: Json = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(text["kind"], ask.word());
        assert_eq!(text.get("change_set").is_some(), ask == Ask::Apply);
        text["audience"] = json!("command:other");
        let refused = verify_command(text.to_string().as_bytes(), rules).expect_err("another audience");
        assert_eq!((refused.status, refused.code), (403, "INVALID_AUDIENCE"));
    }
}

fn receipt(status: &str) -> Json {
    let about = asked(Ask::Apply).about.expect("about a proposal");
    json!({
        "protocol_version": "1.0", "proposal_id": about.proposal_id, "idempotency_key": about.idempotency_key,
        "receipt_id": "hr_1", "status": status, "rows_affected": 2, "source_database_mutated": true,
        "previous_version": "a", "new_version": "b", "safe_error_code": null, "details": {},
    })
}

fn word_of(ask: Ask, status: u16, signed: Option<bool>, body: &Json) -> String {
    let body = body.to_string();
    let reply = Reply::Said { status, signed, body: body.as_bytes() };
    match judge::word(&asked(ask), &reply) {
        Word::Receipt(receipt) => format!("receipt {}", receipt.status.word()),
        Word::None => "none".to_owned(),
        Word::Refused(code) => format!("refused {code}"),
        Word::KeyReused => "key reused".to_owned(),
        Word::Doubt(_) => "doubt".to_owned(),
    }
}

#[test]
fn whatever_a_reply_says_that_is_not_proved_and_understood_is_in_doubt() {
    let refusal = |code: &str| json!({ "protocol_version": "1.0", "error": { "code": code, "message": "m" } });
    let altered = |key: &str, value: Json| {
        let mut receipt = receipt("applied");
        receipt[key] = value;
        receipt
    };
    let cases = [
        (Ask::Apply, 200, Some(true), receipt("applied"), "receipt applied"),
        (Ask::Apply, 200, None, receipt("conflict"), "receipt conflict"),
        (Ask::Apply, 200, Some(false), receipt("applied"), "doubt"),
        (Ask::Apply, 200, Some(true), receipt("unknown"), "doubt"),
        (Ask::Status, 200, Some(true), receipt("unknown"), "none"),
        (Ask::Fence, 200, Some(true), receipt("canceled"), "receipt canceled"),
        (Ask::Fence, 200, Some(true), receipt("unknown"), "doubt"),
        (Ask::Apply, 200, Some(true), receipt("done"), "doubt"),
        (Ask::Apply, 200, Some(true), json!({ "ok": true }), "doubt"),
        (Ask::Apply, 200, Some(true), altered("proposal_id", json!("wrp_other")), "doubt"),
        (Ask::Apply, 200, Some(true), altered("idempotency_key", json!("other")), "doubt"),
        (Ask::Apply, 200, Some(true), altered("protocol_version", json!("2.0")), "doubt"),
        (Ask::Apply, 200, Some(true), altered("dry_run", json!(true)), "doubt"),
        (Ask::Apply, 400, Some(true), refusal("UNSUPPORTED_ACTION"), "refused UNSUPPORTED_ACTION"),
        (Ask::Apply, 401, Some(false), refusal("UNAUTHORIZED"), "doubt"),
        (Ask::Apply, 401, None, refusal("UNAUTHORIZED"), "refused UNAUTHORIZED"),
        (Ask::Apply, 409, Some(true), refusal("IDEMPOTENCY_KEY_REUSED"), "key reused"),
        (Ask::Apply, 404, None, json!("no such page"), "doubt"),
        (Ask::Apply, 404, None, refusal("not found, sorry"), "doubt"),
        (Ask::Apply, 408, Some(true), refusal("BODY_TIMEOUT"), "doubt"),
        (Ask::Apply, 425, Some(true), refusal("TOO_EARLY"), "doubt"),
        (Ask::Apply, 429, Some(true), refusal("TOO_MANY"), "doubt"),
        (Ask::Apply, 499, Some(true), refusal("GONE"), "doubt"),
        (Ask::Apply, 302, Some(true), receipt("applied"), "doubt"),
        (Ask::Apply, 500, Some(true), refusal("HANDLER_EXCEPTION"), "doubt"),
        (Ask::Apply, 503, Some(true), refusal("HANDLER_BUSY"), "doubt"),
        (Ask::Apply, 201, Some(true), receipt("applied"), "doubt"),
    ];
    for (ask, status, signed, body, expected) in cases {
        assert_eq!(word_of(ask, status, signed, &body), expected, "{status} {signed:?} {body}");
    }
    assert_eq!(judge::word(&asked(Ask::Apply), &Reply::Nothing("late")), Word::Doubt("late"));
}

#[test]
fn nothing_that_a_handler_words_itself_reaches_the_record() {
    let mut said = receipt("failed");
    said["safe_error_code"] = json!("could not connect to db-7.internal");
    said["details"] = json!({ "why": "x".repeat(20_000) });
    let body = said.to_string();
    let reply = Reply::Said { status: 200, signed: Some(true), body: body.as_bytes() };
    let Word::Receipt(receipt) = judge::word(&asked(Ask::Apply), &reply) else { panic!("no receipt") };
    assert_eq!(receipt.safe_error_code, None);
    assert_eq!(Json::Object(receipt.details.clone()), json!({ "truncated": true }));
    let (change_set, claim) = (fixture::change_set(), fixture::claim());
    let at = "2026-06-28T12:01:00Z".parse().expect("a time");
    let told = writeback::told(&change_set, &claim, &receipt, at);
    assert_eq!((told.status, told.safe_error_code.as_deref()), (ReceiptStatus::Failed, Some("HANDLER_FAILED")));
    assert_eq!((told.rows_affected, told.source_database_mutated, told.new_version), (0, false, None));

    let mut secret = *receipt;
    secret.status = HandlerStatus::Applied;
    secret.details = [("url".to_owned(), json!("postgres://app:pw@db/x"))].into_iter().collect();
    let told = writeback::told(&change_set, &claim, &secret, at);
    assert_eq!(told.details, Some(json!({ "redacted": true })));
    assert_eq!((told.status, told.rows_affected, told.source_database_mutated), (ReceiptStatus::Applied, 2, true));
    assert_eq!(told.receipt_hash, told.hash());
}

#[test]
fn a_receipt_ends_it_and_a_refusal_of_an_apply_releases_it() {
    let refused = judge::settle(Word::Refused("UNSUPPORTED_ACTION".to_owned()));
    assert_eq!(refused, Settlement::Released(crate::code::Code::HandlerRefused));
    let reused = judge::settle(Word::KeyReused);
    assert!(matches!(reused, Settlement::Settled(outcome) if outcome.status == ReceiptStatus::Failed));
    assert!(matches!(judge::settle(Word::None), Settlement::InDoubt(_)));
}

#[test]
fn codes_are_short_and_plain() {
    for (code, safe) in
        [("A", true), ("CREDIT_LIMIT_2", true), ("", false), ("_A", false), ("a", false), ("A b", false)]
    {
        assert_eq!(is_safe_code(code), safe, "{code}");
    }
    assert!(!is_safe_code(&"A".repeat(65)));
}
