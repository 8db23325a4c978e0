//! From a read row and arguments to the exact change that is put up for review.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json};

use super::ready::contract_digest;
use crate::args::Args;
use crate::code::Code;
use crate::contract::{Binding, Capability, Cover, Mode, ProposalRule, Source, TenantRule};
use crate::evidence;
use crate::id::{EvidenceId, Ident, ProposalId, SafeName};
use crate::plan::{ReadPlan, Row};
use crate::redact;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::value::decimal::Decimal;
use crate::value::{Cell, Column, Kind, Native, Table, normalise};
use crate::wire::change_set::{
    self, ApprovalRef, ChangeScope, ChangeSet, ChangeSource, EvidenceRef, ExactChange, Guards, Integrity, Principal,
    WritebackRef,
};
use crate::wire::{ColumnValue, Exact};
use crate::{digest, writeback};

/// What a draft is made of.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The capability; a proposal capability.
    pub capability: &'a Capability,
    /// Its source.
    pub source: &'a Source,
    /// The table as the catalog describes it.
    pub table: &'a Table,
    /// Whose call it is.
    pub scope: &'a Scope,
    /// The call's arguments.
    pub args: &'a Args,
    /// The read it rests on.
    pub plan: &'a ReadPlan,
    /// The row as read.
    pub row: &'a Row,
}

/// What the shell adds: ids, time and the ledger's secret.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The new proposal.
    pub proposal_id: &'a ProposalId,
    /// The recorded read.
    pub evidence_id: &'a EvidenceId,
    /// Now.
    pub now: Timestamp,
    /// The configuration's mode.
    pub mode: Mode,
    /// The ledger's secret, for masking secret-shaped values.
    pub secret: &'a [u8; 32],
    /// The identity of the source's receipt table, if there is one.
    pub receipts_id: Option<&'a str>,
    /// The proposal it replaces.
    pub supersedes: Option<&'a str>,
    /// Random text, 32 hex digits.
    pub salt: &'a str,
}

/// Drafts the change, or says which reviewed rule forbids it.
pub fn draft(material: &Material<'_>, stamp: &Stamp<'_>) -> Result<ChangeSet, Refusal> {
    let Material { capability, source, table, scope, plan, row, .. } = *material;
    let Some(rule) = capability.proposal() else {
        return Err(Refusal::new(Code::CapabilityNotFound, format!("`{}` proposes nothing", capability.name)));
    };
    check_target(capability, rule, table)?;
    let patch = patch(material, rule)?;
    check_bounds(rule, &patch)?;
    check_transitions(rule, row, &patch)?;
    let version = version(rule, table, row)?;
    let covered = covered(capability, rule, version.as_ref().map(|(column, _)| *column), &patch);

    let keep = |column: &Ident| evidence::kept(row, column, stamp.secret);
    let before = evidence::shown(row, &capability.all_columns(), stamp.secret);
    let shown_patch: Map<String, Json> =
        patch.iter().map(|(column, cell)| (column.as_str().to_owned(), cell.json())).collect();
    let mut after = before.clone();
    for (column, value) in &shown_patch {
        after.insert(column.clone(), value.clone());
    }
    let exact_before: BTreeMap<String, Exact> =
        covered.iter().filter_map(|column| Some((column.as_str().to_owned(), Exact::from(&keep(column)?)))).collect();
    let expected_version = match &version {
        Some((column, cell)) => ColumnValue { column: column.name.as_str().to_owned(), value: cell.json() },
        None => {
            let hash = digest::of(&serde_json::to_value(&exact_before).unwrap_or(Json::Null));
            ColumnValue { column: "__row_hash".to_owned(), value: Json::from(hash.as_str()) }
        }
    };
    let key = plan.filter.key().map(|term| term.cell.clone()).unwrap_or_else(|| Cell::null(Kind::Text));
    let expires = SignedDuration::try_from(rule.approval.expires_in).unwrap_or(SignedDuration::MAX);
    let expires_at = stamp.now.checked_add(expires).unwrap_or(Timestamp::MAX);

    let change_set = ChangeSet {
        schema_version: change_set::SCHEMA_VERSION.to_owned(),
        proposal_id: stamp.proposal_id.as_str().to_owned(),
        proposal_version: 1,
        action: capability.name.as_str().to_owned(),
        mode: if stamp.mode == Mode::Shadow { "shadow" } else { "review_required" }.to_owned(),
        principal: Principal { id: scope.principal().to_owned(), source: scope.provenance().to_owned() },
        scope: ChangeScope {
            tenant_id: scope.tenant().to_owned(),
            business_object: capability.target.table.as_str().to_owned(),
            object_id: key.text().unwrap_or_default().to_owned(),
        },
        source: ChangeSource {
            kind: format!("external_{}", source.engine.word()),
            source_id: source.name.as_str().to_owned(),
            schema: capability.target.schema.as_str().to_owned(),
            table: capability.target.table.as_str().to_owned(),
            primary_key: ColumnValue { column: capability.target.primary_key.as_str().to_owned(), value: key.json() },
            receipts_id: stamp.receipts_id.map(str::to_owned),
        },
        before,
        patch: shown_patch,
        after,
        guards: Guards {
            tenant: tenant_guard(capability, scope),
            allowed_columns: rule.allowed_columns.iter().map(|column| column.as_str().to_owned()).collect(),
            expected_version,
        },
        evidence: EvidenceRef {
            bundle_id: stamp.evidence_id.as_str().to_owned(),
            query_fingerprint: plan.fingerprint.as_str().to_owned(),
            items: Vec::new(),
        },
        approval: ApprovalRef { status: "pending".to_owned(), required_role: rule.approval.required_role.clone() },
        writeback: WritebackRef {
            status: "not_applied".to_owned(),
            mode: "trusted_worker_required".to_owned(),
            executor: capability.executor().map_or("sql_update", SafeName::as_str).to_owned(),
        },
        source_database_mutated: false,
        created_at: stamp.now.to_string(),
        expires_at: expires_at.to_string(),
        supersedes: stamp.supersedes.map(str::to_owned),
        contract_digest: contract_digest(capability, source).as_str().to_owned(),
        salt: stamp.salt.to_owned(),
        exact: ExactChange {
            version: version.as_ref().map(|(_, cell)| Exact::from(*cell)),
            before: exact_before,
            patch: patch.iter().map(|(column, cell)| (column.as_str().to_owned(), Exact::from(cell))).collect(),
        },
        integrity: Integrity { proposal_hash: String::new() },
    };
    Ok(change_set.sealed())
}

