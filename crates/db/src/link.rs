//! What a server says of the link to it.

use jiff::Timestamp;

/// A link to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it is encrypted, at the server's end.
    pub encrypted: bool,
    /// Whether it comes from the server's own machine.
    pub local: bool,
    /// The server's clock.
    pub server_time: Timestamp,
}

impl LinkState {
    /// Reads what servers answer: `true` or `false` for encrypted, the client's address, seconds since 1970.
    pub(crate) fn read(encrypted: &str, address: &str, seconds: &str) -> Option<Self> {
        let seconds: f64 = seconds.parse().ok()?;
        let host = address.split('/').next().unwrap_or_default();
        let ip = host.parse::<std::net::IpAddr>().ok();
        Some(Self {
            encrypted: encrypted == "true",
            // No address is a socket of the machine.
            local: host.is_empty() || host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()),
            server_time: Timestamp::try_from(
                std::time::UNIX_EPOCH + std::time::Duration::try_from_secs_f64(seconds).ok()?,
            )
            .ok()?,
        })
    }
}
