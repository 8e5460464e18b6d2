//! Text, numbers and booleans.

use serde_json::{Number, Value as Schema};

use super::{Key, Walker, shorten};
use crate::model::units::{Bytes, Millis, PerSecond, UnitError};
use crate::spec::diagnostic::Problem;
use crate::spec::name;
use crate::spec::tree::{Node, Value};

impl<'a> Walker<'a> {
    pub(super) fn scalar(&mut self, kind: &str, schema: &'a Schema, node: &Node, key: Key) {
        match (kind, &node.value) {
            ("string", Value::String { text, .. }) => self.text(text, schema, node, key),
            ("string", Value::Number(number)) if quantity(schema).is_some() => {
                self.text(&number.to_string(), schema, node, key);
            }
            ("string", Value::Number(_) | Value::Bool(_)) => {
                let help = format!("put it in quotes: \"{}\"", self.excerpt(node.span));
                self.mismatch("a text", node, key, help);
            }
            ("string", _) => {
                let expected = quantity(schema)
                    .map_or("a text".to_owned(), |(what, example, _)| format!("a {what} such as `{example}`"));
                self.wrong_type(&expected, schema, node, key);
            }
            ("boolean", Value::Bool(_)) => {}
            ("boolean", Value::String { text, .. }) => match boolean(text) {
                Some(value) => {
                    self.mismatch("`true` or `false`", node, key, format!("write `{value}`"));
                }
                None => self.wrong_type("`true` or `false`", schema, node, key),
            },
            ("boolean", _) => self.wrong_type("`true` or `false`", schema, node, key),
            ("integer" | "number", Value::Number(number)) => {
                self.number(kind, number, schema, node, key);
            }
            ("integer" | "number", Value::String { text, plain }) if text.trim().parse::<f64>().is_ok() && !plain => {
                let help = format!("remove the quotes: {}", text.trim());
                self.mismatch(noun(kind), node, key, help);
            }
            ("integer" | "number", Value::String { text, .. }) if text.ends_with('%') => {
                let share = text.trim_end_matches('%').trim().parse::<f64>().unwrap_or(99.0) / 100.0;
                self.mismatch(noun(kind), node, key, format!("shares go from 0 to 1: {share}"));
            }
            _ => self.wrong_type(noun(kind), schema, node, key),
        }
    }

    fn text(&mut self, text: &str, schema: &'a Schema, node: &Node, key: Key) {
        let prefix = key.map_or_else(String::new, |entry| format!("`{}`: ", entry.key));
        if let Some((what, example, parse)) = quantity(schema) {
            if let Err(error) = parse(text) {
                let problem =
                    Problem::new(node.span, format!("{prefix}`{}` is no valid {what}: {error}", shorten(text)))
                        .label(format!("expected a {what} such as `{example}`"));
                let problem = match error {
                    UnitError::UnknownUnit { found, .. } => match unit_alias(&found) {
                        Some(unit) => {
                            problem.help(format!("did you mean `{}`?", text.replace(&found, unit).replace(' ', "")))
                        }
                        None => problem,
                    },
                    _ => problem,
                };
                self.problems.push(problem);
            }
        } else if schema.get("format").and_then(Schema::as_str) == Some("name")
            && let Err(fault) = name::check(text)
        {
            let mut problem = Problem::new(node.span, format!("{prefix}`{}` is no valid name: {fault}", shorten(text)))
                .label("lower-case letters, digits and dashes, beginning with a letter");
            if let Some(better) = name::repaired(text) {
                problem = problem.help(format!("for example `{better}`"));
            }
            self.problems.push(problem);
        } else if schema.get("minLength").is_some() && text.trim().is_empty() {
            let problem = Problem::new(node.span, format!("{prefix}the text is empty")).label("nothing here");
            self.problems.push(self.with_about(problem, schema, key));
        }
    }

    fn number(&mut self, kind: &str, number: &Number, schema: &'a Schema, node: &Node, key: Key) {
        let value = number.as_f64().unwrap_or(f64::MAX);
        if kind == "integer" && number.is_f64() {
            return self.wrong_type(noun(kind), schema, node, key);
        }
        let bound = |keyword| schema.get(keyword).and_then(Schema::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let expected = match (least, most) {
            (Some(least), _) if value < least => match most {
                Some(most) => format!("{least} to {most}"),
                None => format!("at least {least}"),
            },
            (least, Some(most)) if value > most => match least {
                Some(least) => format!("{least} to {most}"),
                None => format!("at most {most}"),
            },
            _ => return,
        };
        let prefix = key.map_or_else(String::new, |entry| format!("`{}`: ", entry.key));
        let problem = Problem::new(node.span, format!("{prefix}{} is out of range", self.excerpt(node.span)))
            .label(format!("expected {expected}"));
        self.problems.push(self.with_about(problem, schema, key));
    }

    fn mismatch(&mut self, expected: &str, node: &Node, key: Key, help: String) {
        let prefix = key.map_or_else(String::new, |entry| format!("`{}`: ", entry.key));
        let problem = Problem::new(node.span, format!("{prefix}expected {expected}, found {}", self.found(node)))
            .label(format!("expected {expected}"))
            .help(help);
        self.problems.push(problem);
    }
}

type Parse = fn(&str) -> Result<(), UnitError>;

/// What quantity a text is, an example, and its parser.
fn quantity(schema: &Schema) -> Option<(&'static str, &'static str, Parse)> {
    match schema.get("format")?.as_str()? {
        "duration-text" => Some(("duration", "30s", |text| text.parse::<Millis>().map(drop))),
        "size-text" => Some(("size", "64MiB", |text| text.parse::<Bytes>().map(drop))),
        "rate-text" => Some(("rate", "50/s", |text| text.parse::<PerSecond>().map(drop))),
        _ => None,
    }
}

/// Our spelling of units that people write otherwise.
fn unit_alias(found: &str) -> Option<&'static str> {
    Some(match found.to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hour" | "hours" | "hr" => "h",
        "msec" | "millis" | "milliseconds" => "ms",
        "k" | "kib" | "ki" => "KiB",
        "m" | "mib" | "mi" => "MiB",
        "g" | "gib" | "gi" => "GiB",
        "kb" => "kB",
        "mb" => "MB",
        "gb" => "GB",
        "b" | "bytes" => "B",
        "/sec" | "/second" | "rps" | "ops" | "hz" | "ps" => "/s",
        "/m" | "/minute" => "/min",
        _ => return None,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => Some(true),
        "no" | "n" | "off" | "false" => Some(false),
        _ => None,
    }
}

fn noun(kind: &str) -> &'static str {
    if kind == "integer" { "a whole number" } else { "a number" }
}
