//! The arguments of a capability.

use std::cmp::Ordering;

use serde_json::{Number, Value as Json, json};

use super::code;
use super::report::Problems;
use super::shape::{Field, Items, Literal, Section, Shape};
use super::tree::{Kind, Node};
use crate::contract::{Arg, ArgType};
use crate::id::Ident;
use crate::value::decimal::Decimal;

pub(crate) static ARG: Section = Section {
    name: "arg",
    doc: "One argument",
    rules: Some(rules),
    fields: &[
        Field::new("type", "What it holds", Shape::Word(&["string", "number", "boolean"]), &code::INVALID_ARG_TYPE)
            .required(),
        Field::new(
            "description",
            "What the model reads about it",
            Shape::Text { blank: false },
            &code::INVALID_ARG_DESCRIPTION,
        ),
        Field::new(
            "required",
            "Whether a call must give it; with a `default` it need not",
            Shape::Flag,
            &code::INVALID_ARG_REQUIRED,
        )
        .default(Literal::Flag(true)),
        Field::new(
            "max_length",
            "Strings: the longest, in characters",
            Shape::Whole { from: 1, to: u64::MAX },
            &code::INVALID_MAX_LENGTH,
        ),
        Field::new("minimum", "Numbers: the smallest, inclusive", Shape::Number, &code::INVALID_MINIMUM),
        Field::new("maximum", "Numbers: the largest, inclusive", Shape::Number, &code::INVALID_MAXIMUM),
        Field::new("enum", "The values it may hold", Shape::List(&ENUM), &code::INVALID_ARG_ENUM),
        Field::new(
            "default",
            "The value where a call omits it; without one, an omitted argument leaves its column unchanged",
            Shape::Scalar,
            &code::INVALID_ARG_DEFAULT,
        ),
    ],
};

pub(crate) static ENUM: Items = Items { shape: Shape::Scalar, bad: &code::INVALID_ARG_ENUM, least: 1 };

fn rules() -> Json {
    let of_type = |kind: &str, foreign: &[&str]| {
        let mut properties = json!({"enum": {"items": {"type": kind}}, "default": {"type": kind}});
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(foreign.iter().map(|key| ((*key).to_owned(), Json::Bool(false))));
        }
        json!({
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": {"properties": properties},
        })
    };
    json!({
        "allOf": [
            of_type("string", &["minimum", "maximum"]),
            of_type("number", &["max_length"]),
            of_type("boolean", &["minimum", "maximum", "max_length"]),
            {"if": {"required": ["default"]}, "then": {"properties": {"required": {"const": false}}}},
        ],
    })
}

/// Whether a call must give the argument.
pub(crate) fn is_required(arg: Node<'_>) -> bool {
    arg.get_flag("required").unwrap_or(true) && arg.get("default").is_none()
}

/// The arguments, in the file's order; `None` if one of them is wrong.
pub(crate) fn build(capability: Node<'_>, problems: &mut Problems) -> Option<Vec<Arg>> {
    let args: Vec<_> = capability.get("args")?.entries().map(|node| build_one(node, problems)).collect();
    args.into_iter().collect()
}

fn build_one(node: Node<'_>, problems: &mut Problems) -> Option<Arg> {
    let ty = ty(node, problems)?;
    if let Some(list) = node.get("enum") {
        for item in list.items().filter(is_scalar) {
            if let Err(why) = may_hold(&ty, item) {
                problems.add(&code::INVALID_ARG_ENUM, item, why);
            }
        }
    }
    if let Some(default) = node.get("default").filter(is_scalar) {
        if node.get_flag("required") == Some(true) {
            let message = "a required argument is never omitted, so it needs no default";
            problems.add_key(&code::ARG_DEFAULT_ON_REQUIRED, default, message);
        }
        let listed = node.get("enum").is_none_or(|list| list.items().any(|item| same(item, default)));
        match may_hold(&ty, default) {
            Err(why) => problems.add(&code::INVALID_ARG_DEFAULT, default, why),
            Ok(()) if !listed => problems.add(&code::INVALID_ARG_DEFAULT, default, "the default is not in `enum`"),
            Ok(()) => {}
        }
    }
    Some(Arg {
        name: Ident::parse(node.key()?).ok()?,
        ty,
        description: node.get_text("description").map(str::to_owned),
        required: is_required(node),
        default: node.get("default").map(|default| default.json()),
        allowed: node.get("enum").into_iter().flat_map(|list| list.items()).map(|item| item.json()).collect(),
    })
}

