//! Cloud mode: its shape is known, its behaviour has not landed.

use super::code;
use super::report::Problems;
use super::shape::{Field, Items, Name, Section, Shape};
use super::tree::Node;

pub(crate) static CLOUD: Section = Section {
    name: "cloud",
    doc: "The cloud adapter; not supported yet",
    rules: None,
    fields: &[
        Field::new(
            "base_url_env",
            "The variable that holds the base URL",
            Shape::Name(Name::Env),
            &code::cloud::CLOUD_BASE_URL_ENV_REQUIRED,
        )
        .required(),
        Field::new(
            "runner_token_env",
            "The variable that holds the runner's token",
            Shape::Name(Name::Env),
            &code::cloud::CLOUD_RUNNER_TOKEN_ENV_REQUIRED,
        )
        .required(),
        Field::new("adapter_id", "The adapter's id", TEXT, &code::cloud::CLOUD_ADAPTER_ID_REQUIRED).required(),
        Field::new("source_id", "The source's id", TEXT, &code::cloud::INVALID_CLOUD_SOURCE_ID),
        Field::new("runner_id", "The runner's id", TEXT, &code::cloud::INVALID_CLOUD_RUNNER_ID),
        Field::new("runner_version", "The runner's version", TEXT, &code::cloud::INVALID_CLOUD_RUNNER_VERSION),
        Field::new("project_id", "The project's id", TEXT, &code::cloud::INVALID_CLOUD_PROJECT_ID),
        Field::new(
            "engines",
            "The engines that the runner serves",
            Shape::List(&ENGINES),
            &code::cloud::INVALID_CLOUD_ENGINES,
        ),
        Field::new(
            "capabilities",
            "The capabilities that the runner offers",
            Shape::List(&CAPABILITIES),
            &code::cloud::INVALID_CLOUD_CAPABILITIES,
        ),
        Field::new("session", "Settings of the session", Shape::Opaque, &code::cloud::INVALID_CLOUD_SESSION),
    ],
};

const TEXT: Shape = Shape::Text { blank: false };

static ENGINES: Items =
    Items { shape: Shape::Word(&["postgres", "mysql", "sqlite"]), bad: &code::cloud::INVALID_CLOUD_ENGINES, least: 1 };

static CAPABILITIES: Items = Items { shape: TEXT, bad: &code::cloud::INVALID_CLOUD_CAPABILITIES, least: 0 };

/// Refuses cloud mode; says whether it was asked for.
pub(crate) fn check(root: Node<'_>, problems: &mut Problems) -> bool {
    let mode = root.get("mode").filter(|mode| mode.text() == Some("cloud"));
    match (mode, root.get("cloud")) {
        (Some(mode), cloud) => {
            problems.add(&code::NOT_SUPPORTED_YET, mode, "the mode `cloud` is not supported yet");
            if cloud.is_none() {
                problems.missing(&code::cloud::CLOUD_CONFIG_REQUIRED, root, "cloud");
            }
        }
        (None, Some(cloud)) => {
            problems.add_key(
                &code::cloud::CLOUD_CONFIG_ONLY_FOR_CLOUD_MODE,
                cloud,
                "`cloud` belongs to the mode `cloud` only",
            );
        }
        (None, None) => {}
    }
    mode.is_some()
}
