//! A database with invoices, the contract over it, and the steps from a call to a receipt.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use synapsor_core::args::Args;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::{Capability, Contract, EngineKind, Source};
use synapsor_core::event::{BODY_VERSION, Claim, Decision, Event};
use synapsor_core::id::{EvidenceId, Ident, JobId, ProposalId};
use synapsor_core::plan::{self, ReadPlan, Row};
use synapsor_core::proposal::Proposal;
use synapsor_core::proposal::draft::{Material, Stamp, draft};
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::{self, Place, ReceiptKeys};
use synapsor_core::sql::write::GuardedWrite;
use synapsor_core::value::Table;
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_core::wire::receipt::ExecutionReceipt;
use synapsor_core::writeback::{self, ClaimTerms, Effect, Fenced, Settlement};
use synapsor_db::engine::{Access, Ask, Ending, Engine, Fence, ReceiptsState, Role};
use synapsor_testkit::database::{self, Database};

pub(crate) const RECEIPTS_ID: &str = "00112233445566778899";

/// A write for real, whose lease never ends.
pub(crate) const FOR_REAL: Ending<'static> = Ending::Commit(&|| true);

/// Whether a receipt table is the migrated one, and may be used.
pub(crate) fn is_ready(state: &ReceiptsState) -> bool {
    matches!(state, ReceiptsState::Ready(found) if found.receipts_id == RECEIPTS_ID)
}

pub(crate) struct Office {
    pub(crate) db: Database,
    pub(crate) contract: Contract,
    pub(crate) reader: Engine,
    pub(crate) writer: Engine,
    /// May create tables.
    pub(crate) admin: Engine,
    ids: AtomicU8,
}

/// A claim and the write it is for.
pub(crate) struct Job {
    pub(crate) claim: Claim,
    pub(crate) keys: ReceiptKeys,
    pub(crate) write: GuardedWrite,
    pub(crate) change_set: ChangeSet,
}

/// A tool call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) capability: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) args: &'a Json,
}

impl Office {
    /// Invoices `INV-1` and `INV-2` of `acme` and `INV-3` of `globex`.
    pub(crate) async fn open(engine: database::Engine) -> Office {
        let office = Office::without_receipts(engine).await;
        let statements = receipts::migration(office.engine(), &office.place(), RECEIPTS_ID);
        office.admin.migrate(&statements).await.unwrap();
        if office.engine() != EngineKind::Sqlite {
            office
                .db
                .execute(
                    "GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO {writer};
                     GRANT SELECT ON synapsor_writeback_receipts_id TO {writer};",
                )
                .await;
        }
        office
    }

    pub(crate) async fn without_receipts(engine: database::Engine) -> Office {
        let db = Database::fresh(engine).await;
        for statement in schema(engine) {
            db.execute(&statement).await;
        }
        let contract = contract(engine, db.schema());
        let open = |url: String, role| {
            let source = contract.sources.values().next().unwrap().clone();
            Engine::open(Access { url, source, role, base: PathBuf::from(".") }).unwrap()
        };
        Office {
            reader: open(db.reader_url(), Role::Reader),
            writer: open(db.writer_url(), Role::Writer),
            admin: open(db.admin_url(), Role::Writer),
            contract,
            db,
            ids: AtomicU8::new(1),
        }
    }

    pub(crate) fn engine(&self) -> EngineKind {
        self.source().engine
    }

