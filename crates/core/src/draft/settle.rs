//! A wish made whole, or everything that is wrong with it.

use serde_json::{Map, Value as Json};

use super::{Changes, Choice, Draft, Flaws, Frame, Guard, Names, Settled, TableWish, Texts, Wish, words};
use crate::code::Code;
use crate::contract::{Binding, EngineKind, Mode, ResultFormat, TenantRule};
use crate::id::{EnvName, Ident};
use crate::inspection::{Hint, Suggestions};
use crate::refusal::Refusal;
use crate::wire::inspection::{Inspection, Table};

/// Longest run of a statement that nobody thought about, in milliseconds.
const STATEMENT_TIMEOUT_MS: u64 = 3000;

/// Makes a wish whole. `seen` is what the database says of itself; without it nothing is suggested and columns are taken
/// at their word. `usual` is the mode where something is patched and none is wished.
pub fn settle(wish: Wish, seen: Option<&Inspection>, usual: Mode) -> Result<Draft, Refusal> {
    let mut flaws = Flaws::default();
    let patches = wish.tables.iter().any(|table| !table.patch.is_empty());
    let frame = frame(wish.frame, seen, if patches { usual } else { Mode::ReadOnly }, &mut flaws);
    if wish.tables.is_empty() {
        flaws.add("no table is named", "name one with `table`");
    }
    if let Some(frame) = frame.as_ref().filter(|frame| frame.mode != Mode::ReadOnly && !patches) {
        let message = format!("mode `{}` is for proposals, but nothing says what they change", frame.mode.word());
        flaws.add(message, "add `patch`, or choose `read_only`");
    }
    let mut remarks = Vec::new();
    let tables: Vec<Option<Choice>> =
        wish.tables.into_iter().map(|table| choice(table, seen, &mut flaws, &mut remarks)).collect();
    let (frame, tables) = (frame, tables.into_iter().collect::<Option<Vec<_>>>());
    if let Some(tables) = &tables {
        check_names(tables, &mut flaws);
    }
    flaws.settle()?;
    match (frame, tables) {
        (Some(frame), Some(tables)) => Ok(Draft { frame, tables, remarks }),
        _ => Err(Refusal::new(Code::Internal, "a choice could not be made whole")),
    }
}

fn frame(wish: Frame, seen: Option<&Inspection>, usual: Mode, flaws: &mut Flaws) -> Option<Settled> {
    let env = |name: &str| EnvName::parse(name).ok();
    let engine = match (wish.engine, seen.map(|seen| seen.engine)) {
        (Some(wished), Some(seen)) if wished != seen => {
            flaws.add(
                format!("the database is {}, not {}", seen.word(), wished.word()),
                "leave `engine` out, or look at another database",
            );
            return None;
        }
        (Some(engine), _) | (None, Some(engine)) => engine,
        (None, None) => {
            flaws.add("nothing says which engine it is", "add `engine`: `postgres`, `mysql` or `sqlite`");
            return None;
        }
    };
    let mode = wish.mode.unwrap_or(usual);
    let source = match engine {
        EngineKind::Postgres => "local_postgres",
        EngineKind::Mysql => "local_mysql",
        EngineKind::Sqlite => "local_sqlite",
    };
    let write_url_env = match mode {
        Mode::Review => wish.write_url_env.or_else(|| env("SYNAPSOR_DATABASE_WRITE_URL")),
        Mode::ReadOnly | Mode::Shadow => None,
    };
    Some(Settled {
        engine,
        mode,
        source_name: wish.source_name.or_else(|| Ident::parse(source).ok())?,
        read_url_env: wish.read_url_env.or_else(|| env("SYNAPSOR_DATABASE_READ_URL"))?,
        write_url_env,
        statement_timeout_ms: wish.statement_timeout_ms.unwrap_or(STATEMENT_TIMEOUT_MS),
        result_format: wish.result_format.unwrap_or(ResultFormat::V2),
        tenant_env: wish.tenant_env.or_else(|| env("SYNAPSOR_TENANT_ID"))?,
        principal_env: wish.principal_env.or_else(|| env("SYNAPSOR_PRINCIPAL"))?,
    })
}

