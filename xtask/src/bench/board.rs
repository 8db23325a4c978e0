//! What was measured, what it should be, and how that reads.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

/// Figures in the order in which they were first taken.
#[derive(Default)]
pub(super) struct Board {
    figures: Vec<Figure>,
}

/// One figure, taken once a round.
struct Figure {
    what: String,
    unit: &'static str,
    target: Target,
    rounds: Vec<f64>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Taken for comparison.
    None,
}

/// Stand around the results in the page that holds them.
const BEGIN: &str = "<!-- results: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end of results -->";

impl Board {
    /// Notes what one round came to.
    pub(super) fn note(&mut self, what: &str, unit: &'static str, target: Target, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.what == what) {
            Some(figure) => figure.rounds.push(value),
            None => self.figures.push(Figure { what: what.to_owned(), unit, target, rounds: vec![value] }),
        }
    }

    /// Returns what the latest round of a figure came to; zero before the first.
    pub(super) fn latest(&self, what: &str) -> f64 {
        let figure = self.figures.iter().find(|figure| figure.what == what);
        figure.and_then(|figure| figure.rounds.last()).copied().unwrap_or_default()
    }

    /// Shows everything as a table in Markdown.
    pub(super) fn table(&self) -> String {
        let head = ["what", "measured", "target", ""].map(str::to_owned);
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(self.figures.iter().map(Figure::row)).collect();
        let mut widths = [0; 4];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
            if number == 0 {
                let lines = widths.map(|width| "-".repeat(width.max(3)));
                let _ = writeln!(text, "| {} |", lines.join(" | "));
            }
        }
        text
    }

    /// Shows everything as JSON.
    pub(super) fn json(&self, machine: &str) -> String {
        let figures: Vec<Json> = self.figures.iter().map(Figure::json).collect();
        format!("{:#}", json!({ "machine": machine, "figures": figures }))
    }

    /// Puts the table and the machine between the marks of a page.
    pub(super) fn written_into(&self, page: &str, machine: &str) -> Result<String, String> {
        let marks = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
        let (before, after) = marks.ok_or_else(|| format!("the page lacks the lines `{BEGIN}` and `{END}`"))?;
        Ok(format!("{before}{BEGIN}\n\n{machine}\n\n{}\n{END}{after}", self.table()))
    }
}

impl Figure {
    fn value(&self) -> f64 {
        median(&self.rounds)
    }

    fn row(&self) -> [String; 4] {
        let value = self.value();
        let shown = |number: f64| format!("{} {}", digits(number), self.unit).trim_end().to_owned();
        let target = match self.target {
            Target::AtMost(most) => format!("≤ {}", shown(most)),
            Target::AtLeast(least) => format!("≥ {}", shown(least)),
            Target::None => String::new(),
        };
        [self.what.clone(), shown(value), target, self.target.verdict(value)]
    }

    fn json(&self) -> Json {
        let (bound, met) = match self.target {
            Target::AtMost(most) => (json!({ "at_most": most }), json!(self.target.is_met(self.value()))),
            Target::AtLeast(least) => (json!({ "at_least": least }), json!(self.target.is_met(self.value()))),
            Target::None => (Json::Null, Json::Null),
        };
        json!({
            "what": self.what,
            "measured": self.value(),
            "unit": self.unit,
            "target": bound,
            "met": met,
            "rounds": self.rounds,
        })
    }
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
            Target::None => true,
        }
    }

    /// Says whether a value is what it should be, or how far off it is.
    fn verdict(self, value: f64) -> String {
        let off = match self {
            Target::None => return String::new(),
            _ if self.is_met(value) => return "met".to_owned(),
            Target::AtMost(most) => value / most - 1.0,
            Target::AtLeast(least) => 1.0 - value / least,
        };
        format!("missed by {:.0} %", (off * 100.0).ceil())
    }
}

/// Returns the middle of some numbers; of an even count, the mean of both middles; of none, zero.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    if sorted.len().is_multiple_of(2) { f64::midpoint(at(half.saturating_sub(1)), at(half)) } else { at(half) }
}

/// Writes a number with three digits that mean something.
fn digits(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => {
            let whole = format!("{number:.0}");
            let mut grouped = String::new();
            for (place, digit) in whole.chars().enumerate() {
                let left = whole.len() - place;
                if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
                    grouped.push(' ');
                }
                grouped.push(digit);
            }
            grouped
        }
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let mut board = Board::default();
        for (reads, share) in [(1200.0, 0.4), (41_234.0, 0.61), (9876.5, 0.52)] {
            board.note("reads", "calls/s", Target::None, reads);
            board.note("share", "", Target::AtLeast(0.5), share);
        }
        board.note("size", "MiB", Target::AtMost(10.0), 12.34);
        board
    }

    #[test]
    fn a_table_says_what_is_met_and_by_how_much_not() {
        let expected = "\
| what  | measured      | target     |                |
| ----- | ------------- | ---------- | -------------- |
| reads | 9 876 calls/s |            |                |
| share | 0.52          | ≥ 0.50     | met            |
| size  | 12.3 MiB      | ≤ 10.0 MiB | missed by 24 % |
";
        assert_eq!(board().table(), expected);
    }

    #[test]
    fn json_holds_the_rounds() {
        let json: Json = serde_json::from_str(&board().json("a machine")).expect("JSON");
        assert_eq!(json["machine"], "a machine");
        let share = json!({
            "what": "share",
            "measured": 0.52,
            "unit": "",
            "target": { "at_least": 0.5 },
            "met": true,
            "rounds": [0.4, 0.61, 0.52],
        });
        assert_eq!(json["figures"][1].to_string(), share.to_string());
        assert_eq!(json["figures"][2]["met"], false);
    }

    #[test]
    fn a_page_keeps_what_is_around_the_results() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let written = board().written_into(&page, "a machine").expect("marks");
        assert!(written.starts_with(&format!("before\n{BEGIN}\n\na machine\n\n| what")), "{written}");
        assert!(written.ends_with(&format!("|\n\n{END}\nafter\n")), "{written}");
        assert!(!written.contains("old"));
        assert_eq!(board().written_into(&written, "a machine").as_ref(), Ok(&written));
        board().written_into("no marks", "a machine").expect_err("no marks");
    }

    #[test]
    fn numbers_read_well() {
        let check = |number: f64, expected: &str| assert_eq!(digits(number), expected);
        check(0.0, "0.00");
        check(0.123, "0.12");
        check(-12.34, "-12.3");
        check(123.4, "123");
        check(-1234.5, "-1 234");
        check(-123_456.0, "-123 456");
        check(1_234_567.0, "1 234 567");
    }

    #[test]
    fn a_median_is_the_middle() {
        let check = |numbers: &[f64], expected: f64| assert!((median(numbers) - expected).abs() < 1e-9, "{numbers:?}");
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
    }
}
