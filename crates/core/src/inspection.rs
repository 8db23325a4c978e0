//! What a table's columns are probably for, and why. Suggestions only: what they are used for, a person confirms.

use serde_json::{Value as Json, json};

use crate::redact;
use crate::wire::inspection::{Column, ForeignKey, Inspection, Table};

/// What stands beside all suggestions.
pub const CAUTION: &str = "suggestions go by names and types; check that the tenant column really separates tenants, \
     and that every change of a row moves its version";

/// A column, with why it is suggested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The column.
    pub column: String,
    /// Why, for a person: lower case, no full stop.
    pub reason: String,
}

/// What a table's columns are probably for. In each list the best comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestions {
    /// What finds one row.
    pub key: Option<Hint>,
    /// What tells tenants apart.
    pub tenant: Vec<Hint>,
    /// What moves whenever a row changes.
    pub version: Vec<Hint>,
    /// What a model should not see.
    pub sensitive: Vec<Hint>,
    /// What is too large for a model.
    pub large: Vec<Hint>,
}

/// Names of columns that tell tenants apart, the surest first, with what is to be considered.
const TENANTS: [(&str, &str); 8] = [
    ("tenant_id", ""),
    ("organization_id", ""),
    ("organisation_id", ""),
    ("org_id", ""),
    ("workspace_id", ""),
    ("account_id", "; right if accounts are your tenants"),
    ("company_id", "; right if companies are your tenants"),
    ("customer_id", "; right if customers are your tenants"),
];

/// Names of columns that move with a row.
const VERSIONS: [&str; 6] = ["row_version", "lock_version", "version", "updated_at", "modified_at", "etag"];

/// What personal and payment data is called, beside what looks like a secret.
const PRIVATE: [&[&str]; 9] = [
    &["session"],
    &["sessions"],
    &["ssn"],
    &["social", "security"],
    &["credit", "card"],
    &["card", "number"],
    &["cvv"],
    &["cvc"],
    &["oauth"],
];

/// Types whose values are documents or bytes. MariaDB keeps JSON in `longtext`.
const LARGE: [&str; 8] = ["blob", "binary", "bytea", "vector", "json", "image", "xml", "longtext"];

impl Suggestions {
    /// Looks at a table, in the light of the others.
    #[must_use]
    pub fn of(table: &Table, inspection: &Inspection) -> Self {
        let columns = || table.columns.iter();
        let hints = |why: fn(&Column) -> Option<String>| -> Vec<Hint> {
            columns().filter_map(|column| Some(Hint { column: column.name.clone(), reason: why(column)? })).collect()
        };
        let key = key(table);
        Self {
            tenant: tenants(table, inspection, key.as_ref()),
            version: versions(table),
            sensitive: hints(why_sensitive),
            large: hints(why_large),
            key,
        }
    }

    /// The columns that a model may see without further thought.
    pub fn visible<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a str> {
        let hidden = |name: &str| self.sensitive.iter().chain(&self.large).any(|hint| hint.column == name);
        table.columns.iter().map(|column| column.name.as_str()).filter(move |name| !hidden(name))
    }

    /// Whether nobody should propose to change a column.
    #[must_use]
    pub fn is_immutable(&self, column: &Column) -> bool {
        let is = |hint: &Hint| hint.column == column.name;
        column.generated
            || self.key.iter().any(is)
            || self.tenant.iter().any(is)
            || ["id", "uuid", "created_at", "created_by"].contains(&column.name.to_ascii_lowercase().as_str())
    }

    pub(crate) fn of_column(&self, column: &Column) -> Json {
        let among = |hints: &[Hint]| hints.iter().any(|hint| hint.column == column.name);
        json!({
            "tenant": among(&self.tenant),
            "conflict": among(&self.version),
            "sensitive": among(&self.sensitive),
            "immutable": self.is_immutable(column),
            "large_or_binary": among(&self.large),
        })
    }

    pub(crate) fn to_json(&self, table: &Table) -> Json {
        let names = |hints: &[Hint]| hints.iter().map(|hint| hint.column.clone()).collect::<Vec<_>>();
        let roles = [
            ("primary_key", self.key.as_slice()),
            ("tenant", &self.tenant),
            ("conflict", &self.version),
            ("sensitive", &self.sensitive),
            ("large_or_binary", &self.large),
        ];
        let reasons: Vec<Json> = roles
            .into_iter()
            .flat_map(|(role, hints)| hints.iter().map(move |hint| (role, hint)))
            .map(|(role, hint)| json!({ "column": hint.column, "role": role, "reason": hint.reason }))
            .collect();
        json!({
            "primary_key": self.key.as_ref().map(|hint| &hint.column),
            "tenant_columns": names(&self.tenant),
            "conflict_columns": names(&self.version),
            "sensitive_columns": names(&self.sensitive),
            "large_or_binary_columns": names(&self.large),
            "default_visible_columns": self.visible(table).collect::<Vec<_>>(),
            "reasons": reasons,
        })
    }
}

/// The tables, those first that are likeliest to be what an agent should look at.
#[must_use]
pub fn best_first(inspection: &Inspection) -> Vec<&Table> {
    let mut ranked: Vec<(i64, &Table)> =
        inspection.tables.iter().map(|table| (rank(table, inspection), table)).collect();
    // The sort is stable: among equals the catalog's order stays.
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    ranked.into_iter().map(|(_, table)| table).collect()
}

/// Words in names of tables that serve the program, not its users.
const PLUMBING: [&[&str]; 18] = [
    &["migration"],
    &["migrations"],
    &["schema"],
    &["log"],
    &["logs"],
    &["audit"],
    &["events"],
    &["session"],
    &["sessions"],
    &["token"],
    &["tokens"],
    &["job"],
    &["jobs"],
    &["queue"],
    &["cache"],
    &["backup"],
    &["tmp"],
    &["receipts"],
];

