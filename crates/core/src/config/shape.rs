//! The shape of the file as data: the one list of keys that both the checker and the JSON Schema are made from.
//!
//! This is the mirror type of the file. What the tables say is checked here, for the whole file at once; the modules
//! that then build the contract meet only the rules between fields, and are silent about what was reported here.

use super::code::{self, Code};
use super::report::{Problems, did_you_mean, quoted, withholds};
use super::tree::{Kind, Node};
use crate::args::RESERVED;
use crate::id::{CapabilityName, EnvName, Ident, SafeName, SettingName};
use crate::redact::is_secret_value;

/// An object with known keys.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its name among the definitions of the JSON Schema.
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) fields: &'static [Field],
    /// Rules between its fields that JSON Schema can say too.
    pub(crate) rules: Option<fn() -> serde_json::Value>,
}

/// A key of a [`Section`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    /// What it means, for people.
    pub(crate) doc: &'static str,
    pub(crate) shape: Shape,
    /// The code for a wrong shape, and for a missing required field.
    pub(crate) bad: &'static Code,
    pub(crate) required: bool,
    /// What is meant where it is missing.
    pub(crate) default: Option<Literal>,
    pub(crate) support: Support,
}

/// Whether a field's behaviour has landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Yes,
    /// Refused.
    Later,
    /// Refused, unless the file is only read from: the field matters for decisions and writes alone.
    LaterForWriting,
}

/// A default, as it is written in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Literal {
    Flag(bool),
    Whole(u64),
    Text(&'static str),
}

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// An object whose keys are not ours.
    Opaque,
    /// True or false.
    Flag,
    /// Text; blank text is refused unless `blank`.
    Text {
        blank: bool,
    },
    /// Any number.
    Number,
    /// Text, a number, true, false or null.
    Scalar,
    /// A whole number within bounds, inclusive.
    Whole {
        from: u64,
        to: u64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A name of that kind.
    Name(Name),
    /// A length of time such as `7d`.
    Age,
    /// Text of that form.
    Form(&'static Form),
    /// Names in a list, or in a text with commas.
    Names,
    List(&'static Items),
    Map(&'static Entries),
    Section(&'static Section),
}

/// A form of text.
#[derive(Debug)]
pub(crate) struct Form {
    /// What is expected, for people.
    pub(crate) words: &'static str,
    /// A regular expression that matches at least what is accepted.
    pub(crate) pattern: &'static str,
    pub(crate) accepts: fn(&str) -> bool,
}

/// The entries of a list.
#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) shape: Shape,
    pub(crate) bad: &'static Code,
    pub(crate) least: usize,
}

/// The entries of an object whose keys the user chooses.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) key: Name,
    pub(crate) bad_key: &'static Code,
    pub(crate) shape: Shape,
    pub(crate) bad: &'static Code,
    pub(crate) least: usize,
}

/// A kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Ident,
    Safe,
    Env,
    Capability,
    /// An argument: an identifier that is not reserved.
    Arg,
    /// A user's own setting of PostgreSQL.
    Setting,
    /// Any text that is not blank.
    State,
}

impl Field {
    /// An optional field.
    pub(crate) const fn new(key: &'static str, doc: &'static str, shape: Shape, bad: &'static Code) -> Self {
        Self { key, doc, shape, bad, required: false, default: None, support: Support::Yes }
    }

    /// The field must be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What is meant where the field is missing.
    pub(crate) const fn default(mut self, default: Literal) -> Self {
        self.default = Some(default);
        self
    }

    /// The field is known, but refused: its behaviour has not landed.
    pub(crate) const fn later(mut self, support: Support) -> Self {
        self.support = support;
        self
    }
}

impl Name {
    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Ident | Self::Arg => Ident::parse(text).is_ok(),
            Self::Safe => SafeName::parse(text).is_ok(),
            Self::Env => EnvName::parse(text).is_ok(),
            Self::Capability => CapabilityName::parse(text).is_ok(),
            Self::Setting => SettingName::parse(text).is_ok(),
            Self::State => !text.trim().is_empty(),
        }
    }

    /// The same as a regular expression.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            Self::Ident | Self::Arg => "^[A-Za-z_][A-Za-z0-9_]*$",
            Self::Safe => "^[A-Za-z_][A-Za-z0-9_.-]*$",
            Self::Env => "^[A-Z_][A-Z0-9_]*$",
            Self::Capability | Self::Setting => "^[A-Za-z_][A-Za-z0-9_]*\\.[A-Za-z_][A-Za-z0-9_]*$",
            Self::State => "\\S",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Ident | Self::Arg => "a name of letters, digits and underscores, not starting with a digit",
            Self::Safe => "a name of letters, digits, `_`, `.` and `-`, starting with a letter or underscore",
            Self::Env => "the name of an environment variable in capitals",
            Self::Capability => "a name such as `billing.inspect_invoice`, with exactly one dot",
            Self::Setting => "a setting such as `app.tenant_id`, with exactly one dot",
            Self::State => "text that is not blank",
        }
    }
}