fn tenant_guard(capability: &Capability, scope: &Scope) -> ColumnValue {
    match &capability.target.tenant {
        TenantRule::Column(column) => {
            ColumnValue { column: column.as_str().to_owned(), value: Json::from(scope.tenant()) }
        }
        TenantRule::SingleTenantDev => {
            ColumnValue { column: "__single_tenant_dev".to_owned(), value: Json::from("single_tenant_dev") }
        }
    }
}

fn check_target(capability: &Capability, rule: &ProposalRule, table: &Table) -> Result<(), Refusal> {
    // What only matters to the runner's own update: an app knows its views, cascades and computed columns.
    if rule.executor.is_some() {
        return Ok(());
    }
    let target = format!("{}.{}", capability.target.schema, capability.target.table);
    if let Some(refused) = table.refused {
        return Err(Refusal::new(Code::RefusedTarget, format!("`{target}` is {}", refused.words())));
    }
    for (column, _) in &rule.patch {
        if table.cascading.contains(column) && !rule.guard.cascade_ack {
            return Err(Refusal::new(
                Code::PolicyViolation,
                format!("other tables follow changes of `{column}`, so more than one row would change"),
            )
            .with_fix("set `conflict_guard.cascade_ack` if that is meant"));
        }
        if table.column(column).is_some_and(|column| column.generated) {
            return Err(Refusal::new(Code::PolicyViolation, format!("`{column}` is computed by the database")));
        }
    }
    Ok(())
}

/// The columns to set, in the form the database will store. An omitted optional argument leaves its column out.
fn patch(material: &Material<'_>, rule: &ProposalRule) -> Result<Vec<(Ident, Cell)>, Refusal> {
    let mut patch = Vec::new();
    for (name, binding) in &rule.patch {
        let value = match binding {
            Binding::Fixed(value) => value,
            Binding::FromArg(arg) => match material.args.get(arg) {
                Some(value) => value,
                None => continue,
            },
        };
        let Some(column) = material.table.column(name) else {
            if rule.executor.is_some() {
                let cell = as_given(value);
                refuse_secret(name, &cell)?;
                patch.push((name.clone(), cell));
                continue;
            }
            return Err(Refusal::new(Code::ObjectMissing, format!("the target has no column `{name}`")));
        };
        let cell = normalise::normalise(column, value)
            .map_err(|why| Refusal::new(Code::InvalidArgument, format!("`{name}` {why}")))?;
        refuse_secret(name, &cell)?;
        patch.push((name.clone(), cell));
    }
    if patch.is_empty() {
        return Err(Refusal::new(Code::InvalidArgument, "nothing to change: every optional argument was omitted"));
    }
    Ok(patch)
}

/// A value that goes to a handler and to no column: as the argument was.
fn as_given(value: &Json) -> Cell {
    match value {
        Json::Null => Cell::null(Kind::Text),
        Json::Bool(flag) => Cell::new(Kind::Boolean, Some(flag.to_string())),
        Json::Number(number) if number.is_i64() || number.is_u64() => {
            Cell::new(Kind::Integer, Some(number.to_string()))
        }
        Json::Number(number) => Cell::new(Kind::Float, Some(number.to_string())),
        Json::String(text) => Cell::new(Kind::Text, Some(text.clone())),
        other => Cell::new(Kind::Json, Some(other.to_string())),
    }
}

