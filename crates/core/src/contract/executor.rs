//! An app's handler that writes approved changes itself.

use std::time::Duration;

use crate::id::{EnvName, SafeName};

/// A configured handler. It holds names of secrets, never secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executor {
    /// Its name in the file.
    pub name: SafeName,
    /// How it is reached.
    pub way: Way,
    /// Longest wait for its reply.
    pub timeout: Duration,
}

/// How a handler is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By HTTP.
    Http {
        /// The variable that holds its URL.
        url_env: EnvName,
        /// `POST`, `PUT` or `PATCH`.
        method: String,
        /// The variable that holds its bearer token.
        token_env: Option<EnvName>,
        /// The variable that holds the secrets that sign requests and replies.
        signing_secret_env: Option<EnvName>,
    },
    /// As a program that is started for each request.
    Command {
        /// The variable that holds the program and its arguments.
        command_env: EnvName,
        /// The variables that it gets besides `PATH`, `HOME` and `LANG`.
        pass_env: Vec<EnvName>,
    },
}

impl Executor {
    /// The variables that must be set for it, in the file's order.
    #[must_use]
    pub fn variables(&self) -> Vec<&EnvName> {
        match &self.way {
            Way::Http { url_env, token_env, signing_secret_env, .. } => {
                [Some(url_env), token_env.as_ref(), signing_secret_env.as_ref()].into_iter().flatten().collect()
            }
            Way::Command { command_env, .. } => vec![command_env],
        }
    }

    /// The word for its type in the file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.way {
            Way::Http { .. } => "http_handler",
            Way::Command { .. } => "command_handler",
        }
    }
}