const URL_KEYS: &[&str] = &[
    "url",
    "database_url",
    "databaseUrl",
    "read_url",
    "readUrl",
    "write_url",
    "writeUrl",
    "connection_string",
    "connectionString",
];

const SQL_KEYS: &[&str] = &["sql", "raw_sql", "rawSql", "statement", "query_sql", "querySql"];

/// Reports everything below the node that does not have the shape.
pub(crate) fn check(shape: &Shape, bad: &'static Code, node: Node<'_>, problems: &mut Problems) {
    match shape {
        Shape::List(items) if is_long_enough(node, matches!(node.kind(), Kind::List(_)), items.least) => {
            node.items().for_each(|item| check(&items.shape, items.bad, item, problems));
        }
        Shape::Map(entries) if is_long_enough(node, node.is_object(), entries.least) => {
            check_duplicates(node, problems);
            for entry in node.entries() {
                check_name(entries, entry, problems);
                check(&entries.shape, entries.bad, entry, problems);
            }
        }
        Shape::Section(section) if node.is_object() => check_section(section, node, problems),
        _ => {
            if !fits(shape, node) {
                let hint = if let (Shape::Word(words), Some(text)) = (shape, node.text()) {
                    did_you_mean(text, words)
                } else {
                    None
                };
                let message = format!("expected {}, found {}", expected(shape), found(bad, node));
                problems.add_hint(bad, node, message, hint);
            } else if node.text().is_some_and(is_secret_value) {
                problems.add(&code::SECRET_VALUE_FORBIDDEN, node, "this text looks like a secret");
            }
            check_unlisted(node, problems);
        }
    }
}

fn is_long_enough(node: Node<'_>, is_kind: bool, least: usize) -> bool {
    is_kind && node.items().count() + node.entries().count() >= least
}

fn fits(shape: &Shape, node: Node<'_>) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Opaque => node.is_object(),
        Shape::Flag => node.flag().is_some(),
        Shape::Text { blank } => node.text().is_some_and(|text| *blank || !text.trim().is_empty()),
        Shape::Number => node.number().is_some(),
        Shape::Scalar => !matches!(node.kind(), Kind::List(_) | Kind::Object(_)),
        Shape::Whole { from, to } => node.whole().is_some_and(|whole| (*from..=*to).contains(&whole)),
        Shape::Word(words) => node.text().is_some_and(|text| words.contains(&text)),
        Shape::Name(name) => node.text().is_some_and(|text| name.accepts(text)),
        Shape::Age => node.text().and_then(super::age::seconds).is_some(),
        Shape::Form(form) => node.text().is_some_and(form.accepts),
        Shape::Names => are_names(node),
        Shape::List(_) | Shape::Map(_) | Shape::Section(_) => false,
    }
}

fn are_names(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Text(text) => text.split(',').all(|name| Ident::parse(name.trim()).is_ok()),
        Kind::List(ids) => {
            !ids.is_empty() && node.items().all(|item| item.text().is_some_and(|name| Ident::parse(name).is_ok()))
        }
        _ => false,
    }
}