fn refuse_secret(name: &Ident, cell: &Cell) -> Result<(), Refusal> {
    if redact::is_secret(cell) {
        return Err(Refusal::new(Code::PolicyViolation, format!("the value for `{name}` looks like a secret")));
    }
    Ok(())
}

fn check_bounds(rule: &ProposalRule, patch: &[(Ident, Cell)]) -> Result<(), Refusal> {
    for (column, cell) in patch {
        let (Some(bounds), Some(text)) = (rule.bounds.get(column), cell.text()) else { continue };
        let compared =
            |bound: &serde_json::Number| Some(Decimal::parse(text)?.cmp(&Decimal::parse(&bound.to_string())?));
        let violation = |words: String| Err(Refusal::new(Code::PolicyViolation, format!("`{column}` {words}")));
        if let Some(minimum) = &bounds.minimum {
            match compared(minimum) {
                None => return violation("is not a number".to_owned()),
                Some(std::cmp::Ordering::Less) => return violation(format!("may not be below {minimum}")),
                Some(_) => {}
            }
        }
        if let Some(maximum) = &bounds.maximum {
            match compared(maximum) {
                None => return violation("is not a number".to_owned()),
                Some(std::cmp::Ordering::Greater) => return violation(format!("may not be above {maximum}")),
                Some(_) => {}
            }
        }
    }
    Ok(())
}

fn check_transitions(rule: &ProposalRule, row: &Row, patch: &[(Ident, Cell)]) -> Result<(), Refusal> {
    for (column, cell) in patch {
        let Some(transition) = rule.transitions.get(column) else { continue };
        let current = row.cell(&transition.from_column).and_then(Cell::text);
        let allowed = match (current, cell.text()) {
            (Some(current), Some(proposed)) => {
                transition.allowed.get(current).is_some_and(|to| to.iter().any(|state| state == proposed))
            }
            _ => false,
        };
        if !allowed {
            let options = current.and_then(|current| transition.allowed.get(current)).map(|to| to.join(", "));
            let fix = match options.as_deref() {
                None | Some("") => format!("no move of `{column}` is allowed from its present value"),
                Some(options) => format!("`{column}` may become: {options}"),
            };
            return Err(Refusal::new(Code::PolicyViolation, format!("`{column}` may not move that way")).with_fix(fix));
        }
    }
    Ok(())
}

/// The version column and its value; `None` under a weak guard.
fn version<'a>(rule: &ProposalRule, table: &'a Table, row: &'a Row) -> Result<Option<(&'a Column, &'a Cell)>, Refusal> {
    let Some(name) = &rule.guard.column else { return Ok(None) };
    let (Some(column), Some(cell)) = (table.column(name), row.cell(name)) else {
        return Err(Refusal::new(Code::ObjectMissing, format!("the target has no column `{name}`")));
    };
    if cell.text().is_none() {
        return Err(Refusal::new(Code::PolicyViolation, format!("the row has no version: `{name}` is null"))
            .with_fix("give the column a value and make it NOT NULL"));
    }
    if rule.executor.is_none() {
        writeback::can_advance(rule.guard.advance, column, cell)?;
    }
    Ok(Some((column, cell)))
}

/// The columns of the before-image. The version has its own guard; key, tenant and principal are the filter's.
fn covered(
    capability: &Capability,
    rule: &ProposalRule,
    version: Option<&Column>,
    patch: &[(Ident, Cell)],
) -> Vec<Ident> {
    let cover = rule.guard.cover.unwrap_or_else(|| match version {
        Some(column) if is_fine_grained(column) => Cover::Patched,
        _ => Cover::Visible,
    });
    let mut columns: Vec<Ident> = patch.iter().map(|(column, _)| column.clone()).collect();
    columns.extend(rule.transitions.values().map(|transition| transition.from_column.clone()));
    if cover == Cover::Visible || version.is_none() {
        columns.extend(capability.visible_columns.iter().cloned());
    }
    columns.sort();
    columns.dedup();
    let scoped = |name: &Ident| {
        name == &capability.target.primary_key
            || capability.target.principal.as_ref() == Some(name)
            || capability.target.tenant == TenantRule::Column(name.clone())
            || version.is_some_and(|column| &column.name == name)
    };
    columns.retain(|name| !scoped(name));
    columns
}

/// Whether two writes cannot leave the same version: integers, and times to the microsecond kept as times.
fn is_fine_grained(column: &Column) -> bool {
    match (&column.kind, &column.native) {
        (Kind::Integer | Kind::Uuid, _) => true,
        (Kind::Instant | Kind::DateTime, Native::Postgres { .. } | Native::Mysql { .. }) => {
            column.limits.fraction.is_none_or(|digits| digits >= 6)
        }
        _ => false,
    }
}
