//! A server that is started, asked for its tools, and ended with whatever it has started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::speech;
use crate::secrets;

/// What a server may know of this environment.
const PASSED: [&str; 7] = ["PATH", "HOME", "LANG", "TMPDIR", "USER", "SYSTEMROOT", "TEMP"];

/// How a server is started.
pub struct Start {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables besides [`PASSED`].
    pub env: BTreeMap<String, String>,
    /// Where it starts; here, if that is not said.
    pub folder: Option<PathBuf>,
}

impl Start {
    /// Reads a command as a shell writes it: words, and quotes around what has spaces. `None` if it is empty or a quote is
    /// not closed.
    pub fn parse(command: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        let mut word: Option<String> = None;
        let mut quote: Option<char> = None;
        let mut chars = command.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some('\''), c) => word.get_or_insert_default().push(c),
                (_, '\\') => word.get_or_insert_default().push(chars.next()?),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        (quote.is_none() && !words.is_empty()).then(|| Self { command: words, env: BTreeMap::new(), folder: None })
    }

    /// The tools that it lists. Servers of the newest revision answer at once; others are started anew and greeted.
    pub async fn list(&self, patience: Duration) -> Result<Vec<Json>, String> {
        // A server that knows no requests before a greeting may well be silent.
        match tokio::time::timeout(patience / 2, self.listed(Era::Modern)).await {
            Ok(Ok(tools)) => return Ok(tools),
            Ok(Err(Failed::Start(why))) => return Err(why),
            Ok(Err(Failed::Talk(_))) | Err(_) => {}
        }
        match tokio::time::timeout(patience, self.listed(Era::Legacy)).await {
            Ok(Ok(tools)) => Ok(tools),
            Ok(Err(Failed::Start(why) | Failed::Talk(why))) => Err(why),
            Err(_) => Err("the server did not answer in time".to_owned()),
        }
    }

    async fn listed(&self, era: Era) -> Result<Vec<Json>, Failed> {
        let mut talk = Talk::start(self)?;
        talk.tools(era).await.map_err(Failed::Talk)
    }
}

#[derive(Clone, Copy)]
enum Era {
    Modern,
    Legacy,
}

enum Failed {
    Start(String),
    Talk(String),
}

/// A server that runs. Its whole group of processes is ended when this is dropped.
struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<tokio::io::Take<ChildStdout>>,
    next_id: u64,
}

impl Talk {
    fn start(start: &Start) -> Result<Self, Failed> {
        let broken = || Failed::Start("the server cannot be started".to_owned());
        let (program, args) = start.command.split_first().ok_or_else(broken)?;
        let mut command = Command::new(program);
        command.args(args).env_clear();
        command.envs(PASSED.iter().filter_map(|name| Some((*name, secrets::plain(name)?))));
        command.envs(&start.env);
        if let Some(folder) = &start.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| Failed::Start(format!("the program cannot be started: {}", error.kind())))?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or_else(broken)?;
        let output = BufReader::new(output.take(u64::try_from(speech::MOST_BYTES).unwrap_or(u64::MAX)));
        Ok(Self { child, input, output, next_id: 0 })
    }

    async fn tools(&mut self, era: Era) -> Result<Vec<Json>, String> {
        if matches!(era, Era::Legacy) {
            self.ask(speech::initialize).await?;
            self.say(&speech::initialized()).await?;
        }
        let (mut tools, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..speech::MOST_PAGES {
            let page = speech::page(cursor.as_deref());
            let result = self
                .ask(|id| match era {
                    Era::Modern => speech::modern(id, "tools/list", page),
                    Era::Legacy => speech::legacy(id, "tools/list", &page),
                })
                .await?;
            let (more, next) = speech::tools(&result)?;
            tools.extend(more);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
            }
        }
        Err("the server's list of tools does not end".to_owned())
    }

    async fn say(&mut self, message: &Json) -> Result<(), String> {
        let line = format!("{message}\n");
        let sent = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.flush().await
        };
        sent.await.map_err(|_| "the server closed its input".to_owned())
    }

    /// Sends a request and waits for its answer; what else the server says is passed over.
    async fn ask(&mut self, request: impl FnOnce(u64) -> Json) -> Result<Json, String> {
        self.next_id += 1;
        let id = self.next_id;
        self.say(&request(id)).await?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.output.read_until(b'\n', &mut line).await;
            if !read.is_ok_and(|read| read > 0) {
                return Err("the server ended, or said too much, before it answered".to_owned());
            }
            let Ok(answer) = serde_json::from_slice::<Json>(&line) else { continue };
            if answer.get("id") == Some(&json!(id)) && answer.get("method").is_none() {
                return speech::result(&answer).cloned();
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            let _ended = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ended = self.child.start_kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_shells_write_them() {
        let words = |command: &str| Start::parse(command).map(|start| start.command);
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words("a  b\tc"), some(&["a", "b", "c"]));
        assert_eq!(words(r#"a 'b c' "d \" e" f\ g ''"#), some(&["a", "b c", "d \" e", "f g", ""]));
        assert_eq!(words("a'b'\"c\""), some(&["abc"]));
        assert_eq!(words("a $HOME; b"), some(&["a", "$HOME;", "b"]));
        for wrong in ["", "  ", "a 'b", "a \"b", "a\\"] {
            assert_eq!(words(wrong), None, "{wrong}");
        }
    }
}
