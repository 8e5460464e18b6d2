//! A YAML document as a tree in which every key and every value knows its place in the text.
//!
//! YAML 1.2 core schema: `no`, `yes` and `on` are strings. Refused with a message of their own: several
//! documents, merge keys, keys that are not plain text, tags of other schemas, duplicate keys, nesting or
//! alias expansion beyond reason.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::diagnostic::{Problem, Span};
use super::scalar;

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 64;

/// Most nodes, aliases expanded.
const MAX_NODES: usize = 100_000;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it is written; of a list or map: from its first to its last element.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, finite.
    Number(serde_json::Number),
    /// Text.
    String {
        /// The text, unquoted.
        text: String,
        /// Written without quotes and not as a block.
        plain: bool,
    },
    /// A list.
    Seq(Vec<Node>),
    /// A map, in the order of the text; keys are unique.
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of a key, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its value, when this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value {
            entries
        } else {
            &[]
        }
    }

    /// The elements of a list; none of anything else.
    pub fn items(&self) -> &[Node] {
        if let Value::Seq(items) = &self.value {
            items
        } else {
            &[]
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        if let Value::String { text, .. } = &self.value {
            Some(text)
        } else {
            None
        }
    }

    /// The best place to point at: a list's or map's first key or element, else the value itself.
    pub fn head(&self) -> Span {
        match &self.value {
            Value::Map(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
            Value::Seq(items) => items.first().map_or(self.span, Node::head),
            _ => self.span,
        }
    }

    /// The same value without places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(value) => Json::Number(value.clone()),
            Value::String { text, .. } => Json::String(text.clone()),
            Value::Seq(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }
}

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
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// Byte offset of each character of the parsed text, within the whole text.
    offsets: Vec<usize>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    problems: Vec<Problem>,
}

type Failed<T> = Result<T, Box<Problem>>;

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - body.len();
        let offsets = body
            .char_indices()
            .map(|(at, _)| at + skipped)
            .chain([text.len()])
            .collect();
        Self {
            parser: Parser::new_from_str(body),
            offsets,
            anchors: HashMap::new(),
            nodes: 0,
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
                let span = Span::new(
                    self.offset(span.start.index()),
                    self.offset(span.end.index()),
                );
                Ok((event, span))
            }
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                Err(scalar::syntax_problem(Span::new(at, at), error.info()).into())
            }
            None => Ok((
                Event::StreamEnd,
                Span::new(self.offset(usize::MAX), self.offset(usize::MAX)),
            )),
        }
    }

    fn offset(&self, char_index: usize) -> usize {
        self.offsets
            .get(char_index)
            .or(self.offsets.last())
            .copied()
            .unwrap_or(0)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Failed<Node> {
        if depth > MAX_DEPTH {
            return Err(
                Problem::new(span, format!("nested more than {MAX_DEPTH} levels deep")).into(),
            );
        }
        self.count(1, span)?;
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = self.tag(tag.as_deref(), span);
                let value =
                    scalar::resolve(&text, plain, tag.as_deref()).unwrap_or_else(|problem| {
                        self.problems.push(Problem { span, ..problem });
                        Value::Null
                    });
                (Node { span, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (self.sequence(span, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (self.mapping(span, depth)?, anchor)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Problem::new(
                        span,
                        "this alias is inside the value that it stands for",
                    )
                    .into());
                };
                self.count(size, span)?;
                return Ok(node);
            }
            _ => return Err(Problem::new(span, "a value is missing here").into()),
        };
        if anchor > 0 {
            self.anchors
                .insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn sequence(&mut self, mut span: Span, depth: usize) -> Failed<Node> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                span.end = items
                    .last()
                    .map_or(at.end, |item: &Node| item.span.end)
                    .max(span.start);
                return Ok(Node {
                    span,
                    value: Value::Seq(items),
                });
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
                span.end = entries
                    .last()
                    .map_or(key_span.end, |entry| entry.value.span.end)
                    .max(span.start);
                return Ok(Node {
                    span,
                    value: Value::Map(entries),
                });
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
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
    }

    /// A key's text; none (and a problem) when it cannot be used as a key.
    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Failed<Option<String>> {
        let (text, plain) = match event {
            Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
            other => match self.node(other, span, depth + 1)?.value {
                Value::String { text, plain } => (text, plain),
                _ => {
                    self.problems
                        .push(Problem::new(span, "a list or map cannot be a key here"));
                    return Ok(None);
                }
            },
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
        self.problems.push(
            Problem::new(span, format!("the tag `{name}` has no meaning here")).help("remove it"),
        );
        None
    }

    fn count(&mut self, nodes: usize, span: Span) -> Failed<()> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Problem::new(
            span,
            format!("more than {MAX_NODES} values, aliases included"),
        )
        .into())
    }
}
