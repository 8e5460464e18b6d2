//! From YAML text to a tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::diagnostic::{Problem, Span};
use super::tree::{Entry, Node, Value};
use super::{scalar, syntax};

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 64;

/// Most nodes, aliases expanded.
const MAX_NODES: usize = 100_000;

/// Reads a text. The tree is there whenever the text is YAML, even with problems such as duplicate keys.
pub fn parse(text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut reader = Reader::new(text);
    let node = match reader.document() {
        Ok(node) => Some(node),
        Err(problem) => {
            reader.problems.push(*problem);
            None
        }
    };
    (node, reader.problems)
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Byte offset of each character of the parsed text, within the whole text.
    offsets: Vec<usize>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    /// The lists and maps that are not closed yet, innermost last.
    open: Vec<Span>,
    text: &'t str,
    problems: Vec<Problem>,
}

type Failed<T> = Result<T, Box<Problem>>;

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - body.len();
        let offsets = body.char_indices().map(|(at, _)| at + skipped).chain([text.len()]).collect();
        Self {
            parser: Parser::new_from_str(body),
            offsets,
            anchors: HashMap::new(),
            nodes: 0,
            open: Vec::new(),
            text,
            problems: Vec::new(),
        }
    }

    fn document(&mut self) -> Failed<Node> {
        let node = loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(Problem::new(Span::new(0, 0), "the file is empty")
                        .help("a file holds one map, beginning with `name:`")
                        .into());
                }
                event => break self.node(event, span, 0)?,
            }
        };
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(node),
                Event::DocumentStart(_) => {
                    self.problems.push(
                        Problem::new(span, "a second document in one file")
                            .label("begins here")
                            .help("put each document into a file of its own"),
                    );
                    return Ok(node);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Failed<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = Span::new(self.offset(span.start.index()), self.offset(span.end.index()));
                Ok((event, span))
            }
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                let bracket = |span: &&Span| self.text[span.start..].starts_with(['{', '[']);
                let open = self.open.last().filter(bracket).copied();
                let at_end = self.text[at..].trim().is_empty();
                Err(syntax::problem(Span::new(at, at), error.info(), open, at_end).into())
            }
            None => Ok((Event::StreamEnd, Span::new(self.offset(usize::MAX), self.offset(usize::MAX)))),
        }
    }

    fn offset(&self, char_index: usize) -> usize {
        self.offsets.get(char_index).or(self.offsets.last()).copied().unwrap_or(0)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Failed<Node> {
        if depth > MAX_DEPTH {
            return Err(Problem::new(span, format!("nested more than {MAX_DEPTH} levels deep")).into());
        }
        self.count(1, span)?;
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = self.tag(tag.as_deref(), span);
                let value = scalar::resolve(&text, plain, tag.as_deref()).unwrap_or_else(|problem| {
                    self.problems.push(Problem { span, ..problem });
                    Value::Null
                });
                (Node { span, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), span);
                {
                    self.open.push(span);
                    let node = self.sequence(span, depth)?;
                    self.open.pop();
                    (node, anchor)
                }
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), span);
                {
                    self.open.push(span);
                    let node = self.mapping(span, depth)?;
                    self.open.pop();
                    (node, anchor)
                }
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Problem::new(span, "this alias is inside the value that it stands for").into());
                };
                self.count(size, span)?;
                return Ok(node);
            }
            _ => return Err(Problem::new(span, "a value is missing here").into()),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn sequence(&mut self, mut span: Span, depth: usize) -> Failed<Node> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                span.end = items.last().map_or(at.end, |item: &Node| item.span.end).max(span.start);
                return Ok(Node { span, value: Value::Seq(items) });
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn mapping(&mut self, mut span: Span, depth: usize) -> Failed<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                span.end = entries.last().map_or(key_span.end, |entry| entry.value.span.end).max(span.start);
                return Ok(Node { span, value: Value::Map(entries) });
            }
            let key = self.key(event, key_span, depth)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            let Some(key) = key else { continue };
            if let Some(first) = seen.get(&key) {
                self.problems.push(
                    Problem::new(key_span, format!("the key `{key}` is there twice"))
                        .label("again")
                        .also(*first, "first")
                        .help("keep one of the two"),
                );
                continue;
            }
            seen.insert(key.clone(), key_span);
            entries.push(Entry { key, key_span, value });
        }
    }

    /// A key's text; none (and a problem) when it cannot be used as a key.
    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Failed<Option<String>> {
        let (text, plain) = match event {
            Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
            other => {
                let Value::String { text, plain } = self.node(other, span, depth + 1)?.value else {
                    self.problems.push(Problem::new(span, "a list or map cannot be a key here"));
                    return Ok(None);
                };
                (text, plain)
            }
        };
        if plain && text == "<<" {
            self.problems.push(
                Problem::new(span, "merge keys (`<<`) are not supported")
                    .help("they are not part of YAML 1.2: write the keys out, or use an alias for a whole value"),
            );
            return Ok(None);
        }
        Ok(Some(text))
    }

    /// The suffix of a core tag (`str` of `!!str`); a problem for any other tag.
    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Option<String> {
        let tag = tag?;
        if tag.is_yaml_core_schema() {
            return Some(tag.suffix.clone());
        }
        let name = format!("{}{}", tag.handle, tag.suffix);
        self.problems.push(Problem::new(span, format!("the tag `{name}` has no meaning here")).help("remove it"));
        None
    }

    fn count(&mut self, nodes: usize, span: Span) -> Failed<()> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Problem::new(span, format!("more than {MAX_NODES} values, aliases included")).into())
    }
}
