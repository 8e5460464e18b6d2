//! What the YAML parser says, in words for people.

use super::diagnostic::{Problem, Span};

/// A part of the parser's message, what it means, and what to do.
const MEANINGS: [(&str, &str, &str); 14] = [
    ("tab", "a tab", "indent with spaces, never with tabs"),
    ("unknown anchor", "an alias without its anchor", "an alias (`*name`) needs an anchor (`&name`) before it"),
    (
        "mapping values are not allowed",
        "a `:` where no key can be",
        "a text with `: ` in it needs quotes; a key must be on a line of its own, indented like its siblings",
    ),
    ("illegal placement of ':'", "a `:` where no key can be", "a text with `: ` in it needs quotes"),
    (
        "flow mapping",
        "a `{` that is not closed, or a missing comma",
        "entries between `{` and `}` are separated by commas",
    ),
    (
        "flow sequence",
        "a `[` that is not closed, or a missing comma",
        "elements between `[` and `]` are separated by commas",
    ),
    (
        "flow construct",
        "a line that is indented too little",
        "until `]` or `}`, closing brackets included, lines are indented further than the key",
    ),
    (
        "invalid indentation",
        "a line that is indented too little",
        "until `]` or `}`, closing brackets included, lines are indented further than the key",
    ),
    ("unexpected end of stream", "quotes that are not closed", "add the closing quote"),
    ("expected key", "a line whose indentation fits nothing above it", "indent keys of one map alike"),
    ("expected '-'", "a line whose indentation fits nothing above it", "indent the dashes of one list alike"),
    ("block sequence entries", "a dash where no list can be", "put the list on lines of its own, below its key"),
    ("escape", "an unknown escape in double quotes", "use single quotes for a text with backslashes"),
    ("unprintable", "a character that cannot be printed", "remove it, or write it as an escape in double quotes"),
];

/// A problem for an error of the parser. `open` is the innermost bracket that is not closed,
/// `at_end` whether nothing follows the place.
pub(super) fn problem(span: Span, info: &str, open: Option<Span>, at_end: bool) -> Problem {
    let meaning = MEANINGS.iter().find(|(part, ..)| info.contains(part));
    let problem = match meaning {
        Some((_, message, help)) => Problem::new(span, format!("not valid YAML: {message}")).help(*help),
        None => Problem::new(span, format!("not valid YAML: {info}")),
    };
    match open {
        // At the end of the text there is nothing to see.
        Some(bracket) if at_end => Problem { span: bracket, ..problem }.label("never closed"),
        Some(bracket) => problem.label("noticed here").also(bracket, "opened here"),
        None => problem.label("here"),
    }
}
