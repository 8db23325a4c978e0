//! The questions about one table, in their order.

use synapsor_core::contract::{Mode, TenantRule};
use synapsor_core::draft::{Guard, Names, TableWish};
use synapsor_core::id::{CapabilityName, EnvName, Ident};
use synapsor_core::inspection::{Hint, Suggestions, best_first};
use synapsor_core::wire::inspection::{Column, Inspection, Table, TableKind};

use super::ask::{Answer, Asked, Pick, given_up, one_of, several_of, text};
use super::changes;
use crate::app::Stop;

/// What was answered about one table.
pub struct OneTable {
    /// What is wished of it.
    pub table: TableWish,
    /// What the runner may do with its proposals.
    pub mode: Mode,
}

/// A table with what is known of it.
pub struct About<'a> {
    /// The table.
    pub table: &'a Table,
    /// What its columns are probably for.
    pub found: Suggestions,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Table,
    Key,
    Tenant,
    Mode,
    Version,
    Changes,
    Columns,
    Name,
}

/// The questions in their order; those about changes are asked only where there are to be any.
fn steps(mode: Mode) -> &'static [Step] {
    match mode {
        Mode::ReadOnly => &[Step::Table, Step::Key, Step::Tenant, Step::Mode, Step::Columns, Step::Name],
        Mode::Shadow | Mode::Review => {
            &[Step::Table, Step::Key, Step::Tenant, Step::Mode, Step::Version, Step::Changes, Step::Columns, Step::Name]
        }
    }
}

/// Asks about one table. `wish` holds what flags have answered before; `mode` is the one that all proposals of the
/// configuration are under.
pub fn ask(wish: TableWish, mode: Option<Mode>, seen: &Inspection) -> Result<OneTable, Stop> {
    let mut asked = OneTable { table: wish, mode: Mode::ReadOnly };
    let mut at = 0;
    while let Some(step) = steps(asked.mode).get(at) {
        let table = asked.table.table.as_deref().and_then(|name| seen.find(name).ok());
        let answered = match (step, table) {
            (Step::Table, _) | (_, None) => pick_table(seen, &mut asked),
            (step, Some(table)) => {
                let about = About { table, found: Suggestions::of(table, seen) };
                about.ask(*step, mode, &mut asked)
            }
        };
        at = match answered? {
            Answer::Given(()) => at + 1,
            Answer::Back if at == 0 => return Err(given_up()),
            Answer::Back => at - 1,
        };
    }
    Ok(asked)
}

/// The variable that holds the writer's URL.
pub fn writer() -> Result<EnvName, Stop> {
    const USUAL: &str = "SYNAPSOR_DATABASE_WRITE_URL";
    let check = |typed: &str| EnvName::parse(typed).map(drop).map_err(|why| why.to_string());
    let help = "never the reader's: an account that may change the reviewed columns only";
    match text("Which variable holds the writer's URL?", USUAL, help, check)? {
        Answer::Given(name) => EnvName::parse(&name).map_err(|_| given_up()),
        Answer::Back => Err(given_up()),
    }
}

fn pick_table(seen: &Inspection, asked: &mut OneTable) -> Asked<()> {
    let usable = best_first(seen).into_iter().filter(|table| Ident::parse(&table.name).is_ok());
    let picks = usable.map(|table| {
        let rows = match (table.kind, table.row_estimate) {
            (TableKind::View, _) => "view".to_owned(),
            (TableKind::Table, Some(1)) => "~1 row".to_owned(),
            (TableKind::Table, Some(rows)) => format!("~{rows} rows"),
            (TableKind::Table, None) => String::new(),
        };
        let tenant = Suggestions::of(table, seen).tenant.first().map(|hint| format!("tenant in {}", hint.column));
        let comment = table.comment.as_deref().and_then(|comment| comment.lines().next());
        let about = [rows, tenant.unwrap_or_default(), comment.unwrap_or_default().to_owned()];
        let about: Vec<String> = about.into_iter().filter(|part| !part.is_empty()).collect();
        Pick::new(table.full_name(), format!("{}  {}", table.full_name(), about.join(", ")))
    });
    let help = "the likeliest come first; type to search";
    let chosen = one_of("Which table should the agent look at?", picks.collect(), help)?;
    Ok(chosen.take(|name| {
        if asked.table.table.as_ref() != Some(&name) {
            // What was answered about another table has no meaning for this one.
            let texts = asked.table.texts.clone();
            asked.table = TableWish { table: Some(name), texts, ..TableWish::default() };
        }
    }))
}

