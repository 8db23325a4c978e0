//! Which row a statement is about. The only door is [`Filter::scoped`], so a statement without its tenant does not compile.

use serde_json::Value as Json;

use super::{Whose, Writer, column};
use crate::contract::{Target, TenantRule};
use crate::scope::Scope;
use crate::value::{Cell, Column, Table, normalise};

/// One row by key, within a scope, by identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Key, tenant and principal terms, in this order.
    scope: Vec<Term>,
    guards: Vec<Term>,
    whose: Whose,
}

/// `column` holds exactly `cell`.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The column.
    pub column: Column,
    /// Its exact value.
    pub cell: Cell,
}

/// Why a filter could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFilter {
    /// The value can be no stored value of its column, so no row has it.
    #[error("no row can have that value")]
    Unstorable,
    /// The table lacks a column that the target names.
    #[error("column `{0}` does not exist")]
    MissingColumn(String),
}

impl Filter {
    /// The row with this key, of this scope's tenant (and principal, where the target says so).
    pub fn scoped(target: &Target, table: &Table, scope: &Scope, key: &Json) -> Result<Self, NoFilter> {
        let find = |name| table.column(name).ok_or_else(|| NoFilter::MissingColumn(name.to_string()));
        let term = |name, value: &Json| {
            let column = find(name)?.clone();
            let cell = normalise::key(&column, value).ok_or(NoFilter::Unstorable)?;
            Ok(Term { column, cell })
        };
        let mut terms = vec![term(&target.primary_key, key)?];
        match &target.tenant {
            TenantRule::Column(name) => terms.push(term(name, &Json::String(scope.tenant().to_owned()))?),
            TenantRule::SingleTenantDev => {}
        }
        if let Some(name) = &target.principal {
            terms.push(term(name, &Json::String(scope.principal().to_owned()))?);
        }
        let whose = Whose { tenant: scope.tenant().to_owned(), principal: scope.principal().to_owned() };
        Ok(Self { scope: terms, guards: Vec::new(), whose })
    }

    /// Adds a guard: the column must also hold exactly this value.
    #[must_use]
    pub fn and(mut self, column: Column, cell: Cell) -> Self {
        self.guards.push(Term { column, cell });
        self
    }

    /// Key, tenant and principal terms.
    #[must_use]
    pub fn scope_terms(&self) -> &[Term] {
        &self.scope
    }

    /// The added guards.
    #[must_use]
    pub fn guards(&self) -> &[Term] {
        &self.guards
    }

    /// The key term.
    #[must_use]
    pub fn key(&self) -> Option<&Term> {
        self.scope.first()
    }

    /// The same row without its guards, for looking at why they failed.
    #[must_use]
    pub fn without_guards(&self) -> Self {
        Self { scope: self.scope.clone(), guards: Vec::new(), whose: self.whose.clone() }
    }

    pub(crate) fn render(&self, out: &mut Writer) {
        out.whose(&self.whose).raw(" WHERE ");
        let mut first = true;
        let mut joined = |out: &mut Writer| {
            if !std::mem::replace(&mut first, false) {
                out.raw(" AND ");
            }
        };
        for term in &self.scope {
            let mut probe = Writer::new(out.engine());
            if column::indexable(&mut probe, &term.column, &term.cell) {
                joined(out);
                column::indexable(out, &term.column, &term.cell);
            }
        }
        for term in self.scope.iter().chain(&self.guards) {
            joined(out);
            column::identical(out, &term.column, &term.cell);
        }
    }
}
