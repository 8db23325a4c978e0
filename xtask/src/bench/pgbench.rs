//! The measure: the database's own load generator, at the same time of day.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::board::median;
use super::world::World;

/// What a run came to.
pub(super) struct Bare {
    /// Transactions a second.
    pub(super) rate: f64,
    /// How long one takes, in milliseconds.
    pub(super) latency_ms: f64,
}

/// Runs a script of prepared statements.
pub(super) fn run(world: &World, script: &str, clients: usize, time: Duration) -> Result<Bare, String> {
    let folder = tempfile::tempdir().map_err(|e| format!("temp dir: {e}"))?;
    let file = folder.path().join("script.sql");
    fs::write(&file, script).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut command = Command::new(world.postgres.tool("pgbench"));
    command.args(["-n", "-M", "prepared", "-c", &clients.to_string(), "-j", "1", "-T"]).arg(time.as_secs().to_string());
    // What one transaction takes is only of interest where they do not wait for each other.
    if clients == 1 {
        command.arg("-l").arg(format!("--log-prefix={}", folder.path().join("took").display()));
    }
    command.arg("-f").arg(&file).arg(world.postgres.url()).stdin(Stdio::null());
    let output = command.output().map_err(|e| format!("cannot start pgbench: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = rate(&said).filter(|_| output.status.success());
    let rate = rate.ok_or_else(|| format!("pgbench failed: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Bare { rate, latency_ms: median(&logged(folder.path())?) })
}

/// Reads the transactions a second out of what it prints.
fn rate(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.strip_prefix("tps = "))?.split(' ').next()?.parse().ok()
}

/// Reads all logs in a folder: how long each transaction took, in milliseconds.
fn logged(folder: &Path) -> Result<Vec<f64>, String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("took") {
            let text = fs::read_to_string(entry.path()).map_err(|e| format!("pgbench's log: {e}"))?;
            all.extend(text.lines().filter_map(took));
        }
    }
    Ok(all)
}

/// Reads a line of a log: client, transaction, microseconds, script, seconds, microseconds.
fn took(line: &str) -> Option<f64> {
    line.split(' ').nth(2)?.parse::<f64>().ok().map(|micros| micros / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_prints_is_read() {
        let said = "scaling factor: 1\nlatency average = 0.031 ms\ninitial connection time = 4.161 ms\n\
                    tps = 31934.127744 (without initial connection time)\n";
        assert_eq!(rate(said), Some(31_934.127_744));
        assert_eq!(rate("pgbench: error: connection failed\n"), None);
        assert_eq!(took("0 199 1241 0 1175850568 995598"), Some(1.241));
        assert_eq!(took(""), None);
    }
}