impl About<'_> {
    fn ask(&self, step: Step, mode: Option<Mode>, asked: &mut OneTable) -> Asked<()> {
        match step {
            Step::Table | Step::Key => self.key(asked),
            Step::Tenant => self.tenant(asked),
            Step::Mode => self.mode(mode, asked),
            Step::Version => self.version(asked),
            Step::Changes => changes::ask(self, &mut asked.table),
            Step::Columns => self.columns(asked),
            Step::Name => self.name(asked),
        }
    }

    /// The suggested columns, each with why, and then the others if there may be any.
    fn columns_with<'a>(
        &'a self,
        hints: &'a [Hint],
        others: bool,
    ) -> impl Iterator<Item = Pick<Option<Ident>>> + use<'a> {
        let is_hinted = |column: &&Column| hints.iter().any(|hint| hint.column == column.name);
        let rest = self.table.columns.iter().filter(move |column| others && !is_hinted(column));
        let rest = rest.map(|column| (&column.name, &column.data_type));
        let all = hints.iter().map(|hint| (&hint.column, &hint.reason)).chain(rest);
        all.filter_map(|(name, about)| Some(Pick::new(Some(Ident::parse(name).ok()?), format!("{name}  {about}"))))
    }

    fn key(&self, asked: &mut OneTable) -> Asked<()> {
        let picks = self.columns_with(self.found.key.as_slice(), true).collect();
        let chosen = one_of("Which column finds one row?", picks, "a column without duplicates")?;
        Ok(chosen.take(|column| asked.table.primary_key = column))
    }

    fn tenant(&self, asked: &mut OneTable) -> Asked<()> {
        let none = Pick::new(None, "none: there is only one tenant (for development)");
        let picks = self.columns_with(&self.found.tenant, true).chain([none]).collect();
        let help = "rows of other tenants are never found, whatever the model asks";
        Ok(one_of("Which column says whose a row is?", picks, help)?.take(|column| {
            asked.table.tenant = Some(column.map_or(TenantRule::SingleTenantDev, TenantRule::Column));
        }))
    }

    fn mode(&self, configured: Option<Mode>, asked: &mut OneTable) -> Asked<()> {
        let mut picks = vec![Pick::new(Mode::ReadOnly, "look only (read_only)")];
        // A configuration has one mode, which all its proposals are under.
        let fits = |mode: Mode| self.table.writable && configured.is_none_or(|configured| configured == mode);
        if fits(Mode::Shadow) {
            picks.push(Pick::new(Mode::Shadow, "look, and propose changes that are only recorded (shadow)"));
        }
        if fits(Mode::Review) {
            picks.push(Pick::new(Mode::Review, "look, and propose changes that a person decides about (review)"));
        }
        Ok(one_of("What may the agent do?", picks, "it never writes, whatever you choose")?.take(|mode| {
            asked.mode = mode;
            if mode == Mode::ReadOnly {
                asked.table.patch.clear();
                asked.table.numeric_bounds.clear();
                asked.table.transition_guards.clear();
            }
        }))
    }

    fn version(&self, asked: &mut OneTable) -> Asked<()> {
        let none = Pick::new(None, "none: compare all visible columns");
        let picks = self.columns_with(&self.found.version, false).chain([none]).collect();
        let help = "nothing is written to a row that has changed since it was reviewed";
        Ok(one_of("Which column changes whenever a row does?", picks, help)?.take(|column| {
            asked.table.guard = Some(column.map_or(Guard::Weak, Guard::Column));
        }))
    }

    fn columns(&self, asked: &mut OneTable) -> Asked<()> {
        let suggested: Vec<&str> = self.found.visible(self.table).collect();
        let why = |column: &Column| {
            let mut hints = self.found.sensitive.iter().chain(&self.found.large);
            hints.find(|hint| hint.column == column.name).map(|hint| hint.reason.as_str())
        };
        let named = self.table.columns.iter().filter_map(|column| Some((column, Ident::parse(&column.name).ok()?)));
        let (mut picks, mut chosen) = (Vec::new(), Vec::new());
        for (index, (column, name)) in named.enumerate() {
            let is_suggested = match &asked.table.visible_columns {
                Some(before) => before.contains(&name),
                None => suggested.contains(&name.as_str()),
            };
            chosen.extend(is_suggested.then_some(index));
            let about = why(column).unwrap_or(&column.data_type);
            picks.push(Pick::new(name, format!("{}  {about}", column.name)));
        }
        let answered = several_of("Which columns may the model see?", picks, &chosen)?;
        Ok(answered.take(|columns| asked.table.visible_columns = Some(columns)))
    }

    fn name(&self, asked: &mut OneTable) -> Asked<()> {
        let wished = asked.table.names.read_tool.clone();
        let usual = wished.or_else(|| Names::usual(&asked.table.names, &self.table.name).map(|names| names.read_tool));
        let suggested = usual.as_ref().map(CapabilityName::as_str).unwrap_or_default();
        let check = |typed: &str| CapabilityName::parse(typed).map(drop).map_err(|why| why.to_string());
        let named = text("What is the tool called?", suggested, "namespace and action, as a model reads it", check)?;
        Ok(named.take(|typed| {
            let Ok(tool) = CapabilityName::parse(&typed) else { return };
            // A tool that proposes stands beside it.
            asked.table.names.namespace = Ident::parse(tool.namespace()).ok();
            asked.table.names.read_tool = Some(tool);
        }))
    }
}
