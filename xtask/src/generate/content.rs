//! What is generated, and from what.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use synapsor_core::code::Code;
use synapsor_core::config;
use synapsor_core::draft;
use synapsor_core::problem::Level;
use synapsor_core::wire;

use super::fields;

/// Lists everything generated: a file, or a folder that holds nothing else, and the function that makes it.
const GENERATED: &[(&str, Made)] = &[
    ("schemas/synapsor.runner.schema.json", Made::File(config_schema)),
    ("schemas/onboarding-selection.v1.schema.json", Made::File(selection_schema)),
    ("schemas/change-set.v1.schema.json", Made::File(schema_of::<wire::change_set::ChangeSet>)),
    ("schemas/writeback-job.v1.schema.json", Made::File(schema_of::<wire::job::WritebackJob>)),
    ("schemas/execution-receipt.v1.schema.json", Made::File(schema_of::<wire::receipt::ExecutionReceipt>)),
    ("schemas/synapsor.app-handler-request.v1.json", Made::File(schema_of::<wire::handler::HandlerRequest>)),
    ("schemas/synapsor.app-handler-receipt.v1.json", Made::File(schema_of::<wire::handler::HandlerReceipt>)),
    ("schemas/envelope.v2.schema.json", Made::File(schema_of::<wire::envelope::Envelope>)),
    ("docs/codes", Made::Folder(code_pages)),
    ("docs/capabilities.md", Made::File(fields::page)),
    ("docs/cli.md", Made::File(cli_reference)),
];

/// Names the way in which something is made.
enum Made {
    File(fn() -> Result<String, String>),
    /// File names, relative to the folder, with their content.
    Folder(fn() -> Result<BTreeMap<String, String>, String>),
}

/// Is one file that is not as the code says.
pub(super) struct Change {
    /// Relative to the workspace.
    pub(super) path: PathBuf,
    /// None for a file that nothing makes any more.
    content: Option<String>,
}

impl Change {
    /// Writes or removes the file.
    pub(super) fn make(&self, root: &Path) -> io::Result<()> {
        let path = root.join(&self.path);
        let Some(content) = &self.content else { return fs::remove_file(path) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)
    }
}

/// Returns the files under `root` that differ from what the code says.
pub(super) fn stale(root: &Path) -> Result<Vec<Change>, String> {
    stale_among(GENERATED, root)
}

fn stale_among(generated: &[(&str, Made)], root: &Path) -> Result<Vec<Change>, String> {
    let mut stale = Vec::new();
    for (path, made) in generated {
        let path = Path::new(path);
        let wanted = match made {
            Made::File(make) => BTreeMap::from([(path.to_owned(), make()?)]),
            Made::Folder(make) => make()?.into_iter().map(|(name, content)| (path.join(name), content)).collect(),
        };
        if let Made::Folder(_) = made {
            let present =
                fs::read_dir(root.join(path)).into_iter().flatten().flatten().map(|entry| path.join(entry.file_name()));
            stale.extend(present.filter(|file| !wanted.contains_key(file)).map(|path| Change { path, content: None }));
        }
        for (path, content) in wanted {
            if fs::read_to_string(root.join(&path)).ok().as_ref() != Some(&content) {
                stale.push(Change { path, content: Some(content) });
            }
        }
    }
    Ok(stale)
}

fn config_schema() -> Result<String, String> {
    let schema = serde_json::to_string_pretty(&config::schema()).map_err(|e| e.to_string())?;
    Ok(schema + "\n")
}

fn selection_schema() -> Result<String, String> {
    let schema = serde_json::to_string_pretty(&draft::schema()).map_err(|e| e.to_string())?;
    Ok(schema + "\n")
}

/// Describes a wire document, from the type that reads and writes it.
fn schema_of<T: schemars::JsonSchema>() -> Result<String, String> {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(T)).map_err(|e| e.to_string())?;
    Ok(schema + "\n")
}

/// Asks the program itself, which was built beside this one.
fn cli_reference() -> Result<String, String> {
    let ours = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(ours.with_file_name("synapsor-runner"));
    let output = command.args(["completions", "markdown"]).env_clear().output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("the command reference: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}

/// Makes a page for each code and an index.
fn code_pages() -> Result<BTreeMap<String, String>, String> {
    let mut pages = BTreeMap::new();
    let mut index = "# Codes\n\n## From commands, tools and records\n\n| code | meaning |\n|---|---|\n".to_owned();
    for code in Code::ALL {
        let (name, meaning, exit) = (code.text(), code.meaning(), code.exit() as u8);
        index.push_str(&format!("| [`{name}`]({name}.md) | {meaning} |\n"));
        let face = if code.face().text() == name {
            "A model sees this code in the envelope.".to_owned()
        } else {
            format!("A model sees [`{0}`]({0}.md) in its place.", code.face().text())
        };
        let page = format!(
            "# `{name}`\n\n{meaning}\n\nWhat to do: {}\n\nExit code of a command: {exit}. {face}\n",
            code.fix()
        );
        pages.insert(format!("{name}.md"), page);
    }
    index.push_str("\n## From the config checker\n\n| code | given when |\n|---|---|\n");
    for code in config::code::all() {
        let (name, meaning, fix) = (code.name, code.meaning, code.fix);
        index.push_str(&format!("| [`{name}`]({name}.md) | {meaning} |\n"));
        let level = match code.level {
            Level::Error => "An error of the config checker: the config is not used.",
            Level::Warning => "A warning of the config checker: the config is used.",
        };
        let page = format!("# `{name}`\n\n{level}\n\nGiven when {meaning}.\n\nWhat to do: {fix}.\n");
        if pages.insert(format!("{name}.md"), page).is_some() {
            return Err(format!("`{name}` is both a code of the config checker and another"));
        }
    }
    pages.insert("README.md".to_owned(), index);
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_a_changed_and_a_forgotten_file_are_stale_and_made_right() {
        let generated = [("schema.json", Made::File(config_schema)), ("codes", Made::Folder(code_pages))];
        let root = tempfile::tempdir().unwrap();
        let make = |changes: Vec<Change>| changes.iter().for_each(|change| change.make(root.path()).unwrap());
        let stale = || stale_among(&generated, root.path()).unwrap();
        make(stale());
        assert!(stale().is_empty());

        fs::write(root.path().join("schema.json"), "{}").unwrap();
        fs::write(root.path().join("codes/GONE.md"), "").unwrap();
        fs::remove_file(root.path().join("codes/README.md")).unwrap();
        let names: Vec<_> = stale().into_iter().map(|change| change.path.display().to_string()).collect();
        assert_eq!(names, ["schema.json", "codes/GONE.md", "codes/README.md"]);
        make(stale());
        assert!(stale().is_empty());
    }
}
