//! A text as it is shown under a diagnostic: lines of a sane length, and never more than needed.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::diagnostic::{Span, floor_boundary};

/// Lines longer than this are cut around what is pointed at, in bytes.
const LONGEST: usize = 160;

/// A named text with long lines cut; knows the true column of its first span.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    column: usize,
}

impl Excerpt {
    /// Cuts long lines of `text` around the spans and moves the spans along. `column` is that of the first
    /// span in the whole text, from 1.
    pub(super) fn new(name: &str, text: &str, spans: &[Span], column: usize) -> (Self, Vec<Span>) {
        // As many question marks as bytes: the offsets stay.
        let safe = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        let text: String =
            text.chars().map(|c| if safe(c) { String::from(c) } else { "?".repeat(c.len_utf8()) }).collect();
        let mut moved = spans.to_vec();
        let mut out = String::with_capacity(text.len());
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.len();
            let here = |span: &Span| (start..end).contains(&span.start) || (span.start == end && end == text.len());
            if line.len() <= LONGEST {
                for (span, moved) in spans.iter().zip(&mut moved).filter(|(span, _)| here(span)) {
                    moved.start = out.len() + span.start - start;
                    moved.end = out.len() + span.end.clamp(span.start, end) - start;
                }
                out.push_str(line);
            } else {
                let focus = spans.iter().find(|span| here(span)).map_or(0, |span| span.start - start);
                let from = if focus < LONGEST / 2 { 0 } else { floor_boundary(line, focus - LONGEST / 4) };
                let to = floor_boundary(line, from + LONGEST).min(line.trim_end().len()).max(from);
                let shift = out.len() + if from > 0 { '…'.len_utf8() } else { 0 };
                for (span, moved) in spans.iter().zip(&mut moved).filter(|(span, _)| here(span)) {
                    let place = |offset: usize| shift + (offset - start).clamp(from, to) - from;
                    moved.start = place(span.start);
                    moved.end = place(span.end.max(span.start)).max(moved.start);
                }
                out.push_str(if from > 0 { "…" } else { "" });
                out.push_str(&line[from..to]);
                out.push_str(if to < line.trim_end().len() { "…\n" } else { "\n" });
            }
            start = end;
        }
        (Self { name: name.to_owned(), text: out, column: column - 1 }, moved)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        // Asked for without context, it is the place that the header names: the true column goes there.
        let column = if before == 0 && after == 0 { self.column } else { inner.column() };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            column,
            inner.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("a: 1\nb: {}X{}\nc: 2\n", "ä".repeat(300), "z".repeat(300));
        let at = text.find('X').unwrap();
        let (excerpt, spans) = Excerpt::new("f", &text, &[Span::new(at, at + 1), Span::new(0, 1)], at);
        assert!(excerpt.text.lines().all(|line| line.len() <= LONGEST + 6), "{}", excerpt.text);
        assert_eq!(&excerpt.text[spans[0].start..spans[0].end], "X");
        assert_eq!(&excerpt.text[spans[1].start..spans[1].end], "a");
        assert_eq!(excerpt.text.lines().count(), 3);
    }
}
