//! Enums: fixed words, maps of one key, and what may stand instead.

use serde_json::Value as Schema;

use super::{Key, Walker, shorten};
use crate::spec::diagnostic::Problem;
use crate::spec::suggest;
use crate::spec::tree::{Entry, Node, Value};

/// The alternatives of an enum, by how they are written.
#[derive(Default)]
struct Choices<'a> {
    /// Fixed words.
    words: Vec<&'a str>,
    /// Keys of maps of one key, with the schema of the key's value.
    tags: Vec<(&'a str, &'a Schema)>,
    /// Anything else.
    others: Vec<&'a Schema>,
}

impl<'a> Choices<'a> {
    fn tag_names(&self) -> Vec<&'a str> {
        self.tags.iter().map(|(name, _)| *name).collect()
    }
}

impl<'a> Walker<'a> {
    pub(super) fn choice(&mut self, schema: &'a Schema, node: &Node, key: Key) {
        let choices = self.choices(schema);
        match &node.value {
            Value::String { text, .. } if choices.words.contains(&text.as_str()) => {}
            Value::Map(entries) if !choices.tags.is_empty() => {
                self.tagged(&choices, entries, node, key);
            }
            value => match choices.others.iter().copied().find(|other| fits(other, value)) {
                Some(other) => self.value(other, node, key),
                None => self.no_choice(&choices, schema, node, key),
            },
        }
    }

    fn choices(&self, schema: &'a Schema) -> Choices<'a> {
        let mut choices = Choices::default();
        let options = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Schema::as_array);
        for option in options.into_iter().flatten() {
            let option = self.resolve(option);
            let properties = option.get("properties").and_then(Schema::as_object);
            let closed = option.get("additionalProperties") == Some(&Schema::Bool(false));
            let tag = properties.filter(|map| closed && map.len() == 1).and_then(|map| map.iter().next());
            let required = option.get("required").and_then(Schema::as_array).is_some_and(|keys| keys.len() == 1);
            match (option.get("const").and_then(Schema::as_str), tag) {
                (Some(word), _) => choices.words.push(word),
                (None, Some((name, inner))) if required => choices.tags.push((name, inner)),
                _ => match option.get("enum").and_then(Schema::as_array) {
                    Some(words) => choices.words.extend(words.iter().filter_map(Schema::as_str)),
                    None => choices.others.push(option),
                },
            }
        }
        choices
    }

    /// A map that must have exactly one of the known keys.
    fn tagged(&mut self, choices: &Choices<'a>, entries: &[Entry], node: &Node, key: Key) {
        let names = choices.tag_names();
        if entries.is_empty() {
            let span = key.map_or(node.span, |entry| entry.key_span);
            self.problems
                .push(Problem::new(span, "an empty map where exactly one key is needed").help(suggest::valid(&names)));
        }
        let mut first: Option<(&Entry, &'a Schema)> = None;
        for entry in entries {
            let known = choices.tags.iter().find(|(name, _)| *name == entry.key);
            match (known, first) {
                (Some((_, inner)), None) => {
                    let stray = |other: &Entry| self.has_property(inner, &other.key);
                    // With its keys beside it instead of below it, that it is empty goes without saying.
                    if entry.value.value != Value::Null || !entries.iter().any(stray) {
                        self.value(inner, &entry.value, Some(entry));
                    }
                    first = Some((entry, inner));
                }
                (Some((_, inner)), Some((other, _))) => {
                    self.value(inner, &entry.value, Some(entry));
                    self.problems.push(
                        Problem::new(entry.key_span, format!("both `{}` and `{}` in one map", other.key, entry.key))
                            .label("one too many")
                            .also(other.key_span, "first")
                            .help("a map here has exactly one key; in a list, begin the other with a dash of its own"),
                    );
                }
                (None, Some((other, inner))) if self.has_property(inner, &entry.key) => {
                    self.problems.push(
                        Problem::new(entry.key_span, format!("`{}` belongs inside `{}`", entry.key, other.key))
                            .label("not indented enough")
                            .also(other.key_span, "inside this")
                            .help(format!("indent `{}` further than `{}`", entry.key, other.key)),
                    );
                }
                (None, _) => {
                    let meant = self.unknown_tag(entry, &names);
                    let inner = choices.tags.iter().find(|(name, _)| Some(*name) == meant);
                    if let Some((_, inner)) = inner {
                        self.value(inner, &entry.value, Some(entry));
                    }
                }
            }
        }
    }

    fn unknown_tag<'n>(&mut self, entry: &Entry, names: &[&'n str]) -> Option<&'n str> {
        let problem = Problem::new(entry.key_span, format!("unknown key `{}`", entry.key));
        let meant = suggest::nearest(&entry.key, names.iter().copied());
        self.problems.push(match meant {
            Some(name) => problem.label(format!("did you mean `{name}`?")),
            None => problem.label("not known here").help(suggest::valid(names)),
        });
        meant
    }

    fn has_property(&self, schema: &'a Schema, name: &str) -> bool {
        self.resolve(schema).get("properties").is_some_and(|map| map.get(name).is_some())
    }

    /// The value is none of the alternatives.
    fn no_choice(&mut self, choices: &Choices<'a>, schema: &'a Schema, node: &Node, key: Key) {
        let prefix = key.map_or_else(String::new, |entry| format!("`{}`: ", entry.key));
        if let Value::String { text, .. } = &node.value {
            if choices.tags.iter().any(|(name, _)| name == text) {
                self.problems.push(
                    Problem::new(node.span, format!("{prefix}`{text}` needs a value of its own"))
                        .label("a word alone does not do")
                        .help(format!("write `{text}:` with its keys below, or `{{ {text}: {{ … }} }}`")),
                );
                return;
            }
            let mut names = choices.words.clone();
            names.extend(choices.tag_names());
            let problem = Problem::new(node.span, format!("{prefix}unknown value `{}`", shorten(text)));
            self.problems.push(match suggest::nearest(text, names.iter().copied()) {
                Some(name) => problem.label(format!("did you mean `{name}`?")),
                None => problem.label("not known here").help(suggest::valid(&names)),
            });
            return;
        }
        let expected = self.expected(choices);
        self.wrong_type(&expected, schema, node, key);
    }

    fn expected(&self, choices: &Choices<'a>) -> String {
        let mut parts: Vec<String> = Vec::new();
        match choices.words.as_slice() {
            [] => {}
            [only] => parts.push(format!("`{only}`")),
            words => parts.push(format!("one of {}", suggest::list(words))),
        }
        if !choices.tags.is_empty() {
            parts.push(format!("a map with one of the keys {}", suggest::list(&choices.tag_names())));
        }
        for other in &choices.others {
            let noun = match self.resolve(other).get("type").and_then(Schema::as_str) {
                Some("object") => "a map",
                Some("array") => "a list",
                Some("integer") => "a whole number",
                Some("number") => "a number",
                _ => "a text",
            };
            parts.push(noun.into());
        }
        parts.join(", or ")
    }
}

/// Whether a value is of the kind that an alternative describes.
fn fits(schema: &Schema, value: &Value) -> bool {
    matches!(
        (schema.get("type").and_then(Schema::as_str), value),
        (Some("string"), Value::String { .. })
            | (Some("object"), Value::Map(_))
            | (Some("array"), Value::Seq(_))
            | (Some("integer" | "number"), Value::Number(_))
            | (Some("boolean"), Value::Bool(_))
    )
}
