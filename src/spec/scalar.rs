//! Scalars of the YAML 1.2 core schema.

use serde_json::Number;

use super::diagnostic::{Problem, Span};
use super::tree::Value;

/// What a scalar's text means; `tag` is the suffix of an explicit core tag.
///
/// # Errors
/// A problem (with an empty span) when the text is not of the tagged type or not a finite number.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, Problem> {
    let string = || Value::String {
        text: text.to_owned(),
        plain,
    };
    let value = match tag {
        Some("str") => return Ok(string()),
        None if !plain => return Ok(string()),
        _ => core(text)?.unwrap_or_else(string),
    };
    let fits = match (tag, &value) {
        (None, _)
        | (Some("null"), Value::Null)
        | (Some("bool"), Value::Bool(_))
        | (Some("float"), Value::Number(_)) => true,
        (Some("int"), Value::Number(number)) => !number.is_f64(),
        _ => false,
    };
    if fits {
        return Ok(value);
    }
    let tag = tag.unwrap_or_default();
    Err(Problem::new(
        Span::default(),
        format!("`{text}` is not what its tag `!!{tag}` says"),
    )
    .help("remove the tag"))
}

/// The non-string meaning of a plain scalar.
fn core(text: &str) -> Result<Option<Value>, Problem> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => match text.trim_start_matches(['+', '-']) {
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => {
                return Err(Problem::new(
                    Span::default(),
                    format!("`{text}` is not a finite number"),
                ));
            }
            _ => integer(text).or_else(|| float(text)).map(Value::Number),
        },
    })
}

fn integer(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits
            .starts_with(|c: char| c.is_ascii_hexdigit())
            .then(|| u64::from_str_radix(digits, 16).ok())?
            .map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits
            .starts_with(|c: char| c.is_digit(8))
            .then(|| u64::from_str_radix(digits, 8).ok())?
            .map(Number::from);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<u64>()
        .map(Number::from)
        .or_else(|_| text.parse::<i64>().map(Number::from))
        .ok()
}

/// `1.5`, `.5`, `1e3`; Rust's parser also takes words such as `inf`, so the characters are checked first.
fn float(text: &str) -> Option<Number> {
    let shaped = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit());
    if shaped {
        text.parse().ok().and_then(Number::from_f64)
    } else {
        None
    }
}
