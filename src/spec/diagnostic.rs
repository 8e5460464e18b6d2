//! What is wrong, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// A range of bytes of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` to before `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// One mistake in a text, before it is known which file the text is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// Short text at the place.
    pub label: String,
    /// Other places that matter, with a short text each.
    pub also: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem with its place and message.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: String::new(), also: Vec::new(), help: None }
    }

    /// Adds the short text at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A text with the name to show for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// Path of the file, or a description such as `--chaos`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl SourceText {
    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = floor_boundary(&self.text, offset);
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().filter(|c| *c != '\u{feff}').count() + 1;
        (before.bytes().filter(|byte| *byte == b'\n').count() + 1, column)
    }
}

/// A problem in a named text.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The text.
    pub source: Arc<SourceText>,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Everything that is wrong with the files that were looked at; sorted by file and place, each once.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Nothing wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Adds problems of one text. A span over several lines is cut to its first line.
    pub fn add(&mut self, source: &Arc<SourceText>, problems: impl IntoIterator<Item = Problem>) {
        for mut problem in problems {
            printable(&mut problem.message);
            printable(&mut problem.label);
            problem.help.iter_mut().for_each(printable);
            problem.span = first_line(&source.text, problem.span);
            for (span, _) in &mut problem.also {
                *span = first_line(&source.text, *span);
            }
            let source = Arc::clone(source);
            self.list.push(Diagnostic { source, problem });
        }
        self.tidy();
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.list.extend(other.list);
        self.tidy();
    }

    /// Sorts and removes what is there twice: a file may be read for several reasons.
    fn tidy(&mut self) {
        self.list.sort_by(|a, b| a.key().cmp(&b.key()));
        self.list.dedup_by(|a, b| a.key() == b.key());
    }
}

impl Diagnostic {
    fn key(&self) -> (&str, Span, &str) {
        (&self.source.name, self.problem.span, &self.problem.message)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.source.position(self.problem.span.start);
        write!(f, "{}:{line}:{column}: {}", self.source.name, self.problem.message)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|diagnostic| writeln!(f, "{diagnostic}"))
    }
}

impl std::error::Error for Diagnostics {}

/// The greatest character boundary of `text` that is not behind `offset`.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Escapes control characters: a file's text must not steer the terminal.
fn printable(text: &mut String) {
    if text.contains(char::is_control) {
        let escape = |c: char| {
            if c.is_control() { c.escape_default().collect() } else { String::from(c) }
        };
        *text = text.chars().map(escape).collect();
    }
}

/// The part of a span that is on its first line, within the text and on character boundaries.
fn first_line(text: &str, span: Span) -> Span {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end).max(start);
    let line = text[start..end].split(['\n', '\r']).next().unwrap_or_default();
    Span::new(start, start + line.trim_end().len())
}
