//! A client's own file: what it holds stays, one server is added, replaced or taken out, and a copy of the old file is kept.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use super::settings::SERVER;
use crate::cli::print::json_text;
use crate::clock;

/// What would be another after writing.
pub struct Change {
    path: PathBuf,
    /// What the file held; `None` if there is none.
    old: Option<String>,
    before: Option<Json>,
    after: Option<Json>,
    whole: Json,
}

impl Change {
    /// The change that puts a server into a section of a file, or takes it out.
    pub fn to(path: &Path, section: &str, server: Option<Json>) -> Result<Self, Refusal> {
        // A link stays a link: what it leads to is written.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let old = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&path, "read", &error)),
        };
        let foreign = |what: &str| {
            Refusal::new(Code::Io, format!("`{}` {what}, so nothing was written", path.display()))
                .with_fix("edit the file yourself: `mcp client-config` without `--write` prints what belongs there")
        };
        let mut whole = match &old {
            Some(text) if !text.trim().is_empty() => match serde_json::from_str(text) {
                Ok(Json::Object(whole)) => whole,
                _ => return Err(foreign("is not a JSON object without comments")),
            },
            _ => Map::new(),
        };
        let servers = whole.entry(section).or_insert_with(|| json!({}));
        let Some(servers) = servers.as_object_mut() else {
            return Err(foreign(&format!("holds a `{section}` that is no object")));
        };
        let before = servers.get(SERVER).cloned();
        let after = server.map(|server| renewed(before.as_ref(), server));
        match &after {
            Some(after) => servers.insert(SERVER.to_owned(), after.clone()),
            // What comes after it stays in its order.
            None => servers.shift_remove(SERVER),
        };
        Ok(Self { path, old, before, after, whole: whole.into() })
    }

    /// Whether the file says that already.
    pub fn is_none(&self) -> bool {
        self.before == self.after
    }

    /// What is taken away and what is added, line by line.
    pub fn describe(&self) -> String {
        let lines = |sign: char, json: &Json| {
            json_text(&json!({ SERVER: json })).lines().map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
        };
        let gone = self.before.iter().flat_map(|json| lines('-', json));
        let come = self.after.iter().flat_map(|json| lines('+', json));
        gone.chain(come).collect::<Vec<_>>().join("\n")
    }

    /// Writes it; gives the place of the copy of what was there before. The file is the old one or the new one, never half.
    pub fn write(&self) -> Result<Option<PathBuf>, Refusal> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, "made", &error))?;
        }
        let backup = match &self.old {
            None => None,
            Some(_) => {
                let stamp = clock::now().strftime("%Y%m%dT%H%M%S%fZ");
                let backup = beside(&self.path, &format!("bak.{stamp}"));
                std::fs::copy(&self.path, &backup).map_err(|error| failed(&backup, "written", &error))?;
                Some(backup)
            }
        };
        let new = beside(&self.path, "new");
        let text = format!("{}\n", json_text(&self.whole));
        let written = self.put(&new, &text).and_then(|()| std::fs::rename(&new, &self.path));
        written.map_err(|error| {
            let _gone = std::fs::remove_file(&new);
            failed(&self.path, "written", &error)
        })?;
        Ok(backup)
    }

    /// Makes the new file, with the permissions of the old one.
    fn put(&self, new: &Path, text: &str) -> io::Result<()> {
        let mut file = std::fs::File::create(new)?;
        if let Ok(metadata) = self.path.metadata() {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// A server that is started as the new one is, with whatever else somebody has said of the old one, such as its `env`.
fn renewed(before: Option<&Json>, server: Json) -> Json {
    match (before, server) {
        (Some(Json::Object(before)), Json::Object(server)) if before.contains_key("command") => {
            let mut after = before.clone();
            after.extend(server);
            after.into()
        }
        (_, server) => server,
    }
}

/// The path of a file with something added to its name.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(more);
    name.into()
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Refusal {
    Refusal::new(Code::Io, format!("`{}` cannot be {what}: {error}", path.display()))
}
