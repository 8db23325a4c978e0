//! Bringing a file to the present version of the format. Version 1 is the only one yet.

use serde_json::{Map, Value as Json};

use super::code;
use super::report::{problem, quoted};
use super::tree;
use crate::problem::Problem;

/// A config in the present version of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Migrated {
    /// The whole config, `version` first, without comments.
    pub json: Json,
    /// Whether more than comments and layout differ from the text.
    pub changed: bool,
}

/// Writes the config in the present version. A missing `version`, or one written as text, becomes the number.
///
/// # Errors
/// The text is not a JSON object, or is of a version that is not known.
pub fn migrate(text: &str) -> Result<Migrated, Box<Problem>> {
    let tree = tree::parse(text)?;
    let Some(root) = tree.root() else {
        return Ok(Migrated { json: Json::Null, changed: false });
    };
    if !root.is_object() {
        let message = "expected an object".to_owned();
        return Err(Box::new(problem(&code::CONFIG_NOT_OBJECT, root.path(), root.span(), message)));
    }
    let version = root.get("version");
    let is_current = version.is_some_and(|version| version.whole() == Some(1));
    if let Some(version) = version.filter(|version| !is_current && version.text() != Some("1")) {
        let shown = version.text().map_or_else(|| version.json().to_string(), quoted);
        let message = format!("there is no way from version {shown} to version 1");
        return Err(Box::new(problem(&code::UNSUPPORTED_CONFIG_VERSION, version.path(), version.span(), message)));
    }
    let mut json = Map::new();
    json.insert("version".to_owned(), 1.into());
    let rest = root.entries().filter_map(|entry| Some((entry.key()?.to_owned(), entry.json())));
    json.extend(rest.filter(|(key, _)| key != "version"));
    Ok(Migrated { json: Json::Object(json), changed: !is_current })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_one_is_the_end_of_the_road() {
        let check = |text: &str, expect: &str, changed: bool| {
            let migrated = migrate(text).unwrap();
            assert_eq!((migrated.json.to_string().as_str(), migrated.changed), (expect, changed), "{text}");
        };
        check("// old\n{\"mode\": \"review\", \"version\": 1,}", "{\"version\":1,\"mode\":\"review\"}", false);
        check("{\"mode\": \"review\"}", "{\"version\":1,\"mode\":\"review\"}", true);
        check("{\"version\": \"1\", \"x\": 1.10}", "{\"version\":1,\"x\":1.10}", true);
        let refused = |text: &str| migrate(text).unwrap_err().code;
        assert_eq!(refused("{\"version\": 2}"), "UNSUPPORTED_CONFIG_VERSION");
        assert_eq!(refused("{\"version\": null}"), "UNSUPPORTED_CONFIG_VERSION");
        assert_eq!(refused("[1]"), "CONFIG_NOT_OBJECT");
        assert_eq!(refused("{"), "CONFIG_NOT_JSON");
    }
}