/// Two tools of one name would be one.
fn check_names(tables: &[Choice], flaws: &mut Flaws) {
    let mut seen: Vec<&str> = Vec::new();
    for choice in tables {
        let proposing = choice.proposal.is_some().then_some(&choice.names.proposal_tool);
        for name in std::iter::once(&choice.names.read_tool).chain(proposing) {
            if seen.contains(&name.as_str()) {
                flaws.add(
                    format!("two tools are called `{name}`"),
                    "give the tables different `object_name`s, one run for each",
                );
            }
            seen.push(name.as_str());
        }
    }
}

/// What is wished of one table, with what is known of it.
struct Sheet<'a> {
    named: String,
    table: Option<&'a Table>,
    found: Option<Suggestions>,
}

impl Sheet<'_> {
    /// Checks that columns are there.
    fn check(&self, columns: &[&Ident], flaws: &mut Flaws) {
        let Some(table) = self.table else { return };
        let mut unknown: Vec<&str> = Vec::new();
        for name in columns {
            if table.column(name.as_str()).is_none() && !unknown.contains(&name.as_str()) {
                unknown.push(name.as_str());
                let known: Vec<String> = table.columns.iter().map(|column| format!("`{}`", column.name)).collect();
                flaws.add(
                    format!("{} has no column `{name}` that the account may read", self.named),
                    format!("it has {}", known.join(", ")),
                );
            }
        }
    }

    fn suggested(&self, hints: impl Fn(&Suggestions) -> Option<&Hint>) -> Option<Ident> {
        Ident::parse(&hints(self.found.as_ref()?)?.column).ok()
    }
}

fn choice(wish: TableWish, seen: Option<&Inspection>, flaws: &mut Flaws, remarks: &mut Vec<String>) -> Option<Choice> {
    let (schema, table_name, table) = place(&wish, seen, flaws)?;
    let named = format!("`{schema}.{table_name}`");
    let found = table.zip(seen).map(|(table, seen)| Suggestions::of(table, seen));
    let sheet = Sheet { named, table, found };
    let names = Names::settle(&wish.names, table_name.as_str(), flaws);
    let primary_key = primary_key(&wish, &sheet, flaws, remarks);
    let tenant = tenant(&wish, &sheet, flaws);
    let guard = guard(&wish, &sheet, remarks);
    let visible = visible(&wish, &sheet, flaws);
    let (names, primary_key, tenant, chosen) = (names?, primary_key?, tenant?, visible?);
    let mut visible_columns: Vec<Ident> = Vec::new();
    let tenant_column = if let TenantRule::Column(column) = &tenant { Some(column.clone()) } else { None };
    let version = if let Guard::Column(column) = &guard { Some(column.clone()) } else { None };
    let first = [Some(primary_key.clone()), tenant_column, version].into_iter().flatten();
    for column in first.chain(chosen) {
        if !visible_columns.contains(&column) {
            visible_columns.push(column);
        }
    }
    sheet.check(&visible_columns.iter().collect::<Vec<_>>(), flaws);
    let mut choice = Choice {
        schema,
        table: table_name,
        primary_key,
        tenant,
        guard,
        visible_columns,
        names,
        texts: Texts::default(),
        lookup: Json::Null,
        proposal: None,
    };
    choice.proposal = changes(&wish, &choice, &sheet, flaws);
    choice.lookup = words::lookup_arg(&choice, table);
    choice.texts = texts(wish.texts, &choice, table);
    Some(choice)
}

