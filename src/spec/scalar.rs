//! Scalars of the YAML 1.2 core schema.

use serde_json::Number;

use super::diagnostic::{Problem, Span};
use super::tree::Value;

/// What a scalar's text means; `tag` is the suffix of an explicit core tag.
///
/// # Errors
/// A problem (with an empty span) when the text is not of the tagged type or not a finite number.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, Problem> {
    let string = || Value::String { text: text.to_owned(), plain };
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
    Err(Problem::new(Span::default(), format!("`{text}` is not what its tag `!!{tag}` says")).help("remove the tag"))
}

/// The non-string meaning of a plain scalar.
fn core(text: &str) -> Result<Option<Value>, Problem> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => match text.trim_start_matches(['+', '-']) {
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => {
                return Err(Problem::new(Span::default(), format!("`{text}` is not a finite number")));
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
    text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok()
}

/// `1.5`, `.5`, `1e3`; Rust's parser also takes words such as `inf`, so the characters are checked first.
fn float(text: &str) -> Option<Number> {
    let shaped = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit());
    if shaped { text.parse().ok().and_then(Number::from_f64) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        match resolve(text, true, None) {
            Ok(Value::Null) => "null".into(),
            Ok(Value::Bool(value)) => value.to_string(),
            Ok(Value::Number(number)) => number.to_string(),
            Ok(Value::String { text, .. }) => format!("{text:?}"),
            Ok(other) => format!("{other:?}"),
            Err(problem) => problem.message,
        }
    }

    #[test]
    fn the_core_schema() {
        for (text, meaning) in [
            ("", "null"),
            ("~", "null"),
            ("True", "true"),
            ("yes", "\"yes\""),
            ("no", "\"no\""),
            ("on", "\"on\""),
            ("012", "12"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0x", "\"0x\""),
            ("1_000", "\"1_000\""),
            (".5", "0.5"),
            ("1e3", "1000.0"),
            ("1.2.3", "\"1.2.3\""),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "1.8446744073709552e+19"),
            ("inf", "\"inf\""),
            (".inf", "`.inf` is not a finite number"),
            ("e", "\"e\""),
            ("10:30", "\"10:30\""),
        ] {
            assert_eq!(json(text), meaning, "{text:?}");
        }
    }

    #[test]
    fn core_tags_are_honoured() {
        let text = resolve("12", true, Some("str")).unwrap();
        assert_eq!(text, Value::String { text: "12".into(), plain: true });
        assert_eq!(resolve("12", false, Some("int")).unwrap(), Value::Number(12.into()));
        assert!(resolve("1.5", true, Some("int")).is_err());
        assert!(resolve("x", true, Some("bool")).is_err());
    }
}
