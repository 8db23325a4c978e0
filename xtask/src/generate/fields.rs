//! The page about capabilities: prose, and a table of every field of the configuration.

use serde_json::{Map, Value as Json};
use synapsor_core::config;

const PROSE: &str = include_str!("capabilities.txt");

/// The sections that a reader wants first; the others follow by name.
const FIRST: [&str; 16] = [
    "capability",
    "target",
    "lookup",
    "arg",
    "binding",
    "bounds",
    "transition",
    "conflictGuard",
    "approval",
    "principalScope",
    "source",
    "pool",
    "ssl",
    "receipts",
    "session",
    "context",
];

/// Makes the page.
pub(super) fn page() -> Result<String, String> {
    let schema = config::schema();
    let sections = schema.get("$defs").and_then(Json::as_object).ok_or("the schema has no definitions")?;
    let mut page = format!("{PROSE}\n### The file\n\n");
    table(&schema, &mut page);
    let rest = sections.keys().map(String::as_str).filter(|name| !FIRST.contains(name));
    for name in FIRST.into_iter().chain(rest) {
        let section = sections.get(name).ok_or_else(|| format!("the schema has no `{name}`"))?;
        page.push_str(&format!("\n### {name}\n\n{}.\n\n", text(section, "description")));
        table(section, &mut page);
    }
    Ok(page)
}

fn table(section: &Json, page: &mut String) {
    let empty = Map::new();
    let fields = section.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let required: Vec<&str> =
        section.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    page.push_str("| field | value | what it means |\n|---|---|---|\n");
    for (name, field) in fields {
        let must = if required.contains(&name.as_str()) { " (required)" } else { "" };
        let default = field.get("default").map(|default| format!("; default `{default}`")).unwrap_or_default();
        let about = text(field, "description").replace('|', "\\|");
        page.push_str(&format!("| `{name}`{must} | {}{default} | {about} |\n", value(field)));
    }
}

/// What a value looks like, in words.
fn value(schema: &Json) -> String {
    let number = |key: &str| schema.get(key).map(Json::to_string);
    if let Some(path) = schema.get("$ref").and_then(Json::as_str) {
        let name = path.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`");
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match schema.get("type") {
        Some(Json::String(ty)) => match (ty.as_str(), schema.get("items"), schema.get("additionalProperties")) {
            ("array", Some(items), _) => format!("list of {}", value(items)),
            ("object", _, Some(entries @ Json::Object(_))) => format!("by name: {}", value(entries)),
            ("integer" | "number", ..) => match (number("minimum"), number("maximum")) {
                (Some(least), Some(most)) => format!("{ty}, {least} to {most}"),
                (Some(least), None) => format!("{ty}, at least {least}"),
                _ => ty.clone(),
            },
            _ => ty.clone(),
        },
        Some(Json::Array(types)) => types.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
        _ => "any".to_owned(),
    }
}

fn text<'a>(schema: &'a Json, key: &str) -> &'a str {
    schema.get(key).and_then(Json::as_str).unwrap_or_default()
}
