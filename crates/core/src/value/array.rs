//! PostgreSQL array literals as JSON arrays.

use serde_json::Value as Json;

use super::{Cell, Kind};

/// Reads an array literal such as `{1,NULL,"a b"}`; `None` if it is not one.
#[must_use]
pub fn to_json(literal: &str, element: &Kind) -> Option<Json> {
    // Arrays with unusual bounds start with `[2:3]=`.
    let body = match literal.strip_prefix('[') {
        Some(rest) => rest.split_once("]=")?.1,
        None => literal,
    };
    let mut chars = body.chars().peekable();
    let value = read_array(&mut chars, element)?;
    chars.next().is_none().then_some(value)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn read_array(chars: &mut Chars<'_>, element: &Kind) -> Option<Json> {
    if chars.next()? != '{' {
        return None;
    }
    let mut items = Vec::new();
    if chars.peek() == Some(&'}') {
        chars.next();
        return Some(Json::Array(items));
    }
    loop {
        items.push(match chars.peek()? {
            '{' => read_array(chars, element)?,
            '"' => Cell::new(element.clone(), Some(read_quoted(chars)?)).json(),
            _ => read_bare(chars, element)?,
        });
        match chars.next()? {
            ',' => {}
            '}' => return Some(Json::Array(items)),
            _ => return None,
        }
    }
}

fn read_quoted(chars: &mut Chars<'_>) -> Option<String> {
    chars.next();
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            other => text.push(other),
        }
    }
}

fn read_bare(chars: &mut Chars<'_>, element: &Kind) -> Option<Json> {
    let mut text = String::new();
    while let Some(&c) = chars.peek() {
        if c == ',' || c == '}' {
            break;
        }
        text.push(c);
        chars.next();
    }
    if text.is_empty() {
        return None;
    }
    let text = (text != "NULL").then_some(text);
    Some(Cell::new(element.clone(), text).json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_postgres_writes() {
        let check =
            |literal: &str, kind: Kind, expect: Option<Json>| assert_eq!(to_json(literal, &kind), expect, "{literal}");
        check("{}", Kind::Text, Some(json!([])));
        check("{1,2,NULL}", Kind::Integer, Some(json!([1, 2, null])));
        check(r#"{"a \"b\" \\","NULL",c}"#, Kind::Text, Some(json!(["a \"b\" \\", "NULL", "c"])));
        check("{{1,2},{3,4}}", Kind::Integer, Some(json!([[1, 2], [3, 4]])));
        check("[0:1]={1,2}", Kind::Integer, Some(json!([1, 2])));
        check("{1,2", Kind::Integer, None);
        check("{1,2}x", Kind::Integer, None);
        check("{1,,2}", Kind::Integer, None);
    }
}
