//! The text as a tree in which every node knows its path and its place.

use std::borrow::Cow;

use jsonc_parser::{ParseOptions, ast, common::Ranged, parse_to_ast};
use serde_json::{Map, Number, Value as Json};

use super::code;
use super::lexical;
use super::report::{problem, shown};
use crate::id::{EnvName, Ident, SettingName};
use crate::problem::{Problem, Span};

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    lines: Lines<'t>,
    nodes: Vec<Data>,
}

/// A node of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    tree: &'t Tree<'t>,
    data: &'t Data,
}

#[derive(Debug)]
struct Data {
    parent: Option<usize>,
    step: Step,
    span: (usize, usize),
    kind: Kind,
}

#[derive(Debug)]
enum Step {
    Root,
    Item(usize),
    Key { name: String, span: (usize, usize) },
}

/// What a node is. Lists and objects hold the ids of their children, in order.
#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    List(Vec<usize>),
    Object(Vec<usize>),
}

/// Reads the text; one problem if it is not JSON, or if it holds what JSON cannot keep.
pub(crate) fn parse(text: &str) -> Result<Tree<'_>, Box<Problem>> {
    let whole = text;
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let lines = Lines::new(text, whole.len() - text.len());
    let flaw = lexical::first_flaw(text);
    if let Some((at, lexical::Flaw::TooDeep)) = flaw {
        let message = format!("this is nested more than {} deep", lexical::DEEPEST);
        return Err(Box::new(problem(&code::CONFIG_TOO_DEEP, "$".to_owned(), lines.span(at, at + 1), message)));
    }
    let not_json = |start, end, message| {
        Err(Box::new(problem(&code::CONFIG_NOT_JSON, "$".to_owned(), lines.span(start, end), message)))
    };
    let parsed = parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &OPTIONS);
    let error_at = parsed.as_ref().err().map_or(text.len(), |error| error.range().start);
    if let Some((at, lexical::Flaw::ControlInText)) = flaw.filter(|(at, _)| *at <= error_at || parsed.is_ok()) {
        return not_json(at, at, "a line break or control character inside text".to_owned());
    }
    match parsed {
        Err(error) => {
            let range = error.range();
            not_json(range.start, range.end.max(range.start), lower_first(&error.kind().to_string()))
        }
        Ok(result) => match result.value {
            None => not_json(0, 0, "the file is empty".to_owned()),
            Some(value) => build(lines, &value),
        },
    }
}

const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn build<'t>(lines: Lines<'t>, value: &ast::Value<'t>) -> Result<Tree<'t>, Box<Problem>> {
    let mut nodes = Vec::new();
    match push(&mut nodes, None, Step::Root, value) {
        Ok(_) => Ok(Tree { lines, nodes }),
        Err(range) => {
            let message = "this number cannot be kept exactly".to_owned();
            Err(Box::new(problem(&code::NUMBER_OUT_OF_RANGE, "$".to_owned(), lines.span(range.0, range.1), message)))
        }
    }
}

/// Adds the value and all below it; `Err` is the place of a number out of range.
fn push(
    nodes: &mut Vec<Data>,
    parent: Option<usize>,
    step: Step,
    value: &ast::Value<'_>,
) -> Result<usize, (usize, usize)> {
    let id = nodes.len();
    let range = value.range();
    let span = (range.start, range.end);
    let kind = match value {
        ast::Value::NullKeyword(_) => Kind::Null,
        ast::Value::BooleanLit(literal) => Kind::Flag(literal.value),
        ast::Value::StringLit(literal) => Kind::Text(literal.value.clone().into_owned()),
        ast::Value::NumberLit(literal) => Kind::Number(number(literal.value).ok_or(span)?),
        ast::Value::Array(_) | ast::Value::Object(_) => Kind::Null,
    };
    nodes.push(Data { parent, step, span, kind });
    let children = match value {
        ast::Value::Array(list) => {
            let mut children = Vec::with_capacity(list.elements.len());
            for (index, element) in list.elements.iter().enumerate() {
                children.push(push(nodes, Some(id), Step::Item(index), element)?);
            }
            Some(Kind::List(children))
        }
        ast::Value::Object(object) => {
            let mut children = Vec::with_capacity(object.properties.len());
            for property in &object.properties {
                let range = property.name.range();
                let step = Step::Key { name: property.name.as_str().to_owned(), span: (range.start, range.end) };
                children.push(push(nodes, Some(id), step, &property.value)?);
            }
            Some(Kind::Object(children))
        }
        _ => None,
    };
    if let (Some(kind), Some(data)) = (children, nodes.get_mut(id)) {
        data.kind = kind;
    }
    Ok(id)
}

/// Reads a number exactly, if a double has room for its size.
fn number(text: &str) -> Option<Number> {
    let number: Number = text.parse().ok()?;
    let double = number.as_f64().filter(|double| double.is_finite())?;
    let is_zero = !text.split(['e', 'E']).next()?.contains(|c: char| matches!(c, '1'..='9'));
    (text.len() <= 100 && (double != 0.0 || is_zero)).then_some(number)
}

