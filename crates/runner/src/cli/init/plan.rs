//! What a draft makes of the files that are there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use synapsor_core::code::Code;
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::contract::{Contract, Mode};
use synapsor_core::draft::{self, Draft};
use synapsor_core::problem::Level;
use synapsor_core::refusal::Refusal;

use super::files::Planned;
use crate::cli::print::{Out, json_text};

/// Where the arguments of a first call are kept.
const SMOKE_INPUT: &str = ".synapsor/smoke-input.json";
/// The variables that the server needs, to be filled in.
const ENV_EXAMPLE: &str = ".env.example";

/// The files, and the configuration as it will be.
pub struct Plan {
    /// The files.
    pub files: Vec<Planned>,
    /// The configuration.
    pub contract: Contract,
}

/// What is there before.
pub struct Before {
    path: PathBuf,
    /// What the configuration says now; `None` if there is none.
    pub contract: Option<Contract>,
}

impl Before {
    /// Reads the configuration, if there is one; one that is wrong is not added to.
    pub fn read(path: &Path, out: &Out) -> Result<Self, Refusal> {
        let path = path.to_path_buf();
        if !path.exists() {
            return Ok(Self { path, contract: None });
        }
        let (text, report) = crate::cli::open::read_config(&path, &ReadOptions::default())?;
        match report.contract {
            Some(contract) => Ok(Self { path, contract: Some(contract) }),
            None => {
                let name = path.display().to_string();
                out.note(&config::render(&text, &name, &report.problems));
                Err(Refusal::new(Code::ConfigInvalid, format!("`{name}` is there, but has problems, listed above"))
                    .with_fix("mend it first, or choose another file with `--output`"))
            }
        }
    }

    /// The mode where something is patched and nobody says which.
    pub fn usual_mode(&self, otherwise: Mode) -> Mode {
        self.contract.as_ref().map_or(otherwise, |contract| contract.mode)
    }

    /// Plans the files of a draft. `call` holds the arguments of a first call.
    pub fn plan(
        &self,
        draft: &Draft,
        call: Option<&Map<String, Json>>,
        force: bool,
        out: &Out,
    ) -> Result<Plan, Refusal> {
        let whole = format!("{}\n", json_text(&draft.to_json()));
        let config = Planned::new(self.path.clone(), |old| match (old, &self.contract) {
            (Some(old), Some(contract)) => draft::add(old, contract, draft, force),
            _ => Ok(whole),
        })?;
        let contract = checked(config.text(), &self.path, out)?;
        let folder = self.path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let variables = Planned::new(folder.join(ENV_EXAMPLE), |old| Ok(variables(draft, old)))?;
        let mut files = vec![config, variables];
        if let Some(call) = call {
            let text = format!("{}\n", json_text(&Json::Object(call.clone())));
            files.push(Planned::new(PathBuf::from(SMOKE_INPUT), |_| Ok(text))?);
        }
        Ok(Plan { files, contract })
    }
}

/// The contract of a text that is about to be written; every problem is shown.
fn checked(text: &str, path: &Path, out: &Out) -> Result<Contract, Refusal> {
    let report = config::read(text, &ReadOptions::default());
    let name = path.display().to_string();
    let errors = report.problems.iter().filter(|problem| problem.level == Level::Error).count();
    match report.contract {
        Some(contract) => Ok(contract),
        None => {
            out.note(&config::render(text, &name, &report.problems));
            Err(Refusal::new(
                Code::ConfigInvalid,
                format!("the configuration would have {errors} problem(s), listed above; nothing was written"),
            )
            .with_fix("choose what the problems are about in another way"))
        }
    }
}

/// The variables' file with the draft's variables in it.
fn variables(draft: &Draft, old: Option<&str>) -> String {
    let frame = &draft.frame;
    let mut wanted = vec![
        (frame.read_url_env.as_str(), "", "The database as the reader: an account that may only SELECT."),
        (frame.tenant_env.as_str(), "acme", "Whose rows the tools are about."),
        (frame.principal_env.as_str(), "local_operator", "On whose behalf the agent asks."),
    ];
    if let Some(name) = &frame.write_url_env {
        wanted.insert(
            1,
            (name.as_str(), "", "The database as the writer: an account that may change the reviewed columns only."),
        );
    }
    let mut text = old.map_or_else(
        || "# Copy this to a file that stays out of version control, fill it in, and load it before starting the server.\n".to_owned(),
        str::to_owned,
    );
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let is_there = |name: &str| {
        let assigned = |line: &str| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        old.is_some_and(|old| old.lines().any(assigned))
    };
    for (name, value, about) in wanted {
        if !is_there(name) {
            text.push_str(&format!("\n# {about}\n{name}={value}\n"));
        }
    }
    text
}
