use std::collections::BTreeMap;

use super::*;
use crate::check::{Check, Level};
use crate::contract::{CapabilityKind, Target};
use crate::fixture::{contract, ident, proposal};
use crate::sql::receipts::{self, ReceiptKeys};

const ENGINES: [EngineKind; 3] = [EngineKind::Postgres, EngineKind::Mysql, EngineKind::Sqlite];

/// The statements for an account of the fixture's source, after a change to its contract.
fn granted(engine: EngineKind, of: Use, change: impl FnOnce(&mut Contract)) -> Vec<String> {
    let mut contract = contract(engine);
    change(&mut contract);
    let source = contract.sources.values().next().expect("one source").clone();
    let role = RoleName::parse(engine, "app").expect("a name");
    grants(engine, &needed(&contract, &source, of), &role, Some("shop"))
}

fn rule(contract: &mut Contract) -> &mut ProposalRule {
    match &mut contract.capabilities[0].kind {
        CapabilityKind::Proposal(rule) => rule,
        CapabilityKind::Read => panic!("a proposal"),
    }
}

#[test]
fn postgres_accounts_need_just_this() {
    assert_eq!(
        granted(EngineKind::Postgres, Use::Reader, |_| {}),
        [
            "GRANT CONNECT ON DATABASE \"shop\" TO \"app\";",
            "GRANT USAGE ON SCHEMA \"main\" TO \"app\";",
            "GRANT SELECT (\"id\", \"late_fee_cents\", \"status\", \"tenant_id\", \"updated_at\", \"waiver_reason\") ON \
             \"main\".\"invoices\" TO \"app\";",
            "GRANT SELECT (\"receipts_id\") ON \"main\".\"synapsor_writeback_receipts_id\" TO \"app\";",
        ]
    );
    assert_eq!(
        granted(EngineKind::Postgres, Use::Writer, |contract| {
            rule(contract).guard.cover = Some(Cover::Patched);
            let source = contract.sources.get_mut(&ident("app")).expect("the source");
            source.receipts.schema = Some(ident("keep"));
        }),
        [
            "GRANT CONNECT ON DATABASE \"shop\" TO \"app\";",
            "GRANT USAGE ON SCHEMA \"keep\" TO \"app\";",
            "GRANT USAGE ON SCHEMA \"main\" TO \"app\";",
            "GRANT SELECT (\"idempotency_key\", \"job_id\", \"ledger_id\", \"new_version\", \"proposal_hash\", \
             \"proposal_id\", \"status\"), INSERT (\"idempotency_key\", \"job_id\", \"ledger_head\", \"ledger_id\", \
             \"proposal_hash\", \"proposal_id\", \"server_id\", \"status\"), UPDATE (\"completed_at\", \"new_version\", \"result_hash\") ON \
             \"keep\".\"synapsor_writeback_receipts\" TO \"app\";",
            "GRANT SELECT (\"receipts_id\") ON \"keep\".\"synapsor_writeback_receipts_id\" TO \"app\";",
            "GRANT SELECT (\"id\", \"late_fee_cents\", \"tenant_id\", \"updated_at\", \"waiver_reason\"), UPDATE \
             (\"late_fee_cents\", \"updated_at\", \"waiver_reason\") ON \"main\".\"invoices\" TO \"app\";",
        ]
    );
}

#[test]
fn mysql_accounts_need_the_same_without_ways_in() {
    let statements = granted(EngineKind::Mysql, Use::Writer, |_| {});
    assert_eq!(statements.len(), 3, "{statements:#?}");
    assert_eq!(
        statements[0],
        "GRANT SELECT (`id`, `late_fee_cents`, `status`, `tenant_id`, `updated_at`, `waiver_reason`), UPDATE \
         (`late_fee_cents`, `updated_at`, `waiver_reason`) ON `main`.`invoices` TO 'app'@'%';"
    );
    assert!(granted(EngineKind::Sqlite, Use::Writer, |_| {}).is_empty(), "a file knows no grants");
}

