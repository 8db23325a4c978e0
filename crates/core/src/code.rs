//! Every code an answer, an exit or a record can carry: one registry, one exhaustive match for each renderer.

/// Defines the codes in one table: variant, stable text, exit, envelope face, meaning, what to do.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $text:literal, $exit:ident, $face:ident, $meaning:literal, $fix:literal;)*) => {
        /// A stable code. Its text never changes once released.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The exit status a command ends with when it stops on this code.
            #[must_use]
            pub fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)* }
            }

            /// The envelope code a model sees in its place.
            #[must_use]
            pub fn face(self) -> Face {
                match self { $(Self::$variant => Face::$face,)* }
            }

            /// What happened, in one or two sentences.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do next.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, or done before.
    Done = 0,
    /// Failed, or a check fell short.
    Failed = 1,
    /// Wrong usage or invalid input.
    Usage = 2,
    /// A conflict; nothing was written.
    Conflict = 3,
    /// Refused.
    Refused = 4,
    /// Temporarily unavailable; safe to retry.
    Unavailable = 5,
    /// The outcome is unknown until reconciled.
    Unknown = 6,
}

/// The nine codes of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// No authorised row.
    NotFoundInTenant,
    /// The arguments do not fit.
    InvalidArgument,
    /// A reviewed rule forbids it.
    PolicyViolation,
    /// No such tool.
    CapabilityNotFound,
    /// The row changed.
    VersionConflict,
    /// The key names more than one row.
    MultiRowBlocked,
    /// An effect without its decision.
    ApprovalRequired,
    /// Try again later.
    TemporarilyUnavailable,
    /// Anything else.
    Internal,
}

impl Face {
    /// All nine, in the order of the interface.
    pub const ALL: &'static [Self] = &[
        Self::NotFoundInTenant,
        Self::InvalidArgument,
        Self::PolicyViolation,
        Self::CapabilityNotFound,
        Self::VersionConflict,
        Self::MultiRowBlocked,
        Self::ApprovalRequired,
        Self::TemporarilyUnavailable,
        Self::Internal,
    ];

    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NotFoundInTenant => "NOT_FOUND_IN_TENANT",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::PolicyViolation => "POLICY_VIOLATION",
            Self::CapabilityNotFound => "CAPABILITY_NOT_FOUND",
            Self::VersionConflict => "VERSION_CONFLICT",
            Self::MultiRowBlocked => "MULTI_ROW_BLOCKED",
            Self::ApprovalRequired => "APPROVAL_REQUIRED",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(self, Self::TemporarilyUnavailable)
    }
}

