//! What the world is about, made by core alone: a contract, proposals under it, and what each claim would write.

use jiff::Timestamp;
use serde_json::json;
use synapsor_core::args::Args;
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::{Contract, EngineKind, Mode};
use synapsor_core::event::{BODY_VERSION, Claim, Decision, Event};
use synapsor_core::id::{EvidenceId, Ident, ProposalId};
use synapsor_core::plan;
use synapsor_core::proposal::Proposal;
use synapsor_core::proposal::draft::{Material, Stamp, draft};
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::{self, Identity, Place, ReceiptKeys};
use synapsor_core::sql::write::{Change, GuardedWrite};
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::{Cell, Column, Kind, Limits, Native, Table};
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_core::writeback::{self, ClaimTerms, FoundReceipt};

use crate::bounds::Bounds;
use crate::world::{Held, Hour};

const CONFIG: &str = include_str!("../config/valid/postgres-billing.json");
const NOON: &str = "2026-06-28T12:00:00Z";
const LEASES_END: &str = "2026-06-28T12:05:00Z";
const LATE: &str = "2026-06-28T12:10:00Z";
const DUE: &str = "2027-06-28T12:00:00Z";
const RECEIPTS: &str = "44444444444444444444";
const OTHER_RECEIPTS: &str = "55555555555555555555";
const LEDGER: ClaimTerms<'_> = ClaimTerms { ledger_id: "ledger_1", ledger_head: "1:abc" };
/// More claims, for the healthy applier that comes when the bounds are reached.
pub const SPARE_CLAIMS: u8 = 2;

/// What the world is about.
pub struct Papers {
    pub contract: Contract,
    place: Place,
    named_servers: bool,
    proposals: Vec<(ChangeSet, Change)>,
    claims: Vec<Claimed>,
    shape: [usize; 3],
}

/// What a claim would write, and its fence.
pub struct Claimed {
    pub claim: Claim,
    pub keys: ReceiptKeys,
    pub write: GuardedWrite,
    pub receipt: Row,
    pub fence: Row,
    by_key: String,
    by_job: String,
}

/// A receipt row, read off the statement that inserts it.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    key: String,
    job: String,
    hash: String,
    status: String,
}

impl Row {
    /// Whether both unique keys let the two stand side by side.
    pub fn stands_beside(&self, other: &Self) -> bool {
        self.key != other.key && self.job != other.job
    }

    /// The row as a look finds it.
    pub fn found(&self) -> FoundReceipt {
        FoundReceipt {
            job_id: self.job.clone(),
            proposal_hash: Some(self.hash.clone()),
            status: self.status.clone(),
            new_version: None,
        }
    }
}

impl Claimed {
    /// Whether the look by idempotency key finds this row.
    pub fn finds_by_key(&self, row: &Row) -> bool {
        row.key == self.by_key
    }

    /// Whether the look by job finds this row.
    pub fn finds_by_job(&self, row: &Row) -> bool {
        row.job == self.by_job
    }
}

impl Papers {
    pub fn new(bounds: &Bounds) -> Self {
        let contract = config::read(CONFIG, &ReadOptions::default()).contract.unwrap();
        let place = Place { schema: ident("public"), table: ident("synapsor_writeback_receipts") };
        let proposals = (0..bounds.proposals).map(|number| {
            let change_set = change_set(&contract, number);
            let change = change(&contract, &change_set);
            (change_set, change)
        });
        let jobs = bounds.claims + SPARE_CLAIMS;
        let shape = [bounds.proposals, jobs, bounds.failovers + 1].map(usize::from);
        let mut papers = Self {
            proposals: proposals.collect(),
            place,
            named_servers: bounds.named_servers,
            claims: Vec::new(),
            shape,
            contract,
        };
        for proposal in 0..bounds.proposals {
            for job in 0..jobs {
                for server in 0..=bounds.failovers {
                    papers.claims.push(papers.claimed(Held { proposal, job, server }));
                }
            }
        }
        papers
    }

    pub fn change_set(&self, proposal: u8) -> &ChangeSet {
        &self.proposals[usize::from(proposal)].0
    }

    /// What a claim would write.
    pub fn of(&self, held: Held) -> &Claimed {
        let [_, jobs, servers] = self.shape;
        let [proposal, job, server] = [held.proposal, held.job, held.server].map(usize::from);
        &self.claims[(proposal * jobs + job) * servers + server]
    }

    /// The claim that an event names.
    pub fn held(&self, proposal: u8, claim: &Claim) -> Held {
        Held { proposal, job: number(&claim.job_id), server: claim.server_id.as_deref().map_or(0, number) }
    }

    /// The number of a job.
    pub fn job(&self, job_id: &str) -> u8 {
        number(job_id)
    }

    /// What a look at the receipt table's identity finds; a stray looks into another database.
    pub fn identity(&self, server: u8, stray: bool) -> Identity {
        let receipts_id = if stray { OTHER_RECEIPTS } else { RECEIPTS };
        Identity { receipts_id: receipts_id.to_owned(), server_id: self.server_id(server) }
    }

    pub fn created(&self, proposal: u8) -> Event {
        Event::ProposalCreated(Box::new(self.change_set(proposal).clone()))
    }

    /// A decision on this change, or on another.
    pub fn decision(&self, proposal: u8, on_this: bool) -> Decision {
        decision(if on_this { &self.change_set(proposal).integrity.proposal_hash } else { "sha256:another" })
    }

    fn server_id(&self, server: u8) -> Option<String> {
        self.named_servers.then(|| format!("server_{server}"))
    }

