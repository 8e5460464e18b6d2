//! Compares a YAML tree with a JSON Schema and says everything that is wrong, each at its place.
//!
//! Made for the schemas that [`super::schema`] generates, for people: it knows that `oneOf` with objects
//! of one required key is an enum, that a number without a unit was meant as a duration, and that a key
//! one level too far left belongs into its neighbour. What it lets pass, serde must accept; a test holds
//! the two together.

mod choice;
mod salvage;
mod scalar;
#[cfg(test)]
mod tests;

pub(super) use salvage::salvage;

use serde_json::Value as Schema;

use super::diagnostic::{Problem, Span};
use super::suggest;
use super::tree::{Entry, Node, Value};

/// Everything in `node` that `schema` does not permit. `root` holds the `$defs`, `text` what was parsed.
pub(super) fn walk(root: &Schema, schema: &Schema, node: &Node, text: &str) -> Vec<Problem> {
    let mut walker = Walker { root, text, problems: Vec::new() };
    walker.value(schema, node, None);
    walker.problems
}

/// After so many problems the rest of a file is not looked at: it is not what it is taken for.
const MOST: usize = 200;

struct Walker<'a> {
    root: &'a Schema,
    text: &'a str,
    problems: Vec<Problem>,
}

/// The key whose value is looked at.
type Key<'a> = Option<&'a Entry>;

impl<'a> Walker<'a> {
    fn value(&mut self, schema: &'a Schema, node: &Node, key: Key) {
        if self.problems.len() >= MOST {
            return;
        }
        let schema = self.resolve(schema);
        if schema.get("oneOf").is_some() || schema.get("anyOf").is_some() {
            return self.choice(schema, node, key);
        }
        match schema.get("type").and_then(Schema::as_str) {
            Some("object") => self.object(schema, node, key),
            Some("array") => self.array(schema, node, key),
            Some(kind) => self.scalar(kind, schema, node, key),
            None => {}
        }
    }