#[test]
fn what_is_not_done_is_not_granted() {
    let check = |change: &dyn Fn(&mut Contract), reader: usize, writer: usize| {
        let found = [Use::Reader, Use::Writer].map(|of| granted(EngineKind::Mysql, of, change).len());
        assert_eq!(found, [reader, writer]);
    };
    check(&|_| {}, 2, 3);
    // Shadow proposals read what they would change; a read-only server lists no proposal tools.
    check(&|contract| contract.mode = Mode::Shadow, 1, 0);
    check(&|contract| contract.mode = Mode::ReadOnly, 0, 0);
    check(&|contract| contract.capabilities[0].kind = CapabilityKind::Read, 1, 0);
    check(&|contract| contract.capabilities[0].source = ident("elsewhere"), 0, 0);
    // Another target in another schema has its own receipts, unless they are kept in one place.
    let second = |contract: &mut Contract| {
        let mut capability = proposal();
        capability.target = Target { schema: ident("other"), ..capability.target };
        contract.capabilities.push(capability);
    };
    check(&second, 4, 6);
    check(
        &|contract| {
            second(contract);
            contract.sources.get_mut(&ident("app")).expect("the source").receipts.schema = Some(ident("keep"));
        },
        3,
        4,
    );
}

#[test]
fn columns_are_those_that_the_rule_names() {
    let columns = |action: Action, change: &dyn Fn(&mut Contract)| {
        let mut contract = contract(EngineKind::Mysql);
        change(&mut contract);
        let source = contract.sources.values().next().expect("one source").clone();
        let of_target = |privilege: &Privilege| match privilege {
            Privilege::Column(relation, found, column) if *found == action && relation.table.as_str() == "invoices" => {
                Some(column.as_str().to_owned())
            }
            _ => None,
        };
        needed(&contract, &source, Use::Writer).iter().filter_map(of_target).collect::<Vec<_>>().join(" ")
    };
    let principal = |contract: &mut Contract| contract.capabilities[0].target.principal = Some(ident("owner"));
    let database = |contract: &mut Contract| rule(contract).guard.advance = Advance::Database;
    let weak = |contract: &mut Contract| {
        rule(contract).guard.column = None;
        rule(contract).guard.cover = Some(Cover::Patched);
    };
    let dev = |contract: &mut Contract| contract.capabilities[0].target.tenant = TenantRule::SingleTenantDev;
    assert_eq!(columns(Action::Update, &|_| {}), "late_fee_cents updated_at waiver_reason");
    assert_eq!(columns(Action::Update, &database), "late_fee_cents waiver_reason");
    assert_eq!(columns(Action::Update, &weak), "late_fee_cents waiver_reason");
    assert_eq!(
        columns(Action::Select, &principal),
        "id late_fee_cents owner status tenant_id updated_at waiver_reason"
    );
    assert_eq!(columns(Action::Select, &weak), "id late_fee_cents status tenant_id waiver_reason");
    assert_eq!(columns(Action::Select, &dev), "id late_fee_cents status updated_at waiver_reason");
    assert_eq!(columns(Action::Insert, &|_| {}), "");
}