    fn claimed(&self, held: Held) -> Claimed {
        let (change_set, change) = &self.proposals[usize::from(held.proposal)];
        let claim = Claim {
            v: BODY_VERSION,
            job_id: format!("wbj_{:020}", held.job),
            runner_id: "runner".to_owned(),
            lease_expires_at: LEASES_END.to_owned(),
            receipts_schema: self.place.schema.as_str().to_owned(),
            receipts_table: self.place.table.as_str().to_owned(),
            receipts_id: RECEIPTS.to_owned(),
            server_id: self.server_id(held.server),
            executor: None,
        };
        let keys = writeback::keys(change_set, &claim, LEDGER);
        let engine = EngineKind::Postgres;
        let write = writeback::statements(engine, change, &self.place, &keys);
        Claimed {
            receipt: row(&write.insert_receipt),
            fence: row(&writeback::fence(engine, &self.place, &keys)),
            by_key: texts(&write.receipt_by_key).remove(0),
            by_job: texts(&receipts::by_job(engine, &self.place, &claim.job_id)).remove(0),
            claim,
            keys,
            write,
        }
    }
}

impl Hour {
    pub fn now(self) -> Timestamp {
        let text = match self {
            Self::Early => NOON,
            Self::Late => LATE,
            Self::Due => DUE,
        };
        text.parse().unwrap()
    }
}

fn number(id: &str) -> u8 {
    id.rsplit('_').next().and_then(|digits| digits.parse().ok()).unwrap()
}

fn ident(text: &str) -> Ident {
    Ident::parse(text).unwrap()
}

fn decision(proposal_hash: &str) -> Decision {
    Decision {
        v: BODY_VERSION,
        actor: "reviewer".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: None,
        proposal_hash: proposal_hash.to_owned(),
        ledger_head: LEDGER.ledger_head.to_owned(),
    }
}

/// The texts that a statement binds.
fn texts(sql: &Sql) -> Vec<String> {
    let text = |bind: &Bind| match bind {
        Bind::Text(text) => text.clone(),
        _ => String::new(),
    };
    sql.binds().iter().map(text).collect()
}

fn row(insert: &Sql) -> Row {
    let texts = texts(insert);
    let [key, job, hash, status] = ["idempotency_key", "job_id", "proposal_hash", "status"]
        .map(|name| texts[receipts::INSERTED_COLUMNS.iter().position(|column| *column == name).unwrap()].clone());
    Row { key, job, hash, status }
}

fn table() -> Table {
    let column = |name: &str, kind: Kind, native: &str| {
        let own = format!("\"pg_catalog\".\"{native}\"");
        let send = format!("\"pg_catalog\".\"{native}send\"");
        let native = Native::Postgres { cast: own.clone(), own, send };
        Column { name: ident(name), kind, nullable: true, generated: false, limits: Limits::default(), native }
    };
    Table {
        schema: ident("public"),
        name: ident("invoices"),
        columns: vec![
            column("id", Kind::Text, "text"),
            column("tenant_id", Kind::Text, "text"),
            column("updated_at", Kind::Instant, "timestamptz_"),
            column("status", Kind::Text, "text"),
            column("total_cents", Kind::Integer, "int8"),
            column("late_fee_cents", Kind::Integer, "int8"),
            column("waiver_reason", Kind::Text, "text"),
        ],
        refused: None,
        cascading: Vec::new(),
        replaces: false,
    }
}

/// The proposals are for the same version of the same row.
fn change_set(contract: &Contract, number: u8) -> ChangeSet {
    let capability = contract.capability("billing.propose_late_fee_waiver").unwrap();
    let source = contract.source_of(capability).unwrap();
    let (table, scope) = (table(), Scope::of_record("acme", "support.agent"));
    let arguments = json!({"invoice_id": "INV-1", "reason": format!("goodwill {number}")});
    let args = Args::parse(capability, arguments.as_object().unwrap()).unwrap();
    let plan = plan::read(capability, source.engine, &table, &scope, &args).unwrap();
    let cells = plan.columns.iter().map(|column| {
        let text = match column.name.as_str() {
            "id" => "INV-1",
            "tenant_id" => "acme",
            "updated_at" => "2026-06-20 14:31:08.123456+00",
            "late_fee_cents" => "5500",
            _ => return Cell::null(column.kind.clone()),
        };
        Cell::new(column.kind.clone(), Some(text.to_owned()))
    });
    let row = plan::one_row(capability, &plan, &args, vec![cells.collect()]).unwrap();
    let material = Material { capability, source, table: &table, scope: &scope, args: &args, plan: &plan, row: &row };
    let stamp = Stamp {
        proposal_id: &ProposalId::from_random([number; 10]),
        evidence_id: &EvidenceId::from_random([number; 10]),
        now: NOON.parse().unwrap(),
        mode: Mode::Review,
        secret: &[7; 32],
        receipts_id: Some(RECEIPTS),
        supersedes: None,
        salt: "66666666666666666666666666666666",
    };
    draft(&material, &stamp).unwrap()
}

fn change(contract: &Contract, change_set: &ChangeSet) -> Change {
    let approved = Event::ProposalApproved(decision(&change_set.integrity.proposal_hash));
    let proposal = Proposal::replay([Event::ProposalCreated(Box::new(change_set.clone())), approved]).unwrap();
    let ready = proposal.ready(contract, Hour::Late.now()).unwrap();
    writeback::change(&ready, &table(), Hour::Late.now(), |_| None).unwrap()
}
