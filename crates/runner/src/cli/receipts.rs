//! `receipts …`

pub mod list;
pub mod show;

use clap::Subcommand;

use super::Ended;
use super::filter::record_number;
use super::print::Out;

/// Look at what applying did.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List receipts, newest first.
    List(Box<list::Args>),
    /// Show one receipt.
    Show(show::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(*args, out).await,
        Command::Show(args) => show::run(args, out).await,
    }
}

/// A receipt's id as people see it.
#[must_use]
pub fn display_id(event_id: u64) -> String {
    format!("rct_{event_id:06}")
}

/// A receipt's number, from it or from its id.
pub fn parse_id(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("rct_").unwrap_or(text);
    record_number(digits).map_err(|_| "expected a positive receipt id, such as 12 or rct_000012".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_has_two_names() {
        assert_eq!(display_id(12), "rct_000012");
        assert_eq!([parse_id("12"), parse_id("rct_000012"), parse_id("rct_12")], [Ok(12), Ok(12), Ok(12)]);
        for bad in ["", "0", "-1", "rct_", "rct_000000", "x12", "rct_rct_1"] {
            assert!(parse_id(bad).is_err(), "{bad}");
        }
    }
}
