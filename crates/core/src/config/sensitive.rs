//! Column names that look like a secret's.

const WORDS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "private_key",
    "cookie",
    "credential",
    "connection_string",
    "database_url",
    "read_url",
    "write_url",
];

/// Whether the name holds one of the words, bounded by its ends, `_` or `-`; capitals do not matter.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = format!("_{}_", name.to_lowercase().replace('-', "_"));
    WORDS.iter().any(|word| name.contains(&format!("_{}_", word.replace('-', "_"))))
}

#[cfg(test)]
mod tests {
    use super::looks_secret;

    #[test]
    fn secret_names_are_known() {
        for name in ["password", "reset_token", "API_KEY", "stripe-api-key", "user_private_key_pem", "secret"] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["tokens_used", "secretary", "key", "keyboard", "late_fee_cents", "credentials"] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
