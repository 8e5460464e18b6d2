//! What is left of a tree when everything wrong is cut out.
//!
//! With it the semantic checks can run on a file that has structural mistakes elsewhere, so that both
//! kinds are reported at once. A list element with a mistake goes as a whole: half of a fault or of a
//! probe would only lead to findings that are not true.

use serde_json::Value as Schema;

use super::{Walker, walk};
use crate::spec::tree::{Entry, Node, Value};

/// The sound part of a tree; nothing when something required is not sound.
pub(in crate::spec) fn salvage(root: &Schema, schema: &Schema, node: &Node) -> Option<Node> {
    let walker = Walker { root, text: "", problems: Vec::new() };
    walker.salvage(schema, node)
}

impl<'a> Walker<'a> {
    fn salvage(&self, schema: &'a Schema, node: &Node) -> Option<Node> {
        let schema = self.resolve(schema);
        if walk(self.root, schema, node, "").is_empty() {
            return Some(node.clone());
        }
        let kept = match &node.value {
            Value::Map(entries) if schema.get("oneOf").is_some() => {
                let tag = |entry: &Entry| self.tag(schema, &entry.key);
                let mut known = entries.iter().filter_map(|entry| Some((entry, tag(entry)?)));
                let (entry, inner) = known.next().filter(|_| known.next().is_none())?;
                vec![self.entry(inner, entry)?]
            }
            Value::Map(entries) => {
                let properties = schema.get("properties");
                let others = schema.get("additionalProperties").filter(|other| other.is_object());
                let kept: Vec<Entry> = entries
                    .iter()
                    .filter_map(|entry| {
                        let property = properties.and_then(|map| map.get(&entry.key)).or(others)?;
                        self.entry(property, entry)
                    })
                    .collect();
                let required = schema.get("required").and_then(Schema::as_array);
                let mut names = required.into_iter().flatten().filter_map(Schema::as_str);
                if !names.all(|name| kept.iter().any(|entry| entry.key == name)) {
                    return None;
                }
                kept
            }
            Value::Seq(items) => {
                let item_schema = schema.get("items")?;
                let sound = |item: &&Node| walk(self.root, item_schema, item, "").is_empty();
                let kept = items.iter().filter(sound).cloned().collect();
                return self.checked(schema, node, Value::Seq(kept));
            }
            _ => return None,
        };
        self.checked(schema, node, Value::Map(kept))
    }

    fn entry(&self, schema: &'a Schema, entry: &Entry) -> Option<Entry> {
        Some(Entry { value: self.salvage(schema, &entry.value)?, ..entry.clone() })
    }

    /// The node with another value, when that is sound.
    fn checked(&self, schema: &Schema, node: &Node, value: Value) -> Option<Node> {
        let node = Node { span: node.span, value };
        walk(self.root, schema, &node, "").is_empty().then_some(node)
    }

    /// The schema of what an enum's key holds.
    fn tag(&self, schema: &'a Schema, key: &str) -> Option<&'a Schema> {
        let options = schema.get("oneOf").and_then(Schema::as_array)?;
        options.iter().find_map(|option| self.resolve(option).get("properties")?.get(key))
    }
}
