//! The handler's database as it is now, and requests about its row.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use serde_json::Value as Json;
use synapsor_core::answer::Answer;
use synapsor_core::caller::Caller;
use synapsor_core::code::Code;
use synapsor_core::contract::{Capability, Contract, Durability, EngineKind};
use synapsor_core::event::{BODY_VERSION, Claim, Decision};
use synapsor_core::handler::request::{self, Asker};
use synapsor_core::id::Ident;
use synapsor_core::proposal::Proposal;
use synapsor_core::refusal::Refusal;
use synapsor_core::scope::Scope;
use synapsor_core::sql::{Filter, read};
use synapsor_core::value::{Cell, Table};
use synapsor_core::wire::inspection::TableKind;
use synapsor_db::engine::{Access, Ask, Engine, Role};
use synapsor_db::ledger::{Ledger, OpenOptions};

use super::Order;
use crate::app::{App, Stop};
use crate::{clock, secrets};

/// What can be seen of the database: the row, and how many rows each table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    row: Vec<Option<String>>,
    /// By table, without those that hold receipts.
    pub(super) counts: BTreeMap<String, String>,
}

impl Look {
    /// How the tables grew from one look to this one.
    pub(super) fn growth_since(&self, before: &Look) -> BTreeMap<String, i64> {
        let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let grown = |(table, count): (&String, &String)| {
            let by = number(Some(count)) - number(before.counts.get(table));
            (by != 0).then(|| (table.clone(), by))
        };
        self.counts.iter().filter_map(grown).collect()
    }
}

pub(super) struct World {
    contract: Contract,
    capability: Capability,
    engine: EngineKind,
    base: PathBuf,
    watcher: Engine,
    target: Table,
    tables: Vec<(Ident, Ident)>,
    arguments: serde_json::Map<String, Json>,
}

impl World {
    pub(super) async fn open(
        contract: &Contract,
        capability: &Capability,
        base: PathBuf,
        order: &Order,
    ) -> Result<Self, Stop> {
        let source = contract
            .source_of(capability)
            .ok_or_else(|| Refusal::new(Code::ConfigInvalid, "the capability's source is not configured"))?;
        let variable = order.watch_url_env.as_deref().unwrap_or(source.read_url_env.as_str());
        let url = secrets::required(variable)?.expose_secret().to_owned();
        let watcher = Engine::open(Access { url, source: source.clone(), role: Role::Reader, base: base.clone() })?;
        let target = &capability.target;
        let seen = watcher.inspect(Some(target.schema.as_str()), clock::now()).await?;
        let name = |text: &str| Ident::parse(text).ok();
        let found = seen.tables.iter().find(|table| table.name.eq_ignore_ascii_case(target.table.as_str()));
        let columns = found.map(|table| table.columns.iter().filter_map(|column| name(&column.name)).collect());
        let ask =
            Ask { schema: target.schema.clone(), table: target.table.clone(), columns: columns.unwrap_or_default() };
        let described = watcher.describe(&ask).await?.ok_or_else(|| {
            Refusal::new(Code::ObjectMissing, format!("`{}.{}` cannot be seen", target.schema, target.table))
        })?;
        // Receipts come and go by design; everything else is an effect.
        let is_receipts = |table: &synapsor_core::wire::inspection::Table| {
            ["idempotency_key", "status"].iter().all(|name| table.columns.iter().any(|column| column.name == **name))
        };
        let watched = seen.tables.iter().filter(|table| table.kind == TableKind::Table && !is_receipts(table));
        let tables = watched.filter_map(|table| Some((name(&table.schema)?, name(&table.name)?))).collect();
        Ok(Self {
            contract: contract.clone(),
            capability: capability.clone(),
            engine: source.engine,
            base,
            watcher,
            target: described,
            tables,
            arguments: order.arguments.clone(),
        })
    }

    /// A request that a runner would send now, under keys that nobody has used.
    pub(super) async fn apply(&self, audience: &str) -> Result<Json, Stop> {
        let proposal = self.propose().await?;
        let change_set = proposal.change_set();
        let random = || hex::encode(clock::random::<10>());
        let claim = Claim {
            v: BODY_VERSION,
            job_id: clock::job_id().as_str().to_owned(),
            runner_id: "conformance".to_owned(),
            lease_expires_at: clock::now().to_string(),
            receipts_schema: String::new(),
            receipts_table: String::new(),
            receipts_id: String::new(),
            server_id: None,
            executor: self.capability.executor().map(|name| name.as_str().to_owned()),
        };
        let decision = Decision {
            v: BODY_VERSION,
            actor: "conformance".to_owned(),
            proof: "unverified".to_owned(),
            role: None,
            reason: None,
            proposal_hash: change_set.integrity.proposal_hash.clone(),
            ledger_head: String::new(),
        };
        let (now, nonce) = (clock::now().to_string(), hex::encode(clock::random::<16>()));
        let stamp = request::Stamp { audience, issued_at: &now, nonce: &nonce };
        let asker = Asker { ledger_id: "led_conformance", claim: &claim };
        let mut request = request::apply(&proposal, &decision, &now, asker, stamp);
        if let Some(about) = &mut request.about {
            let id = format!("wrp_{}", random());
            about.idempotency_key = format!("{id}:{}", change_set.scope.object_id);
            about.proposal_id = id;
            about.proposal_hash = format!("sha256:{}{}", random(), random());
        }
        serde_json::to_value(request)
            .map_err(|_| Refusal::new(Code::Internal, "the request could not be written").into())
    }

    /// Proposes as a model would, on the row as it is now; the record of it is thrown away.
    async fn propose(&self) -> Result<Proposal, Stop> {
        let options = OpenOptions { create: true, durability: Durability::Full };
        let ledger = Ledger::open(std::path::Path::new(":memory:"), options)?;
        let app = App::new(self.contract.clone(), ledger, &self.base.join("config"))?;
        let finished = app.call(&Caller::Process, self.capability.name.as_str(), &self.arguments).await;
        match finished.result() {
            Ok(Answer::Proposed { proposal, .. }) => Ok((**proposal).clone()),
            Ok(Answer::Row { .. }) => Err(Refusal::new(Code::Internal, "the capability proposes nothing").into()),
            Err(refusal) => Err(refusal.clone().into()),
        }
    }

    /// Looks at the row that a request is about, and at how full the tables are.
    pub(super) async fn look(&self, request: &Json) -> Result<Look, Stop> {
        let text = |path: &str| request.pointer(path).and_then(Json::as_str).unwrap_or_default().to_owned();
        let scope = Scope::of_record(&text("/change_set/scope/tenant_id"), &text("/change_set/principal/id"));
        let key = Json::String(text("/change_set/scope/object_id"));
        let filter = Filter::scoped(&self.capability.target, &self.target, &scope, &key)
            .map_err(|why| Refusal::new(Code::ObjectMissing, format!("the row cannot be looked up: {why}")))?;
        let engine = self.engine;
        let rows = self.watcher.read(&read::select(engine, &self.target, &self.target.columns, &filter)).await?;
        let row = rows.first().map(|row| row.iter().map(|cell| cell.text().map(str::to_owned)).collect());
        let mut counts = BTreeMap::new();
        for (schema, table) in &self.tables {
            // What the account may not read is not watched.
            if let Ok(rows) = self.watcher.read(&read::count(engine, schema, table)).await {
                let count = rows.first().and_then(|row| row.first()).and_then(Cell::text).unwrap_or_default();
                counts.insert(table.as_str().to_owned(), count.to_owned());
            }
        }
        Ok(Look { row: row.unwrap_or_default(), counts })
    }
}