fn ty(node: Node<'_>, problems: &mut Problems) -> Option<ArgType> {
    let word = node.get_text("type")?;
    if word != "number" {
        for bound in ["minimum", "maximum"].into_iter().filter_map(|key| node.get(key)) {
            let message = "only a number has bounds";
            problems.add_key(&code::NUMERIC_BOUNDS_REQUIRE_NUMBER, bound, message);
        }
    }
    if let Some(length) = node.get("max_length").filter(|_| word != "string") {
        problems.add_key(&code::INVALID_MAX_LENGTH, length, "only a string has a length");
    }
    match word {
        "string" => Some(ArgType::Text { max_length: node.get_whole("max_length") }),
        "number" => {
            let (minimum, maximum) = bounds(node, problems);
            Some(ArgType::Number { minimum, maximum })
        }
        "boolean" => Some(ArgType::Boolean),
        _ => None,
    }
}

/// `minimum` and `maximum` of an object, in the right order.
pub(crate) fn bounds(node: Node<'_>, problems: &mut Problems) -> (Option<Number>, Option<Number>) {
    let get = |key| node.get(key).and_then(|bound| bound.number());
    let (minimum, maximum) = (get("minimum"), get("maximum"));
    if let (Some(low), Some(high)) = (minimum, maximum)
        && order(low, high) == Ordering::Greater
    {
        problems.add(&code::INVALID_NUMERIC_RANGE, node, format!("the minimum {low} is above the maximum {high}"));
    }
    (minimum.cloned(), maximum.cloned())
}

/// Whether a fixed value keeps to bounds, or why not.
pub(crate) fn within(number: &Number, minimum: Option<&Number>, maximum: Option<&Number>) -> Result<(), String> {
    if let Some(low) = minimum.filter(|low| order(number, low) == Ordering::Less) {
        return Err(format!("{number} is below the minimum {low}"));
    }
    if let Some(high) = maximum.filter(|high| order(number, high) == Ordering::Greater) {
        return Err(format!("{number} is above the maximum {high}"));
    }
    Ok(())
}

fn may_hold(ty: &ArgType, node: Node<'_>) -> Result<(), String> {
    match (ty, node.kind()) {
        (ArgType::Text { max_length }, Kind::Text(text)) => {
            let length = text.chars().count() as u64;
            match max_length.filter(|longest| length > *longest) {
                Some(longest) => Err(format!("this has {length} characters, but `max_length` is {longest}")),
                None => Ok(()),
            }
        }
        (ArgType::Number { minimum, maximum }, Kind::Number(number)) => {
            within(number, minimum.as_ref(), maximum.as_ref())
        }
        (ArgType::Boolean, Kind::Flag(_)) => Ok(()),
        (ArgType::Text { .. }, _) => Err("the argument holds a string, and this is none".to_owned()),
        (ArgType::Number { .. }, _) => Err("the argument holds a number, and this is none".to_owned()),
        (ArgType::Boolean, _) => Err("the argument holds true or false, and this is neither".to_owned()),
    }
}

fn is_scalar(node: &Node<'_>) -> bool {
    !matches!(node.kind(), Kind::List(_) | Kind::Object(_))
}

fn same(left: Node<'_>, right: Node<'_>) -> bool {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => order(left, right) == Ordering::Equal,
        _ => left.json() == right.json(),
    }
}

/// Compares exactly: every number that the tree keeps is a decimal.
fn order(left: &Number, right: &Number) -> Ordering {
    let decimal = |number: &Number| Decimal::parse(&number.to_string());
    decimal(left).cmp(&decimal(right))
}
