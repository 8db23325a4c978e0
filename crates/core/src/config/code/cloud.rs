//! The codes about cloud mode.

use super::Code;
use crate::problem::Level;

codes! {
    Error CLOUD_CONFIG_ONLY_FOR_CLOUD_MODE "there is a `cloud` block, but `mode` is not `cloud`"
        "remove `cloud`";
    Error CLOUD_CONFIG_REQUIRED "`mode` is `cloud`, but `cloud` is missing or is not an object"
        "use another `mode`, or add the `cloud` block";
    Error CLOUD_BASE_URL_ENV_REQUIRED "`cloud.base_url_env` is missing or is not the name of an environment variable"
        "name the variable that holds the base URL, such as `SYNAPSOR_CLOUD_BASE_URL`";
    Error CLOUD_RUNNER_TOKEN_ENV_REQUIRED "`cloud.runner_token_env` is missing or is not the name of an environment variable"
        "name the variable that holds the token, such as `SYNAPSOR_RUNNER_TOKEN`";
    Error CLOUD_ADAPTER_ID_REQUIRED "`cloud.adapter_id` is missing or blank"
        "give the adapter's id";
    Error INVALID_CLOUD_SOURCE_ID "`cloud.source_id` is not text, or is blank"
        "give the source's id, or remove it";
    Error INVALID_CLOUD_RUNNER_ID "`cloud.runner_id` is not text, or is blank"
        "give the runner's id, or remove it";
    Error INVALID_CLOUD_RUNNER_VERSION "`cloud.runner_version` is not text, or is blank"
        "give the runner's version, or remove it";
    Error INVALID_CLOUD_PROJECT_ID "`cloud.project_id` is not text, or is blank"
        "give the project's id, or remove it";
    Error INVALID_CLOUD_ENGINES "`cloud.engines` is not a list of engines, or is empty"
        "list `postgres`, `mysql` or `sqlite`, or remove it";
    Error INVALID_CLOUD_CAPABILITIES "`cloud.capabilities` is not a list of names"
        "list names that are not blank, or remove it";
    Error INVALID_CLOUD_SESSION "`cloud.session` is not an object"
        "write an object, or remove it";
}
