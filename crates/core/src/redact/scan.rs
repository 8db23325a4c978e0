//! Finds secrets in a text, from left to right.

use std::ops::Range;

use crate::value::MASK;

/// The byte ranges of a text that must not be shown; in order, never overlapping, always on character boundaries.
pub(super) struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The three parts of a signed token, remembered so that no run is read twice.
    runs: [Range<usize>; 3],
    /// The rest of a database URL and the last `@` in it, remembered for the same reason.
    url: (Range<usize>, Option<usize>),
}

/// Tokens that their issuers mark with a prefix: prefix, allowed characters, the fewest after the prefix, and what else.
const MARKED: [(&str, Charset, usize, Mix); 20] = [
    ("AKIA", Charset::Upper, 16, Mix::Exact),
    ("ASIA", Charset::Upper, 16, Mix::Exact),
    ("AGE-SECRET-KEY-1", Charset::Upper, 40, Mix::Any),
    ("AIza", Charset::Base64Url, 35, Mix::Any),
    ("ghp_", Charset::Word, 20, Mix::Any),
    ("gho_", Charset::Word, 20, Mix::Any),
    ("ghu_", Charset::Word, 20, Mix::Any),
    ("ghs_", Charset::Word, 20, Mix::Any),
    ("ghr_", Charset::Word, 20, Mix::Any),
    ("github_pat_", Charset::Word, 20, Mix::Any),
    ("glpat-", Charset::Base64Url, 20, Mix::Any),
    ("npm_", Charset::Word, 36, Mix::Any),
    ("rk_live_", Charset::Word, 10, Mix::Any),
    ("rk_test_", Charset::Word, 10, Mix::Any),
    ("sk_live_", Charset::Word, 10, Mix::Any),
    ("sk_test_", Charset::Word, 10, Mix::Any),
    ("sk-", Charset::Base64Url, 20, Mix::LettersAndDigits),
    ("syn_wbr_", Charset::Base64Url, 1, Mix::Any),
    ("whsec_", Charset::Base64, 16, Mix::Any),
    ("xox", Charset::Base64Url, 12, Mix::Slack),
];

#[derive(Clone, Copy)]
enum Charset {
    /// Capitals and digits.
    Upper,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`.
    Base64Url,
    /// Letters, digits, `+`, `/` and `=`.
    Base64,
    /// What RFC 6750 allows.
    Bearer,
}

impl Charset {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Bearer => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Mix {
    /// Nothing else.
    Any,
    /// Not one character more.
    Exact,
    /// Small and capital letters and digits, or very long.
    LettersAndDigits,
    /// One letter, then a dash.
    Slack,
}

/// How far ahead a shape is judged; what is masked runs on to its end.
const AHEAD: usize = 48;

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, runs: [0..0, 0..0, 0..0], url: (0..0, None) }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to.min(self.bytes.len())).unwrap_or_default()
    }

    fn starts(&self, at: usize, word: &str) -> bool {
        self.slice(at, at + word.len()).eq_ignore_ascii_case(word.as_bytes())
    }

    fn ends(&self, at: usize, word: &str) -> bool {
        at.checked_sub(word.len()).is_some_and(|from| self.starts(from, word))
    }

    /// Whether no letter or digit stands before.
    fn bounded(&self, at: usize) -> bool {
        at.checked_sub(1).and_then(|before| self.byte(before)).is_none_or(|b| !b.is_ascii_alphanumeric())
    }

    fn end_of(&self, from: usize, is_part: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|&b| !is_part(b)).unwrap_or(rest.len())
    }

    /// As [`Self::end_of`], remembering the run for later starts inside it.
    fn run(&mut self, slot: usize, from: usize, is_part: impl Fn(u8) -> bool) -> usize {
        if let Some(known) = self.runs.get(slot).filter(|known| known.contains(&from)) {
            return known.end;
        }
        let end = self.end_of(from, is_part);
        if let Some(known) = self.runs.get_mut(slot) {
            *known = from..end;
        }
        end
    }

    fn found_at(&mut self, at: usize) -> Option<Range<usize>> {
        match self.byte(at)? {
            b':' => self.url_login(at),
            b'=' => self.setting(at),
            b'-' => self.private_key(at),
            b'B' | b'b' if self.bounded(at) => self.bearer(at),
            b'e' if self.bounded(at) => self.signed_token(at),
            b'A' | b'g' | b'n' | b'r' | b's' | b'w' | b'x' if self.bounded(at) => self.marked(at),
            _ => None,
        }
    }

    /// `user:password` between `://` and `@`. A database URL's password may hold any character but white space and quotes;
    /// elsewhere a path may hold `:` and `@`, and the login ends before it.
    fn url_login(&mut self, at: usize) -> Option<Range<usize>> {
        if self.slice(at, at + 3) != b"://" {
            return None;
        }
        let from = at + 3;
        let end = if DATABASE_SCHEMES.iter().any(|scheme| self.ends(at, scheme)) {
            self.last_at_sign(from)?
        } else {
            let authority = self.end_of(from, |b| !ends_word(b) && !matches!(b, b'/' | b'?' | b'#' | b'\\'));
            from + self.slice(from, authority).iter().rposition(|&b| b == b'@')?
        };
        let login = self.slice(from, end);
        let colon = login.iter().position(|&b| b == b':')?;
        (colon + 1 < login.len()).then_some(from..end)
    }

