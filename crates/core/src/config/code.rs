//! Every code that the config checker can give, with its meaning and fix. Docs pages and `explain` are made from it.

use crate::problem::Level;

/// Every code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    ALL.iter().chain(cloud::ALL).chain(http::ALL).chain(selection::ALL).copied()
}

/// One code of the config checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code itself, such as `UNKNOWN_FIELD`.
    pub name: &'static str,
    /// Whether it stops the config from being used; `strict: false` turns `UNKNOWN_FIELD` into a warning.
    pub level: Level,
    /// When it is given, in one line.
    pub meaning: &'static str,
    /// What to change.
    pub fix: &'static str,
}

/// The code of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

macro_rules! codes {
    ($($level:ident $name:ident $meaning:literal $fix:literal;)*) => {
        $(
            #[doc = concat!("When ", $meaning, ".")]
            pub const $name: Code =
                Code { name: stringify!($name), level: Level::$level, meaning: $meaning, fix: $fix };
        )*

        /// Those of this module, in the order of the file's sections.
        pub(super) const ALL: &[&Code] = &[$(&$name),*];
    };
}

// The macro above must come first.
pub(crate) mod cloud;
pub(crate) mod http;
pub(crate) mod selection;

codes! {
    Error CONFIG_NOT_JSON "the text is not JSON (comments and trailing commas are allowed)"
        "correct the text at the marked place";
    Error CONFIG_TOO_DEEP "objects and arrays are nested more than 64 deep"
        "remove the nesting: no config field needs more than ten levels";
    Error CONFIG_NOT_OBJECT "the whole file is not one JSON object"
        "put everything between one pair of braces";
    Error DUPLICATE_KEY "an object has the same key twice, so one of the values would be lost"
        "keep one of them";
    Error NUMBER_OUT_OF_RANGE "a number has more than 100 characters or is too large or too small for a double"
        "write a number between -1e308 and 1e308";
    Error UNKNOWN_FIELD "an object has a key that the config does not know (a warning with `strict: false`)"
        "remove the key, or correct its spelling";
    Error INLINE_DATABASE_URL_FORBIDDEN "a key such as `url` or `connection_string` would put a database URL into the file"
        "name an environment variable in `read_url_env` or `write_url_env`";
    Error SECRET_VALUE_FORBIDDEN "a text holds what looks like a secret, such as a URL with a password or a token"
        "keep secrets in environment variables, and name those in the file";
    Error ARBITRARY_SQL_FORBIDDEN "a key such as `sql` or `statement` would put SQL into the file"
        "describe the action with `target`, `visible_columns` and `patch`; the runner writes the SQL";
    Error NOT_SUPPORTED_YET "a field or value is known but this version cannot honour it, and will not ignore it"
        "remove it, or wait for a version that supports it";
    Error INVALID_SCHEMA_REFERENCE "`$schema` is not text"
        "give the path or URL of the JSON Schema, or remove `$schema`";
    Error UNSUPPORTED_CONFIG_VERSION "`version` is missing or is not 1"
        "write `\"version\": 1`";
    Error INVALID_MODE "`mode` is missing or is not a mode"
        "use `read_only`, `shadow` or `review`";
    Error INVALID_RESULT_FORMAT "`result_format` is neither 1 nor 2"
        "use 2, or 1 for the older shape of results";
    Error INVALID_STRICT "`strict` is not true or false"
        "use `true`, or `false` to make unknown keys warnings";
    Error STORAGE_NOT_OBJECT "`storage` is not an object"
        "write `\"storage\": {\"sqlite_path\": \"./.synapsor/local.db\"}`";
    Error INVALID_SQLITE_PATH "`storage.sqlite_path` is not text, or is blank"
        "give a path such as `./.synapsor/local.db`, or `:memory:`";
    Error INVALID_POSTGRES_URL_ENV "`storage.postgres_url_env` is not the name of an environment variable"
        "name a variable in capitals, such as `LEDGER_URL`";
    Error INVALID_DURABILITY "`storage.durability` is not a known word"
        "use `full` or `paranoid`";
    Error OPERATORS_NOT_OBJECT "`operators` is not an object"
        "map each operator's name to its keys, roles and principals";
    Error EVENTS_NOT_OBJECT "`events` is not an object"
        "write an object, or remove `events`";

    Error SOURCES_REQUIRED "`sources` is missing, empty or not an object"
        "add a source with `engine` and `read_url_env`";
    Error UNSAFE_SOURCE_NAME "a source's name is not letters, digits and underscores"
        "rename it, for example `app_postgres`";
    Error SOURCE_NOT_OBJECT "a source is not an object"
        "write an object with `engine` and `read_url_env`";
    Error INVALID_SOURCE_ENGINE "a source's `engine` is missing or unknown"
        "use `postgres`, `mysql` (also for MariaDB) or `sqlite`";
    Error READ_URL_ENV_REQUIRED "a source's `read_url_env` is missing or is not the name of an environment variable"
        "name the variable that holds the reader's URL, such as `APP_READ_URL`; never the URL itself";
    Error INVALID_WRITE_URL_ENV "a source's `write_url_env` is not the name of an environment variable"
        "name the variable that holds the writer's URL, such as `APP_WRITE_URL`; never the URL itself";
    Error INVALID_SOURCE_READ_ONLY "a source's `read_only` is not true or false"
        "use `true` to forbid direct writes to this source, else `false`";
    Error INVALID_TIMEOUT "a timeout is not a whole number of milliseconds, at least 1"
        "give milliseconds, such as 3000";
    Error POOL_NOT_OBJECT "a source's `pool` is not an object"
        "write `{\"max_connections\": 10, \"acquire_timeout_ms\": 2000}`";
    Error INVALID_POOL_SIZE "a pool's `max_connections` is not a whole number from 1 to 1000"
        "give the most connections that this runner may hold, such as 10";
    Error SSL_NOT_OBJECT "a source's `ssl` is not an object"
        "write `{\"mode\": \"verify-full\"}`, or remove `ssl`";
    Error INVALID_SSL_MODE "`ssl.mode` is not a known mode"
        "use `disable`, `prefer`, `require`, `verify-ca` or `verify-full`";
    Error INVALID_SSL_CA_FILE "`ssl.ca_file` is not text, or is blank"
        "give the path of a PEM file";
    Error SSL_CA_FILE_UNUSED "`ssl.ca_file` is given, but `ssl.mode` does not verify certificates"
        "use `verify-ca` or `verify-full`, or remove `ca_file`";
    Error SSL_NOT_FOR_SQLITE "a SQLite source has `ssl`, which would have no effect"
        "remove `ssl`";
    Error RECEIPTS_NOT_OBJECT "a source's `receipts` is not an object"
        "write `{\"schema\": \"app\", \"table\": \"synapsor_writeback_receipts\"}`, or remove it";
    Error INVALID_RECEIPTS_IDENTIFIER "the schema or table of `receipts` is not a plain identifier"
        "use letters, digits and underscores";
    Error SESSION_NOT_OBJECT "a source's `session` is not an object"
        "write `{\"tenant_setting\": \"app.tenant_id\"}`, or remove `session`";
    Error SESSION_EMPTY "a source's `session` names no setting, so it would have no effect"
        "name a `tenant_setting`, a `principal_setting` or both, or remove `session`";
    Error INVALID_SESSION_SETTING "a setting of `session` is no name with exactly one dot"
        "name a setting that your policies read with `current_setting`, such as `app.tenant_id`";
    Error SESSION_NOT_FOR_ENGINE "a source that is not PostgreSQL has `session`, which would have no effect"
        "remove `session`; row-level security by settings exists on PostgreSQL only";
    Error SQLITE_SCHEMA_MUST_BE_MAIN "a schema other than `main` is named for a SQLite source"
        "use `\"schema\": \"main\"`";

    Error CONTEXTS_NOT_OBJECT "`contexts` is not an object"
        "map each context's name to its `provider` and `values`";
    Error INVALID_CONTEXT_NAME "a context's name is not a plain name"
        "use letters, digits, `_`, `.` and `-`";
    Error TRUSTED_CONTEXT_NOT_OBJECT "`trusted_context` or a named context is not an object"
        "write an object with `provider` and `values`";
    Error INVALID_CONTEXT_PROVIDER "a context's `provider` is missing or unknown"
        "use `environment`, `http_claims` for clients that prove who they are, or `static_dev` for development";
    Error CONTEXT_VALUES_NOT_OBJECT "a context's `values` is not an object"
        "write `{\"tenant_id_env\": \"SYNAPSOR_TENANT_ID\", \"principal_env\": \"SYNAPSOR_PRINCIPAL\"}`";
    Error INVALID_CONTEXT_ENV "a context's `tenant_id_env` or `principal_env` is not the name of an environment variable"
        "name a variable in capitals, such as `SYNAPSOR_TENANT_ID`";
    Error INVALID_CONTEXT_LITERAL "a context's `tenant_id` or `principal` is not text, or is blank"
        "give text that is not blank";
    Error CONTEXT_VALUE_REQUIRED "a `static_dev` context names no tenant or no principal"
        "give `tenant_id` and `principal`, or name variables in `tenant_id_env` and `principal_env`";
    Error TRUSTED_CONTEXT_REQUIRED "there is no `trusted_context`, and some capability names no `context`"
        "add `trusted_context`, or a `context` to every capability";
    Warning STATIC_DEV_CONTEXT "a context takes tenant and principal from the file, which suits development only"
        "use the provider `environment` anywhere else";
    Warning CONTEXT_LITERAL_UNUSED "a literal tenant or principal is given to a provider that does not use it"
        "remove it, or use the provider `static_dev`";
    Warning CONTEXT_VALUE_UNUSED "a context of the provider `http_claims` names a variable or a literal, but each client proves its own tenant and principal"
        "remove it; for one tenant and principal of the whole process, use the provider `environment`";

    Error EXECUTORS_NOT_OBJECT "`executors` is not an object"
        "map each executor's name to its `type`";
    Error INVALID_EXECUTOR_NAME "an executor's name is not a plain name, or is `sql_update` for another type"
        "use letters, digits, `_`, `.` and `-`; keep `sql_update` for direct writes";
    Error EXECUTOR_NOT_OBJECT "an executor is not an object"
        "write an object with `type`";
    Error INVALID_EXECUTOR_TYPE "an executor's `type` is missing or unknown"
        "use `sql_update`, `http_handler` or `command_handler`";
    Error HANDLER_URL_ENV_REQUIRED "an HTTP handler's `url_env` is missing or is not the name of an environment variable"
        "name the variable that holds the handler's URL, such as `SYNAPSOR_APP_WRITEBACK_URL`";
    Error INVALID_HANDLER_METHOD "a handler's `method` is not POST, PUT or PATCH"
        "use `POST`";
    Error HANDLER_SIGNING_SECRET_ENV_INVALID "a handler's `signing_secret_env` is not the name of an environment variable"
        "name a variable in capitals, such as `APP_SIGNING_SECRET`";
    Error INVALID_HANDLER_TIMEOUT "a handler's `timeout_ms` is not a whole number of milliseconds, at least 1"
        "give milliseconds, such as 5000";
    Error COMMAND_ENV_REQUIRED "a command handler's `command_env` is missing or is not the name of an environment variable"
        "name the variable that holds the command, such as `SYNAPSOR_APP_WRITEBACK_COMMAND`";
    Error INVALID_PASS_ENV "`pass_env` is not a list of names of environment variables"
        "list variables in capitals, such as `[\"APP_TOKEN\"]`";
    Error EXECUTOR_AUTH_NOT_OBJECT "an executor's `auth` is not an object"
        "write `{\"type\": \"bearer_env\", \"token_env\": \"APP_TOKEN\"}`";
    Error INVALID_EXECUTOR_AUTH "an executor's `auth.type` is missing or unknown"
        "use `bearer_env`";
    Error EXECUTOR_TOKEN_ENV_REQUIRED "an executor's `auth.token_env` is missing or is not the name of an environment variable"
        "name the variable that holds the token, such as `SYNAPSOR_APP_WRITEBACK_TOKEN`";
    Error HANDLER_NEEDS_VERSION "changes are handed to the app's handler, but no version column shows whether the row changed"
        "name the version column in `conflict_guard.column`";
    Error HANDLER_NEEDS_TENANT "changes are handed to the app's handler, but no tenant column says whose row it is"
        "name the tenant column in `target.tenant_key`";
    Error EXECUTOR_INVALID_IN_READ_ONLY "`mode` is `read_only`, but a handler for writes is configured"
        "remove the executor, or serve this file with `--read-only` and another `mode`";

    Error CAPABILITIES_REQUIRED "`capabilities` is missing, empty or not a list"
        "add at least one capability";
    Error CAPABILITY_NOT_OBJECT "a capability is not an object"
        "write an object with `name`, `kind`, `source`, `target`, `args`, `lookup` and `visible_columns`";
    Error INVALID_CAPABILITY_NAME "a capability's `name` is missing or is not `namespace.action`"
        "use one dot, such as `billing.inspect_invoice`";
    Error DUPLICATE_CAPABILITY_NAME "two capabilities have the same name"
        "rename one of them";
    Error INVALID_CAPABILITY_KIND "a capability's `kind` is missing or unknown"
        "use `read` or `proposal`";
    Error INVALID_CAPABILITY_DESCRIPTION "a capability's `description` is not text, or is blank"
        "say in a sentence what the action is for, or remove it";
    Error INVALID_RETURNS_HINT "a capability's `returns_hint` is not text, or is blank"
        "say in a sentence what comes back, or remove it";
    Error UNKNOWN_SOURCE "a capability's `source` is missing or is not in `sources`"
        "name one of the configured sources";
    Error UNKNOWN_CONTEXT "a capability's `context` is not in `contexts`"
        "name one of the configured contexts, or remove it to use `trusted_context`";
    Error INVALID_EXECUTOR_REFERENCE "a capability's `executor` is not text, or is blank"
        "use `sql_update` or the name of a configured executor";
    Error UNKNOWN_EXECUTOR "a capability's `executor` is not in `executors`"
        "use `sql_update` or the name of a configured executor";
    Error READ_ONLY_SOURCE_DIRECT_WRITEBACK "a proposal would be written directly to a source with `read_only: true`"
        "give the capability an executor of its own, or remove `read_only` from the source";
    Error INVALID_MAX_ROWS "`max_rows` is not a whole number, at least 1"
        "use 1, or remove it";
    Warning MAX_ROWS_ABOVE_ONE "`max_rows` is above 1, but a read needs exactly one row"
        "use 1, or remove it";
    Warning EVIDENCE_ALWAYS_REQUIRED "`evidence` is not `required`, but evidence is always kept"
        "use `\"required\"`, or remove it";
    Warning WRITEBACK_DISABLED "proposals of a capability can be approved but not applied: its source has no `write_url_env`"
        "add `write_url_env` to the source";
    Warning PROPOSAL_FIELD_ON_READ "a `read` capability has a field that only proposals use"
        "remove it, or use `\"kind\": \"proposal\"`";
    Error TARGET_REQUIRED "a capability's `target` is missing or is not an object"
        "write an object with `schema`, `table`, `primary_key` and `tenant_key`";
    Error INVALID_TARGET_IDENTIFIER "a target's `schema`, `table` or `primary_key` is missing or is not a plain identifier"
        "use letters, digits and underscores";
    Error TENANT_GUARD_REQUIRED "a target has neither a `tenant_key` column nor `single_tenant_dev: true`, or has both"
        "name the column that holds the tenant, such as `tenant_id`";
    Warning SINGLE_TENANT_DEV_EXCEPTION "a target's rows are not separated by tenant, which suits development only"
        "name the tenant column in `tenant_key`";
    Error PRINCIPAL_SCOPE_NOT_OBJECT "`principal_scope` is not an object"
        "write `{\"column\": \"owner_id\"}`";
    Error PRINCIPAL_SCOPE_COLUMN_REQUIRED "`principal_scope.column` is missing or is not a plain identifier"
        "name the column that holds the principal";

    Error ARGS_REQUIRED "a capability's `args` is missing, empty or not an object"
        "add the argument that holds the row's key";
    Error INVALID_ARG_NAME "an argument's name is not letters, digits and underscores"
        "rename it, for example `invoice_id`";
    Error MODEL_CONTROLLED_RESERVED_ARG "an argument's name is reserved: the model must never choose tenant, principal, table or column"
        "rename the argument; tenant and principal come from the trusted context";
    Error ARG_NOT_OBJECT "an argument is not an object"
        "write an object with `type`";
    Error INVALID_ARG_TYPE "an argument's `type` is missing or unknown"
        "use `string`, `number` or `boolean`";
    Error INVALID_ARG_DESCRIPTION "an argument's `description` is not text, or is blank"
        "say in a sentence what it holds, or remove it";
    Error INVALID_ARG_REQUIRED "an argument's `required` is not true or false"
        "use `false` for an optional argument, else `true`";
    Error INVALID_MAX_LENGTH "`max_length` is not a whole number, at least 1, or the argument is not a string"
        "give the longest text in characters, on string arguments only";
    Error NUMERIC_BOUNDS_REQUIRE_NUMBER "bounds are set on something that is not a number"
        "use `\"type\": \"number\"`, or remove the bounds";
    Error INVALID_MINIMUM "`minimum` is not a number"
        "give a number, not text";
    Error INVALID_MAXIMUM "`maximum` is not a number"
        "give a number, not text";
    Error INVALID_NUMERIC_RANGE "`minimum` is above `maximum`"
        "swap or correct the bounds";
    Error INVALID_ARG_ENUM "`enum` is empty, not a list, or holds a value that the argument may not hold"
        "list values of the argument's own type, within its bounds";
    Error INVALID_ARG_DEFAULT "`default` is not a value that the argument may hold"
        "give a value of the argument's own type, within its bounds and its `enum`";
    Error ARG_DEFAULT_ON_REQUIRED "an argument has a `default` and also `required: true`, so the default could never be used"
        "remove one of the two";

    Error LOOKUP_REQUIRED "a capability's `lookup` is missing or is not an object"
        "write `{\"id_from_arg\": \"invoice_id\"}`";
    Error LOOKUP_ARG_REQUIRED "`lookup.id_from_arg` is missing or blank"
        "name the argument that holds the row's key";
    Error UNKNOWN_LOOKUP_ARG "`lookup.id_from_arg` names an argument that is not in `args`"
        "name one of the capability's arguments";
    Error LOOKUP_ARG_MUST_BE_REQUIRED "the argument that holds the row's key is optional"
        "remove `required: false` and `default` from it";
    Error VISIBLE_COLUMNS_REQUIRED "`visible_columns` is missing, empty or not a list"
        "list the columns that the model may see";
    Error INVALID_VISIBLE_COLUMN "an entry of `visible_columns` is not a plain identifier"
        "use letters, digits and underscores";
    Warning DUPLICATE_COLUMN "a list names the same column twice"
        "remove one of the two";
    Error INVALID_SENSITIVE_COLUMNS_ACK "`sensitive_columns_ack` is not a list of plain identifiers"
        "list the columns that are harmless despite their names";
    Error SENSITIVE_COLUMN_NOT_ACKNOWLEDGED "a column that would be read and shown has a name that looks like a secret's"
        "remove the column, or list it in `sensitive_columns_ack` if its values are harmless";

    Error PATCH_REQUIRED "a proposal's `patch` is missing, empty or not an object"
        "map each column to be changed to `{\"fixed\": value}` or `{\"from_arg\": name}`";
    Error INVALID_PATCH_COLUMN "a key of `patch` is not a plain identifier"
        "use letters, digits and underscores";
    Error DUPLICATE_PATCH_COLUMN "two keys of `patch` differ only in capitals, so they may be one column"
        "keep one of them";
    Error PATCH_BINDING_NOT_OBJECT "a column of `patch` is not mapped to an object"
        "write `{\"fixed\": value}` or `{\"from_arg\": name}`";
    Error INVALID_PATCH_BINDING "a column of `patch` has not exactly one of `fixed` and `from_arg`, or `fixed` is not a plain value"
        "keep one of the two; `fixed` takes text, a number, true, false or null";
    Error INVALID_PATCH_ARG "`from_arg` is not text, or is blank"
        "name one of the capability's arguments";
    Error UNKNOWN_PATCH_ARG "`from_arg` names an argument that is not in `args`"
        "name one of the capability's arguments";
    Error PATCH_COLUMN_NOT_ALLOWED "a column of `patch` is not in `allowed_columns`"
        "add it to `allowed_columns`, or remove it from `patch`";
    Error ALLOWED_COLUMNS_REQUIRED "a proposal's `allowed_columns` is missing, empty or not a list"
        "list the columns that a reviewed change may touch";
    Error INVALID_ALLOWED_COLUMN "an entry of `allowed_columns` is not a plain identifier"
        "use letters, digits and underscores";
    Error PROTECTED_COLUMN_ALLOWED "`allowed_columns` holds the key, the tenant column or the principal's column, which never change"
        "remove it from `allowed_columns`";

    Error NUMERIC_BOUNDS_NOT_OBJECT "`numeric_bounds` is not an object"
        "map patched columns to `{\"minimum\": 0, \"maximum\": 100}`";
    Error INVALID_NUMERIC_BOUND_COLUMN "a key of `numeric_bounds` is not a plain identifier"
        "use letters, digits and underscores";
    Error NUMERIC_BOUND_PATCH_COLUMN_REQUIRED "`numeric_bounds` names a column that is not in `patch`"
        "add the column to `patch`, or remove its bounds";
    Error NUMERIC_BOUND_NOT_OBJECT "a column's bounds are not an object"
        "write `{\"minimum\": 0, \"maximum\": 100}`";
    Error NUMERIC_BOUND_EMPTY "a column's bounds have neither `minimum` nor `maximum`"
        "add one of them, or remove the column";
    Error FIXED_VALUE_OUT_OF_BOUNDS "a fixed value of `patch` breaks its own `numeric_bounds`"
        "correct the value or the bounds";
    Error TRANSITION_GUARDS_NOT_OBJECT "`transition_guards` is not an object"
        "map patched columns to `{\"allowed\": {\"open\": [\"closed\"]}}`";
    Error INVALID_TRANSITION_GUARD_COLUMN "a key of `transition_guards` is not a plain identifier"
        "use letters, digits and underscores";
    Error TRANSITION_PATCH_COLUMN_REQUIRED "`transition_guards` names a column that is not in `patch`"
        "add the column to `patch`, or remove its guard";
    Error TRANSITION_GUARD_NOT_OBJECT "a column's transition guard is not an object"
        "write `{\"allowed\": {\"open\": [\"closed\"]}}`";
    Error INVALID_TRANSITION_FROM_COLUMN "a transition guard's `from_column` is not a plain identifier"
        "use letters, digits and underscores";
    Error TRANSITION_FROM_COLUMN_NOT_VISIBLE "a transition guard starts from a column that is not read"
        "add the column to `visible_columns`";
    Error TRANSITION_ALLOWED_REQUIRED "a transition guard's `allowed` is missing, empty or not an object"
        "map each present state to the states it may become";
    Error TRANSITION_FROM_REQUIRED "a present state in `allowed` is blank"
        "name the state";
    Error TRANSITION_TO_VALUES_REQUIRED "the states that a state may become are not a list of text, or the list is empty"
        "list at least one state";
    Error FIXED_VALUE_NOT_A_TRANSITION "a fixed value of `patch` is a state that its transition guard never allows"
        "correct the value, or add it to `allowed`";

    Error CONFLICT_GUARD_REQUIRED "a proposal's `conflict_guard` is missing or is not an object"
        "write `{\"column\": \"updated_at\"}`";
    Error CONFLICT_GUARD_COLUMN_REQUIRED "`conflict_guard` has neither a `column` nor `weak_guard_ack: true`"
        "name the column that changes with every update, such as `updated_at`";
    Error CONFLICT_GUARD_COLUMN_IS_KEY "`conflict_guard.column` is the key or the tenant column, which never change"
        "name a column that changes with every update, such as `updated_at`";
    Error INVALID_WEAK_GUARD_ACK "`conflict_guard.weak_guard_ack` is not true or false"
        "use `true` to compare all visible columns where there is no version column";
    Error INVALID_ADVANCE "`conflict_guard.advance` is not a known word"
        "use `auto`, `increment`, `now` or `database`";
    Error ADVANCE_REQUIRES_COLUMN "`conflict_guard.advance` is given without a `column` to advance"
        "name the version column, or remove `advance`";
    Error VERSION_COLUMN_PATCHED "`patch` sets the version column that `advance` would also set"
        "remove the column from `patch`, or use `\"advance\": \"auto\"`";
    Error INVALID_GUARD_COVER "`conflict_guard.guard` is not a known word, or is `patched` without a version column"
        "use `patched` or `visible`";
    Error INVALID_CASCADE_ACK "`conflict_guard.cascade_ack` is not true or false"
        "use `true` to allow patching a column that others reference with a cascade";
    Error INVALID_REQUIRE_FRESH_READ "`conflict_guard.require_fresh_read` is not true or false"
        "use `true` to demand a recent read of the row before a proposal";
    Error APPROVAL_NOT_OBJECT "`approval` is not an object"
        "write `{\"mode\": \"human\", \"required_role\": \"billing_lead\"}`";
    Error INVALID_APPROVAL_MODE "`approval.mode` is not `human`"
        "use `human`, or remove it";
    Error INVALID_REQUIRED_ROLE "`approval.required_role` is not text, or is blank"
        "name a role, such as `billing_lead`";
    Error INVALID_QUORUM "`approval.quorum` is not a whole number from 1 to 10"
        "use 1, or remove it";
    Error QUORUM_NEEDS_OPERATORS "`approval.quorum` is above 1, but without `operators` nobody can prove to be two people"
        "use 1, or remove it";
    Error INVALID_EXPIRES_IN "`approval.expires_in` is not a whole number with `s`, `m`, `h` or `d`, from `1s` to `3650d`"
        "write for example `12h` or `7d`";
    Error INVALID_ALLOW_SELF "`approval.allow_self` is not true or false"
        "use `true` to let a proposal's own principal approve it, else `false`";

}
