//! About how much of a model's context a text takes.

/// About how many tokens a text takes in the `o200k` vocabulary, which most hosts' own come close to. Tests hold it against
/// the real count: what tools look like is met within a tenth.
#[must_use]
pub fn estimate(text: &str) -> usize {
    let mut rest = text;
    let mut tokens = 0_usize;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first);
        let (piece, after) = rest.split_at(length);
        tokens = tokens.saturating_add(weight(kind, piece));
        rest = after;
    }
    tokens
}

/// What vocabularies cut texts into before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Letters, with one sign or space before them.
    Word,
    /// At most three digits.
    Number,
    /// Anything else.
    Signs,
}

/// The first piece of a text: what it is, and how many bytes.
fn piece(text: &str, first: char) -> (Kind, usize) {
    if first.is_numeric() {
        return (Kind::Number, text.chars().take_while(|c| c.is_numeric()).take(3).map(char::len_utf8).sum());
    }
    let lead = if first.is_alphabetic() { 0 } else { first.len_utf8() };
    let mut letters = text.chars().skip(usize::from(lead > 0)).peekable();
    if letters.peek().is_some_and(|c| c.is_alphabetic()) {
        let mut length = lead;
        let mut small = false;
        // A capital after small letters begins a word of its own.
        for letter in letters.take_while(|c| c.is_alphabetic()) {
            if small && letter.is_uppercase() {
                break;
            }
            small |= letter.is_lowercase();
            length = length.saturating_add(letter.len_utf8());
        }
        return (Kind::Word, length);
    }
    let signs = text.chars().take_while(|c| !c.is_alphanumeric());
    (Kind::Signs, signs.map(char::len_utf8).sum())
}

fn weight(kind: Kind, piece: &str) -> usize {
    let characters = piece.chars().count();
    match kind {
        Kind::Number => 1,
        // Words of these scripts are in the vocabulary as they are, up to a length; others in parts.
        Kind::Word if piece.is_ascii() => characters.div_ceil(LONG_WORD),
        Kind::Word => characters.div_ceil(3),
        Kind::Signs => characters.div_ceil(3),
    }
}

/// How many characters of a word one token holds at most, mostly.
const LONG_WORD: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_by_their_pieces() {
        for (text, tokens) in [
            ("", 0),
            ("tool", 1),
            ("Look up one invoice.", 5),
            ("{\"type\":\"string\"}", 5),
            ("12345", 2),
            ("inputSchema", 2),
            ("\u{1f600}", 1),
        ] {
            assert_eq!(estimate(text), tokens, "{text}");
        }
        // Nothing is free, and nothing costs more than its bytes.
        for text in ["\0", "\u{202e}x", "ﷺ", "  \n\t ", "ÄÖÜß", "漢字漢字漢字"] {
            assert!((1..=text.len()).contains(&estimate(text)), "{text:?}");
        }
    }
}
