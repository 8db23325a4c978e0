//! What is needed against what is held.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{grants, on, quoted};
use super::{Action, Held, HeldTable, Power, Privilege, Relation, RoleName, Use, relations};
use crate::check::Check;
use crate::contract::EngineKind;
use crate::id::Ident;

/// How an account compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What is missing, then what is too much; one that passes where nothing is missing.
    pub checks: Vec<Check>,
    /// The tables on which something is missing.
    pub lacking: BTreeSet<Relation>,
}

/// Compares what an account needs with what it holds.
#[must_use]
pub fn compare(engine: EngineKind, of: Use, needed: &BTreeSet<Privilege>, held: &Held) -> Compared {
    let scene = Scene { engine, of, held, role: RoleName::Account(held.account.clone()) };
    if needed.contains(&Privilege::Connect) && !held.connect {
        // From outside, nothing else shows.
        return Compared { checks: vec![scene.missing(&Privilege::Connect)], lacking: relations(needed) };
    }
    let mut lacking = BTreeSet::new();
    let mut checks = Vec::new();
    for relation in relations(needed).into_iter().filter(|relation| !held.tables.contains_key(relation)) {
        checks.push(scene.unseen(&relation, needed));
        lacking.insert(relation);
    }
    for privilege in needed {
        match privilege {
            Privilege::Connect => continue,
            Privilege::Usage(schema) if held.usage.contains(schema.as_str()) => continue,
            Privilege::Usage(schema) => {
                lacking.extend(relations(needed).into_iter().filter(|relation| relation.schema == *schema));
            }
            Privilege::Column(relation, action, column) => match held.tables.get(relation) {
                Some(table) if !has(engine, table, *action, column) => {
                    lacking.insert(relation.clone());
                }
                _ => continue,
            },
        }
        checks.push(scene.missing(privilege));
    }
    if checks.is_empty() {
        let what = format!("the {} `{}` holds everything it needs", of.word(), held.account);
        checks.push(Check::pass(scene.id("missing"), what));
    }
    let excess = scene.excess(needed);
    if excess.is_empty() {
        let what = format!("the {} `{}` holds nothing beyond what it needs", of.word(), held.account);
        checks.push(Check::pass(scene.id("excess"), what));
    }
    checks.extend(excess);
    Compared { checks, lacking }
}

fn has(engine: EngineKind, table: &HeldTable, action: Action, column: &Ident) -> bool {
    let named = |name: &str| same_column(engine, name, column.as_str());
    table.works.iter().any(|(name, words)| named(name) && words.contains(action.word()))
}

/// Column names have no case on MySQL.
fn same_column(engine: EngineKind, left: &str, right: &str) -> bool {
    left == right || (engine == EngineKind::Mysql && left.eq_ignore_ascii_case(right))
}

struct Scene<'a> {
    engine: EngineKind,
    of: Use,
    held: &'a Held,
    role: RoleName,
}

