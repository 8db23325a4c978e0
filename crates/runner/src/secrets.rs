//! The only place that reads secrets: environment variables, the files they name, and the ledger's own key.

use std::io::Write as _;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use synapsor_core::code::Code;
use synapsor_core::id::LedgerId;
use synapsor_core::refusal::Refusal;

use crate::clock;

/// The variable that holds the ledger's key in place of the key file.
pub const LEDGER_KEY: &str = "SYNAPSOR_LEDGER_KEY";

/// The value of a variable, or of the file that `<NAME>_FILE` names; `None` if neither is set or both are empty.
pub fn variable(name: &str) -> Result<Option<SecretString>, Refusal> {
    if let Some(value) = std::env::var(name).ok().filter(|value| !value.trim().is_empty()) {
        return Ok(Some(SecretString::from(value)));
    }
    let file_variable = format!("{name}_FILE");
    let Some(path) = std::env::var_os(&file_variable).filter(|path| !path.is_empty()) else { return Ok(None) };
    let text = std::fs::read_to_string(&path).map_err(|_| {
        Refusal::new(Code::CredentialMissing, format!("the file that `{file_variable}` names cannot be read"))
    })?;
    let text = text.trim_end_matches(['\n', '\r']);
    Ok((!text.trim().is_empty()).then(|| SecretString::from(text.to_owned())))
}

/// As [`variable`], for values that are no secrets, such as the tenant.
#[must_use]
pub fn plain(name: &str) -> Option<String> {
    variable(name).ok().flatten().map(|value| value.expose_secret().to_owned())
}

/// As [`variable`], but the value must be there.
pub fn required(name: &str) -> Result<SecretString, Refusal> {
    variable(name)?.ok_or_else(|| {
        Refusal::new(Code::CredentialMissing, format!("environment variable `{name}` is not set"))
            .with_fix(format!("set `{name}`, or `{name}_FILE` to a file that holds the value"))
    })
}

/// The secret under which a ledger's masked values are digested. It is derived from the user's key, which is kept
/// outside the store and made on first use.
pub fn masking_secret(ledger: &LedgerId) -> Result<[u8; 32], Refusal> {
    let key = ledger_key()?;
    let mut derive = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes())
        .map_err(|_| Refusal::new(Code::Internal, "the ledger key cannot be used"))?;
    derive.update(b"synapsor masked values\0");
    derive.update(ledger.as_str().as_bytes());
    Ok(derive.finalize().into_bytes().into())
}

fn ledger_key() -> Result<SecretString, Refusal> {
    if let Some(key) = variable(LEDGER_KEY)? {
        return Ok(key);
    }
    let unavailable = |what: &str| {
        Refusal::new(Code::CredentialMissing, format!("the ledger key {what}"))
            .with_fix(format!("set `{LEDGER_KEY}`, or make the configuration directory of this user writable"))
    };
    let Some(directory) = configuration_directory() else {
        return Err(unavailable("has no place: neither `XDG_CONFIG_HOME` nor `HOME` is set"));
    };
    let path = directory.join("ledger.key");
    if let Ok(key) = std::fs::read_to_string(&path)
        && !key.trim().is_empty()
    {
        return Ok(SecretString::from(key.trim().to_owned()));
    }
    std::fs::create_dir_all(&directory).map_err(|_| unavailable("cannot be written"))?;
    let key = hex::encode(clock::random::<32>());
    // Linked into place whole: of two processes that make it at once, one wins and both read the winner's.
    let draft = directory.join(format!("ledger.key.{}", hex::encode(clock::random::<6>())));
    let written =
        private_file(&draft).and_then(|mut file| file.write_all(key.as_bytes()).and_then(|()| file.sync_all()));
    let linked = written.and_then(|()| std::fs::hard_link(&draft, &path));
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(SecretString::from(key)),
        Err(_) => match std::fs::read_to_string(&path) {
            Ok(key) if !key.trim().is_empty() => Ok(SecretString::from(key.trim().to_owned())),
            _ => Err(unavailable("cannot be written")),
        },
    }
}

fn configuration_directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(base.join("synapsor"))
}

#[cfg(unix)]
fn private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}