    pub(crate) fn source(&self) -> &Source {
        self.contract.sources.values().next().unwrap()
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            schema: Ident::parse(self.db.schema()).unwrap(),
            table: Ident::parse("synapsor_writeback_receipts").unwrap(),
        }
    }

    fn random(&self) -> [u8; 10] {
        [self.ids.fetch_add(1, Ordering::Relaxed); 10]
    }

    pub(crate) fn capability(&self, name: &str) -> &Capability {
        self.contract.capability(name).unwrap()
    }

    pub(crate) async fn table(&self, capability: &Capability) -> Table {
        let target = &capability.target;
        let ask = Ask { schema: target.schema.clone(), table: target.table.clone(), columns: capability.all_columns() };
        self.reader.describe(&ask).await.unwrap().unwrap()
    }

    /// Looks at the row that a call is about.
    pub(crate) async fn look(&self, call: Call<'_>) -> Result<(ReadPlan, Row), Refusal> {
        let capability = self.capability(call.capability);
        let table = self.table(capability).await;
        let args = Args::parse(capability, call.args.as_object().unwrap())?;
        let scope = scope(capability, call.tenant);
        let plan = plan::read(capability, self.engine(), &table, &scope, &args)?;
        let rows = self.reader.read(&plan.sql).await.unwrap();
        let row = plan::one_row(capability, &plan, &args, rows)?;
        Ok((plan, row))
    }

    /// Puts a change up for review.
    pub(crate) async fn propose(&self, call: Call<'_>) -> Result<ChangeSet, Refusal> {
        let (plan, row) = self.look(call).await?;
        let capability = self.capability(call.capability);
        let args = Args::parse(capability, call.args.as_object().unwrap())?;
        let material = Material {
            capability,
            source: self.source(),
            table: &self.table(capability).await,
            scope: &scope(capability, call.tenant),
            args: &args,
            plan: &plan,
            row: &row,
        };
        draft(
            &material,
            &Stamp {
                proposal_id: &ProposalId::from_random(self.random()),
                evidence_id: &EvidenceId::from_random(self.random()),
                now: now(),
                mode: self.contract.mode,
                secret: &[7; 32],
                receipts_id: Some(RECEIPTS_ID),
                supersedes: None,
                salt: "00000000000000000000000000000000",
            },
        )
    }

    /// A claim on an approved proposal, with its statements. Every call is another job.
    pub(crate) async fn claim(&self, change_set: &ChangeSet) -> Job {
        let proposal = approved(change_set);
        let ready = proposal.ready(&self.contract, now()).unwrap();
        let place = Place::of(ready.source(), &ready.capability().target);
        assert_eq!(place, self.place());
        let claim = Claim {
            v: BODY_VERSION,
            job_id: JobId::from_random(self.random()).as_str().to_owned(),
            runner_id: "runner-1".to_owned(),
            lease_expires_at: now().to_string(),
            receipts_schema: place.schema.as_str().to_owned(),
            receipts_table: place.table.as_str().to_owned(),
            receipts_id: RECEIPTS_ID.to_owned(),
            server_id: None,
            executor: None,
        };
        let terms = ClaimTerms { ledger_id: "led_1", ledger_head: "1:sha256:1" };
        let keys = writeback::keys(change_set, &claim, terms);
        let table = self.table(ready.capability()).await;
        let change = writeback::change(&ready, &table, now(), |_| None).unwrap();
        let write = writeback::statements(self.engine(), &change, &place, &keys);
        Job { claim, keys, write, change_set: change_set.clone() }
    }

    /// Writes for real.
    pub(crate) async fn apply(&self, job: &Job) -> Settlement {
        let effect = self.transact(job, FOR_REAL).await;
        writeback::settle(&job.write, &job.keys, &effect)
    }

    pub(crate) async fn transact(&self, job: &Job, ending: Ending<'_>) -> Effect {
        self.writer.transact(&job.write, &writeback::claimed(&job.claim), ending).await.unwrap()
    }

    /// From a call to the receipt.
    pub(crate) async fn settle(&self, call: Call<'_>) -> ExecutionReceipt {
        let change_set = self.propose(call).await.unwrap();
        let job = self.claim(&change_set).await;
        let settlement = self.apply(&job).await;
        receipt(&job, &settlement)
    }

    pub(crate) async fn fence(&self, job: &Job) -> Fenced {
        let (engine, place) = (self.engine(), self.place());
        let fence = Fence {
            identity: receipts::identity(engine, &place),
            insert: writeback::fence(engine, &place, &job.keys),
            by_job: receipts::by_job(engine, &place, &job.keys.job_id),
        };
        self.writer.fence(&fence, &writeback::claimed(&job.claim)).await.unwrap()
    }

    pub(crate) async fn receipts_state(&self) -> ReceiptsState {
        self.writer.receipts(&self.place()).await.unwrap()
    }

    /// Every invoice, and how many receipts there are.
    pub(crate) async fn everything(&self) -> (Vec<Vec<Option<String>>>, Option<String>) {
        let rows = self
            .db
            .query_text(
                "SELECT id, tenant_id, fee, status, reason, note, updated_at, version FROM invoices ORDER BY id",
            )
            .await;
        (rows, self.one("SELECT count(*) FROM synapsor_writeback_receipts").await)
    }

    /// The first value of a query's only row.
    pub(crate) async fn one(&self, sql: &str) -> Option<String> {
        let rows = self.db.query_text(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0][0].clone()
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-23T06:00:00.123456Z".parse().unwrap()
}

pub(crate) fn approved(change_set: &ChangeSet) -> Proposal {
    let decision = Decision {
        v: BODY_VERSION,
        actor: "bob".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: None,
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        ledger_head: "1:sha256:1".to_owned(),
    };
    let created = Event::ProposalCreated(Box::new(change_set.clone()));
    Proposal::replay([created, Event::ProposalApproved(decision)]).unwrap()
}

pub(crate) fn receipt(job: &Job, settlement: &Settlement) -> ExecutionReceipt {
    let Settlement::Settled(outcome) = settlement else { panic!("not settled: {settlement:?}") };
    let receipt = writeback::receipt(&job.change_set, &job.claim, outcome, now());
    assert_eq!(receipt.receipt_hash, receipt.hash());
    receipt
}

