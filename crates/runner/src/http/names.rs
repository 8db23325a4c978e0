//! Which `Host` and `Origin` a request may name. A page that made its own name point here names itself in both.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

/// The names of loopback, on any port.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What requests may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    hosts: Vec<Authority>,
    origins: Vec<Origin>,
}

/// A name with a port; without one, any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    name: String,
    port: Option<u16>,
}

/// Where a page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    authority: Authority,
}

/// What a request named that it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Its `Host`.
    Host,
    /// Its `Origin`.
    Origin,
}

impl Names {
    /// The listed names; where nothing is listed, those of loopback.
    #[must_use]
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let loopback = || LOOPBACK.map(|name| Authority { name: name.to_owned(), port: None });
        let mut hosts: Vec<_> = hosts.iter().filter_map(|host| Authority::parse(host)).collect();
        if hosts.is_empty() {
            hosts = loopback().into();
        }
        let mut origins: Vec<_> = origins.iter().filter_map(|origin| Origin::parse(origin)).collect();
        if origins.is_empty() {
            origins = ["http", "https"]
                .into_iter()
                .flat_map(|scheme| loopback().map(|authority| Origin { scheme: scheme.to_owned(), authority }))
                .collect();
        }
        Self { hosts, origins }
    }

    /// Checks what a request names.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().and_then(Authority::parse),
            _ => None,
        };
        // A request that names its target in full must mean the same place twice.
        let target = uri.authority().map(|target| Authority::parse(target.as_str()));
        let host = host.filter(|host| target.is_none_or(|target| target.as_ref() == Some(host)));
        if !host.is_some_and(|host| self.hosts.iter().any(|allowed| allowed.covers(&host))) {
            return Err(Foreign::Host);
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if origin.to_str().is_ok_and(|origin| self.allows(origin)) => Ok(()),
            _ => Err(Foreign::Origin),
        }
    }

    /// Whether pages from that origin may use the server.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_some_and(|origin| {
            self.origins
                .iter()
                .any(|allowed| allowed.scheme == origin.scheme && allowed.authority.covers(&origin.authority))
        })
    }
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, port) = match text.rsplit_once(':') {
            // The colons within brackets are the address's own.
            Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let name = match bracketed {
            Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
            None => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_name = bracketed.is_some() || (!name.is_empty() && name.bytes().all(plain));
        is_name.then_some(Self { name, port })
    }

    fn covers(&self, other: &Self) -> bool {
        self.name == other.name && (self.port.is_none() || self.port == other.port)
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let mut authority = Authority::parse(authority)?;
        // Written out, so that an origin is the same with its usual port and without.
        authority.port = authority.port.or(Some(usual));
        Some(Self { scheme, authority })
    }
}

/// Whether an address to listen on is reached from this machine alone.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(names: &Names, host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        }
        names.check(&Uri::from_static("/mcp"), &headers)
    }

    #[test]
    fn loopback_is_what_may_be_named_where_nothing_is_listed() {
        let names = Names::new(&[], &[]);
        for host in ["localhost", "LOCALHOST:8766", "127.0.0.1:1", "[::1]:8766", "[0:0::1]", "localhost."] {
            assert_eq!(check(&names, host, None), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "localhost:x",
            "localhost:99999",
            "",
            "user@localhost",
            "localhost/x",
            "[::1",
            "::1",
            "localhost:8766:1",
            "127.1",
            "localhost\u{a0}",
        ] {
            assert_eq!(check(&names, host, None), Err(Foreign::Host), "{host:?}");
        }
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1"] {
            assert_eq!(check(&names, "localhost", Some(origin)), Ok(()), "{origin}");
        }
        for origin in
            ["null", "http://evil.example", "http://localhost.evil.example", "file://localhost", "localhost", ""]
        {
            assert_eq!(check(&names, "localhost", Some(origin)), Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn listed_names_are_all_there_is() {
        let names = Names::new(
            &["mcp.example.com".to_owned(), "10.0.0.5:8766".to_owned()],
            &["https://app.example.com".to_owned()],
        );
        for host in ["mcp.example.com", "MCP.example.com:443", "10.0.0.5:8766"] {
            assert_eq!(check(&names, host, Some("https://app.example.com:443")), Ok(()), "{host}");
        }
        for host in ["localhost", "10.0.0.5", "10.0.0.5:80", "sub.mcp.example.com"] {
            assert_eq!(check(&names, host, None), Err(Foreign::Host), "{host}");
        }
        for origin in ["http://app.example.com", "https://app.example.com:8443", "https://localhost"] {
            assert_eq!(check(&names, "mcp.example.com", Some(origin)), Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn a_request_names_one_place() {
        let names = Names::new(&[], &[]);
        let mut headers = HeaderMap::new();
        assert_eq!(names.check(&Uri::from_static("/"), &headers), Err(Foreign::Host), "none at all");
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(names.check(&Uri::from_static("http://localhost/"), &headers), Ok(()));
        assert_eq!(names.check(&Uri::from_static("http://evil.example/"), &headers), Err(Foreign::Host));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(names.check(&Uri::from_static("/"), &headers), Err(Foreign::Host), "twice");
    }
}
