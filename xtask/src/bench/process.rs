//! A running program: what it said, what it costs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::machine::kib;

/// The kernel counts a process's time in these.
const TICKS_A_SECOND: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds a running program; dropping it kills the program.
pub(super) struct Running {
    pub(super) child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a command whose standard error goes to a file.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Running, String> {
        let file = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = command.stderr(file).spawn().map_err(|e| format!("cannot start the program: {e}"))?;
        Ok(Running { child, log: log.to_owned() })
    }

    /// Waits until it has said the text and a word after it, and returns the word.
    pub(super) fn until_said(&mut self, text: &str) -> Result<String, String> {
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            if let Some((_, rest)) = said.split_once(text)
                && let Some((word, _)) = rest.split_once(char::is_whitespace)
            {
                return Ok(word.to_owned());
            }
            if started.elapsed() > PATIENCE || self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(format!("the program did not say `{text}` but: {said}"));
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Returns the processor time that it has used, in seconds.
    pub(super) fn processor_time(&self) -> Result<f64, String> {
        let text = self.proc("stat")?;
        ticks(&text)
            .map(|ticks| ticks / TICKS_A_SECOND)
            .ok_or_else(|| format!("a process's state does not read: {text}"))
    }

    /// Returns the memory that it holds now, in MiB.
    pub(super) fn memory(&self) -> Result<f64, String> {
        self.status("VmRSS:")
    }

    /// Returns the most memory that it ever held, in MiB.
    pub(super) fn most_memory(&self) -> Result<f64, String> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<f64, String> {
        let text = self.proc("status")?;
        kib(&text, name).map(|kib| kib / 1024.0).ok_or_else(|| format!("a process has no {name}"))
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the time in user and kernel mode out of a process's state. Its name may hold anything but comes in parentheses.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let kernel: f64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processs_time_is_read_whatever_its_name() {
        let stat = "71 (a (odd) name) S 1 71 71 0 -1 4194560 1017 0 3 0 123 45 0 0 20 0 4 0 99 8192 512";
        assert_eq!(ticks(stat), Some(168.0));
        assert_eq!(ticks("71 (short) S 1"), None);
    }
}
