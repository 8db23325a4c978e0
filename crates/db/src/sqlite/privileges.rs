//! What the operating system lets this process do with the file. Nothing is written to find out.

use std::fs::OpenOptions;
use std::path::Path;

use synapsor_core::privilege::Files;

use super::file::FileId;
use crate::fault::{Class, Fault};

/// Looks at the file and its folder.
pub(super) fn files(path: &Path) -> Result<Files, Fault> {
    FileId::at(path)?;
    let file_writable = OpenOptions::new().append(true).open(path).is_ok();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let about = std::fs::metadata(folder)
        .map_err(|error| Fault::new(Class::Permission, "the database's folder cannot be looked at").because(error))?;
    Ok(Files { file_writable, folder_writable: !about.permissions().readonly() })
}
