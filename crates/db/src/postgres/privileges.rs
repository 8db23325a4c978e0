//! What the connected role may do, as the server itself works it out: through grants, PUBLIC, roles and ownership. Any role
//! may ask this about itself.

use std::collections::{BTreeMap, BTreeSet};

use synapsor_core::privilege::{Account, Held, HeldTable, Power, Relation};
use synapsor_core::sql::{Bind, Sql};

use super::Postgres;
use super::catalog::{list, text, unreadable};
use crate::fault::{Class, Fault};

/// The role, its attributes, the roles it is in, and what it may do with the database. A superuser is in every role, which
/// says nothing more.
const ACCOUNT: &str = "
SELECT r.rolname::text, d.datname::text,
  pg_catalog.has_database_privilege(d.oid, 'CONNECT')::text, pg_catalog.has_database_privilege(d.oid, 'CREATE')::text,
  pg_catalog.pg_has_role(d.datdba, 'USAGE')::text,
  r.rolsuper::text, r.rolbypassrls::text, r.rolcreaterole::text, r.rolcreatedb::text, r.rolreplication::text,
  (SELECT coalesce(pg_catalog.json_agg(g.rolname::text ORDER BY g.rolname), '[]')
   FROM pg_catalog.pg_roles g
   WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(g.oid, 'MEMBER'))::text
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()";

/// The schemas of a list: whether it can reach into them, create in them, and owns them.
const SCHEMAS: &str = "
SELECT n.nspname::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE')::text,
  pg_catalog.has_schema_privilege(n.oid, 'CREATE')::text, pg_catalog.pg_has_role(n.nspowner, 'USAGE')::text
FROM pg_catalog.pg_namespace n
WHERE n.nspname IN (SELECT pg_catalog.json_array_elements_text($1::text::pg_catalog.json))
ORDER BY n.nspname";

/// The tables of a list of `[schema, table]`: whether it owns them, what it may do with the whole, and with each column.
const TABLES: &str = "
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_has_role(c.relowner, 'USAGE')::text,
  (SELECT coalesce(pg_catalog.json_agg(p), '[]')
   FROM pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER',
     'SELECT WITH GRANT OPTION', 'INSERT WITH GRANT OPTION', 'UPDATE WITH GRANT OPTION', 'DELETE WITH GRANT OPTION']) p
   WHERE pg_catalog.has_table_privilege(c.oid, p))::text,
  (SELECT coalesce(pg_catalog.json_object_agg(a.attname::text,
     (SELECT coalesce(pg_catalog.json_agg(p), '[]')
      FROM pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES',
        'SELECT WITH GRANT OPTION', 'INSERT WITH GRANT OPTION', 'UPDATE WITH GRANT OPTION']) p
      WHERE pg_catalog.has_column_privilege(c.oid, a.attnum, p))), '{}')
   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text
FROM pg_catalog.json_array_elements($1::text::pg_catalog.json) wanted
JOIN pg_catalog.pg_namespace n ON n.nspname = wanted ->> 0
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 1
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')";

/// What it may do with any other table, but for reading what everyone may read. A superuser may do everything.
const ELSEWHERE: &str = "
SELECT found.name, found.words::text FROM (
  SELECT n.nspname || '.' || c.relname AS name,
    (SELECT pg_catalog.json_agg(p)
     FROM pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
     WHERE (pg_catalog.has_table_privilege(c.oid, p)
         OR (p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND pg_catalog.has_any_column_privilege(c.oid, p)))
       AND NOT (p = 'SELECT' AND pg_catalog.has_any_column_privilege('public', c.oid, p))) AS words
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_catalog.json_array_elements($1::text::pg_catalog.json) wanted
      WHERE n.nspname = wanted ->> 0 AND c.relname = wanted ->> 1)
    AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
) found
WHERE found.words IS NOT NULL
ORDER BY found.name LIMIT 50";

/// An attribute of a role, by the word that takes it away.
const ATTRIBUTES: [&str; 5] = ["NOSUPERUSER", "NOBYPASSRLS", "NOCREATEROLE", "NOCREATEDB", "NOREPLICATION"];

impl Postgres {
    pub(crate) async fn privileges(&self, relations: &[Relation]) -> Result<Held, Fault> {
        match self.pool.lease().await {
            Ok(mut lease) => lease.set_clean(true),
            // The password was right and the database is there, but this role may not use it.
            Err(fault) if fault.class() == Class::Permission => {
                let [name, database] = self.pool.names();
                return Ok(Held { account: Account { name, host: None }, database, ..Held::default() });
            }
            Err(fault) => return Err(fault),
        }
        let schemas: BTreeSet<&str> = relations.iter().map(|relation| relation.schema.as_str()).collect();
        let schemas = serde_json::json!(schemas).to_string();
        let named: Vec<[&str; 2]> =
            relations.iter().map(|relation| [relation.schema.as_str(), relation.table.as_str()]).collect();
        let named = serde_json::json!(named).to_string();
        let [account, schemas, tables, elsewhere] = self
            .read_all([
                Sql::fixed(ACCOUNT, Vec::new(), 11),
                Sql::fixed(SCHEMAS, vec![Bind::Text(schemas)], 4),
                Sql::fixed(TABLES, vec![Bind::Text(named.clone())], 5),
                Sql::fixed(ELSEWHERE, vec![Bind::Text(named)], 2),
            ])
            .await?;
        let about = account.first().ok_or_else(unreadable)?;
        let flag = |index: usize| text(about, index) == "true";
        let database = text(about, 1).to_owned();
        let mut powers = Vec::new();
        for (index, word) in ATTRIBUTES.into_iter().enumerate() {
            powers.extend(flag(index + 5).then_some(Power::Attribute(word)));
        }
        let superuser = flag(5);
        powers.extend(list(about, 10).into_iter().map(Power::Member));
        powers.extend((flag(4) && !superuser).then(|| Power::Owns("database", database.clone())));
        powers.extend((flag(3) && !flag(4)).then(|| Power::Creates("database", database.clone())));
        let mut usage = BTreeSet::new();
        for row in &schemas {
            let name = text(row, 0).to_owned();
            let owns = text(row, 3) == "true";
            powers.extend((owns && !superuser).then(|| Power::Owns("schema", name.clone())));
            powers.extend((text(row, 2) == "true" && !owns).then(|| Power::Creates("schema", name.clone())));
            if text(row, 1) == "true" {
                usage.insert(name);
            }
        }
        let mut held = BTreeMap::new();
        for row in &tables {
            let named = |relation: &&Relation| {
                relation.schema.as_str() == text(row, 0) && relation.table.as_str() == text(row, 1)
            };
            let Some(relation) = relations.iter().find(named) else { continue };
            if text(row, 2) == "true" && !superuser {
                powers.push(Power::Owns("table", relation.to_string()));
            }
            let works: BTreeMap<String, BTreeSet<String>> =
                serde_json::from_str(text(row, 4)).map_err(|error| unreadable().because(error))?;
            let whole = list(row, 3).into_iter().collect();
            held.insert(relation.clone(), HeldTable { columns: works.clone(), works, whole });
        }
        let others =
            elsewhere.iter().map(|row| Power::Elsewhere(text(row, 0).to_owned(), list(row, 1).into_iter().collect()));
        powers.extend(others);
        let account = Account { name: text(about, 0).to_owned(), host: None };
        Ok(Held { account, database, connect: flag(2), usage, tables: held, powers })
    }
}
