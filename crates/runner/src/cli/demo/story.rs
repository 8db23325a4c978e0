//! The story itself: what happens, in order, with nothing printed that did not happen.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value as Json, json};
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::agent::Agent;
use super::scene::Scene;
use crate::app::Stop;
use crate::cli::Ended;
use crate::cli::print::{Out, Tone};

/// Whether to wait between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// For a person at a terminal.
    Waiting,
    /// Straight through.
    Running,
}

impl Pace {
    pub(super) fn chosen(quick: bool) -> Self {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if quick || !terminal || crate::secrets::plain("CI").is_some() { Self::Running } else { Self::Waiting }
    }
}

const STEPS: usize = 8;
const ALLOWED: &str = "billing.propose_late_fee_waiver";
const INSPECT: &str = "billing.inspect_invoice";

struct Teller<'a> {
    out: &'a Out,
    scene: &'a Scene,
    program: PathBuf,
    pace: Pace,
    step: usize,
}

pub(super) async fn play(dir: &Path, pace: Pace, out: &Out) -> Ended {
    let program = std::env::current_exe()
        .map_err(|error| Refusal::new(Code::Internal, format!("this program cannot find itself: {error}")))?;
    let scene = Scene::make(dir).await?;
    out.line(out.paint(Tone::Strong, "Synapsor Runner: an agent, a reviewer and one invoice"));
    out.line(format!("A billing database (SQLite) and a configuration now lie in {}/.", dir.display()));
    out.line("The agent works for tenant acme. It has MCP tools; it has no SQL, no password and no way to approve.");
    let mut teller = Teller { out, scene: &scene, program, pace, step: 0 };
    teller.story().await?;
    Ok(Exit::Done)
}