fn expected(shape: &Shape) -> String {
    let fixed = match shape {
        Shape::Word([word]) => return format!("`{word}`"),
        Shape::Word(words) => return format!("one of `{}`", words.join("`, `")),
        Shape::Whole { from, to } if from == to => return format!("{from}"),
        Shape::Whole { from, to: u64::MAX } => return format!("a whole number, at least {from}"),
        Shape::Whole { from, to } => return format!("a whole number from {from} to {to}"),
        Shape::Any => "a value",
        Shape::Opaque | Shape::Section(_) => "an object",
        Shape::Flag => "`true` or `false`",
        Shape::Text { blank: true } => "text",
        Shape::Text { blank: false } => "text that is not blank",
        Shape::Number => "a number",
        Shape::Scalar => "text, a number, true, false or null",
        Shape::Name(name) => name.words(),
        Shape::Age => "a length of time such as `7d`",
        Shape::Form(form) => form.words,
        Shape::Names => "a list of names, or names with commas between them",
        Shape::List(Items { least: 0, .. }) => "a list",
        Shape::List(_) => "a list that is not empty",
        Shape::Map(Entries { least: 0, .. }) => "an object",
        Shape::Map(_) => "an object that is not empty",
    };
    fixed.to_owned()
}

/// What is there instead.
fn found(bad: &Code, node: Node<'_>) -> String {
    match node.kind() {
        Kind::Text(_) if withholds(bad.name) => "other text".to_owned(),
        Kind::Null => "null".to_owned(),
        Kind::Flag(flag) => flag.to_string(),
        Kind::Number(number) => format!("the number {number}"),
        Kind::Text(text) if text.trim().is_empty() => "blank text".to_owned(),
        Kind::Text(text) => format!("the text {}", quoted(text)),
        Kind::List(ids) if ids.is_empty() => "an empty list".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Object(ids) if ids.is_empty() => "an empty object".to_owned(),
        Kind::Object(_) => "an object".to_owned(),
    }
}

fn check_section(section: &Section, node: Node<'_>, problems: &mut Problems) {
    check_duplicates(node, problems);
    for entry in node.entries() {
        let key = entry.key().unwrap_or_default();
        let Some(field) = section.fields.iter().find(|field| field.key == key) else {
            if !refuse_forbidden(entry, problems) {
                let known: Vec<_> = section.fields.iter().map(|field| field.key).collect();
                problems.unknown_key(entry, key, &known);
            }
            check_unlisted(entry, problems);
            continue;
        };
        check(&field.shape, field.bad, entry, problems);
        if field.support == Support::Later || (field.support == Support::LaterForWriting && !problems.read_only) {
            problems.add_key(&code::NOT_SUPPORTED_YET, entry, format!("`{key}` is not supported yet"));
        }
    }
    for field in section.fields.iter().filter(|field| field.required) {
        if node.get(field.key).is_none() {
            problems.missing(field.bad, node, field.key);
        }
    }
}

fn check_name(entries: &Entries, entry: Node<'_>, problems: &mut Problems) {
    let key = entry.key().unwrap_or_default();
    if !entries.key.accepts(key) {
        let message = format!("expected {}, found {}", entries.key.words(), quoted(key));
        problems.add_key(entries.bad_key, entry, message);
    } else if entries.key == Name::Arg && RESERVED.contains(&key) {
        problems.add_key(&code::MODEL_CONTROLLED_RESERVED_ARG, entry, format!("`{key}` is a reserved name"));
    }
}

fn check_duplicates(node: Node<'_>, problems: &mut Problems) {
    let mut seen = std::collections::BTreeSet::new();
    for entry in node.entries() {
        let key = entry.key().unwrap_or_default();
        if !seen.insert(key) {
            problems.add_key(&code::DUPLICATE_KEY, entry, format!("{} is here for the second time", quoted(key)));
        }
    }
}

/// What is not in a table may still not hold URLs and SQL.
fn check_unlisted(node: Node<'_>, problems: &mut Problems) {
    check_duplicates(node, problems);
    for child in node.entries().chain(node.items()) {
        refuse_forbidden(child, problems);
        check_unlisted(child, problems);
    }
}

fn refuse_forbidden(entry: Node<'_>, problems: &mut Problems) -> bool {
    let Some(key) = entry.key() else { return false };
    let code = if URL_KEYS.contains(&key) {
        &code::INLINE_DATABASE_URL_FORBIDDEN
    } else if SQL_KEYS.contains(&key) {
        &code::ARBITRARY_SQL_FORBIDDEN
    } else {
        return false;
    };
    problems.add_key(code, entry, format!("the key `{key}` is not allowed here"));
    true
}
