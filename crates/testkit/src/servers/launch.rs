//! A folder with servers in it: starts each on a free port, waits for it, and takes everything away again.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::guard::{Guard, NOBODY, is_root};

const PATIENCE: Duration = Duration::from_secs(60);

/// Holds running servers and their files; dropping it ends and removes them.
pub(super) struct Camp {
    dir: PathBuf,
    children: Vec<Child>,
    guard: Guard,
}

impl Camp {
    pub(super) fn pitch() -> Result<Camp, String> {
        let dir =
            tempfile::Builder::new().prefix("synapsor-test-").tempdir().map_err(|e| format!("temp dir: {e}"))?.keep();
        let guard = Guard::start(&dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(Camp { dir, children: Vec::new(), guard })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a server's own folder.
    pub(super) fn home(&self, name: &str) -> io::Result<PathBuf> {
        let home = self.dir.join(name);
        fs::create_dir(&home)?;
        Ok(home)
    }

    /// Gives a folder and what lies in it to the user that servers run as.
    pub(super) fn hand_over(&self, home: &Path) -> io::Result<()> {
        if is_root(&self.dir) {
            for entry in fs::read_dir(home)? {
                chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
            }
            chown(home, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    }

    /// Starts a server on a free port and waits until it is ready; tries again if another process took the port.
    pub(super) fn serve(
        &mut self,
        home: &Path,
        server: impl Fn(u16) -> Result<Command, String>,
        ready: impl Fn(u16) -> bool,
    ) -> Result<u16, String> {
        let mut last = String::new();
        for _ in 0..3 {
            let port = free_port().map_err(|e| format!("no free port: {e}"))?;
            let mut command = server(port)?;
            let log = log_file(home)?;
            command
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(|e| e.to_string())?)
                .stderr(log)
                .process_group(0);
            let mut child = command.spawn().map_err(|e| format!("cannot start {command:?}: {e}"))?;
            self.guard.watch(child.id())?;
            let started = Instant::now();
            while started.elapsed() < PATIENCE {
                if child.try_wait().map_err(|e| e.to_string())?.is_some() {
                    break;
                }
                if ready(port) {
                    self.children.push(child);
                    return Ok(port);
                }
                sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
            last = log_tail(home);
        }
        Err(format!("the server in {} did not come up; the end of its log:\n{last}", home.display()))
    }
}

impl Drop for Camp {
    fn drop(&mut self) {
        self.guard.release();
        for child in &mut self.children {
            let _ = child.wait();
        }
        self.guard.join();
    }
}

/// Runs a command to its end; its output goes to the log and is quoted if it fails.
pub(super) fn complete(mut command: Command, home: &Path) -> Result<(), String> {
    let log = log_file(home)?;
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(|e| e.to_string())?).stderr(log);
    let status = command.status().map_err(|e| format!("cannot start {command:?}: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed ({status}):\n{}", log_tail(home)))
}

fn log_file(home: &Path) -> Result<fs::File, String> {
    let path = home.join("log");
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn log_tail(home: &Path) -> String {
    let text = fs::read(home.join("log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
