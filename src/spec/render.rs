//! Diagnostics as text for people and as JSON for programs.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use serde::Serialize;

use super::diagnostic::{Diagnostic, Diagnostics, Span};
use super::excerpt::Excerpt;

/// More than this many diagnostics are counted, not shown.
const SHOWN: usize = 100;

/// Width of the text, in columns.
const WIDTH: usize = 100;

/// How diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// ASCII without colours: for files and pipes.
    Plain,
    /// Box drawing characters without colours.
    Unicode,
    /// Box drawing characters and colours.
    Colour,
}

impl Style {
    /// The style for standard error: colours only on a terminal and without `NO_COLOR`.
    pub fn for_stderr() -> Self {
        use std::io::IsTerminal;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        match (std::io::stderr().is_terminal(), no_colour) {
            (false, _) => Self::Plain,
            (true, true) => Self::Unicode,
            (true, false) => Self::Colour,
        }
    }

    fn theme(self) -> GraphicalTheme {
        match self {
            Self::Plain => GraphicalTheme::none(),
            Self::Unicode => GraphicalTheme::unicode_nocolor(),
            Self::Colour => GraphicalTheme::unicode(),
        }
    }
}

impl Diagnostics {
    /// All diagnostics with the lines they point at, and a last line that counts them.
    pub fn render(&self, style: Style) -> String {
        let handler = GraphicalReportHandler::new_themed(style.theme())
            .with_width(WIDTH)
            .with_links(false)
            .with_break_words(false);
        let mut out = String::new();
        for diagnostic in self.iter().take(SHOWN) {
            let report = Report::new(diagnostic);
            if handler.render_report(&mut out, &report).is_err() {
                out.push_str(&diagnostic.to_string());
            }
            out.push('\n');
        }
        let hidden = self.iter().len().saturating_sub(SHOWN);
        if hidden > 0 {
            out = format!("{out}{hidden} more are not shown\n");
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    /// "3 errors in 2 files".
    pub fn summary(&self) -> String {
        let mut files: Vec<&str> = self.iter().map(|diagnostic| diagnostic.source.name.as_str()).collect();
        files.dedup();
        let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        format!("{} in {}", plural(self.iter().len(), "error"), plural(files.len(), "file"))
    }

    /// All diagnostics as plain data.
    pub fn records(&self) -> Vec<Record<'_>> {
        self.iter().map(Record::new).collect()
    }
}

/// A diagnostic as data. Lines and columns count from 1, columns in characters; the end is exclusive.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end: Position,
    message: &'a str,
    label: &'a str,
    help: Option<&'a str>,
}

/// A place in a text.
#[derive(Debug, Serialize)]
struct Position {
    line: usize,
    column: usize,
}

impl<'a> Record<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { source, problem } = diagnostic;
        let (line, column) = source.position(problem.span.start);
        let end = source.position(problem.span.end.max(problem.span.start));
        Self {
            file: &source.name,
            line,
            column,
            end: Position { line: end.0, column: end.1 },
            message: &problem.message,
            label: &problem.label,
            help: problem.help.as_deref(),
        }
    }
}

/// What miette draws.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Option<Excerpt>,
    spans: Vec<Span>,
}

impl<'a> Report<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { source, problem } = diagnostic;
        if source.text.is_empty() {
            return Self { diagnostic, excerpt: None, spans: Vec::new() };
        }
        let spans: Vec<Span> =
            std::iter::once(problem.span).chain(problem.also.iter().map(|(span, _)| *span)).collect();
        let (_, column) = source.position(problem.span.start);
        let (excerpt, spans) = Excerpt::new(&source.name, &source.text, &spans, column);
        Self { diagnostic, excerpt: Some(excerpt), spans }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { source, problem } = self.diagnostic;
        if self.excerpt.is_none() {
            write!(f, "{}: ", source.name)?;
        }
        f.write_str(&problem.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let help = self.diagnostic.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let problem = &self.diagnostic.problem;
        let (first, others) = self.spans.split_first()?;
        let range = |span: &Span| span.start..span.end.max(span.start);
        let text = |label: &str| Some(label.to_owned()).filter(|label| !label.is_empty());
        let primary = LabeledSpan::new_primary_with_span(text(&problem.label), range(first));
        let labels = others
            .iter()
            .zip(&problem.also)
            .map(move |(span, (_, label))| LabeledSpan::new_with_span(text(label), range(span)));
        Some(Box::new(std::iter::once(primary).chain(labels)))
    }
}
