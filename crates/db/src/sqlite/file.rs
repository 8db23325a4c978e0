//! Which file a URL means, and whether the path still leads to the file that was opened.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::fault::{Class, Fault};

/// The path that a URL means: `sqlite:PATH`, `sqlite://PATH` or a plain path, relative to `base`.
pub(super) fn path(url: &str, base: &Path) -> Result<PathBuf, Fault> {
    let rest = url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest)).unwrap_or(url);
    if rest.is_empty() || rest.contains('\0') {
        return Err(Fault::new(Class::Url, "the sqlite url names no file"));
    }
    if rest.contains("://") {
        return Err(Fault::new(Class::Url, "the url of a sqlite source has another scheme"));
    }
    // Without a folder in front SQLite would take these for a database in memory.
    if rest.starts_with(":memory:") {
        return Err(Fault::new(Class::Url, "a sqlite source is a file, not memory"));
    }
    Ok(base.join(rest))
}

/// A file's own identity, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(Identity);

#[cfg(unix)]
type Identity = (u64, u64);

/// Where a file has no number of its own, an open one can be neither deleted nor replaced.
#[cfg(not(unix))]
type Identity = ();

impl FileId {
    /// The identity of the file that a path leads to now; a fault if there is none. Never makes one.
    pub(super) fn at(path: &Path) -> Result<Self, Fault> {
        let found = std::fs::metadata(path)
            .map_err(|error| Fault::new(Class::Unreachable, "the database file is not there").because(error))?;
        if !found.is_file() {
            return Err(Fault::new(Class::Unreachable, "the database path leads to no file"));
        }
        Ok(Self(identity(&found)))
    }

    /// Whether the path leads to this file.
    pub(super) fn is_at(self, path: &Path) -> bool {
        Self::at(path).is_ok_and(|found| found == self)
    }
}

#[cfg(unix)]
fn identity(found: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn identity(_found: &Metadata) -> Identity {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_mean_paths() {
        let check = |url: &str, expect: Option<&str>| {
            let found = path(url, Path::new("/etc/app")).ok();
            assert_eq!(found.as_deref(), expect.map(Path::new), "{url}");
        };
        check("sqlite:data/app.db", Some("/etc/app/data/app.db"));
        check("sqlite:/var/app.db", Some("/var/app.db"));
        check("sqlite://app.db", Some("/etc/app/app.db"));
        check("sqlite:///var/app.db", Some("/var/app.db"));
        check("app.db", Some("/etc/app/app.db"));
        check("/var/app.db", Some("/var/app.db"));
        check("sqlite:file:app.db?mode=rwc", Some("/etc/app/file:app.db?mode=rwc"));
        check("", None);
        check("sqlite:", None);
        check("sqlite://", None);
        check("sqlite::memory:", None);
        check("postgres://localhost/app", None);
    }
}