impl Scene<'_> {
    fn id(&self, what: &str) -> String {
        format!("{}.{what}", self.of.word())
    }

    fn to(&self) -> String {
        self.role.render(self.engine)
    }

    fn grant(&self, privileges: &BTreeSet<Privilege>) -> String {
        grants(self.engine, privileges, &self.role, Some(&self.held.database)).join("\n")
    }

    fn missing(&self, privilege: &Privilege) -> Check {
        let what = match privilege {
            Privilege::Connect => format!("CONNECT on database `{}`", self.held.database),
            Privilege::Usage(schema) => format!("USAGE on schema `{schema}`"),
            Privilege::Column(relation, action, column) => format!("{} of `{column}` on `{relation}`", action.word()),
        };
        let message = format!("the {} `{}` lacks {what}", self.of.word(), self.held.account);
        Check::fail(self.id("missing"), message, self.grant(&BTreeSet::from([privilege.clone()])))
    }

    /// A table that is not there, or on MySQL one on which the account holds nothing.
    fn unseen(&self, relation: &Relation, needed: &BTreeSet<Privilege>) -> Check {
        let message = match self.engine {
            EngineKind::Mysql => {
                format!(
                    "the {} `{}` holds nothing on `{relation}`, or it is not there",
                    self.of.word(),
                    self.held.account
                )
            }
            EngineKind::Postgres | EngineKind::Sqlite => format!("there is no table `{relation}`"),
        };
        let about = |privilege: &&Privilege| matches!(privilege, Privilege::Column(named, ..) if named == relation);
        Check::fail(self.id("missing"), message, self.grant(&needed.iter().filter(about).cloned().collect()))
    }

    fn excess(&self, needed: &BTreeSet<Privilege>) -> Vec<Check> {
        let mut checks: Vec<Check> = self.held.powers.iter().map(|power| self.power(power)).collect();
        // Nothing on a table is worth saying of an account that may do everything anyway.
        if self.held.powers.contains(&Power::Attribute("NOSUPERUSER")) {
            return checks;
        }
        for (relation, table) in &self.held.tables {
            let owned = Power::Owns("table", relation.to_string());
            if !self.held.powers.contains(&owned) {
                checks.extend(self.excess_on(relation, table, needed));
            }
        }
        checks
    }

    fn excess_on(&self, relation: &Relation, table: &HeldTable, needed: &BTreeSet<Privilege>) -> Vec<Check> {
        let is_needed = |column: &str, word: &str| {
            needed.iter().any(|privilege| match privilege {
                Privilege::Column(named, action, wanted) => {
                    named == relation && action.word() == word && same_column(self.engine, column, wanted.as_str())
                }
                Privilege::Connect | Privilege::Usage(_) => false,
            })
        };
        let mut by_word: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (column, words) in &table.columns {
            for word in words.iter().filter(|word| !table.whole.contains(*word) && !is_needed(column, word)) {
                by_word.entry(word).or_default().push(column);
            }
        }
        let whole = table.whole.iter().map(|word| {
            // Taking a privilege from the whole table takes it from each column too.
            let about = |privilege: &&Privilege| match privilege {
                Privilege::Column(named, action, _) => named == relation && action.word() == word,
                Privilege::Connect | Privilege::Usage(_) => false,
            };
            let again = self.grant(&needed.iter().filter(about).cloned().collect());
            let fix = [self.revoke(word, &[], relation), again].join("\n");
            self.granted(&format!("{word} on the whole of `{relation}`"), fix.trim_end().to_owned())
        });
        let columns = by_word.iter().map(|(word, columns)| {
            let names = columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ");
            self.granted(&format!("{word} of {names} on `{relation}`"), self.revoke(word, columns, relation))
        });
        whole.chain(columns).collect()
    }

    fn granted(&self, what: &str, fix: String) -> Check {
        let message = format!("the {} `{}` holds {what}, which it does not need", self.of.word(), self.held.account);
        Check::warn(self.id("excess"), message, fix)
    }

    fn revoke(&self, word: &str, columns: &[&str], relation: &Relation) -> String {
        let names: Vec<String> = columns.iter().map(|column| quoted(self.engine, column)).collect();
        let columns = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let (option, word) = match word.strip_suffix(" WITH GRANT OPTION") {
            Some(word) if self.engine == EngineKind::Postgres => ("GRANT OPTION FOR ", word),
            _ => ("", word),
        };
        let statement = format!("REVOKE {option}{word}{columns} ON {} FROM {};", on(self.engine, relation), self.to());
        match self.engine {
            // It may also come through a role or through everyone, which a role's own revoke does not reach.
            EngineKind::Postgres => format!("{statement} -- or from the role, or PUBLIC, that it comes through"),
            EngineKind::Mysql | EngineKind::Sqlite => statement,
        }
    }

    fn power(&self, power: &Power) -> Check {
        let (engine, to) = (self.engine, self.to());
        let words = |words: &BTreeSet<String>| words.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let account = format!("the {} `{}`", self.of.word(), self.held.account);
        let (message, fix) = match power {
            Power::Attribute(word) => (
                format!("{account} has the attribute {}", word.strip_prefix("NO").unwrap_or(word)),
                format!("ALTER ROLE {to} {word};"),
            ),
            Power::Member(role) => (
                format!("{account} is a member of role `{role}` and can use all that it may do"),
                format!("REVOKE {} FROM {to};", quoted(engine, role)),
            ),
            Power::Owns(kind, name) => (
                format!("{account} owns the {kind} `{name}`, itself or through a role, and may do anything with it"),
                format!("ALTER {} {} OWNER TO <owner>;", kind.to_uppercase(), self.named(kind, name)),
            ),
            Power::Creates(kind, name) => (
                format!("{account} may create objects in {kind} `{name}`"),
                format!(
                    "REVOKE CREATE ON {} {} FROM {to}; -- or from the role, or PUBLIC, that it comes through",
                    kind.to_uppercase(),
                    self.named(kind, name)
                ),
            ),
            Power::Everywhere(word) => {
                (format!("{account} holds {word} on every database"), format!("REVOKE {word} ON *.* FROM {to};"))
            }
            Power::Database(name, held) => (
                format!("{account} holds {} on the whole database `{name}`", words(held)),
                format!("REVOKE {} ON {}.* FROM {to};", words(held), quoted(engine, name)),
            ),
            Power::Elsewhere(name, held) => (
                format!("{account} holds {} on `{name}`, which nothing here needs", words(held)),
                format!("REVOKE {} ON {} FROM {to};", words(held), self.named("table", name)),
            ),
        };
        Check::warn(self.id("excess"), message, fix)
    }

    /// A name as the catalog tells it, in a statement; a table's has its schema in front.
    fn named(&self, kind: &str, name: &str) -> String {
        let parts = if kind == "table" { 2 } else { 1 };
        name.splitn(parts, '.').map(|part| quoted(self.engine, part)).collect::<Vec<_>>().join(".")
    }
}