pub(crate) fn code(receipt: &ExecutionReceipt) -> Option<&str> {
    receipt.safe_error_code.as_deref()
}

pub(crate) fn refused(result: Result<ChangeSet, Refusal>) -> (Code, String) {
    let refusal = result.unwrap_err();
    (refusal.code(), refusal.message().to_owned())
}

fn scope(capability: &Capability, tenant: &str) -> Scope {
    let lookup = |name: &str| Some(if name == "TENANT" { tenant } else { "support.agent" }.to_owned());
    Scope::bind(&Caller::Process, &capability.trust, lookup).unwrap()
}

fn schema(engine: database::Engine) -> Vec<String> {
    let [text, long, time, number] = match engine {
        database::Engine::Postgres => ["varchar(40)", "text", "timestamptz(6)", "bigint"],
        // Without a default of its own the first TIMESTAMP column would move by itself.
        database::Engine::Mysql => ["varchar(40)", "text", "timestamp(6) NULL DEFAULT NULL", "bigint"],
        database::Engine::Sqlite => ["TEXT", "TEXT", "TEXT", "INTEGER"],
    };
    let check = if engine == database::Engine::Sqlite { "CHECK (length(reason) <= 40)" } else { "" };
    let mut statements = vec![format!(
        "CREATE TABLE invoices (id {text} NOT NULL, tenant_id {text} NOT NULL, fee {number}, status {text}, reason {text} {check},
         note {long}, updated_at {time}, version {number}, PRIMARY KEY (id))"
    )];
    for (id, tenant) in [("INV-1", "acme"), ("INV-2", "acme"), ("INV-3", "globex")] {
        let time = if engine == database::Engine::Postgres {
            "2026-06-20 14:31:08.123456+00"
        } else {
            "2026-06-20 14:31:08.123456"
        };
        statements.push(format!(
            "INSERT INTO invoices VALUES ('{id}', '{tenant}', 5500, 'open', NULL, 'as agreed', '{time}', 7)"
        ));
    }
    if engine != database::Engine::Sqlite {
        statements.push("GRANT SELECT ON invoices TO {reader}".to_owned());
        statements.push("GRANT SELECT, UPDATE ON invoices TO {writer}".to_owned());
    }
    statements
}

fn contract(engine: database::Engine, schema: &str) -> Contract {
    let capability = |name: &str, patch: Json, guard: Json, extra: Json| {
        let allowed: Vec<&String> = patch.as_object().unwrap().keys().collect();
        let mut capability = json!({
            "name": name,
            "kind": "proposal",
            "source": "app",
            "context": "desk",
            "target": { "schema": schema, "table": "invoices", "primary_key": "id", "tenant_key": "tenant_id" },
            "args": {
                "invoice_id": { "type": "string", "max_length": 64 },
                "fee": { "type": "number", "minimum": 0, "maximum": 10000, "required": false },
                "reason": { "type": "string", "required": false },
                "note": { "type": "string", "required": false },
                "status": { "type": "string", "required": false },
            },
            "lookup": { "id_from_arg": "invoice_id" },
            "visible_columns": ["id", "fee", "status", "reason"],
            "patch": patch,
            "allowed_columns": allowed,
            "conflict_guard": guard,
            "approval": { "mode": "human" },
        });
        for (key, value) in extra.as_object().unwrap() {
            capability[key] = value.clone();
        }
        capability
    };
    let text = json!({
        "version": 1,
        "mode": "review",
        "sources": { "app": {
            "engine": engine.name(), "read_url_env": "READ_URL", "write_url_env": "WRITE_URL", "ssl": { "mode": "disable" },
        } },
        "contexts": { "desk": { "provider": "environment", "values": { "tenant_id_env": "TENANT", "principal_env": "PRINCIPAL" } } },
        "capabilities": [
            capability(
                "billing.waive_fee",
                json!({ "fee": { "from_arg": "fee" }, "reason": { "from_arg": "reason" } }),
                json!({ "column": "updated_at" }),
                json!({ "numeric_bounds": { "fee": { "minimum": 0, "maximum": 10000 } } }),
            ),
            capability(
                "billing.set_status",
                json!({ "status": { "from_arg": "status" } }),
                json!({ "column": "version" }),
                json!({ "transition_guards": { "status": { "allowed": { "open": ["paid"] } } } }),
            ),
            capability("billing.set_note", json!({ "note": { "from_arg": "note" } }), json!({ "weak_guard_ack": true }), json!({})),
        ],
    });
    let mut text = text;
    if engine == database::Engine::Sqlite {
        text["sources"]["app"].as_object_mut().unwrap().remove("ssl");
    }
    let report = config::read(&text.to_string(), &ReadOptions::default());
    report.contract.unwrap_or_else(|| panic!("{:#?}", report.problems))
}
