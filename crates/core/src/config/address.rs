//! Hosts, origins and addresses as the file may write them.

use std::net::{IpAddr, Ipv6Addr};

use super::shape::Form;

macro_rules! port {
    () => {
        "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
    };
}

macro_rules! label {
    () => {
        "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
    };
}

macro_rules! ipv4 {
    () => {
        concat!("((", byte!(), "\\.){3}", byte!(), ")")
    };
}

macro_rules! byte {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    };
}

/// Groups of digits. How many there may be, and where one pair of colons, is left to the checker.
macro_rules! ipv6 {
    () => {
        concat!("(([0-9A-Fa-f]{0,4}:){2,8}([0-9A-Fa-f]{0,4}|", ipv4!(), "))")
    };
}

/// A host and perhaps a port.
macro_rules! authority {
    () => {
        concat!("(", label!(), "(\\.", label!(), ")*|\\[", ipv6!(), "\\])(:", port!(), ")?")
    };
}

/// An address to listen on.
pub(crate) static LISTEN: Form = Form {
    words: "an IP address or `localhost`",
    pattern: concat!("^(localhost|", ipv4!(), "|", ipv6!(), ")$"),
    accepts: |text| text == "localhost" || text.parse::<IpAddr>().is_ok(),
};

/// A host as a `Host` header names it.
pub(crate) static HOST: Form = Form {
    words: "a host such as `agents.example.com`, with a port or without",
    pattern: concat!("^", authority!(), "$"),
    accepts: |text| host_of(text).is_some(),
};

/// An origin as an `Origin` header names it.
pub(crate) static ORIGIN: Form = Form {
    words: "an origin such as `https://app.example.com`",
    pattern: concat!("^https?://", authority!(), "$"),
    accepts: |text| {
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        authority.and_then(host_of).is_some()
    },
};

/// Where public keys may be fetched: nobody in between can replace them.
pub(crate) static KEYS_URL: Form = Form {
    words: "an `https` address, or an `http` address on loopback, without a user name",
    pattern: concat!(
        "^(https://",
        authority!(),
        "|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:",
        port!(),
        ")?)([/?][!\"$-~]*)?$"
    ),
    accepts: is_keys_url,
};

fn is_keys_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some((authority, place)) = rest.split_at_checked(end) else { return false };
    let is_plain = place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let is_loopback = |host| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_safe = host_of(authority).is_some_and(|host| scheme == "https" || (scheme == "http" && is_loopback(host)));
    is_plain && is_safe
}

/// The host of `name`, `name:port`, `[address]` or `[address]:port`; `None` if it is none of them.
fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(end)?;
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = address.map_or_else(|| host.split('.').all(is_label), |address| address.parse::<Ipv6Addr>().is_ok());
    let is_end = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    Some(host).filter(|_| is_host && is_end)
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') && text.parse::<u16>().is_ok()
}

/// A host as it is compared: in lower case.
pub(crate) fn normal_host(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// An origin as browsers send it: in lower case, and without the port that its scheme implies.
pub(crate) fn normal_origin(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let implied = if lower.starts_with("https:") { ":443" } else { ":80" };
    lower.strip_suffix(implied).map(str::to_owned).unwrap_or(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the checker accepts the JSON Schema accepts, and so the other way round unless said otherwise.
    fn check(form: &Form, accepted: &[&str], refused: &[&str], beyond_the_pattern: &[&str]) {
        let schema = jsonschema::draft202012::new(&serde_json::json!({"pattern": form.pattern})).expect("a pattern");
        let matches = |text: &&&str| schema.is_valid(&serde_json::json!(**text));
        for (texts, by_checker, by_schema) in
            [(accepted, true, true), (refused, false, false), (beyond_the_pattern, false, true)]
        {
            for text in texts {
                assert_eq!(((form.accepts)(text), matches(&text)), (by_checker, by_schema), "{text:?}");
            }
        }
    }

    #[test]
    fn an_address_to_listen_on_is_no_name() {
        check(
            &LISTEN,
            &[
                "localhost",
                "127.0.0.1",
                "0.0.0.0",
                "255.249.199.99",
                "::",
                "::1",
                "fe80::a:1",
                "::ffff:10.0.0.1",
                "::2:3:4:5:6:7:8",
                "1:2:3:4:5:6:7:8",
            ],
            &[
                "",
                " ",
                "Localhost",
                "example.com",
                "127.0.0",
                "127.0.0.256",
                "127.0.0.01",
                "127.0.0.1:80",
                "[::1]",
                "::1 ",
            ],
            &[":::", "1:2:3", "1::2::3", "1:2:3:4:5:6:7:8:9"],
        );
    }

    #[test]
    fn a_host_may_have_a_port_and_nothing_else() {
        check(
            &HOST,
            &[
                "a",
                "Agents.Example.com",
                "agents.example.com:8443",
                "my_app:1",
                "a:65535",
                "10.0.0.1:80",
                "[::1]",
                "[::1]:8766",
                "xn--bcher-kva.example",
            ],
            &[
                "",
                "*",
                "*.example.com",
                "a.",
                ".a",
                "a..b",
                "-a",
                "a-",
                "a b",
                "a:",
                "a:0",
                "a:080",
                "a:65536",
                "a:+80",
                "a:80:80",
                "http://a",
                "a/",
                "a/b",
                "u@a",
                "::1",
                "[]",
                "[::1",
                "[::1]x",
                "[::1%eth0]",
                "bücher.example",
                "a\n",
            ],
            &["[1::2::3]", "[:::]:80"],
        );
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        check(
            &ORIGIN,
            &["https://app.example.com", "http://localhost:3000", "https://[::1]:8443", "http://APP"],
            &[
                "",
                "*",
                "null",
                "app.example.com",
                "https://",
                "https://*",
                "https://*.example.com",
                "https://a/",
                "https://a/b",
                "https://a?b",
                "https://u:p@a",
                "ftp://a",
                "HTTPS://a",
                "https:a",
                "https://https://a",
            ],
            &["https://[1::2::3]"],
        );
    }

    #[test]
    fn keys_come_over_a_safe_way_or_not_at_all() {
        check(
            &KEYS_URL,
            &[
                "https://id.example.com/.well-known/jwks.json",
                "https://id.example.com",
                "https://id.example.com:8443/keys?kid=a@b",
                "https://id.example.com?keys",
                "http://127.0.0.1:9000/keys",
                "http://localhost/keys",
                "http://[::1]:9000/keys",
            ],
            &[
                "",
                "id.example.com",
                "/keys",
                "http://id.example.com/keys",
                "http://127.0.0.1.example.com/keys",
                "http://127.0.0.1@example.com/keys",
                "http://localhost:9000@example.com/keys",
                "http://[::2]/keys",
                "https://user:password@id.example.com/keys",
                "https://user@id.example.com/keys",
                "https://id.example.com\\@example.com/",
                "https://id.example.com/keys#one",
                "https://id.example.com/ke ys",
                "https://id.example.com/ke\nys",
                "https:///keys",
                "file:///keys",
                "HTTPS://id.example.com/",
            ],
            &["https://[1::2::3]/keys"],
        );
    }

    #[test]
    fn names_are_kept_as_they_are_compared() {
        assert_eq!(normal_host("Agents.Example.com:8443"), "agents.example.com:8443");
        let origins =
            ["https://App.example.com:443", "http://app:80", "http://app:443", "https://[::80]", "https://app:8443"];
        let expect = ["https://app.example.com", "http://app", "http://app:443", "https://[::80]", "https://app:8443"];
        assert_eq!(origins.map(normal_origin), expect);
    }
}
