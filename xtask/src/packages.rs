//! Debian packages that the tests need: installed where that is allowed, else named.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use synapsor_testkit::servers;

use crate::process::{run, succeeds};

/// Keeps Debian from making and starting a server of its own; ours are started by the tests alone.
const NO_DEFAULT_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";
/// Debian asks this file whether a service may be started; 101 means no.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that the database servers are installed. The error says exactly what to install.
pub(crate) fn ensure_servers() -> Result<(), String> {
    let missing = servers::missing();
    if missing.is_empty() {
        return Ok(());
    }
    if !may_install() {
        return Err(servers::Missing(missing).to_string());
    }
    eprintln!("xtask: installing {}", missing.join(" "));
    run(apt_get(&["update", "-q"]))?;
    if missing.contains(&"postgresql") {
        install(&["postgresql-common"])?;
        let mut conf = OpenOptions::new()
            .append(true)
            .create(true)
            .open(NO_DEFAULT_CLUSTER)
            .map_err(|e| format!("{NO_DEFAULT_CLUSTER}: {e}"))?;
        writeln!(conf, "create_main_cluster = false").map_err(|e| format!("{NO_DEFAULT_CLUSTER}: {e}"))?;
    }
    install_without_service(&missing)?;
    let still = servers::missing();
    if still.is_empty() { Ok(()) } else { Err(servers::Missing(still).to_string()) }
}

/// Makes sure that Python can make virtual environments. The error says exactly what to install.
pub(crate) fn ensure_python() -> Result<(), String> {
    let has_venv = || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    if has_venv() {
        return Ok(());
    }
    if may_install() {
        eprintln!("xtask: installing python3-venv");
        run(apt_get(&["update", "-q"]))?;
        install(&["python3-venv"])?;
    }
    if has_venv() {
        return Ok(());
    }
    Err("Python is missing: install it with `apt-get install python3-venv`".to_owned())
}

/// Installs packages that bring a service along, and leaves it neither running nor starting at the next boot.
fn install_without_service(packages: &[&'static str]) -> Result<(), String> {
    // A policy that is there already is its owner's; in containers it usually says no.
    let ours = !Path::new(SERVICE_POLICY).exists();
    if ours {
        forbid_services().map_err(|e| format!("{SERVICE_POLICY}: {e}"))?;
    }
    let installed = install(packages);
    if ours {
        fs::remove_file(SERVICE_POLICY).map_err(|e| format!("{SERVICE_POLICY}: {e}"))?;
    }
    installed?;
    if packages.contains(&servers::PGBOUNCER) {
        let mut disable = Command::new("update-rc.d");
        disable.args([servers::PGBOUNCER, "disable"]).stdout(io::stderr());
        run(disable)?;
    }
    Ok(())
}

fn forbid_services() -> io::Result<()> {
    fs::write(SERVICE_POLICY, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(SERVICE_POLICY, fs::Permissions::from_mode(0o755))
}

fn install(packages: &[&str]) -> Result<(), String> {
    let mut command =
        apt_get(&["install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]);
    command.args(packages);
    run(command)
}

fn may_install() -> bool {
    Path::new("/usr/bin/apt-get").exists() && succeeds(Command::new("sh").args(["-c", "[ \"$(id -u)\" = 0 ]"]))
}

fn apt_get(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    // The test runner's closing lines must stay the last thing on standard output.
    command.stdin(std::process::Stdio::null()).stdout(io::stderr());
    command
}
