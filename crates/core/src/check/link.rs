//! Whether a link to a server is encrypted.

use super::Check;
use crate::privilege::Use;

/// Checks the link of an account. `encrypted` and `local` are as the server sees it.
#[must_use]
pub fn check(of: Use, encrypted: bool, local: bool) -> Check {
    let id = format!("{}.tls", of.word());
    let of = of.word();
    match (encrypted, local) {
        (true, _) => Check::pass(id, format!("the {of}'s link is encrypted")),
        (false, true) => Check::pass(id, format!("the {of}'s link is not encrypted and stays on this machine")),
        (false, false) => Check::fail(
            id,
            format!("the {of}'s link crosses a network without encryption, its password and rows included"),
            "write \"ssl\": { \"mode\": \"verify-full\" } into the source, and switch TLS on at the server",
        ),
    }
}
