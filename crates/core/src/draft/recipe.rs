//! Recipes: selections for well-known business actions, to begin with.

use serde_json::Value as Json;

use super::{Wish, read};
use crate::code::Code;
use crate::contract::{EngineKind, Mode};
use crate::problem::Problem;
use crate::refusal::Refusal;

/// A recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Its id, such as `billing.late_fee_waiver`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is for, in one sentence.
    pub summary: String,
    /// The tools that it makes.
    pub semantic_tools: Vec<String>,
    /// Everything, as the file writes it.
    pub json: Json,
    wish: Wish,
}

impl Recipe {
    /// Reads a recipe's file.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let bad = |what: String| {
            Refusal::new(Code::InvalidArgument, what)
                .with_fix("`synapsor-runner recipes show billing.late_fee_waiver --json` is one to start from")
        };
        let json: Json = serde_json::from_str(text).map_err(|error| bad(format!("the recipe is no JSON: {error}")))?;
        let text = |key: &str| {
            let text = json.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty());
            text.map(str::to_owned).ok_or_else(|| bad(format!("the recipe has no text `{key}`")))
        };
        let spec = json.get("spec").ok_or_else(|| bad("the recipe has no `spec`".to_owned()))?;
        let wish = read(&spec.to_string()).map_err(|problems: Vec<Problem>| {
            let lines: Vec<String> =
                problems.iter().map(|problem| format!("- {}: {}", problem.path, problem.message)).collect();
            bad(format!("the recipe's `spec` has problems:\n{}", lines.join("\n")))
        })?;
        let tools = json.get("semantic_tools").and_then(Json::as_array).into_iter().flatten();
        Ok(Self {
            id: text("id")?,
            title: text("title")?,
            summary: text("summary")?,
            semantic_tools: tools.filter_map(Json::as_str).map(str::to_owned).collect(),
            wish,
            json: json.clone(),
        })
    }

    /// What the recipe wishes, for an engine and a mode of your own.
    #[must_use]
    pub fn wish(&self, engine: Option<EngineKind>, mode: Option<Mode>) -> Wish {
        let mut wish = self.wish.clone();
        if let Some(engine) = engine {
            wish.frame.engine = Some(engine);
            for table in &mut wish.tables {
                // The schema is the engine's custom, as it was in the recipe.
                table.schema = Some(usual_schema(engine).to_owned());
            }
        }
        if let Some(mode) = mode {
            wish.frame.mode = Some(mode);
        }
        if wish.frame.mode == Some(Mode::ReadOnly) {
            for table in &mut wish.tables {
                table.patch.clear();
                table.allowed_columns = None;
                table.patch_args.clear();
                table.numeric_bounds.clear();
                table.transition_guards.clear();
            }
        }
        wish
    }
}

/// The schema that tables are usually in.
fn usual_schema(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgres => "public",
        EngineKind::Mysql => "app",
        EngineKind::Sqlite => "main",
    }
}