/// Schema and table by name, and the table itself if it was seen.
fn place<'a>(
    wish: &TableWish,
    seen: Option<&'a Inspection>,
    flaws: &mut Flaws,
) -> Option<(Ident, Ident, Option<&'a Table>)> {
    let Some(table) = &wish.table else {
        flaws.add("no table is named", "add `table`");
        return None;
    };
    let (schema, name, found) = match seen {
        Some(seen) => {
            let full = wish.schema.as_ref().map(|schema| format!("{schema}.{table}"));
            match seen.find(full.as_deref().unwrap_or(table)) {
                Ok(found) => (found.schema.clone(), found.name.clone(), Some(found)),
                Err(refusal) => {
                    flaws.add(refusal.message(), refusal.fix());
                    return None;
                }
            }
        }
        None => {
            let (schema, name) = match (&wish.schema, table.split_once('.')) {
                (Some(schema), _) => (schema.as_str(), table.as_str()),
                (None, Some((schema, name))) => (schema, name),
                (None, None) => {
                    flaws.add(format!("nothing says which schema `{table}` is in"), "add `schema`");
                    return None;
                }
            };
            (schema.to_owned(), name.to_owned(), None)
        }
    };
    match (Ident::parse(&schema), Ident::parse(&name)) {
        (Ok(schema), Ok(name)) => Some((schema, name, found)),
        _ => {
            flaws.add(
                format!("`{schema}.{name}` has other characters than letters, digits and underscores"),
                "make a view with a plain name and use that",
            );
            None
        }
    }
}

fn primary_key(wish: &TableWish, sheet: &Sheet<'_>, flaws: &mut Flaws, remarks: &mut Vec<String>) -> Option<Ident> {
    let Some(key) = wish.primary_key.clone().or_else(|| sheet.suggested(|found| found.key.as_ref())) else {
        flaws.add(
            format!("nothing shows what finds one row of {}", sheet.named),
            "name a column without duplicates with `primary_key`",
        );
        return None;
    };
    if let Some(table) = sheet.table {
        let is_alone = |columns: &[String]| matches!(columns, [only] if *only == key.as_str());
        let mut uniques = table.unique_constraints.iter().map(|unique| &unique.columns);
        if !is_alone(&table.primary_key) && !uniques.any(|columns| is_alone(columns)) {
            remarks.push(format!(
                "no key of {} is `{key}` alone: a look-up that finds more than one row is refused",
                sheet.named
            ));
        }
    }
    Some(key)
}

fn tenant(wish: &TableWish, sheet: &Sheet<'_>, flaws: &mut Flaws) -> Option<TenantRule> {
    let suggested = || sheet.suggested(|found| found.tenant.first()).map(TenantRule::Column);
    let rule = wish.tenant.clone().or_else(suggested);
    if rule.is_none() {
        flaws.add(
            format!("no column of {} looks as if it told tenants apart", sheet.named),
            "name it with `tenant_key`, or say `single_tenant_dev` if there is only one tenant",
        );
    }
    rule
}

fn guard(wish: &TableWish, sheet: &Sheet<'_>, remarks: &mut Vec<String>) -> Guard {
    let suggested = || sheet.suggested(|found| found.version.first()).map(Guard::Column);
    let guard = wish.guard.clone().or_else(suggested).unwrap_or(Guard::Weak);
    if guard == Guard::Weak && !wish.patch.is_empty() {
        remarks.push(format!(
            "{} has no version column, so a change in between is noticed by comparing all visible columns",
            sheet.named
        ));
    }
    guard
}

fn visible(wish: &TableWish, sheet: &Sheet<'_>, flaws: &mut Flaws) -> Option<Vec<Ident>> {
    if let Some(columns) = wish.visible_columns.as_ref().filter(|columns| !columns.is_empty()) {
        return Some(columns.clone());
    }
    match (sheet.table, &sheet.found) {
        (Some(table), Some(found)) => Some(found.visible(table).filter_map(|name| Ident::parse(name).ok()).collect()),
        _ => {
            flaws.add(
                format!("nothing says which columns of {} the model may see", sheet.named),
                "list them in `visible_columns`",
            );
            None
        }
    }
}

