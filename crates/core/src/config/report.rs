//! Gathering problems while reading on.

use super::code::{self, Code};
use super::tree::{Node, key_step};
use crate::contract::Contract;
use crate::problem::{Level, Problem, Span};
use crate::redact::is_secret_value;

/// What came of reading a config.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The contract, if there is no error.
    pub contract: Option<Contract>,
    /// Every problem, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether the config can be used.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.contract.is_some()
    }

    /// The problems that stop the config from being used.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.level == Level::Error)
    }

    /// The problems that do not.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.level == Level::Warning)
    }
}

/// The problems found so far.
#[derive(Debug)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    /// `strict: false`: unknown keys are warnings.
    lenient: bool,
    /// The file is read to serve reads only, whatever its mode.
    pub(crate) read_only: bool,
}

impl Problems {
    /// None yet.
    pub(crate) fn new(lenient: bool, read_only: bool) -> Self {
        Self { list: Vec::new(), lenient, read_only }
    }

    /// A problem with a value.
    pub(crate) fn add(&mut self, code: &'static Code, node: Node<'_>, message: impl Into<String>) {
        self.list.push(problem(code, node.path(), node.span(), message.into()));
    }

    /// A problem with a value, with a better fix than the code's own.
    pub(crate) fn add_hint(&mut self, code: &'static Code, node: Node<'_>, message: String, hint: Option<String>) {
        self.add(code, node, message);
        if let (Some(hint), Some(last)) = (hint, self.list.last_mut()) {
            last.fix = Some(hint);
        }
    }

    /// A problem with a key of an object.
    pub(crate) fn add_key(&mut self, code: &'static Code, node: Node<'_>, message: impl Into<String>) {
        self.list.push(problem(code, node.path(), node.key_span(), message.into()));
    }

    /// A key that is not there.
    pub(crate) fn missing(&mut self, code: &'static Code, object: Node<'_>, key: &str) {
        self.absent(code, object, key, format!("`{key}` is missing"));
    }

    /// A problem with a key that is not there; the place is its object's.
    pub(crate) fn absent(&mut self, code: &'static Code, object: Node<'_>, key: &str, message: String) {
        let path = format!("{}{}", object.path(), key_step(key));
        self.list.push(problem(code, path, object.span(), message));
    }

    /// A key that its object does not know.
    pub(crate) fn unknown_key(&mut self, node: Node<'_>, key: &str, known: &[&str]) {
        self.add_key(&code::UNKNOWN_FIELD, node, format!("unknown key {}", quoted(key)));
        if let Some(last) = self.list.last_mut() {
            last.level = if self.lenient { Level::Warning } else { last.level };
            last.fix = did_you_mean(key, known).or(last.fix.take());
        }
    }

    /// All of them, in the order of the text.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|problem| problem.span.map(|span| span.start));
        self.list
    }

    /// Whether one of them is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.level == Level::Error)
    }
}

/// A problem with the code's own level and fix.
pub(crate) fn problem(code: &'static Code, path: String, span: Span, message: String) -> Problem {
    Problem { level: code.level, code: code.name, path, span: Some(span), message, fix: Some(code.fix.to_owned()) }
}

/// Whether the text that a problem of this code is about is withheld: it stands in place of a variable's name, or of a token
/// with one, and may be the secret itself.
pub(crate) fn withholds(code: &str) -> bool {
    code.contains("_ENV") || code.starts_with("HTTP_TOKEN") || code == code::SECRET_VALUE_FORBIDDEN.name
}

/// User text in backticks, short and on one line. A URL is withheld, for it may hold a password, and so is what looks like a secret.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains("://") || is_secret_value(text) { "`…`".to_owned() } else { format!("`{}`", shown(text)) }
}

/// User text, short and on one line.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// The advice to use the closest known word, if one is close.
pub(crate) fn did_you_mean(text: &str, known: &[&str]) -> Option<String> {
    if text.len() > 80 {
        return None;
    }
    let allowed = (text.chars().count() / 3).max(1);
    let distance = |word: &&&str| strsim::damerau_levenshtein(&text.to_lowercase(), &word.to_lowercase());
    let closest = known.iter().min_by_key(distance).filter(|word| distance(word) <= allowed)?;
    Some(format!("did you mean `{closest}`?"))
}