codes! {
    NotFoundInTenant, "NOT_FOUND_IN_TENANT", Failed, NotFoundInTenant,
        "No row with that key is visible in the trusted tenant. A missing row and another tenant's row look the same on purpose.",
        "Check the id. If it is right, check which tenant the server runs for.";
    InvalidArgument, "INVALID_ARGUMENT", Usage, InvalidArgument,
        "The arguments do not fit the tool's input schema, or name something that only the trusted side may set.",
        "Send only the arguments the schema lists, with the types it lists.";
    PolicyViolation, "POLICY_VIOLATION", Refused, PolicyViolation,
        "A reviewed rule of the capability forbids the change: a bound, a state transition, or a value that looks like a secret.",
        "Propose a change within the rule, or ask the capability's owner to change the rule.";
    CapabilityNotFound, "CAPABILITY_NOT_FOUND", Usage, CapabilityNotFound,
        "No tool of that name is served, or it is a proposal tool on a read-only server.",
        "List the tools and use one of their names.";
    VersionConflict, "VERSION_CONFLICT", Conflict, VersionConflict,
        "The row changed since it was read or since the change was proposed. Nothing was written.",
        "Inspect the row again, then propose again from what it holds now.";
    MultiRowBlocked, "MULTI_ROW_BLOCKED", Failed, MultiRowBlocked,
        "The reviewed key matches more than one row, so no single row can be read or changed.",
        "Point `target.primary_key` at a column that is unique.";
    ApprovalRequired, "APPROVAL_REQUIRED", Refused, ApprovalRequired,
        "The change has not been approved, and nothing is applied without a decision.",
        "Run `synapsor-runner proposals approve <id>` first.";
    TemporarilyUnavailable, "TEMPORARILY_UNAVAILABLE", Unavailable, TemporarilyUnavailable,
        "The database or the ledger could not be reached, was too busy or ran out of time. Nothing was lost.",
        "Try again. If it persists, look at the runner's log under the request id.";
    Overloaded, "OVERLOADED", Unavailable, TemporarilyUnavailable,
        "The server, or one principal of it, has as many calls running or begun as its limits allow.",
        "Try again later, or raise `http.limits`.";
    DeadlineExceeded, "DEADLINE_EXCEEDED", Unavailable, TemporarilyUnavailable,
        "The call took longer than `http.limits.deadline_ms`, so it was stopped and its statement cancelled.",
        "Try again; if it persists, look at what the source database is doing.";
    InsufficientScope, "INSUFFICIENT_SCOPE", Refused, PolicyViolation,
        "The credential does not grant what the call needs: `read` for reading, `propose` for proposing.",
        "Use a credential that has the scope, or give it the scope.";
    Internal, "INTERNAL", Failed, Internal,
        "Something went wrong that has no better name. The details are in the runner's log under the request id.",
        "Look at the log under the request id.";

    ProposalNotFound, "PROPOSAL_NOT_FOUND", Failed, Internal,
        "The ledger holds no proposal of that id.",
        "Run `synapsor-runner proposals list` to see what there is.";
    ProposalNotPendingReview, "PROPOSAL_NOT_PENDING_REVIEW", Refused, Internal,
        "Only a proposal that waits for review can be approved.",
        "Look at its state with `synapsor-runner proposals show <id>`.";
    ProposalNotRejectable, "PROPOSAL_NOT_REJECTABLE", Refused, Internal,
        "Only a pending or approved proposal that nobody is applying can be rejected.",
        "Look at its state with `synapsor-runner proposals show <id>`.";
    ProposalExpired, "PROPOSAL_EXPIRED", Refused, ApprovalRequired,
        "The proposal waited longer than its capability's `approval.expires_in` allows.",
        "Propose the change again.";
    ProposalClosed, "PROPOSAL_CLOSED", Refused, Internal,
        "The proposal has ended and cannot be applied any more.",
        "Propose the change again if it is still wanted.";
    ShadowWritebackDisabled, "SHADOW_WRITEBACK_DISABLED", Refused, ApprovalRequired,
        "The proposal was made in shadow mode, which records what an agent would do and never applies it.",
        "Propose again with `mode` set to `review`.";
    ReadOnlyWritebackDisabled, "READ_ONLY_WRITEBACK_DISABLED", Refused, ApprovalRequired,
        "The configuration's `mode` does not allow writing.",
        "Set `mode` to `review` to apply approved proposals.";
    ContractChanged, "CONTRACT_CHANGED", Refused, ApprovalRequired,
        "The capability's reviewed parts differ from those the proposal was made under.",
        "Look at the difference, then propose again; the new proposal supersedes this one.";
    ProposalHashMismatch, "PROPOSAL_HASH_MISMATCH", Refused, Internal,
        "The recorded change does not hash to the value that was recorded or decided.",
        "Run `synapsor-runner store verify`; do not apply this proposal.";
    JobMismatch, "JOB_MISMATCH", Refused, Internal,
        "The job file differs from the job the ledger derives for this proposal.",
        "Export the job again with `synapsor-runner proposals writeback-job <id>`.";
    JobInvalid, "JOB_INVALID", Usage, Internal,
        "The file is not a writeback job this version understands.",
        "Export the job again with `synapsor-runner proposals writeback-job <id>`.";
    WritebackLeaseExpired, "WRITEBACK_LEASE_EXPIRED", Refused, Internal,
        "The job file's lease has passed.",
        "Export the job again with `synapsor-runner proposals writeback-job <id>`.";
    WritebackBusy, "WRITEBACK_BUSY", Unavailable, TemporarilyUnavailable,
        "Another process is applying this proposal and has not finished within its lease.",
        "Try again; if it persists, run `synapsor-runner reconcile <id>`.";
    WritebackTooLate, "WRITEBACK_TOO_LATE", Unavailable, TemporarilyUnavailable,
        "The write was not ready before its lease ended, so it was undone before COMMIT: another process may have taken over.",
        "Run `synapsor-runner apply <id>` again; raise the source's timeouts if it persists.";
    WritebackFenced, "WRITEBACK_FENCED", Done, Internal,
        "The unfinished apply wrote nothing and never can: a fence holds its place. The proposal is approved again.",
        "Run `synapsor-runner apply <id>`.";
    OutcomeUnknown, "OUTCOME_UNKNOWN", Unknown, TemporarilyUnavailable,
        "The change was sent but no answer came back, so whether it was committed is not known yet.",
        "Run `synapsor-runner reconcile <id>`; it asks the source database.";

    LostAfterApply, "LOST_AFTER_APPLY", Failed, Internal,
        "The ledger holds a receipt for a change that the source database has no receipt for: a failover, a restore or a deletion lost it.",
        "Compare the row with the proposal; if the change is gone and still wanted, propose it again.";
    ReceiptWithoutLedger, "RECEIPT_WITHOUT_LEDGER", Failed, Internal,
        "The source database holds this ledger's receipt for a change that the ledger does not know as applied: the ledger was restored or edited.",
        "Run `synapsor-runner apply <id>` if the proposal is there, which finds the receipt; else compare the ledger with a newer backup.";

    RowNotFound, "ROW_NOT_FOUND", Conflict, VersionConflict,
        "The row is no longer there for this tenant. Nothing was written.",
        "Inspect the row again, then propose again if it still applies.";
    WriteSuppressed, "WRITE_SUPPRESSED", Failed, Internal,
        "Every guard still held, yet the database changed no row: a trigger, rule or row-level policy swallowed the update.",
        "Check the table's triggers and policies for the writer role.";
    MultiRowWriteBlocked, "MULTI_ROW_WRITE_BLOCKED", Failed, MultiRowBlocked,
        "The update would have changed more than one row and was undone.",
        "Point `target.primary_key` at a column that is unique.";
    AfterImageMismatch, "AFTER_IMAGE_MISMATCH", Failed, Internal,
        "After the update the row did not hold exactly what was approved, so the update was undone. A trigger probably rewrote it.",
        "Check the table's triggers, or propose what the row would really hold.";
    VersionNotAdvanced, "VERSION_NOT_ADVANCED", Failed, Internal,
        "The update did not move the version column, so it was undone: a later stale change could not have been noticed.",
        "Choose `conflict_guard.advance` so that the version moves, or add a trigger that moves it.";
    ConstraintViolated, "CONSTRAINT_VIOLATED", Failed, PolicyViolation,
        "A constraint of the table refuses the change; it was undone.",
        "Propose a value that the table accepts.";
    ValueRefused, "VALUE_REFUSED", Failed, InvalidArgument,
        "The database does not accept a value for its column; nothing was written.",
        "Propose a value that fits the column.";
    PermissionDenied, "PERMISSION_DENIED", Failed, Internal,
        "The database role lacks a privilege that this needs.",
        "Run `synapsor-runner writeback doctor`; it names each missing grant. The runner's log names the object.";
    ObjectMissing, "OBJECT_MISSING", Failed, Internal,
        "A configured schema, table or column does not exist in the source database, or the role cannot see it.",
        "Compare the capability's `target` and columns with the database.";
    TransactionFailed, "TRANSACTION_FAILED", Failed, Internal,
        "The database refused the transaction; it was undone.",
        "Look at the runner's log under the request id.";
    ReceiptMismatch, "RECEIPT_MISMATCH", Failed, Internal,
        "The receipt table already holds this proposal's key with a different change.",
        "Do not apply again; compare the receipt row with the proposal.";
    ReceiptsMissing, "RECEIPTS_MISSING", Refused, Internal,
        "The receipt table is not in the source database, and the runner never creates it while applying.",
        "Create it once with `synapsor-runner writeback migration`.";
    ReceiptsUnsafe, "RECEIPTS_UNSAFE", Refused, Internal,
        "The receipt table could let a change be applied twice: it lacks a unique key or is not transactional.",
        "Run the statements of `synapsor-runner writeback migration`.";
    SourceChanged, "SOURCE_CHANGED", Refused, Internal,
        "The source database is not the one this proposal was made for.",
        "Point the source's URL back at that database, or propose again.";
    HandlerRefused, "HANDLER_REFUSED", Failed, Internal,
        "The app's handler refused the request before it began anything; the proposal is still approved.",
        "Run `synapsor-runner doctor --check-handlers`; the runner's log names the handler's code.";
    HandlerFailed, "HANDLER_FAILED", Failed, Internal,
        "The app's handler could not make the change, and undid what it had begun.",
        "Look at the handler's log, then propose again.";
    HandlerUnready, "HANDLER_UNREADY", Unavailable, TemporarilyUnavailable,
        "The app's handler did not answer a handshake as the protocol says, so nothing was sent to it.",
        "Run `synapsor-runner doctor --check-handlers`.";
    HandlerLacks, "HANDLER_CANNOT_REHEARSE", Refused, Internal,
        "The app's handler does not say that it can do a dry run, so none was asked of it.",
        "Apply without `--dry-run`, or add `dry_run` to what the handler supports.";
    HandlerUnsigned, "HANDLER_UNSIGNED", Refused, Internal,
        "Requests to a handler on another machine must be signed, and the executor has no signing secret.",
        "Set the executor's `signing_secret_env` and the variable it names, here and in the app.";
    HandlerWrites, "HANDLER_WRITES", Refused, Internal,
        "The app's handler writes this proposal's change; the runner must not write it itself.",
        "Run `synapsor-runner apply <id>`, which asks the handler.";
    RefusedTarget, "REFUSED_TARGET", Refused, PolicyViolation,
        "The target is not a plain transactional table, so one row cannot be changed exactly once there.",
        "Target the underlying table, or let the application write through a handler.";
    WriterMissing, "WRITER_MISSING", Refused, Internal,
        "The source has no writer credential, so nothing can be applied to it.",
        "Set the source's `write_url_env` and the variable it names.";
    CredentialMissing, "CREDENTIAL_MISSING", Usage, TemporarilyUnavailable,
        "An environment variable that the configuration names is not set.",
        "Set the variable (or the same name with `_FILE`) and start again.";
    CredentialInvalid, "CREDENTIAL_INVALID", Usage, TemporarilyUnavailable,
        "A database URL cannot be read. Its text is not shown, because it holds a password.",
        "Compare the variable's value with the URL forms in the documentation.";
    TrustedContextMissing, "TRUSTED_CONTEXT_MISSING", Usage, TemporarilyUnavailable,
        "The tenant or the principal is not set, and neither may come from the model.",
        "Set the variables that the trusted context names.";

    ConfigNotFound, "CONFIG_NOT_FOUND", Usage, Internal,
        "There is no configuration file at that path.",
        "Name one with `--config`, or run `synapsor-runner demo` to see one.";
    ConfigInvalid, "CONFIG_INVALID", Usage, Internal,
        "The configuration file has errors.",
        "Run `synapsor-runner config validate`; it lists every problem with its place and fix.";
    ConfigVanishedCapability, "CAPABILITY_NOT_IN_CONFIG", Refused, ApprovalRequired,
        "The capability the proposal was made with is not in the configuration any more.",
        "Use the configuration the proposal was made with, or reject the proposal.";

    HttpAuthTokenMissing, "HTTP_AUTH_TOKEN_MISSING", Usage, Internal,
        "Serving over HTTP needs a way to know its clients, and none is set up.",
        "Set `SYNAPSOR_RUNNER_HTTP_TOKEN`, or configure `http.tokens` or `http.jwt`.";
    HttpDevNoAuthUnsafeHost, "HTTP_DEV_NO_AUTH_UNSAFE_HOST", Refused, Internal,
        "Serving without authentication is for development on this machine, and the address is not a loopback one.",
        "Listen on 127.0.0.1, or leave `--dev-no-auth` out.";
    HttpCleartextUnsafeHost, "HTTP_CLEARTEXT_UNSAFE_HOST", Refused, Internal,
        "Without TLS, tokens and rows would cross the network in cleartext.",
        "Configure `http.tls`, listen on 127.0.0.1, or say with `--behind-tls-proxy` that a proxy in front has TLS.";
    AddressUnavailable, "ADDRESS_UNAVAILABLE", Failed, Internal,
        "The server cannot listen on that address: it is in use, not this machine's, or not allowed.",
        "Choose another `--host` or `--port`, or stop what listens there.";

    StoreMissing, "STORE_MISSING", Failed, TemporarilyUnavailable,
        "There is no ledger at that path.",
        "Name it with `--store`, or make one by serving or proposing.";
    StoreUnreadable, "STORE_UNREADABLE", Failed, TemporarilyUnavailable,
        "The ledger file cannot be opened: it is a directory, lacks permissions or is no SQLite database.",
        "Name another file with `--store`, or restore it from a backup.";
    StoreNewer, "STORE_NEWER", Failed, TemporarilyUnavailable,
        "The ledger was written by a newer version of the runner.",
        "Use that version or a newer one.";
    StoreCorrupt, "STORE_CORRUPT", Failed, TemporarilyUnavailable,
        "The ledger's records do not fit together: one was edited, cut or lost.",
        "Keep the file as it is, restore a backup, and run `synapsor-runner store verify` on both.";
    StoreInUse, "STORE_IN_USE", Refused, TemporarilyUnavailable,
        "A server is using this ledger.",
        "Stop the server, or use the override flag that the message names.";
    StoreReplaced, "STORE_REPLACED", Unavailable, TemporarilyUnavailable,
        "The ledger file was deleted or replaced under the running server.",
        "Restart the server.";
    RecordNotFound, "RECORD_NOT_FOUND", Failed, Internal,
        "The ledger holds no such record.",
        "List the records of that kind to see what there is.";
    ResourceNotFound, "RESOURCE_NOT_FOUND", Failed, Internal,
        "No such resource is visible to this principal.",
        "List the resources to see what there is.";
    NotShadowProposal, "NOT_SHADOW_PROPOSAL", Refused, Internal,
        "Human actions are recorded only for proposals made in shadow mode.",
        "Name a proposal that `synapsor-runner shadow list` shows.";
    ConfirmationRequired, "CONFIRMATION_REQUIRED", Usage, Internal,
        "The command changes something and there is no terminal to ask on.",
        "Add `--yes` if you mean it.";
    Usage, "USAGE", Usage, Internal,
        "The command line does not fit the command.",
        "Run the command with `--help`.";
    OutputExists, "OUTPUT_EXISTS", Usage, Internal,
        "The output file exists already and is not overwritten.",
        "Choose another path.";
    Io, "FILE_ERROR", Failed, Internal,
        "A file could not be read or written.",
        "Check the path and its permissions.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_explained() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.meaning().ends_with('.') && code.fix().ends_with('.'), "{}", code.text());
            assert!(code.text().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{}", code.text());
        }
    }

    #[test]
    fn envelope_codes_are_codes_of_their_own_with_the_same_face() {
        for face in Face::ALL {
            let code = Code::ALL.iter().find(|code| code.text() == face.text()).expect("every face is a code");
            assert_eq!(code.face(), *face);
        }
    }
}
