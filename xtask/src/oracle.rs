//! Oracle's MySQL, which the release that this machine runs does not have: unpacked from Debian's newest packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{root, run};

const PACKAGE: &str = "mysql-server-core";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns a folder with the server in it, filled from the mirror of the machine's own sources unless it is there.
pub(crate) fn ensure_mysql() -> Result<PathBuf, String> {
    let place = root().join("target/oracle-mysql");
    let unpacked = place.join("root");
    if unpacked.join("usr/sbin/mysqld").is_file() {
        return Ok(unpacked);
    }
    let why = |error: String| format!("Oracle's MySQL cannot be had, and no run without it is whole: {error}");
    fetch(&place).map_err(why)?;
    // Under its name only once it is complete.
    let partial = place.join("partial");
    for entry in fs::read_dir(place.join("cache/archives")).map_err(|e| e.to_string())?.flatten() {
        if entry.path().extension().is_some_and(|end| end == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("-x").arg(entry.path()).arg(&partial);
            run(unpack).map_err(why)?;
        }
    }
    fs::rename(&partial, &unpacked).map_err(|e| format!("{}: {e}", unpacked.display()))?;
    Ok(unpacked)
}

/// Downloads the server and all that it needs, as for an empty machine, past what is installed here.
fn fetch(place: &Path) -> Result<(), String> {
    let mirror = mirror().ok_or("this machine has no Debian sources to take a mirror from")?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(place.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
    }
    let write = |name: &str, text: String| {
        let path = place.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    write(
        "sources.sources",
        format!("Types: deb\nURIs: {mirror}\nSuites: sid\nComponents: main\nSigned-By: {KEYRING}\n"),
    )?;
    write("status", String::new())?;
    let settings: String = [
        ("Dir::Etc::sourcelist", "sources.sources"),
        ("Dir::State::lists", "lists"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
    ]
    .map(|(name, file)| format!("{name} \"{}\";\n", place.join(file).display()))
    .concat();
    write("apt.conf", format!("{settings}Dir::Etc::sourceparts \"-\";\nAPT::Install-Recommends \"false\";\n"))?;
    for args in [["update", "-qq"].as_slice(), &["install", "-y", "-qq", "--download-only", PACKAGE]] {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("APT_CONFIG", place.join("apt.conf")).stdin(std::process::Stdio::null());
        run(apt)?;
    }
    Ok(())
}

/// Finds the mirror that the machine's own packages come from.
fn mirror() -> Option<String> {
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = parts.chain([PathBuf::from("/etc/apt/sources.list")]).collect();
    files.sort();
    let texts: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    texts.iter().flat_map(|text| text.lines()).find_map(debian_mirror)
}

/// Reads a mirror of Debian itself out of a line of either format; not of its security updates, which have no newest.
fn debian_mirror(line: &str) -> Option<String> {
    let is_source = line.starts_with("URIs:") || line.starts_with("deb ");
    let words = line.split_whitespace().filter(|_| is_source);
    let mut mirrors = words.filter(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"));
    mirrors.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_read_from_both_formats() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(debian_mirror(line).as_deref(), expected, "{line}");
        check("URIs: http://127.0.0.1/debian", Some("http://127.0.0.1/debian"));
        check("deb [signed-by=/x] https://127.0.0.1/debian/ stable main", Some("https://127.0.0.1/debian/"));
        check("# deb http://127.0.0.1/debian stable main", None);
        check("deb http://127.0.0.1/debian-security stable-security main", None);
        check("Suites: stable", None);
    }
}