fn changes(wish: &TableWish, choice: &Choice, sheet: &Sheet<'_>, flaws: &mut Flaws) -> Option<Changes> {
    if wish.patch.is_empty() {
        for (what, is_there) in [
            ("allowed_columns", wish.allowed_columns.is_some()),
            ("patch_args", !wish.patch_args.is_empty()),
            ("numeric_bounds", !wish.numeric_bounds.is_empty()),
            ("transition_guards", !wish.transition_guards.is_empty()),
        ] {
            if is_there {
                flaws.add(format!("`{what}` is about changes, but nothing is patched"), "add `patch`, or remove it");
            }
        }
        return None;
    }
    if sheet.table.is_some_and(|table| !table.writable) {
        flaws.add(
            format!("changes of {} cannot be proposed: it is a view, or cannot undo a write", sheet.named),
            "propose changes of the table behind it, or remove `patch`",
        );
    }
    let patched: Vec<&Ident> = wish.patch.iter().map(|(column, _)| column).collect();
    sheet.check(&patched, flaws);
    check_patched(&patched, choice, sheet, flaws);
    let allowed = wish.allowed_columns.clone().unwrap_or_else(|| patched.iter().copied().cloned().collect());
    sheet.check(&allowed.iter().collect::<Vec<_>>(), flaws);
    for column in patched.iter().filter(|column| !allowed.contains(column)) {
        flaws.add(format!("`{column}` is patched, but not allowed"), "add it to `allowed_columns`");
    }
    for (what, guarded) in [("numeric_bounds", &wish.numeric_bounds), ("transition_guards", &wish.transition_guards)] {
        for column in guarded.keys().filter(|key| !patched.iter().any(|column| column.as_str() == key.as_str())) {
            flaws.add(format!("`{what}` names `{column}`, which is not patched"), "add it to `patch`, or remove it");
        }
    }
    Some(Changes {
        args: args(wish, choice, sheet, flaws),
        patch: wish.patch.clone(),
        allowed_columns: allowed,
        numeric_bounds: wish.numeric_bounds.clone(),
        transition_guards: wish.transition_guards.clone(),
        approval_role: wish.approval_role.clone().unwrap_or_else(|| "local_reviewer".to_owned()),
    })
}

/// What says whose a row is and which one it is stays as it is.
fn check_patched(patched: &[&Ident], choice: &Choice, sheet: &Sheet<'_>, flaws: &mut Flaws) {
    for column in patched {
        let role = if **column == choice.primary_key {
            "finds the row"
        } else if choice.tenant == TenantRule::Column((*column).clone()) {
            "says whose the row is"
        } else if sheet.table.and_then(|table| table.column(column.as_str())).is_some_and(|column| column.generated) {
            "gets its value from the database alone"
        } else {
            continue;
        };
        flaws.add(format!("`{column}` {role}, so it cannot be changed"), "remove it from `patch`");
    }
}

/// The arguments beside the lookup argument, in the order of the patch.
fn args(wish: &TableWish, choice: &Choice, sheet: &Sheet<'_>, flaws: &mut Flaws) -> Map<String, Json> {
    let mut args = Map::new();
    for (column, binding) in &wish.patch {
        let Binding::FromArg(name) = binding else { continue };
        if *name == choice.names.lookup_arg {
            flaws.add(
                format!("`{name}` holds the row's key and cannot hold the new `{column}` as well"),
                "name another argument",
            );
        }
        let guards = (wish.numeric_bounds.get(column.as_str()), wish.transition_guards.get(column.as_str()));
        let arg = words::patch_arg(column, sheet.table, wish.patch_args.get(name.as_str()), guards);
        args.entry(name.as_str()).or_insert(arg);
    }
    for name in wish.patch_args.keys().filter(|name| !args.contains_key(*name)) {
        flaws.add(format!("no column takes its value from the argument `{name}`"), "use it in `patch`, or remove it");
    }
    args
}

fn texts(wish: Texts, choice: &Choice, table: Option<&Table>) -> Texts {
    let proposes = choice.proposal.is_some();
    let hint = || proposes.then(|| words::reading_before_proposing(&choice.names));
    Texts {
        read_description: wish.read_description.or_else(|| Some(words::reading(choice, table))),
        read_returns_hint: wish.read_returns_hint.or_else(hint),
        proposal_description: wish.proposal_description.or_else(|| proposes.then(|| words::proposing(choice))),
        proposal_returns_hint: wish.proposal_returns_hint,
    }
}
