//! What is wrong with the text before it is worth parsing: too deep a nesting, and text that runs over its line.

/// The deepest nesting of objects and arrays that is read.
pub(crate) const DEEPEST: usize = 64;

/// A flaw that the parser would not report, or would report in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nested deeper than [`DEEPEST`].
    TooDeep,
    /// A raw control character, such as a line break, inside text.
    ControlInText,
}

enum State {
    Code,
    Text,
    LineComment,
    BlockComment,
}

/// The first flaw and its byte offset. Nesting counts before everything else, so that nothing deep reaches the parser.
pub(crate) fn first_flaw(text: &str) -> Option<(usize, Flaw)> {
    let mut state = State::Code;
    let mut depth = 0_usize;
    let mut control = None;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let next = bytes.peek().map(|(_, byte)| *byte);
        state = match (state, byte) {
            (State::Code, b'"') => State::Text,
            (State::Code, b'/') if next == Some(b'/') => State::LineComment,
            (State::Code, b'/') if next == Some(b'*') => {
                bytes.next();
                State::BlockComment
            }
            (State::Code, b'{' | b'[') => {
                depth += 1;
                if depth > DEEPEST {
                    return Some((at, Flaw::TooDeep));
                }
                State::Code
            }
            (State::Code, b'}' | b']') => {
                depth = depth.saturating_sub(1);
                State::Code
            }
            (State::Text, b'"') => State::Code,
            (State::Text, b'\\') => {
                if next.is_some_and(|next| next >= b' ') {
                    bytes.next();
                }
                State::Text
            }
            (State::Text, 0..b' ') => {
                control.get_or_insert((at, Flaw::ControlInText));
                State::Text
            }
            (State::LineComment, b'\n' | b'\r') => State::Code,
            (State::BlockComment, b'*') if next == Some(b'/') => {
                bytes.next();
                State::Code
            }
            (state, _) => state,
        };
    }
    control
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_found_where_they_are() {
        let check = |text: &str, expect| assert_eq!(first_flaw(text), expect, "{text}");
        check("{\"a\": \"b\"} // \"\n", None);
        check("/* \"\n */ {\"a\\\"\": 1}", None);
        check("{\"a\n\": 1}", Some((3, Flaw::ControlInText)));
        check("{\"a\\\n\": 1}", Some((4, Flaw::ControlInText)));
        check(&"[".repeat(DEEPEST), None);
        check(&"[".repeat(DEEPEST + 1), Some((DEEPEST, Flaw::TooDeep)));
        check(&"[]".repeat(10_000), None);
        check(&format!("\"{}\"", "[".repeat(1000)), None);
    }
}
