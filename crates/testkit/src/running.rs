//! A server process: what it writes to standard error, signals to it, and its end.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Holds a running server; dropping it kills the server.
pub(crate) struct Running {
    pub(crate) child: Child,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// Starts the command, whose other streams have been chosen, and reads its standard error.
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Running {
        let mut child =
            command.stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (mut source, sink) = (child.stderr.take().unwrap(), Arc::clone(&stderr));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = source.read(&mut buffer) {
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                sink.lock().unwrap().extend_from_slice(bytes);
            }
        });
        Running { child, stderr }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "kill -{name} failed");
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }

    /// Waits until the server has ended; returns its exit code.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> i32 {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return crate::env::exit_code(status);
            }
            sleep(Duration::from_millis(2));
        }
        panic!("the server did not end within {PATIENCE:?}; stderr: {}", self.stderr());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