impl<'t> Tree<'t> {
    /// The whole value.
    pub(crate) fn root(&'t self) -> Option<Node<'t>> {
        self.node(0)
    }

    fn node(&'t self, id: usize) -> Option<Node<'t>> {
        self.nodes.get(id).map(|data| Node { tree: self, data })
    }
}

impl<'t> Node<'t> {
    pub(crate) fn kind(&self) -> &'t Kind {
        &self.data.kind
    }

    /// The key under which this node is in its object.
    pub(crate) fn key(&self) -> Option<&'t str> {
        match &self.data.step {
            Step::Key { name, .. } => Some(name),
            Step::Root | Step::Item(_) => None,
        }
    }

    /// The values of an object, in the file's order; each knows its key. Empty if this is no object.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let ids: &'t [usize] = if let Kind::Object(ids) = &self.data.kind { ids } else { &[] };
        let tree = self.tree;
        ids.iter().filter_map(|id| tree.node(*id))
    }

    /// The values of a list. Empty if this is no list.
    pub(crate) fn items(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let ids: &'t [usize] = if let Kind::List(ids) = &self.data.kind { ids } else { &[] };
        let tree = self.tree;
        ids.iter().filter_map(|id| tree.node(*id))
    }

    /// The value under that key, the last one if there are several.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'t>> {
        self.entries().filter(|entry| entry.key() == Some(key)).last()
    }

    pub(crate) fn text(&self) -> Option<&'t str> {
        if let Kind::Text(text) = self.kind() { Some(text) } else { None }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        if let Kind::Flag(flag) = self.kind() { Some(*flag) } else { None }
    }

    pub(crate) fn number(&self) -> Option<&'t Number> {
        if let Kind::Number(number) = self.kind() { Some(number) } else { None }
    }

    /// A whole number that is not negative; `3.0` is one, as in JSON Schema.
    pub(crate) fn whole(&self) -> Option<u64> {
        let number = self.number()?;
        number.as_u64().or_else(|| {
            let double = number.as_f64()?;
            format!("{double:.0}").parse().ok().filter(|_| (0.0..9e15).contains(&double) && double.fract() == 0.0)
        })
    }

    pub(crate) fn get_text(&self, key: &str) -> Option<&'t str> {
        self.get(key)?.text()
    }

    pub(crate) fn get_flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.flag()
    }

    pub(crate) fn get_whole(&self, key: &str) -> Option<u64> {
        self.get(key)?.whole()
    }

    pub(crate) fn get_ident(&self, key: &str) -> Option<Ident> {
        Ident::parse(self.get_text(key)?).ok()
    }

    pub(crate) fn get_env(&self, key: &str) -> Option<EnvName> {
        EnvName::parse(self.get_text(key)?).ok()
    }

    /// The setting under that key; `None` if there is none or it is wrong.
    pub(crate) fn get_setting(&self, key: &str) -> Option<SettingName> {
        SettingName::parse(self.get_text(key)?).ok()
    }

    /// The list of identifiers under that key; `None` if there is none or one of them is wrong.
    pub(crate) fn get_idents(&self, key: &str) -> Option<Vec<Ident>> {
        self.get(key)?.items().map(|item| Ident::parse(item.text()?).ok()).collect()
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.kind(), Kind::Object(_))
    }

    /// The value without places and comments; of a key given twice, the last.
    pub(crate) fn json(&self) -> Json {
        match self.kind() {
            Kind::Null => Json::Null,
            Kind::Flag(flag) => Json::Bool(*flag),
            Kind::Number(number) => Json::Number(number.clone()),
            Kind::Text(text) => Json::String(text.clone()),
            Kind::List(_) => Json::Array(self.items().map(|item| item.json()).collect()),
            Kind::Object(_) => {
                let pairs = self.entries().filter_map(|entry| Some((entry.key()?.to_owned(), entry.json())));
                Json::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The path from the root, such as `$.capabilities[0].name`.
    pub(crate) fn path(&self) -> String {
        let mut steps = Vec::new();
        let mut data = Some(self.data);
        while let Some(here) = data {
            match &here.step {
                Step::Root => steps.push(Cow::Borrowed("$")),
                Step::Item(index) => steps.push(Cow::Owned(format!("[{index}]"))),
                Step::Key { name, .. } => steps.push(Cow::Owned(key_step(name))),
            }
            data = here.parent.and_then(|id| self.tree.nodes.get(id));
        }
        steps.into_iter().rev().collect()
    }

    /// Where the value is.
    pub(crate) fn span(&self) -> Span {
        self.tree.lines.span(self.data.span.0, self.data.span.1)
    }

    /// Where the key is, or the value if it has no key.
    pub(crate) fn key_span(&self) -> Span {
        match &self.data.step {
            Step::Key { span, .. } => self.tree.lines.span(span.0, span.1),
            Step::Root | Step::Item(_) => self.span(),
        }
    }
}

/// One step of a path: `.name`, or `["odd name"]`.
pub(crate) fn key_step(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    if plain && key.len() <= 80 { format!(".{key}") } else { format!("[\"{}\"]", shown(key)) }
}

/// Where the lines of a text start.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// The length of a byte order mark before the text.
    shift: usize,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str, shift: usize) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, shift, starts: std::iter::once(0).chain(breaks).collect() }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let line = self.starts.partition_point(|at| *at <= start).max(1);
        let line_start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(line_start..start).map_or(0, |before| before.chars().count()) + 1;
        Span { start: start + self.shift, end: end + self.shift, line, column }
    }
}
