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
        let old = read(&path)?;
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

    /// The file, or what a link leads to.
    pub fn path(&self) -> &Path {
        &self.path
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
        if read(&self.path)? != self.old {
            let message =
                format!("`{}` was changed by somebody else meanwhile, so nothing was written", self.path.display());
            return Err(Refusal::new(Code::Io, message).with_fix("run the command again"));
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, "made", &error))?;
        }
        let backup = self.old.as_ref().map(|old| (self.beside("bak"), old));
        if let Some((place, old)) = &backup {
            self.put(place, old).map_err(|error| failed(place, "written", &error))?;
        }
        let new = self.beside("new");
        let text = format!("{}\n", json_text(&self.whole));
        let written = self.put(&new, &text).and_then(|()| std::fs::rename(&new, &self.path));
        written.map_err(|error| {
            let _gone = std::fs::remove_file(&new);
            failed(&self.path, "written", &error)
        })?;
        Ok(backup.map(|(place, _)| place))
    }

    /// A path beside the file that nobody can have foreseen: what a project brings along may be a link to anywhere.
    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        let stamp = clock::now().strftime("%Y%m%dT%H%M%SZ");
        name.push(format!(".{what}.{stamp}-{}", hex::encode(clock::random::<4>())));
        name.into()
    }

    /// Makes a new file, with the permissions of the old one.
    fn put(&self, new: &Path, text: &str) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(new)?;
        if let Ok(metadata) = self.path.metadata() {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// What a file holds; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, Refusal> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "read", &error)),
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

fn failed(path: &Path, what: &str, error: &io::Error) -> Refusal {
    Refusal::new(Code::Io, format!("`{}` cannot be {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_wrote_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        for text in ["{\"theirs\":1}", "{\"theirs\":2}"] {
            let change = Change::to(&path, "mcpServers", Some(json!({ "command": "x" }))).unwrap();
            std::fs::write(&path, text).unwrap();
            assert!(change.write().unwrap_err().to_string().contains("by somebody else"), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