/// Whoever changes a statement on receipts finds out here that the accounts' grants change with it.
#[test]
fn statements_on_receipts_name_what_is_granted_and_no_more() {
    let place = Place { schema: ident("keep"), table: ident("receipts") };
    let keys = || "x".to_owned();
    let keys = ReceiptKeys {
        idempotency_key: keys(),
        job_id: keys(),
        proposal_id: keys(),
        proposal_hash: keys(),
        ledger_id: keys(),
        ledger_head: keys(),
        server_id: Some(keys()),
    };
    let known = [&INSERTED_COLUMNS[..], &FOUND_COLUMNS, &FINISHED_COLUMNS, &LISTED_COLUMNS].concat();
    let named = |sql: &str| {
        let words: BTreeSet<&str> = sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        known.iter().copied().filter(|name| words.contains(name)).collect::<BTreeSet<_>>()
    };
    for engine in ENGINES {
        let [insert, fence] = [receipts::insert(engine, &place, &keys), receipts::fence(engine, &place, &keys)];
        let finish = receipts::finish(engine, &place, &keys, None);
        let (set, found_by) = finish.text().split_once(" WHERE ").expect("a condition");
        let reads = [
            receipts::by_key(engine, &place, "x"),
            receipts::by_job(engine, &place, "x"),
            receipts::by_ledger(engine, &place, "x", "", 1),
        ];
        let read = reads.iter().map(|sql| sql.text()).chain([found_by]).collect::<Vec<_>>().join(" ");
        let granted = needed_on_receipts(engine, &place, Use::Writer);
        let granted_for = |action: Action| {
            granted
                .iter()
                .filter_map(|privilege| match privilege {
                    Privilege::Column(relation, found, column) if *found == action && relation.table == place.table => {
                        Some(column.as_str())
                    }
                    _ => None,
                })
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(named(insert.text()), granted_for(Action::Insert), "{engine:?}");
        assert_eq!(named(fence.text()), granted_for(Action::Insert), "{engine:?}");
        assert_eq!(named(set), granted_for(Action::Update), "{engine:?}");
        assert_eq!(named(&read), granted_for(Action::Select), "{engine:?}");
    }
}

#[test]
fn roles_are_quoted_whatever_they_are_called() {
    let check = |engine: EngineKind, typed: &str, expect: Option<&str>| {
        let found = RoleName::parse(engine, typed).ok().map(|role| role.render(engine));
        assert_eq!(found.as_deref(), expect, "{typed}");
    };
    use EngineKind::{Mysql, Postgres};
    check(Postgres, "app_writer", Some("\"app_writer\""));
    check(Postgres, "\"App Writer\"", Some("\"App Writer\""));
    check(Postgres, "x\"; DROP TABLE y; --", Some("\"x\"\"; DROP TABLE y; --\""));
    check(Postgres, "user@host", Some("\"user@host\""));
    check(Mysql, "writer", Some("'writer'@'%'"));
    check(Mysql, "writer@10.0.%", Some("'writer'@'10.0.%'"));
    check(Mysql, "'writer'@'%'", Some("'writer'@'%'"));
    check(Mysql, "`a``b`@localhost", Some("`a``b`@'localhost'"));
    check(Mysql, "o'neil@%", Some("`o'neil`@'%'"));
    check(Mysql, "back\\slash", Some("`back\\slash`@'%'"));
    for bad in ["", "a\nb", "a\0b", "\u{1b}[31m"] {
        check(Postgres, bad, None);
        check(Mysql, bad, None);
    }
    check(Mysql, "@host", None);
    check(Mysql, "user@", None);
}

/// Exactly what is needed, on the fixture's target and receipts.
fn exact(engine: EngineKind, needed: &BTreeSet<Privilege>) -> Held {
    let mut held = Held { connect: true, database: "shop".to_owned(), ..Held::default() };
    held.account.name = "w".to_owned();
    held.account.host = (engine == EngineKind::Mysql).then(|| "%".to_owned());
    for privilege in needed {
        match privilege {
            Privilege::Connect => {}
            Privilege::Usage(schema) => {
                held.usage.insert(schema.to_string());
            }
            Privilege::Column(relation, action, column) => {
                let table = held.tables.entry(relation.clone()).or_default();
                for columns in [&mut table.works, &mut table.columns] {
                    columns.entry(column.to_string()).or_default().insert(action.word().to_owned());
                }
            }
        }
    }
    held
}

fn bad(checks: &[Check]) -> Vec<&Check> {
    checks.iter().filter(|check| check.level != Level::Pass).collect()
}

/// The acceptance of `doctor`, without a database: what is needed passes, and each part of it that is gone is named.
#[test]
fn each_missing_privilege_is_named_alone_with_its_grant() {
    for engine in [EngineKind::Postgres, EngineKind::Mysql] {
        let contract = contract(engine);
        let source = contract.sources.values().next().expect("one source");
        let needed = needed(&contract, source, Use::Writer);
        let held = exact(engine, &needed);
        assert!(bad(&compare(engine, Use::Writer, &needed, &held).checks).is_empty());
        for gone in &needed {
            let mut less = needed.clone();
            less.remove(gone);
            let mut held = exact(engine, &less);
            held.connect = *gone != Privilege::Connect;
            let compared = compare(engine, Use::Writer, &needed, &held);
            let found = bad(&compared.checks);
            assert_eq!(found.len(), 1, "{gone:?}: {found:#?}");
            let role = RoleName::Account(held.account.clone());
            let grant = grants(engine, &BTreeSet::from([gone.clone()]), &role, Some("shop")).join("\n");
            assert_eq!((found[0].level, found[0].fix.as_deref()), (Level::Fail, Some(grant.as_str())), "{gone:?}");
        }
    }
}

#[test]
fn each_excess_is_named() {
    let engine = EngineKind::Postgres;
    let contract = contract(engine);
    let source = contract.sources.values().next().expect("one source");
    let needed = needed(&contract, source, Use::Writer);
    let target = Relation { schema: ident("main"), table: ident("invoices") };
    let check = |change: &dyn Fn(&mut Held), expect: &[(&str, &str)]| {
        let mut held = exact(engine, &needed);
        change(&mut held);
        let compared = compare(engine, Use::Writer, &needed, &held);
        let found = bad(&compared.checks);
        assert_eq!(found.len(), expect.len(), "{found:#?}");
        for (found, (message, fix)) in found.iter().zip(expect) {
            assert_eq!(found.level, Level::Warn);
            assert!(found.message.contains(message), "{} lacks {message}", found.message);
            assert!(found.fix.as_deref().is_some_and(|found| found.starts_with(fix)), "{:?} lacks {fix}", found.fix);
        }
    };
    let power = |power: Power| move |held: &mut Held| held.powers.push(power.clone());
    let on_target = |held: &mut Held, column: &str, word: &str| {
        let table = held.tables.get_mut(&target).expect("the target");
        table.columns.entry(column.to_owned()).or_default().insert(word.to_owned());
    };
    check(&power(Power::Attribute("NOBYPASSRLS")), &[("attribute BYPASSRLS", "ALTER ROLE \"w\" NOBYPASSRLS;")]);
    check(&power(Power::Member("ad\"min".to_owned())), &[("member of role", "REVOKE \"ad\"\"min\" FROM \"w\";")]);
    check(
        &power(Power::Creates("schema", "a.b".to_owned())),
        &[("create objects in schema `a.b`", "REVOKE CREATE ON SCHEMA \"a.b\" FROM \"w\";")],
    );
    let words = BTreeSet::from(["DELETE".to_owned()]);
    check(
        &power(Power::Elsewhere("main.other".to_owned(), words)),
        &[("DELETE on `main.other`", "REVOKE DELETE ON \"main\".\"other\" FROM \"w\";")],
    );
    check(
        &|held| on_target(held, "secret", "UPDATE"),
        &[("UPDATE of `secret` on", "REVOKE UPDATE (\"secret\") ON \"main\".\"invoices\" FROM \"w\";")],
    );
    check(&|held| on_target(held, "id", "INSERT"), &[("INSERT of `id`", "REVOKE INSERT (\"id\") ON")]);
    check(
        &|held| on_target(held, "id", "SELECT WITH GRANT OPTION"),
        &[("SELECT WITH GRANT OPTION of `id`", "REVOKE GRANT OPTION FOR SELECT (\"id\") ON")],
    );
    // What holds for the whole table is said once, not for each of its columns.
    check(
        &|held| {
            on_target(held, "secret", "UPDATE");
            let table = held.tables.get_mut(&target).expect("the target");
            table.whole.insert("UPDATE".to_owned());
        },
        &[("UPDATE on the whole of `main.invoices`", "REVOKE UPDATE ON \"main\".\"invoices\" FROM \"w\";")],
    );
    // Of a superuser or an owner, one line says it all.
    for (all, words) in [
        (Power::Attribute("NOSUPERUSER"), "attribute SUPERUSER"),
        (Power::Owns("table", "main.invoices".to_owned()), "owns the table `main.invoices`"),
    ] {
        let change = |held: &mut Held| {
            held.powers.push(all.clone());
            on_target(held, "secret", "UPDATE");
        };
        check(&change, &[(words, "ALTER ")]);
    }
}

#[test]
fn tables_that_cannot_be_seen_are_named_once() {
    for (engine, words) in [(EngineKind::Postgres, "there is no table"), (EngineKind::Mysql, "or it is not there")] {
        let contract = contract(engine);
        let source = contract.sources.values().next().expect("one source");
        let needed = needed(&contract, source, Use::Reader);
        let held = Held { tables: BTreeMap::new(), ..exact(engine, &needed) };
        let compared = compare(engine, Use::Reader, &needed, &held);
        let found = bad(&compared.checks);
        assert_eq!((found.len(), compared.lacking.len()), (2, 2), "{found:#?}");
        assert!(found.iter().all(|check| check.message.contains(words)), "{found:#?}");
    }
}

#[test]
fn mysql_columns_have_no_case() {
    let engine = EngineKind::Mysql;
    let contract = contract(engine);
    let source = contract.sources.values().next().expect("one source");
    let needed = needed(&contract, source, Use::Writer);
    let mut held = exact(engine, &needed);
    for table in held.tables.values_mut() {
        let upper = |columns: &BTreeMap<String, BTreeSet<String>>| {
            columns.iter().map(|(name, words)| (name.to_uppercase(), words.clone())).collect()
        };
        table.works = upper(&table.works);
        table.columns = upper(&table.columns);
    }
    assert!(bad(&compare(engine, Use::Writer, &needed, &held).checks).is_empty());
}
