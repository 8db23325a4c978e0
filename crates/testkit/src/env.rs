//! An isolated place to run the binary in: a folder of its own and an environment that holds only what a test sets.

mod output;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use output::Output;
pub(crate) use output::exit_code;

use crate::http::HttpServer;
use crate::stdio::StdioClient;
use crate::{NODE, NODE_MODULES, PYTHON};
use output::Filter;

/// Names the variable in which a Python script finds the path of the binary.
pub const RUNNER: &str = "SYNAPSOR_RUNNER";

/// The longest is the conformance suite, on a machine that runs every test at once.
const PATIENCE: Duration = Duration::from_secs(180);

/// Holds the folder, the variables and the binary that commands run with.
///
/// The folder has a `home`, which is `HOME` and holds `XDG_CONFIG_HOME`, and a `work`, where commands start.
pub struct TestEnv {
    binary: PathBuf,
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
    filter: RefCell<Filter>,
}

impl TestEnv {
    /// Makes an empty place for this binary: `TestEnv::new(env!("CARGO_BIN_EXE_synapsor-runner"))`.
    pub fn new(binary: impl Into<PathBuf>) -> TestEnv {
        let dir = tempfile::Builder::new().prefix("synapsor-test-").tempdir().unwrap();
        for name in ["home/.config", "work"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let filter = RefCell::new(Filter::new(dir.path()));
        TestEnv { binary: binary.into(), dir, variables: Vec::new(), filter }
    }

    /// Sets a variable for every later command.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut TestEnv {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) -> &mut TestEnv {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// Returns the folder where commands start.
    pub fn work_dir(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Returns the folder that is `HOME`.
    pub fn home_dir(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Returns the path of a file under the working folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.work_dir().join(name)
    }

    /// Writes a file under the working folder, with the folders above it.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads a text file under the working folder; panics if it is not there.
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Makes a command of the binary that has not started: for signals, pipes or many at once.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args);
        self.isolate(&mut command);
        command
    }

    /// Runs the binary to its end without input. Panics if it takes longer than three minutes.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.finish(self.command(args), "")
    }

    /// Runs the binary to its end with the given standard input, which is not a terminal.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &str) -> Output {
        self.finish(self.command(args), input)
    }

    /// Starts the binary as an MCP server on its standard input and output.
    pub fn spawn_stdio<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> StdioClient {
        StdioClient::spawn(self.command(args))
    }

    /// Starts the binary as a server over HTTP on a free port of loopback.
    #[track_caller]
    pub fn spawn_http<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> HttpServer {
        let mut command = self.command(["-v", "mcp", "serve", "--transport", "streamable-http", "--port", "0"]);
        command.args(args);
        HttpServer::spawn(command)
    }

    /// Runs a Python script with the official `mcp` package. The script finds the binary's path in `SYNAPSOR_RUNNER`
    /// and every variable of this environment in its own, to hand them on to the server it starts.
    pub fn python_client<A: AsRef<OsStr>>(&self, script: &Path, args: impl IntoIterator<Item = A>) -> Output {
        let mut command = Command::new(provided(PYTHON));
        command.arg(script).args(args);
        self.isolate(&mut command);
        command.env(RUNNER, &self.binary).env("PYTHONDONTWRITEBYTECODE", "1");
        self.finish(command, "")
    }

    /// Runs a script for Node that finds the packages of `crates/testkit/node`; otherwise as [`TestEnv::python_client`].
    pub fn node_client<A: AsRef<OsStr>>(&self, script: &Path, args: impl IntoIterator<Item = A>) -> Output {
        let mut command = Command::new(provided(NODE));
        command.arg(script).args(args);
        self.isolate(&mut command);
        command.env(RUNNER, &self.binary).env("NODE_PATH", provided(NODE_MODULES));
        self.finish(command, "")
    }

    /// Replaces what differs from run to run: this folder, ids, digests, times, durations and ports. The same id is
    /// replaced by the same text in all outputs of this environment: `wrp_[1]`, `wrp_[2]`.
    pub fn filter(&self, text: &str) -> String {
        self.filter.borrow_mut().apply(text)
    }

    /// Writes an output for a snapshot: exit code, standard output, standard error, each filtered.
    pub fn snapshot(&self, output: &Output) -> String {
        let Output { status, stdout, stderr } = output;
        self.filter(&format!("exit code: {status}\n----- stdout -----\n{stdout}\n----- stderr -----\n{stderr}"))
    }

    fn isolate(&self, command: &mut Command) {
        let home = self.home_dir();
        command.env_clear().current_dir(self.work_dir());
        command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join(".config"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    fn finish(&self, mut command: Command, input: &str) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_bytes().to_owned();
        // A program may end without reading its input; that is its right.
        let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let out = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            sleep(Duration::from_millis(2));
        };
        feeding.join().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        let (stdout, stderr) = (text(out.join().unwrap().unwrap()), text(err.join().unwrap().unwrap()));
        let Some(status) = status else {
            panic!("{command:?} took longer than {PATIENCE:?}\nstdout: {stdout}\nstderr: {stderr}");
        };
        Output { status: exit_code(status), stdout, stderr }
    }
}

/// What `cargo xtask test` installed and named in a variable.
fn provided(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run the tests with `cargo xtask test [filter]`, which makes one")
    });
    path.into()
}
