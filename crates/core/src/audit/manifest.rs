//! Tools in JSON of many shapes.

use serde_json::{Map, Value as Json};

use super::Listed;

/// Deeper than this nothing is looked for.
const DEEPEST: usize = 8;

/// What wraps lists of tools.
const WRAPPERS: [&str; 5] = ["result", "data", "adapter", "server", "manifest"];
/// What holds servers by their names.
const SERVERS: [&str; 2] = ["mcpServers", "servers"];

const NAMES: [&str; 3] = ["name", "tool_name", "toolName"];
const DESCRIPTIONS: [&str; 3] = ["description", "title", "summary"];
const OUTPUTS: [&str; 6] =
    ["outputSchema", "output_schema", "resultSchema", "result_schema", "output", "structuredContent"];

/// The tools in a document: `{tools: […]}`, the same in a wrapper or by server, or a list of objects with names.
#[must_use]
pub fn tools_in(document: &Json, server: &str) -> Vec<Listed> {
    let mut found = Vec::new();
    collect(document, &Place { server: server.to_owned(), path: "$".to_owned(), depth: 0 }, &mut found);
    found
}

struct Place {
    server: String,
    path: String,
    depth: usize,
}

impl Place {
    fn below(&self, step: &str) -> Self {
        Self { server: self.server.clone(), path: format!("{}{step}", self.path), depth: self.depth + 1 }
    }
}

fn collect(json: &Json, place: &Place, found: &mut Vec<Listed>) {
    if place.depth > DEEPEST {
        return;
    }
    match json {
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place = place.below(&format!("[{index}]"));
                match item {
                    Json::Object(map) if name_of(map).is_some() && !map.contains_key("tools") => {
                        found.extend(listed(map, &place));
                    }
                    _ => collect(item, &place, found),
                }
            }
        }
        Json::Object(map) => {
            if let Some(tools) = map.get("tools") {
                collect(tools, &place.below(".tools"), found);
            }
            for key in WRAPPERS {
                if let Some(inner) = map.get(key) {
                    collect(inner, &place.below(&format!(".{key}")), found);
                }
            }
            for key in SERVERS {
                for (name, server) in map.get(key).and_then(Json::as_object).into_iter().flatten() {
                    let place = Place { server: name.clone(), ..place.below(&format!(".{key}.{name}")) };
                    collect(server, &place, found);
                }
                if let Some(list @ Json::Array(_)) = map.get(key) {
                    collect(list, &place.below(&format!(".{key}")), found);
                }
            }
        }
        _ => {}
    }
}

fn name_of(map: &Map<String, Json>) -> Option<&str> {
    NAMES.iter().find_map(|key| map.get(*key)?.as_str())
}

fn listed(map: &Map<String, Json>, place: &Place) -> Option<Listed> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| map.get(*key)?.as_str()).unwrap_or_default();
    Some(Listed {
        server: place.server.clone(),
        path: place.path.clone(),
        name: name_of(map)?.to_owned(),
        description: text(&DESCRIPTIONS).to_owned(),
        describes_output: OUTPUTS.iter().any(|key| map.get(*key).is_some_and(|value| !value.is_null())),
        annotations: map.get("annotations").and_then(Json::as_object).cloned().unwrap_or_default(),
        entry: Json::Object(map.clone()),
    })
}
