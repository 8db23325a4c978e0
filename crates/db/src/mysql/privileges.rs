//! What the connected account may do. Every account may ask this about itself; what it holds through roles shows in what
//! works on a column, and the roles by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synapsor_core::privilege::{Account, Held, HeldTable, Power, Relation};

use super::catalog::{self, Row};
use super::reader::Links;
use crate::fault::{Class, Fault};

/// The account, the current database, and whether names of tables have case.
const ACCOUNT: &str = "SELECT CURRENT_USER() AS a, COALESCE(DATABASE(), '') AS b, @@lower_case_table_names AS c";

/// Most tables that are named beyond those asked about.
const MOST_ELSEWHERE: usize = 50;

/// What was granted to the account itself, on every level. The grantee is spelled with plain quotes around each part.
const GRANTED: &str = "SELECT '' AS a, '' AS b, '' AS c, PRIVILEGE_TYPE AS d, IS_GRANTABLE AS e \
                       FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ? \
                       UNION ALL SELECT TABLE_SCHEMA, '', '', PRIVILEGE_TYPE, IS_GRANTABLE \
                       FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? \
                       UNION ALL SELECT TABLE_SCHEMA, TABLE_NAME, '', PRIVILEGE_TYPE, IS_GRANTABLE \
                       FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? \
                       UNION ALL SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE \
                       FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ?";

/// The roles that the account may take on.
const ROLES: &str = "SELECT DISTINCT ROLE_NAME AS a FROM information_schema.APPLICABLE_ROLES ORDER BY a";

/// What works on each column that the account can see, through whatever grant.
const WORKS: &str = "SELECT COLUMN_NAME AS a, UPPER(PRIVILEGES) AS b FROM information_schema.COLUMNS \
                     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";

const GRANT_OPTION: &str = "GRANT OPTION";

/// What an account holds on the tables asked about, and beside.
pub(super) async fn held(links: &Arc<Links>, relations: &[Relation]) -> Result<Held, Fault> {
    let rows = catalog::ask(links, ACCOUNT, &[], 3).await?;
    let account = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    let database = rows.first().map(|row| text(row, 1)).unwrap_or_default().to_owned();
    let folded = rows.first().is_some_and(|row| text(row, 2) != "0");
    let same = |left: &str, right: &str| left == right || (folded && left.eq_ignore_ascii_case(right));
    let (name, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    let grantee = format!("'{name}'@'{host}'");
    let granted = catalog::ask(links, GRANTED, &[grantee.as_str(); 4], 5).await?;
    let mut tables = BTreeMap::new();
    for relation in relations {
        let rows = catalog::ask(links, WORKS, &[relation.schema.as_str(), relation.table.as_str()], 2).await?;
        if rows.is_empty() {
            continue;
        }
        let words = |row: &Row| text(row, 1).split(',').map(|word| word.trim().to_owned()).collect();
        let works = rows.iter().map(|row| (text(row, 0).to_owned(), words(row))).collect();
        tables.insert(relation.clone(), HeldTable { works, ..HeldTable::default() });
    }
    let mut wide: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut elsewhere: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut powers = BTreeSet::new();
    for row in &granted {
        let [schema, table, column, word] = [0, 1, 2, 3].map(|index| text(row, index));
        // To be known to the server at all.
        if word == "USAGE" {
            continue;
        }
        let words =
            [Some(word), (text(row, 4) == "YES").then_some(GRANT_OPTION)].into_iter().flatten().map(str::to_owned);
        let asked = tables.iter_mut().find(|(relation, _): &(&Relation, _)| {
            same(relation.schema.as_str(), schema) && same(relation.table.as_str(), table)
        });
        match (schema, table, asked) {
            ("", ..) => powers.extend(words.map(Power::Everywhere)),
            (_, "", _) => wide.entry(schema.to_owned()).or_default().extend(words),
            (_, _, Some((_, held))) if column.is_empty() => held.whole.extend(words),
            (_, _, Some((_, held))) => {
                // One flag for the whole table, shown beside each of its columns.
                held.whole.extend((text(row, 4) == "YES").then(|| GRANT_OPTION.to_owned()));
                held.columns.entry(column.to_owned()).or_default().insert(word.to_owned());
            }
            (_, _, None) => elsewhere.entry(format!("{schema}.{table}")).or_default().extend(words),
        }
    }
    powers.extend(roles(links).await?.into_iter().map(Power::Member));
    powers.extend(wide.into_iter().map(|(name, words)| Power::Database(name, words)));
    powers.extend(elsewhere.into_iter().take(MOST_ELSEWHERE).map(|(name, words)| Power::Elsewhere(name, words)));
    let account = Account { name: name.to_owned(), host: Some(host.to_owned()) };
    Ok(Held { account, database, connect: true, usage: BTreeSet::new(), tables, powers: powers.into_iter().collect() })
}

/// MySQL before 8.0.19 does not tell.
async fn roles(links: &Arc<Links>) -> Result<Vec<String>, Fault> {
    match catalog::ask(links, ROLES, &[], 1).await {
        Err(fault) if fault.class() == Class::Missing => Ok(Vec::new()),
        rows => Ok(rows?.iter().map(|row| text(row, 0).to_owned()).collect()),
    }
}

fn text(row: &Row, index: usize) -> &str {
    row.get(index).and_then(|text| text.as_deref()).unwrap_or_default()
}
