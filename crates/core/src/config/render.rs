//! Problems as people read them: the code, the place, the line, what is wrong and what to change.

use std::fmt::Write as _;

use super::code;
use super::report::withholds;
use crate::problem::{Level, Problem, Span};
use crate::redact::is_secret_name;

/// The problems as plain text, each with its source line and a marker below it.
///
/// Values that should have been names of environment variables, what follows an unknown key that promises a secret, and
/// whatever follows `://`, are masked: they may be secrets that were put in the wrong place.
#[must_use]
pub fn render(text: &str, file_name: &str, problems: &[Problem]) -> String {
    let hidden: Vec<_> = problems.iter().filter_map(|problem| hidden(text, problem)).collect();
    let mut out = String::new();
    for problem in problems {
        let level = match problem.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let place =
            problem.span.map_or_else(String::new, |span| format!(", line {}, column {}", span.line, span.column));
        let _ = writeln!(out, "{level}[{}] {} ({file_name}{place})", problem.code, problem.path);
        let _ = writeln!(out, "  {}", problem.message);
        if let Some(excerpt) = problem.span.and_then(|span| excerpt(text, span, &hidden)) {
            let number = problem.span.map_or(0, |span| span.line).to_string();
            let _ = writeln!(out, "  {number} | {}", excerpt.line);
            let _ = writeln!(out, "  {} | {}", " ".repeat(number.len()), excerpt.marker);
        }
        if let Some(fix) = &problem.fix {
            let _ = writeln!(out, "  help: {fix}");
        }
        out.push('\n');
    }
    out
}

struct Excerpt {
    line: String,
    marker: String,
}

/// Columns shown before the marked place, and in all.
const BEFORE: usize = 40;
const WIDEST: usize = 110;

/// The place inside the quotes of a value that is withheld, or the rest of the line after an unknown key that promises a
/// secret.
fn hidden(text: &str, problem: &Problem) -> Option<(usize, usize)> {
    let span = problem.span?;
    let marked = text.get(span.start..span.end)?;
    if problem.code == code::UNKNOWN_FIELD.name && is_secret_name(marked) {
        let rest = text.get(span.end..)?;
        return Some((span.end, span.end + rest.find('\n').unwrap_or(rest.len())));
    }
    (withholds(problem.code) && marked.starts_with('"')).then_some((span.start + 1, span.end.saturating_sub(1)))
}

fn excerpt(text: &str, span: Span, hidden: &[(usize, usize)]) -> Option<Excerpt> {
    let before = text.get(..span.start)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let cells = cells(line, start, hidden);
    let marked = |cell: &&Cell| cell.at >= span.start && cell.at < span.end;
    let from: usize = cells.iter().filter(|cell| cell.at < span.start).map(|cell| cell.width).sum();
    let width = cells.iter().filter(marked).map(|cell| cell.width).sum::<usize>().max(1);
    Some(cut(&cells, from, width))
}

/// Shows the part of the line around the marked columns.
fn cut(cells: &[Cell], from: usize, width: usize) -> Excerpt {
    let whole: usize = cells.iter().map(|cell| cell.width).sum();
    let skip = if whole <= WIDEST { 0 } else { from.saturating_sub(BEFORE) };
    let mut line = if skip > 0 { "…".to_owned() } else { String::new() };
    let mut column = 0;
    let mut skipped = 0;
    for cell in cells {
        if column < skip {
            skipped = column + cell.width;
        } else if column + cell.width <= skip + WIDEST {
            line.push_str(&cell.shown);
        } else {
            line.push('…');
            break;
        }
        column += cell.width;
    }
    let pad = from.saturating_sub(skipped) + usize::from(skip > 0);
    let most = WIDEST.saturating_sub(from.saturating_sub(skipped)).max(1);
    Excerpt { line: line.trim_end().to_owned(), marker: format!("{}{}", " ".repeat(pad), "^".repeat(width.min(most))) }
}

/// One character as it is shown.
struct Cell {
    at: usize,
    shown: String,
    width: usize,
}

fn cells(line: &str, start: usize, hidden: &[(usize, usize)]) -> Vec<Cell> {
    let mut in_url = false;
    let mut cells = Vec::new();
    for (offset, c) in line.char_indices() {
        let at = start + offset;
        in_url = match c {
            '"' | ' ' | '\t' | ',' => false,
            _ => in_url || line.get(..offset).is_some_and(|before| before.ends_with("://")),
        };
        let is_hidden = in_url || hidden.iter().any(|(from, to)| (*from..*to).contains(&at));
        let (shown, width) = if is_hidden { ("*".to_owned(), 1) } else { show(c) };
        cells.push(Cell { at, shown, width });
    }
    cells
}

/// A character and how many columns it takes; tabs become spaces, and what would garble the line a box.
fn show(c: char) -> (String, usize) {
    match c {
        '\t' => ("    ".to_owned(), 4),
        '\u{feff}' => (String::new(), 0),
        _ if c.is_control() => ("\u{fffd}".to_owned(), 1),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => ("\u{fffd}".to_owned(), 1),
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => (c.to_string(), 0),
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => (c.to_string(), 2),
        _ => (c.to_string(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mark: &str, line: &str, marker: &str) {
        let start = text.find(mark).unwrap();
        let span = Span { start, end: start + mark.len(), line: 1, column: 1 };
        let excerpt = excerpt(text, span, &[]).unwrap();
        assert_eq!((excerpt.line.as_str(), excerpt.marker.as_str()), (line, marker), "{text}");
    }

    #[test]
    fn the_marker_is_below_its_place() {
        check("a\n  \"mode\": 1", "\"mode\"", "  \"mode\": 1", "  ^^^^^^");
        check("\t\"x\": 1", "1", "    \"x\": 1", "         ^");
        check("\"名\": 1", "1", "\"名\": 1", "      ^");
        check("{\r\n\"a\": {\r\n}}", "{\r\n}", "\"a\": {", "     ^");
        check("\"e\u{301}\": 1", "1", "\"e\u{301}\": 1", "     ^");
        check("\"\u{202e}x\": 1", "1", "\"\u{fffd}x\": 1", "      ^");
    }

    #[test]
    fn secrets_in_the_wrong_place_are_masked() {
        check("\"u\": \"pg://a:b@h/d\", 1", " 1", "\"u\": \"pg://*******\", 1", "                    ^^");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let start = 5000;
        let shown = excerpt(&text, Span { start, end: start + 4, line: 1, column: 1 }, &[]).unwrap();
        assert_eq!(shown.line, format!("…{}HERE{}…", "a".repeat(40), "b".repeat(66)));
        assert_eq!(shown.marker, format!("{}^^^^", " ".repeat(41)));
        let whole = excerpt(&text, Span { start: 0, end: text.len(), line: 1, column: 1 }, &[]).unwrap();
        assert_eq!(whole.marker, "^".repeat(WIDEST));
    }
}
