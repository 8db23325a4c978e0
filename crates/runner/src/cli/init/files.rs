//! Several files, written all or not at all.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use crate::clock;

/// A file as it is and as it will be.
pub struct Planned {
    path: PathBuf,
    old: Option<String>,
    new: String,
}

impl Planned {
    /// A file that will hold what `renew` makes of what it holds.
    pub fn new(path: PathBuf, renew: impl FnOnce(Option<&str>) -> Result<String, Refusal>) -> Result<Self, Refusal> {
        let old = read(&path)?;
        let new = renew(old.as_deref())?;
        Ok(Self { path, old, new })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it will hold.
    pub fn text(&self) -> &str {
        &self.new
    }

    /// `create` or `change`; `None` if it stays as it is.
    pub fn verb(&self) -> Option<&'static str> {
        match &self.old {
            None => Some("create"),
            Some(old) if *old != self.new => Some("change"),
            Some(_) => None,
        }
    }
}

/// Writes the files. If one cannot be written, all are as they were.
pub fn write(files: &[Planned]) -> Result<(), Refusal> {
    let mut made = Made::default();
    let done = made.write(files);
    if done.is_err() {
        made.undo();
    }
    done
}

/// What has been made so far, to be undone.
#[derive(Default)]
struct Made<'a> {
    folders: Vec<PathBuf>,
    drafts: Vec<PathBuf>,
    replaced: Vec<&'a Planned>,
}

impl<'a> Made<'a> {
    fn write(&mut self, files: &'a [Planned]) -> Result<(), Refusal> {
        let files: Vec<&Planned> = files.iter().filter(|file| file.verb().is_some()).collect();
        let mut drafts = Vec::new();
        for file in &files {
            if read(&file.path)? != file.old {
                let message = format!("`{}` was changed by somebody else meanwhile", file.path.display());
                return Err(Refusal::new(Code::Io, message).with_fix("run the command again; nothing was written"));
            }
            self.make_folder(&file.path).map_err(|error| failed(&file.path, &error))?;
            let draft = beside(&file.path);
            self.drafts.push(draft.clone());
            put(&draft, &file.new, &file.path).map_err(|error| failed(&file.path, &error))?;
            drafts.push((draft, *file));
        }
        for (draft, file) in drafts {
            std::fs::rename(&draft, &file.path).map_err(|error| failed(&file.path, &error))?;
            self.replaced.push(file);
        }
        Ok(())
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
        let missing: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_path_buf)
            .collect();
        for folder in missing.into_iter().rev() {
            std::fs::create_dir(&folder)?;
            self.folders.push(folder);
        }
        Ok(())
    }

    fn undo(self) {
        for draft in &self.drafts {
            let _gone = std::fs::remove_file(draft);
        }
        for file in self.replaced {
            let _restored = match &file.old {
                Some(old) => std::fs::write(&file.path, old),
                None => std::fs::remove_file(&file.path),
            };
        }
        for folder in self.folders.iter().rev() {
            // One that somebody else has put something into stays.
            let _gone = std::fs::remove_dir(folder);
        }
    }
}

/// What a file holds; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, Refusal> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Refusal::new(Code::Io, format!("`{}` cannot be read: {error}; nothing was written", path.display())))
        }
    }
}

/// A path beside the file that nobody can have foreseen.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", hex::encode(clock::random::<4>())));
    name.into()
}

/// Makes a new file, with the permissions of the one that it will replace.
fn put(draft: &Path, text: &str, path: &Path) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(draft)?;
    if let Ok(metadata) = path.metadata() {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, error: &io::Error) -> Refusal {
    Refusal::new(Code::Io, format!("`{}` cannot be written: {error}; nothing was written", path.display()))
        .with_fix("make the folder writable or free space, or choose another place with `--output`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(path: PathBuf, text: &str) -> Planned {
        Planned::new(path, |_| Ok(text.to_owned())).unwrap()
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_all_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old"), "before").unwrap();
        let files = [planned(at("old"), "after"), planned(at("deep/new"), "new"), planned(at("blocked"), "x")];
        // A folder of that name comes up meanwhile: a file cannot take its place.
        std::fs::create_dir_all(at("blocked/inner")).unwrap();
        let error = write(&files).unwrap_err();
        assert!(error.message().contains("blocked"), "{error}");
        assert_eq!(std::fs::read_to_string(at("old")).unwrap(), "before");
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["blocked", "old"]);
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let files = [planned(path.clone(), "mine")];
        std::fs::write(&path, "theirs").unwrap();
        assert!(write(&files).unwrap_err().message().contains("meanwhile"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_stays_the_same_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("same");
        std::fs::write(&path, "same").unwrap();
        let file = planned(path.clone(), "same");
        assert_eq!(file.verb(), None);
        std::fs::remove_file(&path).unwrap();
        write(&[file]).unwrap();
        assert!(!path.exists());
    }
}
