//! A command in a terminal of its own: what it shows is read, keys are sent to it.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The Enter key.
pub const ENTER: &str = "\r";
/// The Escape key.
pub const ESCAPE: &str = "\u{1b}";
/// Ctrl and C.
pub const CTRL_C: &str = "\u{3}";
/// The arrow down.
pub const DOWN: &str = "\u{1b}[B";

const PATIENCE: Duration = Duration::from_secs(60);

/// Holds a command that believes to be in front of a person. It is killed when this is dropped.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How much of it has been waited for.
    seen: usize,
}

impl Terminal {
    /// Starts a command in a terminal of 120 columns and 40 lines. Its folder and variables are the command's.
    pub fn start(command: &Command) -> Terminal {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| quoted(word.to_str().unwrap())).collect();
        // `script` gives what it runs a terminal whatever it has itself.
        let line = format!("stty rows 40 cols 120; exec {}", words.join(" "));
        let mut script = Command::new("script");
        script.args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"]);
        script
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh");
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.current_dir(command.get_current_dir().unwrap());
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = script.spawn().unwrap_or_else(|error| panic!("cannot start `script`: {error}"));
        let (keys, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Terminal { child, keys, shown, seen: 0 }
    }

    /// Waits until the text is shown after what was waited for before, without colours and movements of the cursor.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> &mut Terminal {
        let started = Instant::now();
        loop {
            let shown = self.shown();
            if let Some(at) = shown.get(self.seen..).and_then(|rest| rest.find(text)) {
                self.seen += at + text.len();
                return self;
            }
            assert!(started.elapsed() < PATIENCE, "`{text}` is not shown:\n{shown}");
            sleep(Duration::from_millis(5));
        }
    }

    /// Sends keys.
    pub fn press(&mut self, keys: &str) -> &mut Terminal {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// Returns everything that was shown, without colours and movements of the cursor.
    pub fn shown(&self) -> String {
        plain(&String::from_utf8_lossy(&self.shown.lock().unwrap()))
    }

    /// Waits for the command's end; returns its exit code.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(started.elapsed() < PATIENCE, "it does not end:\n{}", self.shown());
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text without escape sequences.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            plain.push(c);
            continue;
        }
        if chars.next_if_eq(&'[').is_some() {
            // Up to the letter that ends it.
            while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {}
        } else {
            chars.next();
        }
    }
    plain
}
