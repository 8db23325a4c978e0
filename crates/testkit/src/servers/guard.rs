//! The process that cleans up: it ends the servers and removes their files when its owner is gone.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// User and group that own nothing; servers run as it when the tests run as root.
pub(super) const NOBODY: u32 = 65534;

/// Reads process ids until the pipe closes, then ends those processes and removes the folder.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=
while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do kill -QUIT "$pid" 2>/dev/null; done
for pid in $pids; do
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    kill -KILL "$pid" 2>/dev/null
done
rm -rf -- "$1"
"#;

/// Holds the guard process and the pipe that keeps it waiting.
pub(super) struct Guard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts a guard for this folder, in a process group of its own so that a terminal's ctrl-C does not reach it.
    pub(super) fn start(dir: &Path) -> Result<Guard, String> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg("sh").arg(dir).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(|e| format!("cannot start sh: {e}"))?;
        let pipe = child.stdin.take();
        Ok(Guard { child, pipe })
    }

    /// Has the process ended together with the owner.
    pub(super) fn watch(&mut self, pid: u32) -> Result<(), String> {
        let pipe = self.pipe.as_mut().ok_or("the guard was released")?;
        writeln!(pipe, "{pid}").map_err(|e| format!("the guard process is gone: {e}"))
    }

    /// Closes the pipe: the guard begins to clean up.
    pub(super) fn release(&mut self) {
        self.pipe = None;
    }

    /// Waits until everything is removed.
    pub(super) fn join(&mut self) {
        let _ = self.child.wait();
    }
}

/// Makes a command that runs as an unprivileged user (both servers refuse root) and ends with its parent.
pub(super) fn as_server_user(dir: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    if is_root(dir) {
        command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}")).arg("--clear-groups");
    }
    command.args(["--pdeathsig=QUIT", "--"]).arg(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir("/");
    command
}

/// Tells whether this process is root, by the owner of a folder it made.
pub(super) fn is_root(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|meta| meta.uid() == 0)
}
