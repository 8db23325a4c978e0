//! Names and identifiers that are valid by existing: each parses once, at the edge.

use std::fmt;

/// Why a text is not a valid name. The text itself is quoted by the caller, where it is safe to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct BadName {
    /// The shape that was expected, in words.
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses the name, or says which shape was expected.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(BadName { expected: $expected }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_ident(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_safe_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn is_env_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase() || c == '_')
        && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_qualified(text: &str) -> bool {
    text.split_once('.').is_some_and(|(namespace, action)| is_ident(namespace) && is_ident(action))
}

fn is_prefixed_hex(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 20 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

name!(
    /// A schema, table, column, source or argument name: `^[A-Za-z_][A-Za-z0-9_]*$`.
    Ident, "letters, digits and underscores, not starting with a digit", is_ident
);
name!(
    /// An executor name: like [`Ident`], with dots and dashes allowed after the first character.
    SafeName, "letters, digits, `_`, `.` and `-`, starting with a letter or underscore", is_safe_name
);
name!(
    /// The name of an environment variable: `^[A-Z_][A-Z0-9_]*$`. Never its value.
    EnvName, "an environment variable name in capitals, such as `APP_READ_URL`", is_env_name
);
name!(
    /// A capability name, `namespace.action`, with exactly one dot.
    CapabilityName, "`namespace.action`, with exactly one dot", is_qualified
);

name!(
    /// A setting of PostgreSQL that is nobody's but the user's: two names with a dot between, as in `app.tenant_id`. The
    /// server's own settings have no dot, so none of them can be named.
    SettingName, "`prefix.name`, with exactly one dot, such as `app.tenant_id`", is_qualified
);

impl CapabilityName {
    /// The part before the dot.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('.').map_or("", |(namespace, _)| namespace)
    }

    /// The part after the dot.
    #[must_use]
    pub fn action(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, action)| action)
    }
}

macro_rules! record_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        name!($(#[$doc])* $name, concat!("`", $prefix, "` and 20 lower-case hex digits"), |text| is_prefixed_hex(text, $prefix));

        impl $name {
            /// Makes the id from ten random bytes; the caller owns the source of randomness.
            #[must_use]
            pub fn from_random(bytes: [u8; 10]) -> Self {
                Self(format!("{}{}", $prefix, hex::encode(bytes)))
            }
        }
    };
}

record_id!(
    /// A proposal: `wrp_` and 20 hex digits.
    ProposalId, "wrp_"
);
record_id!(
    /// An evidence bundle: `ev_` and 20 hex digits.
    EvidenceId, "ev_"
);
record_id!(
    /// A writeback job: `wbj_` and 20 hex digits.
    JobId, "wbj_"
);
record_id!(
    /// A lease on a writeback job: `lease_` and 20 hex digits.
    LeaseId, "lease_"
);
record_id!(
    /// A ledger: `led_` and 20 hex digits.
    LedgerId, "led_"
);
record_id!(
    /// A request, for finding its log lines: `req_` and 20 hex digits.
    RequestId, "req_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_the_door() {
        let ident = |text| Ident::parse(text).is_ok();
        assert!(ident("late_fee_cents") && ident("_x") && ident("A9"));
        assert!(!ident("") && !ident("9a") && !ident("a-b") && !ident("a.b") && !ident("é") && !ident("a\"b"));
        let env = |text| EnvName::parse(text).is_ok();
        assert!(env("APP_READ_URL") && !env("app") && !env("") && !env("A B"));
        let capability = |text| CapabilityName::parse(text).is_ok();
        assert!(capability("billing.inspect_invoice"));
        assert!(!capability("billing") && !capability("a.b.c") && !capability(".a") && !capability("a."));
        assert!(SafeName::parse("billing-handler.v2").is_ok() && SafeName::parse("2x").is_err());
    }

    #[test]
    fn record_ids_have_one_shape() {
        let id = ProposalId::from_random([0xab; 10]);
        assert_eq!(id.as_str(), "wrp_abababababababababab");
        assert_eq!(ProposalId::parse(id.as_str()), Ok(id));
        for bad in ["", "wrp_", "wrp_ABABABABABABABABABAB", "ev_abababababababababab", "wrp_abababababababababab0"] {
            assert!(ProposalId::parse(bad).is_err(), "{bad}");
        }
    }
}
