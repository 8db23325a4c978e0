//! Single questions.

use std::fmt;

use inquire::list_option::ListOption;
use inquire::validator::{ErrorMessage, Validation};
use inquire::{Confirm, InquireError, MultiSelect, Select, Text};
use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use crate::app::Stop;
use crate::cli::print::clean;

/// An answer, or the wish to go back.
pub enum Answer<T> {
    /// What was answered.
    Given(T),
    /// Back to the question before.
    Back,
}

/// An answer, a step back, or an end.
pub type Asked<T> = Result<Answer<T>, Stop>;

/// Something to choose, with what is to be said of it.
pub struct Pick<T> {
    /// What is chosen.
    pub value: T,
    label: String,
}

impl<T> Pick<T> {
    /// A choice that is shown as this.
    pub fn new(value: T, label: impl AsRef<str>) -> Self {
        Self { value, label: clean(label.as_ref()) }
    }
}

impl<T> fmt::Display for Pick<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl<T> Answer<T> {
    /// Takes what was given.
    pub fn take(self, take: impl FnOnce(T)) -> Answer<()> {
        match self {
            Self::Given(value) => {
                take(value);
                Answer::Given(())
            }
            Self::Back => Answer::Back,
        }
    }
}

/// How many lines a list shows at once.
const PAGE: usize = 12;

/// One of a list; typing searches in it. The first is suggested.
pub fn one_of<T>(question: &str, picks: Vec<Pick<T>>, help: &str) -> Asked<T> {
    let asked = Select::new(question, picks).with_page_size(PAGE).with_help_message(help).prompt();
    answer(asked.map(|pick| pick.value))
}

/// At least one of a list, with those chosen before that are suggested.
pub fn several_of<T>(question: &str, picks: Vec<Pick<T>>, suggested: &[usize]) -> Asked<Vec<T>> {
    let some = |chosen: &[ListOption<&Pick<T>>]| {
        Ok(if chosen.is_empty() { invalid("choose at least one, with the space bar") } else { Validation::Valid })
    };
    let asked = MultiSelect::new(question, picks)
        .with_default(suggested)
        .with_page_size(PAGE)
        .with_help_message("the space bar chooses, typing searches, Enter goes on")
        .with_formatter(&|chosen| match chosen.len() {
            1 => "1 column".to_owned(),
            count => format!("{count} columns"),
        })
        .with_validator(some)
        .prompt();
    answer(asked.map(|picks| picks.into_iter().map(|pick| pick.value).collect()))
}

/// A line of text that `check` accepts.
pub fn text(
    question: &str,
    suggested: &str,
    help: &str,
    check: impl Fn(&str) -> Result<(), String> + Clone + 'static,
) -> Asked<String> {
    let checked = move |typed: &str| Ok(check(typed.trim()).map_or_else(invalid, |()| Validation::Valid));
    let mut question = Text::new(question).with_help_message(help).with_validator(checked);
    if !suggested.is_empty() {
        question = question.with_default(suggested);
    }
    answer(question.prompt().map(|typed| typed.trim().to_owned()))
}

/// Yes or no. There is nothing to go back to: Esc stops.
pub fn confirm(question: &str, suggested: bool) -> Result<bool, Stop> {
    Confirm::new(question).with_default(suggested).prompt().map_err(stopped)
}

/// The end of all questions, before anything was written.
pub fn given_up() -> Stop {
    Refusal::new(Code::ConfirmationRequired, "stopped by you; nothing was written")
        .with_fix("run it again when you like")
        .into()
}

fn invalid(why: impl Into<String>) -> Validation {
    Validation::Invalid(ErrorMessage::Custom(why.into()))
}

fn answer<T>(asked: Result<T, InquireError>) -> Asked<T> {
    match asked {
        Ok(given) => Ok(Answer::Given(given)),
        Err(InquireError::OperationCanceled) => Ok(Answer::Back),
        Err(error) => Err(stopped(error)),
    }
}

fn stopped(error: InquireError) -> Stop {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => given_up(),
        other => Refusal::new(Code::Io, format!("the terminal cannot be asked: {other}; nothing was written"))
            .with_fix("name the table with `--table`, or hand a file to `--answers`")
            .into(),
    }
}
