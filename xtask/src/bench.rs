//! `cargo xtask bench`: how fast and how large the program is, beside what it is measured against, in one run.
//!
//! Nothing here passes or fails: machines differ and are busy. Every speed is taken beside something that the same machine
//! does at the same time, and every figure is the median of three rounds.

#[cfg(feature = "bench")]
mod apply;
#[cfg(feature = "bench")]
mod board;
#[cfg(feature = "bench")]
mod ledger;
#[cfg(feature = "bench")]
mod load;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod pgbench;
#[cfg(feature = "bench")]
mod pipes;
#[cfg(feature = "bench")]
mod process;
#[cfg(feature = "bench")]
mod serve;
#[cfg(feature = "bench")]
mod start;
#[cfg(feature = "bench")]
mod world;

/// Says how thoroughly, and where the results go.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Shorter rounds, and no ledger of a million events
    #[arg(long)]
    quick: bool,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Write the results and this machine into docs/performance.md
    #[arg(long)]
    write: bool,
}

/// Builds this tool together with the ledger, as fast as the program itself, and has that measure.
#[cfg(not(feature = "bench"))]
pub(crate) fn run_bench(args: &Args) -> Result<(), String> {
    let run = ["run", "--release", "--quiet", "--package", "xtask", "--features", "bench", "--", "bench"];
    let mut command = crate::process::cargo(&run);
    let given = [(args.quick, "--quick"), (args.json, "--json"), (args.write, "--write")];
    command.args(given.iter().filter(|(given, _)| *given).map(|(_, flag)| flag));
    crate::process::run(command)
}

/// Builds the program and measures everything.
#[cfg(feature = "bench")]
pub(crate) fn run_bench(args: &Args) -> Result<(), String> {
    use std::io::Write as _;

    crate::packages::ensure_servers()?;
    let build = ["build", "--release", "--locked", "--quiet", "--package", "synapsor-runner"];
    crate::process::run(crate::process::cargo(&build))?;
    let binary = crate::process::root().join("target/release/synapsor-runner");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("threads: {e}"))?;
    let board = runtime.block_on(measure(&binary, Pace::of(args)))?;
    if args.write {
        let path = crate::process::root().join("docs/performance.md");
        let page = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let page = board.written_into(&page, &machine::describe())?;
        std::fs::write(&path, page).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let text = if args.json { board.json(&machine::describe()) } else { board.table() };
    writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(|e| format!("standard output: {e}"))
}

/// How long and how often something is done.
#[cfg(feature = "bench")]
#[derive(Clone, Copy)]
struct Pace {
    /// How long one load lasts.
    round: std::time::Duration,
    /// How often a program is started in a round.
    starts: usize,
    /// How many proposals are applied in a round.
    applies: usize,
    /// How large ledgers are, in powers of ten.
    events: &'static [u32],
}

#[cfg(feature = "bench")]
impl Pace {
    fn of(args: &Args) -> Pace {
        use std::time::Duration;
        if args.quick {
            return Pace { round: Duration::from_secs(1), starts: 10, applies: 10, events: &[3, 4, 5] };
        }
        Pace { round: Duration::from_secs(4), starts: 30, applies: 40, events: &[3, 4, 5, 6] }
    }
}

#[cfg(feature = "bench")]
const ROUNDS: usize = 3;

#[cfg(feature = "bench")]
async fn measure(binary: &std::path::Path, pace: Pace) -> Result<board::Board, String> {
    let world = world::World::new(binary).await?;
    let mut board = board::Board::default();
    for round in 1..=ROUNDS {
        eprintln!("xtask: round {round} of {ROUNDS}");
        serve::measure(&world, pace, &mut board).await?;
        pipes::measure(&world, pace, &mut board)?;
        apply::measure(&world, pace, &mut board).await?;
        start::measure(&world, pace, &mut board)?;
    }
    start::measure_size(&world, &mut board)?;
    eprintln!("xtask: ledgers");
    ledger::measure(&world, pace, &mut board).await?;
    Ok(board)
}
