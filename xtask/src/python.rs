//! A Python with the official MCP client, for tests that talk to the program as other people's software does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::process::{root, run, succeeds};

/// Lists what is installed, every version pinned; relative to the workspace.
const REQUIREMENTS: &str = "crates/testkit/python/requirements.txt";

/// Returns the interpreter of a virtual environment under `target/python`, making it if it is not there or out of date.
pub(crate) fn ensure() -> Result<PathBuf, String> {
    let home = root().join("target/python");
    let wanted = fs::read_to_string(root().join(REQUIREMENTS)).map_err(|e| format!("{REQUIREMENTS}: {e}"))?;
    let (interpreter, stamp) = (home.join("bin/python"), home.join("installed.txt"));
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted) && works(&interpreter) {
        return Ok(interpreter);
    }
    eprintln!("xtask: making a Python environment in target/python");
    if home.exists() {
        fs::remove_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    packages::ensure_python()?;
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&home);
    run(venv)?;
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", REQUIREMENTS]);
    install.current_dir(root()).stdout(std::io::stderr());
    run(install)?;
    if !works(&interpreter) {
        return Err(format!("{} cannot import `mcp` after installing {REQUIREMENTS}", interpreter.display()));
    }
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(interpreter)
}

fn works(interpreter: &Path) -> bool {
    succeeds(Command::new(interpreter).args(["-c", "import mcp"]))
}
