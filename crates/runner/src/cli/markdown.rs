//! Recorded text inside Markdown: it stays text, whatever it holds.

use serde_json::Value as Json;

use super::print::clean;

/// A text as inline code, between more backticks than it holds in a row.
#[must_use]
pub fn code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let padded = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    if padded { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

/// A document as a block of indented JSON. No line of it can end the block: each starts with a bracket, a quote or a number.
#[must_use]
pub fn fenced(json: &Json) -> String {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(clean).collect();
    format!("```json\n{}\n```\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_cannot_leave_its_code() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("plain", "`plain`");
        check("", "`  `");
        check("a `b` c", "``a `b` c``");
        check("``` end", "```` ``` end ````");
        check("line\nbreak\u{1b}[2J", "`line\u{fffd}break\u{fffd}[2J`");
        let block = fenced(&json!({ "note": "```\n# not a heading" }));
        assert_eq!(block, "```json\n{\n  \"note\": \"```\\n# not a heading\"\n}\n```\n");
    }
}
