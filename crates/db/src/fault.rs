//! The world's no: what went wrong outside, for the log, and a class for everyone else.

use synapsor_core::code::Code;

/// What went wrong outside. Its source chain is for the operator's log only.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    class: Class,
    what: &'static str,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The server cannot be reached, or the link broke.
    Unreachable,
    /// The server refused the credential.
    Credential,
    /// Transport security could not be agreed on.
    Tls,
    /// A time limit was hit: connecting, waiting for a connection or a lock, or running.
    Timeout,
    /// A deadlock, a full pool, a busy file: something that passes.
    Busy,
    /// A schema, table or column is missing, or the role cannot see it.
    Missing,
    /// The role lacks a privilege.
    Permission,
    /// The database does not accept a value.
    Value,
    /// The URL cannot be read.
    Url,
    /// Anything else.
    Other,
}

impl Fault {
    /// A fault of a class, in words for the log that hold no value, URL or credential.
    #[must_use]
    pub fn new(class: Class, what: &'static str) -> Self {
        Self { class, what, source: None }
    }

    /// Adds what the driver or the system said.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// The code that stands for it outside.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.class {
            Class::Unreachable | Class::Credential | Class::Tls | Class::Timeout | Class::Busy => {
                Code::TemporarilyUnavailable
            }
            Class::Missing => Code::ObjectMissing,
            Class::Permission => Code::PermissionDenied,
            Class::Url => Code::CredentialInvalid,
            Class::Value => Code::ValueRefused,
            Class::Other => Code::Internal,
        }
    }
}