/// How likely a table is to be what an agent should look at.
fn rank(table: &Table, inspection: &Inspection) -> i64 {
    let found = Suggestions::of(table, inspection);
    let points = |holds: bool, points: i64| if holds { points } else { 0 };
    let surely_separated = found.tenant.first().is_some_and(|hint| !hint.reason.contains("right if"));
    let refers = |other: &&Table| {
        let to = |key: &ForeignKey| key.referenced_schema == table.schema && key.referenced_table == table.name;
        other.foreign_keys.iter().any(to)
    };
    let referred = i64::try_from(inspection.tables.iter().filter(refers).count()).unwrap_or(0);
    let own = table.columns.iter().filter(|column| !found.is_immutable(column)).count();
    points(found.key.is_some(), 40)
        + points(!found.tenant.is_empty(), 20)
        + points(surely_separated, 20)
        + points(!found.version.is_empty(), 20)
        + points(table.writable, 10)
        + points(table.row_estimate.is_some_and(|rows| rows > 0), 5)
        + points(table.comment.is_some(), 3)
        + points(own > 2, 5)
        + 2 * referred.min(5)
        - points(!found.sensitive.is_empty(), 10)
        - points(redact::names_one_of(&table.name, &PLUMBING), 60)
}

/// The one column that finds a row.
fn key(table: &Table) -> Option<Hint> {
    let hint = |column: &str, reason: &str| Some(Hint { column: column.to_owned(), reason: reason.to_owned() });
    if let [column] = table.primary_key.as_slice() {
        return hint(column, "the primary key");
    }
    let whole = |columns: &[String]| match columns {
        [column] => table.column(column).filter(|column| !column.nullable).map(|column| column.name.clone()),
        _ => None,
    };
    if let Some(column) = table.unique_constraints.iter().find_map(|unique| whole(&unique.columns)) {
        return hint(&column, "a unique key that is never null");
    }
    let object = object_name(&table.name);
    let named = ["id".to_owned(), format!("{object}_id"), format!("{}_id", table.name)];
    let column = named.iter().find_map(|name| table.column(name))?;
    hint(&column.name, "by its name; the catalog shows no key, so more than one row may have the same")
}

fn tenants(table: &Table, inspection: &Inspection, key: Option<&Hint>) -> Vec<Hint> {
    let found = TENANTS.iter().filter_map(|(name, but)| {
        let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
        // What finds a row in its own table says who it is, not whose.
        if key.is_some_and(|key| key.column == column.name) {
            return None;
        }
        let carry = inspection.tables.iter().filter(|table| table.column(&column.name).is_some()).count();
        let of = inspection.tables.len();
        let mut reason = format!("by its name, which {carry} of {of} tables have{but}");
        if column.nullable {
            reason.push_str("; it may be null, and such rows belong to nobody");
        }
        Some(Hint { column: column.name.clone(), reason })
    });
    found.collect()
}

fn versions(table: &Table) -> Vec<Hint> {
    let mut found: Vec<(u8, Hint)> = VERSIONS
        .iter()
        .filter_map(|name| {
            let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
            let (rank, reason) = why_version(&column.data_type)?;
            Some((rank, Hint { column: column.name.clone(), reason: reason.to_owned() }))
        })
        .collect();
    // The sort is stable: within a rank the names' own order stays.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, hint)| hint).collect()
}

/// How well a type tells one version from the next: 0 is best.
fn why_version(data_type: &str) -> Option<(u8, &'static str)> {
    let ty = data_type.to_ascii_lowercase();
    let digits = ty.split_once('(').and_then(|(_, rest)| rest.split(')').next()?.parse::<u8>().ok());
    // What the type has where it names no digits.
    let fine = digits.unwrap_or(if ty.starts_with("datetime") || ty == "timestamp" { 0 } else { 6 });
    if ty.contains("int") || ty.contains("serial") {
        Some((0, "a number that each change raises"))
    } else if ty.starts_with("timestamp") || ty.starts_with("datetime") {
        Some(match fine {
            0..3 => (2, "the time of the last change, in whole seconds: two changes within one look the same"),
            _ => (1, "the time of the last change"),
        })
    } else if ty.contains("char") || ty.contains("text") || ty.is_empty() {
        Some((2, "text: right if every change of a row changes it"))
    } else if ty == "uuid" {
        Some((2, "an identifier: right if every change of a row makes a new one"))
    } else {
        None
    }
}

fn why_sensitive(column: &Column) -> Option<String> {
    if redact::is_secret_name(&column.name) {
        return Some("its name says that it holds a secret".to_owned());
    }
    redact::names_one_of(&column.name, &PRIVATE)
        .then(|| "its name says that it holds personal or payment data".to_owned())
}

fn why_large(column: &Column) -> Option<String> {
    let ty = column.data_type.to_ascii_lowercase();
    LARGE.iter().any(|part| ty.contains(part)).then(|| format!("{ty} is large, or no text"))
}

/// What one row of a table is called: `support_tickets` holds a `support_ticket`.
#[must_use]
pub fn object_name(table: &str) -> String {
    let safe: String =
        table.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let one = match safe.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        _ if safe.ends_with("ss") || safe.ends_with("us") || safe.ends_with("is") => safe,
        _ => safe.strip_suffix('s').map_or_else(|| safe.clone(), str::to_owned),
    };
    if one.starts_with(|c: char| c.is_ascii_digit()) { format!("record_{one}") } else { one }
}

#[cfg(test)]
mod tests;
