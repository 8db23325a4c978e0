//! The JSON Schema of the file, made from the same tables as the checker.

use serde_json::{Map, Value as Json, json};

use super::age;
use super::root::ROOT;
use super::shape::{Entries, Field, Literal, Name, Section, Shape, Support};
use crate::args::RESERVED;

/// The JSON Schema (2020-12) of the file.
///
/// It says the shape that [`super::read`] demands with `strict: true`. What needs a look elsewhere in the file, such as
/// whether a name is defined, only `read` can say.
#[must_use]
pub fn schema() -> Json {
    let mut definitions = Map::new();
    let mut schema = section(&ROOT, &mut definitions);
    definitions.sort_keys();
    schema.insert("$defs".to_owned(), Json::Object(definitions));
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    whole.insert("title".to_owned(), "synapsor.runner.json".into());
    whole.extend(schema);
    Json::Object(whole)
}

fn section(section: &Section, definitions: &mut Map<String, Json>) -> Map<String, Json> {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), section.doc.into());
    schema.insert("type".to_owned(), "object".into());
    let properties = section.fields.iter().map(|entry| (entry.key.to_owned(), field(entry, definitions)));
    let properties: Map<_, _> = properties.collect();
    schema.insert("properties".to_owned(), Json::Object(properties));
    let required: Vec<_> = section.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    if let Some(Json::Object(rules)) = section.rules.map(|rules| rules()) {
        schema.extend(rules);
    }
    schema
}

fn field(field: &Field, definitions: &mut Map<String, Json>) -> Json {
    let mut schema = Map::new();
    let later = if field.support == Support::Yes { "" } else { "; not supported yet" };
    schema.insert("description".to_owned(), format!("{}{later}", field.doc).into());
    schema.extend(shape(&field.shape, definitions));
    if let Some(default) = field.default {
        let default = match default {
            Literal::Flag(flag) => json!(flag),
            Literal::Whole(whole) => json!(whole),
            Literal::Text(text) => json!(text),
        };
        schema.insert("default".to_owned(), default);
    }
    Json::Object(schema)
}

/// A shape as a schema; what it refers to goes to `definitions`.
pub(crate) fn shape(shape: &Shape, definitions: &mut Map<String, Json>) -> Map<String, Json> {
    let schema = match shape {
        Shape::Any => json!({}),
        Shape::Opaque => json!({"type": "object"}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Text { blank: true } => json!({"type": "string"}),
        Shape::Text { blank: false } => json!({"type": "string", "pattern": "\\S"}),
        Shape::Number => json!({"type": "number"}),
        Shape::Scalar => json!({"type": ["string", "number", "boolean", "null"]}),
        Shape::Whole { from, to } if from == to => json!({"const": from}),
        Shape::Whole { from, to: u64::MAX } => json!({"type": "integer", "minimum": from}),
        Shape::Whole { from, to } => json!({"type": "integer", "minimum": from, "maximum": to}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Name(name) => json!({"type": "string", "pattern": name.pattern()}),
        Shape::Age => json!({"type": "string", "pattern": age::PATTERN}),
        Shape::Form(form) => json!({"type": "string", "pattern": form.pattern}),
        Shape::Names => json!({"anyOf": [
            {"type": "string", "pattern": "^[A-Za-z0-9_, ]+$"},
            {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": Name::Ident.pattern()}},
        ]}),
        Shape::List(items) => {
            let entries = self::shape(&items.shape, definitions);
            with_least(json!({"type": "array", "items": entries}), "minItems", items.least)
        }
        Shape::Map(entries) => map(entries, definitions),
        Shape::Section(section) => {
            if !definitions.contains_key(section.name) {
                definitions.insert(section.name.to_owned(), Json::Null);
                let definition = self::section(section, definitions);
                definitions.insert(section.name.to_owned(), Json::Object(definition));
            }
            json!({"$ref": format!("#/$defs/{}", section.name)})
        }
    };
    if let Json::Object(schema) = schema { schema } else { Map::new() }
}

fn map(entries: &Entries, definitions: &mut Map<String, Json>) -> Json {
    let mut names = json!({"pattern": entries.key.pattern()});
    if let (Name::Arg, Some(names)) = (entries.key, names.as_object_mut()) {
        names.insert("not".to_owned(), json!({"enum": RESERVED}));
    }
    let values = shape(&entries.shape, definitions);
    let schema = json!({"type": "object", "propertyNames": names, "additionalProperties": values});
    with_least(schema, "minProperties", entries.least)
}

fn with_least(mut schema: Json, key: &str, least: usize) -> Json {
    if let Some(schema) = schema.as_object_mut().filter(|_| least > 0) {
        schema.insert(key.to_owned(), least.into());
    }
    schema
}
