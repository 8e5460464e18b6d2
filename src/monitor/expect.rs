//! What must be seen: an [`Expect`] against an answer, a command's output, or a figure.

use std::fmt::Write as _;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::condition::Sight;
use crate::runtime::ExecOutput;
use crate::runtime::http::Answer;
use crate::spec::subject::Expect;

/// Longest piece of foreign text in a detail, characters.
const MAX_QUOTE: usize = 120;

/// An HTTP answer. Without an expected status it must be 200.
pub(super) fn http(expect: &Expect, answer: &Answer) -> Sight {
    let text = String::from_utf8_lossy(&answer.body);
    let seen = join(&answer.status.to_string(), &quote(&text));
    if answer.status != expect.status.unwrap_or(200) {
        return Sight::broken(seen);
    }
    if let Some(sight) = lacks(expect, &text) {
        return sight;
    }
    match &expect.json {
        Some(path) => json(expect, path, &text),
        None => Sight::ok(answer.status.to_string()),
    }
}

/// The values at `path`: there is at least one, and each is as expected.
fn json(expect: &Expect, path: &str, text: &str) -> Sight {
    let parsed = match JsonPath::parse(path) {
        Ok(parsed) => parsed,
        Err(error) => return Sight::unknown(format!("{path} is not a JSONPath: {error}")),
    };
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return Sight::broken(join("not JSON:", &quote(text)));
    };
    let values = parsed.query(&document).all();
    if values.is_empty() {
        return Sight::broken(format!("nothing at {path}"));
    }
    for value in &values {
        let seen = format!("{path} is {}", quote(&value.to_string()));
        if let Some(wanted) = expect.equals.as_ref().filter(|wanted| !same(value, wanted)) {
            return Sight::broken(format!("{seen}, not {wanted}"));
        }
        if expect.min.is_none() && expect.max.is_none() {
            continue;
        }
        let Some(number) = value.as_f64() else {
            return Sight::broken(format!("{seen}, not a number"));
        };
        if let Some(bound) = outside(expect, number) {
            return Sight::broken(format!("{seen}, {bound}")).with(number);
        }
    }
    let sight = Sight::ok(format!("{path} is {}", quote(&values[0].to_string())));
    match values[0].as_f64() {
        Some(number) => sight.with(number),
        None => sight,
    }
}

/// Equal, where numbers are compared by value: 1 is 1.0.
pub(super) fn same(value: &Value, wanted: &Value) -> bool {
    value == wanted || matches!((value.as_f64(), wanted.as_f64()), (Some(a), Some(b)) if a.total_cmp(&b).is_eq())
}

/// A command's end and output. Without an expected exit code it must be 0.
pub(super) fn command(expect: &Expect, output: &ExecOutput) -> Sight {
    let text = quote(&output.output);
    let ended = match output.exit {
        _ if output.timed_out => "no end in time".to_owned(),
        Some(code) => format!("exit {code}"),
        None => "killed".to_owned(),
    };
    if output.timed_out || output.exit != Some(expect.exit.unwrap_or(0)) {
        return Sight::broken(join(&ended, &text));
    }
    if let Some(sight) = lacks(expect, &output.output) {
        return sight;
    }
    if expect.min.is_none() && expect.max.is_none() {
        return Sight::ok(ended);
    }
    match output.output.trim().parse() {
        Ok(number) => figure(expect, number, "output"),
        Err(_) => Sight::broken(join("not a number:", &text)),
    }
}

/// A figure within its bounds; `name` says which.
pub(super) fn figure(expect: &Expect, number: f64, name: &str) -> Sight {
    let seen = format!("{name} {}", rounded(number));
    let sight = match outside(expect, number) {
        Some(bound) => Sight::broken(format!("{seen}, {bound}")),
        None => Sight::ok(seen),
    };
    sight.with(number)
}

fn lacks(expect: &Expect, text: &str) -> Option<Sight> {
    let wanted = expect.contains.as_ref()?;
    let missing = !text.contains(wanted.as_str());
    missing.then(|| Sight::broken(join(&format!("without {wanted:?}:"), &quote(text))))
}

/// Which bound the number violates. What is not a number violates any.
fn outside(expect: &Expect, number: f64) -> Option<String> {
    if let Some(min) = expect.min.filter(|min| number.is_nan() || number < *min) {
        return Some(format!("below {}", rounded(min)));
    }
    let max = expect.max.filter(|max| number.is_nan() || number > *max)?;
    Some(format!("above {}", rounded(max)))
}

/// At most four decimals, without trailing zeros.
fn rounded(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Two pieces of text with a space between them, if both are there.
pub(super) fn join(head: &str, tail: &str) -> String {
    let mut text = head.to_owned();
    if !tail.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, " {tail}");
    }
    text
}

/// Foreign text in one short line.
pub(super) fn quote(text: &str) -> String {
    let mut words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    let mut left = MAX_QUOTE;
    for word in words.by_ref().filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        let length = word.chars().count();
        line.extend(word.chars().take(left));
        if length >= left {
            line.push('…');
            break;
        }
        left -= length + 1;
    }
    line
}