impl Teller<'_> {
    async fn story(&mut self) -> Result<(), Stop> {
        self.step("The agent connects over MCP and sees its tools");
        let mut agent = Agent::connect(self.scene, &self.program).await?;
        for tool in agent.tools().await? {
            self.out.line(format!("  tool: {tool}"));
        }

        self.step("It looks at an invoice");
        self.call(&mut agent, INSPECT, json!({ "invoice_id": "INV-3001" })).await?;

        self.step("It tries an invoice of another tenant");
        self.call(&mut agent, INSPECT, json!({ "invoice_id": "INV-9001" })).await?;
        self.say("The row exists, for tenant globex. A foreign row and a missing one get the same answer.");

        self.step("It proposes to waive the late fee; nothing changes");
        let arguments = json!({ "invoice_id": "INV-3001", "reason": "First late payment in three years" });
        let envelope = self.call(&mut agent, ALLOWED, arguments).await?;
        let proposal = id_of(&envelope)?;
        self.call(&mut agent, INSPECT, json!({ "invoice_id": "INV-3001" })).await?;
        self.say("late_fee_cents is still 5500.");

        self.step("A person reviews and approves, outside MCP");
        self.run(&["apply", &proposal], Exit::Refused).await?;
        self.say("Without a decision nothing is applied. So the reviewer decides:");
        self.run(&["proposals", "approve", &proposal, "--actor", "billing_lead", "--yes"], Exit::Done).await?;

        self.step("The runner applies exactly that change, exactly once");
        self.run(&["apply", &proposal], Exit::Done).await?;
        self.say("A second apply changes nothing and reports the same result:");
        self.run(&["apply", &proposal], Exit::Done).await?;
        self.call(&mut agent, INSPECT, json!({ "invoice_id": "INV-3001" })).await?;

        self.step("A row that changed after the review is not overwritten");
        let arguments = json!({ "invoice_id": "INV-3002", "reason": "Duplicate charge" });
        let envelope = self.call(&mut agent, ALLOWED, arguments).await?;
        let stale = id_of(&envelope)?;
        self.run(&["proposals", "approve", &stale, "--actor", "billing_lead", "--yes"], Exit::Done).await?;
        let change =
            "UPDATE invoices SET late_fee_cents = 1200, updated_at = '2026-06-23T09:00:00.000Z' WHERE id = 'INV-3002';";
        self.scene.elsewhere(change).await?;
        self.say("Meanwhile someone lowers the fee to 1200 in the billing application itself. The approval is for 2500 -> 0:");
        self.run(&["apply", &stale], Exit::Conflict).await?;

        self.step("Everything that happened can be read again");
        self.run(&["replay", "show", &proposal], Exit::Done).await?;
        agent.leave().await?;
        self.goodbye();
        Ok(())
    }

    fn step(&mut self, title: &str) {
        if self.step > 0 && self.pace == Pace::Waiting {
            self.wait();
        }
        self.step += 1;
        self.out.line("");
        self.out.line(self.out.paint(Tone::Strong, &format!("Step {}/{STEPS}: {title}", self.step)));
    }

    fn wait(&mut self) {
        let _ = write!(std::io::stderr(), "{}", self.out.paint(Tone::Faint, "  [Enter] go on   [s] skip the waiting "));
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        if !matches!(read, Ok(length) if length > 0) || answer.trim().eq_ignore_ascii_case("s") {
            self.pace = Pace::Running;
        }
    }

    fn say(&self, text: &str) {
        self.out.line(format!("  {text}"));
    }

    /// Calls a tool over MCP and shows what was sent and what came back.
    async fn call(&self, agent: &mut Agent, tool: &str, arguments: Json) -> Result<Json, Stop> {
        self.out.line(format!("  {} {tool} {arguments}", self.out.paint(Tone::Careful, "agent  ->")));
        let envelope = agent.call(tool, &arguments).await?;
        let summary = envelope.get("summary").and_then(Json::as_str).unwrap_or_default();
        self.out.line(format!("  {} {summary}", self.out.paint(Tone::Good, "runner <-")));
        for key in ["data", "proposal", "error"] {
            if let Some(Json::Object(part)) = envelope.get(key) {
                let shown = match key {
                    "proposal" => part.get("diff").cloned().unwrap_or_default(),
                    _ => Json::Object(part.clone()),
                };
                self.out.line(format!("            {}", self.out.paint(Tone::Faint, &shown.to_string())));
            }
        }
        Ok(envelope)
    }

    /// Runs a command of this program in the demo's folder, shows it and its output, and checks how it ended.
    async fn run(&self, args: &[&str], expected: Exit) -> Result<(), Stop> {
        self.out.line(format!("  $ synapsor-runner {}", args.join(" ")));
        let output = tokio::process::Command::new(&self.program)
            .args(args)
            .current_dir(self.scene.dir())
            .envs(self.scene.variables())
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| Refusal::new(Code::Io, format!("the command cannot be started: {error}")))?;
        for bytes in [&output.stdout, &output.stderr] {
            for line in String::from_utf8_lossy(bytes).lines() {
                self.out.line(format!("    {line}"));
            }
        }
        if output.status.code() == Some(expected as i32) {
            return Ok(());
        }
        Err(Refusal::new(Code::Internal, "the demo did not go as it should; the output above says where")
            .with_fix("please report this with the output")
            .into())
    }

    fn goodbye(&self) {
        let dir = self.scene.dir().display();
        self.out.line("");
        self.out.line(
            self.out
                .paint(Tone::Strong, "That was all real: a real database, a real MCP server, a real guarded write."),
        );
        self.out.line("Look around:");
        if let Some(folder) = self.program.parent().filter(|_| !on_path()) {
            self.out.line(format!("  export PATH=\"{}:$PATH\"", folder.display()));
        }
        self.out.line(format!("  cd {dir} && . ./env.sh"));
        self.out.line("  synapsor-runner proposals list");
        self.out.line("  synapsor-runner store verify");
        self.out.line("Connect an MCP client with this command (from that folder, with those variables):");
        self.out.line("  synapsor-runner mcp serve");
        self.out
            .line("Use your own database: copy synapsor.runner.json, name your table and columns, and check it with");
        self.out.line("  synapsor-runner config validate");
    }
}

/// Whether a shell finds the program by its name.
fn on_path() -> bool {
    let path = crate::secrets::plain("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("synapsor-runner").is_file())
}

fn id_of(envelope: &Json) -> Result<String, Refusal> {
    envelope
        .pointer("/proposal/id")
        .and_then(Json::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Refusal::new(Code::Internal, "the proposal did not come back"))
}