    fn last_at_sign(&mut self, from: usize) -> Option<usize> {
        if !self.url.0.contains(&from) {
            let end = self.end_of(from, |b| !ends_word(b));
            let last = self.slice(from, end).iter().rposition(|&b| b == b'@');
            self.url = (from..end, last.map(|last| from + last));
        }
        self.url.1.filter(|&last| last >= from)
    }

    /// The value of `password=…` in a connection string, query or command line.
    fn setting(&self, at: usize) -> Option<Range<usize>> {
        let named = |name: &str| self.ends(at, name) && self.bounded(at - name.len());
        if !["password", "passwd", "pwd"].iter().any(|name| named(name)) {
            return None;
        }
        let (from, end) = match self.byte(at + 1)? {
            quote @ (b'\'' | b'"') => (at + 2, self.end_of(at + 2, |b| b != quote)),
            _ => (at + 1, self.end_of(at + 1, |b| !ends_word(b) && !matches!(b, b'&' | b';' | b','))),
        };
        let value = self.text.get(from..end)?;
        let said = ["", MASK, "true", "false", "yes", "no", "null", "none"];
        (!said.iter().any(|word| value.eq_ignore_ascii_case(word))).then_some(from..end)
    }

    /// From `-----BEGIN … PRIVATE KEY…-----` to its end line, or to the end of the text.
    fn private_key(&self, at: usize) -> Option<Range<usize>> {
        let header = self.slice(at, at + 64).strip_prefix(b"-----BEGIN ")?;
        let header = header.get(..header.windows(5).position(|part| part == b"-----")?)?;
        if !header.windows(11).any(|part| part == b"PRIVATE KEY") {
            return None;
        }
        let rest = self.text.get(at..)?;
        let footer = rest.find("-----END ").map(|end| (end, rest.get(end + 9..).and_then(|tail| tail.find("-----"))));
        let length = match footer {
            Some((end, Some(close))) => end + 9 + close + 5,
            _ => rest.len(),
        };
        Some(at..at + length)
    }

    /// The token after `Bearer`: long enough, and no plain word.
    fn bearer(&self, at: usize) -> Option<Range<usize>> {
        if !self.starts(at, "bearer") {
            return None;
        }
        let blanks = self.slice(at + 6, at + 10).iter().take_while(|b| b.is_ascii_whitespace()).count();
        let from = at + 6 + blanks;
        let seen = self.prefix(from, Charset::Bearer);
        let odd = seen.iter().skip(1).any(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b'_');
        (blanks > 0 && seen.len() >= 12 && odd).then(|| from..self.end_of(from, |b| Charset::Bearer.has(b)))
    }

    /// Three parts between dots, the first of them a JSON object in base64.
    fn signed_token(&mut self, at: usize) -> Option<Range<usize>> {
        if self.slice(at, at + 3) != b"eyJ" {
            return None;
        }
        let part = |b| Charset::Base64Url.has(b);
        let header = self.run(0, at, part);
        if header < at + 10 || self.byte(header) != Some(b'.') {
            return None;
        }
        let payload = self.run(1, header + 1, part);
        if payload < header + 11 || self.byte(payload) != Some(b'.') {
            return None;
        }
        let signature = self.run(2, payload + 1, part);
        (signature >= payload + 11).then_some(at..signature)
    }

    fn marked(&self, at: usize) -> Option<Range<usize>> {
        let fits = |(prefix, charset, fewest, mix): &(&str, Charset, usize, Mix)| {
            if !self.slice(at, at + prefix.len()).starts_with(prefix.as_bytes()) {
                return None;
            }
            let from = at + prefix.len();
            let seen = self.prefix(from, *charset);
            let fits = seen.len() >= *fewest
                && match mix {
                    Mix::Any => true,
                    Mix::Exact => {
                        seen.len() == *fewest && self.byte(from + fewest).is_none_or(|b| !b.is_ascii_alphanumeric())
                    }
                    Mix::LettersAndDigits => is_mixed(seen),
                    Mix::Slack => matches!(seen, [letter, b'-', ..] if letter.is_ascii_lowercase()),
                };
            fits.then(|| at..self.end_of(from, |b| charset.has(b)))
        };
        MARKED.iter().find_map(fits)
    }

    /// What follows in the character set, no further than [`AHEAD`].
    fn prefix(&self, from: usize, charset: Charset) -> &'a [u8] {
        let ahead = self.slice(from, from + AHEAD);
        let end = ahead.iter().position(|&b| !charset.has(b)).unwrap_or(ahead.len());
        ahead.get(..end).unwrap_or_default()
    }
}

const DATABASE_SCHEMES: [&str; 12] = [
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "redis",
    "rediss",
    "mongodb",
    "srv",
    "amqp",
    "amqps",
    "sqlserver",
    "mssql",
];

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0)
}

fn is_mixed(token: &[u8]) -> bool {
    let letter = token.iter().any(u8::is_ascii_alphabetic);
    let digit = token.iter().any(u8::is_ascii_digit);
    let cases = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    letter && digit && (cases || token.len() >= 32)
}

impl Iterator for Scan<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.bytes.len() {
            if let Some(found) = self.found_at(self.at) {
                self.at = found.end;
                return Some(found);
            }
            self.at += 1;
        }
        None
    }
}