    fn resolve(&self, mut schema: &'a Schema) -> &'a Schema {
        // Our definitions refer to each other without chains of bare references; the bound is for safety.
        for _ in 0..8 {
            let target = schema.get("$ref").and_then(Schema::as_str).and_then(|path| path.strip_prefix('#'));
            match target.and_then(|path| self.root.pointer(path)) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn object(&mut self, schema: &'a Schema, node: &Node, key: Key) {
        let Value::Map(entries) = &node.value else {
            return self.wrong_type("a map", schema, node, key);
        };
        let properties = schema.get("properties").and_then(Schema::as_object);
        let others = schema.get("additionalProperties");
        let closed = others == Some(&Schema::Bool(false));
        let names: Vec<&str> = properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect();
        let free: Vec<&str> = names.iter().copied().filter(|name| node.entry(name).is_none()).collect();
        // The names that unknown keys most likely stand for: they are not missing as well.
        let mut meant = Vec::new();
        for entry in entries {
            match (properties.and_then(|map| map.get(&entry.key)), others) {
                (Some(property), _) => self.value(property, &entry.value, Some(entry)),
                (None, Some(other @ Schema::Object(_))) => {
                    self.value(other, &entry.value, Some(entry));
                }
                (None, _) if closed && self.problems.len() < MOST => {
                    let name = suggest::nearest(&entry.key, free.iter().copied());
                    let known = suggest::nearest(&entry.key, names.iter().copied());
                    let taken = known.and_then(|name| node.entry(name));
                    self.unknown_key(entry, name.ok_or(taken), &free, key);
                    // What is below is checked as if the name were right.
                    if let Some(property) = name.and_then(|name| properties?.get(name)) {
                        self.value(property, &entry.value, Some(entry));
                    }
                    meant.extend(name);
                }
                (None, _) => {}
            }
        }
        let required = schema.get("required").and_then(Schema::as_array);
        for name in required.into_iter().flatten().filter_map(Schema::as_str) {
            if free.contains(&name) && !meant.contains(&name) {
                let about = properties.and_then(|map| map.get(name)).and_then(|property| self.about(property));
                self.missing_key(name, about, node, key);
            }
        }
        if schema.get("minProperties").and_then(Schema::as_u64) == Some(1) && entries.is_empty() {
            let span = key.map_or(node.span, |entry| entry.key_span);
            let name = key.map_or_else(|| "this map".into(), |entry| format!("`{}`", entry.key));
            let problem = Problem::new(span, format!("{name} is empty: at least one entry is needed"));
            self.problems.push(if names.is_empty() { problem } else { problem.help(suggest::valid(&names)) });
        }
    }

    fn array(&mut self, schema: &'a Schema, node: &Node, key: Key) {
        let Value::Seq(items) = &node.value else {
            return self.wrong_type("a list", schema, node, key);
        };
        if let Some(item_schema) = schema.get("items") {
            for item in items {
                self.value(item_schema, item, None);
            }
        }
        let least = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let name = key.map_or_else(|| "the list".into(), |entry| format!("`{}`", entry.key));
            let message = match items.len() {
                0 => format!("{name} is empty"),
                found => format!("{name} has {found} elements"),
            };
            let problem = Problem::new(node.span, message).label(format!("at least {least} needed"));
            self.problems.push(self.with_about(problem, schema, key));
        }
    }

    /// Reports an unknown key. `meant` is the name it most likely stands for or, when the map has that
    /// already, its entry; `free` are the names that the map does not have yet.
    fn unknown_key(&mut self, entry: &Entry, meant: Result<&str, Option<&Entry>>, free: &[&str], parent: Key) {
        let place = parent.map_or_else(String::new, |parent| format!(" in `{}`", parent.key));
        let message = format!("unknown key `{}`{place}", entry.key);
        let problem = Problem::new(entry.key_span, message).label("not known here");
        self.problems.push(match meant {
            Ok(name) => problem.label(format!("did you mean `{name}`?")),
            Err(Some(other)) => problem
                .also(other.key_span, "this one is known")
                .help(format!("`{}` is given already: remove one of the two", other.key)),
            Err(None) if free.is_empty() => problem.help("all keys that may be here are given"),
            Err(None) => problem.help(format!("keys that may be added: {}", suggest::list(free))),
        });
    }

    fn missing_key(&mut self, name: &str, about: Option<String>, node: &Node, key: Key) {
        let place = key.map_or_else(String::new, |entry| format!(" in `{}`", entry.key));
        let span = key.map_or_else(|| node.head(), |entry| entry.key_span);
        let problem = Problem::new(span, format!("`{name}` is missing{place}")).label(format!("needs `{name}`"));
        self.problems.push(match about {
            Some(about) => problem.help(format!("`{name}`: {about}")),
            None => problem,
        });
    }

    /// "expected X, found Y" at the value; `expected` is a noun with its article.
    fn wrong_type(&mut self, expected: &str, schema: &'a Schema, node: &Node, key: Key) {
        let found = self.found(node);
        let name = key.map_or_else(String::new, |entry| format!("`{}`: ", entry.key));
        let span = match (&node.value, key) {
            // Nothing is there to point at: point at the key.
            (Value::Null, Some(entry)) if node.span.start == node.span.end => entry.key_span,
            _ => node.head(),
        };
        let message = format!("{name}expected {expected}, found {found}");
        let problem = Problem::new(span, message).label(format!("expected {expected}"));
        let problem = match (&node.value, expected) {
            (Value::Null, _) => problem.help("give a value, or remove the key if it is optional"),
            (Value::Seq(items), "a map") if matches!(items.as_slice(), [Node { value: Value::Map(_), .. }]) => {
                problem.help("remove the dash: this is one map, not a list of maps")
            }
            (Value::Map(_), "a list") => problem.help("begin each element with a dash: `- …`"),
            (Value::String { .. } | Value::Number(_), "a list") => {
                problem.help(format!("a list of one is written `[{}]`", self.excerpt(node.span)))
            }
            _ => self.with_about(problem, schema, key),
        };
        self.problems.push(problem);
    }

    /// Adds what the value is for, as the schema describes it.
    fn with_about(&self, problem: Problem, schema: &'a Schema, key: Key) -> Problem {
        match (self.about(schema), key) {
            (Some(about), Some(entry)) => problem.help(format!("`{}`: {about}", entry.key)),
            (Some(about), None) => problem.help(about),
            (None, _) => problem,
        }
    }

    /// The first paragraph of a schema's description, on one line.
    fn about(&self, schema: &'a Schema) -> Option<String> {
        let own = schema.get("description").or_else(|| self.resolve(schema).get("description"))?;
        let paragraph = own.as_str()?.split("\n\n").next()?;
        Some(paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn found(&self, node: &Node) -> String {
        match &node.value {
            Value::Null if node.span.start == node.span.end => "nothing".into(),
            Value::Null => format!("`{}` (nothing)", self.excerpt(node.span)),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(_) => format!("the number `{}`", self.excerpt(node.span)),
            Value::String { text, .. } if text.is_empty() => "an empty text".into(),
            Value::String { text, .. } => format!("the text `{}`", shorten(text)),
            Value::Seq(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        }
    }

    fn excerpt(&self, span: Span) -> String {
        shorten(self.text.get(span.start..span.end).unwrap_or_default())
    }
}

/// The first line, cut at 40 characters.
pub(super) fn shorten(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
