//! The handler SDKs for TypeScript and Python, compiled and packed as they would be published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::node;
use crate::process::{root, run};

/// Packs both under `target/sdk` if they are not there or out of date, and returns that folder.
pub(crate) fn ensure(python: &Path) -> Result<PathBuf, String> {
    let home = root().join("target/sdk");
    let mut wanted = String::new();
    for folder in ["sdk/typescript", "sdk/python"] {
        collect(&root().join(folder), &mut wanted)?;
    }
    let stamp = home.join("packed.txt");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted) {
        return Ok(home);
    }
    eprintln!("xtask: packing the handler SDKs in target/sdk");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    typescript(&node::runtime(python)?, &home.join("typescript"))?;
    let mut wheel = Command::new(python);
    wheel.args(["-m", "build", "--no-isolation", "--outdir"]).arg(home.join("python")).arg(root().join("sdk/python"));
    quietly(wheel)?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]);
    install.arg("--target").arg(home.join("python/site")).arg(packed(&home.join("python"), "whl")?);
    quietly(install)?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(home)
}

/// Compiles and packs the package, and puts what is in the file beside its drivers in `node_modules`.
fn typescript(runtime: &Path, home: &Path) -> Result<(), String> {
    let source = root().join("sdk/typescript");
    copy(&source, home)?;
    let npm = |args: &[&str]| {
        let mut command = Command::new(runtime.join("bin/node"));
        command.arg(runtime.join("lib/node_modules/npm/bin/npm-cli.js")).args(args);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(runtime.join("bin")).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).unwrap_or_default()).current_dir(home);
        command
    };
    quietly(npm(&["ci", "--loglevel", "error"]))?;
    quietly(npm(&["pack", "--loglevel", "error"]))?;
    let package = home.join("node_modules/synapsor-handler");
    fs::create_dir_all(&package).map_err(|e| format!("{}: {e}", package.display()))?;
    let packed = packed(home, "tgz")?;
    let mut unpack = Command::new("tar");
    unpack.args(["-xzf"]).arg(packed).args(["--strip-components", "1", "-C"]).arg(&package);
    quietly(unpack)
}

/// What was packed into a folder, by its ending.
fn packed(home: &Path, end: &str) -> Result<PathBuf, String> {
    let mut files =
        fs::read_dir(home).map_err(|e| format!("{}: {e}", home.display()))?.flatten().map(|entry| entry.path());
    files
        .find(|path| path.extension().is_some_and(|found| found == end))
        .ok_or_else(|| format!("{} holds no .{end}", home.display()))
}

fn quietly(mut command: Command) -> Result<(), String> {
    command.stdout(std::io::stderr());
    run(command)
}

/// Whether a folder holds what was made from others.
fn is_made(name: &str) -> bool {
    matches!(name, "node_modules" | "dist" | "__pycache__") || name.ends_with(".tgz")
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let read = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found: Vec<_> =
        read.flatten().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect();
    found.retain(|(name, path)| !(is_made(name) || name.starts_with('.') && path.is_dir()));
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, into: &mut String) -> Result<(), String> {
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            *into += &name;
            *into += &fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    for (name, path) in entries(from)? {
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}
