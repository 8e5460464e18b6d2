//! The walker and serde agree.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::{salvage, walk};
use crate::spec::campaign::Campaign;
use crate::spec::diagnostic::Span;
use crate::spec::files::deserialize;
use crate::spec::schema::FileKind;
use crate::spec::subject::Subject;
use crate::spec::tree::{self, Entry, Node, Value};
use crate::spec::variant::Variant;

const FILES: [(FileKind, &str); 4] = [
    (FileKind::Campaign, include_str!("../../../tests/spec/valid/anchors.yaml")),
    (FileKind::Subject, include_str!("../../../tests/spec/valid/full.yaml")),
    (FileKind::Subject, include_str!("../../../tests/spec/valid/two-roles.yaml")),
    (FileKind::Variant, include_str!("../../../tests/spec/valid/commands.yaml")),
];

fn accepted(kind: FileKind, node: &Node) -> Result<(), String> {
    let message = match kind {
        FileKind::Campaign => deserialize::<Campaign>(node).err(),
        FileKind::Subject => deserialize::<Subject>(node).err(),
        FileKind::Variant => deserialize::<Variant>(node).err(),
    };
    message.map_or(Ok(()), |problem| Err(problem.message))
}

fn size(node: &Node) -> usize {
    let entries = node.entries().iter().map(|entry| size(&entry.value));
    1 + entries.chain(node.items().iter().map(size)).sum::<usize>()
}

/// Changes the `at`-th value of a tree, counted from the root.
fn change(node: &mut Node, at: &mut usize, value: &Value, how: u8) {
    if *at == 0 {
        match (&mut node.value, how % 4) {
            (Value::Map(entries), 0) => drop(entries.pop()),
            (Value::Seq(items), 0) => items.clear(),
            (Value::Map(entries), 1) => {
                let value = Node { span: Span::default(), value: value.clone() };
                entries.push(Entry { key: "extra".into(), key_span: Span::default(), value });
            }
            (Value::Seq(items), 1) => items.push(Node { span: Span::default(), value: value.clone() }),
            (old, _) => *old = value.clone(),
        }
    }
    *at = at.wrapping_sub(1);
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().for_each(|entry| change(&mut entry.value, at, value, how)),
        Value::Seq(items) => items.iter_mut().for_each(|item| change(item, at, value, how)),
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = |text: &str| Value::String { text: text.into(), plain: true };
    let number = |json: Json| match json {
        Json::Number(number) => Value::Number(number),
        _ => Value::Null,
    };
    prop::sample::select(vec![
        Value::Null,
        Value::Bool(true),
        number(Json::from(0)),
        number(Json::from(-1)),
        number(Json::from(200)),
        number(Json::from(u64::MAX)),
        number(Json::from(1.5)),
        text(""),
        text("each"),
        text("leader"),
        text("oracle"),
        text("30s"),
        text("64MiB"),
        text("5/s"),
        text("http"),
        Value::Seq(Vec::new()),
        Value::Seq(vec![Node { span: Span::default(), value: text("kv1") }]),
        Value::Map(Vec::new()),
    ])
}

#[test]
fn valid_files_pass_both() {
    for (kind, text) in FILES {
        let (node, problems) = tree::parse(text);
        assert_eq!(problems, []);
        let (schema, node) = (kind.schema(), node.unwrap());
        assert_eq!(walk(&schema, &schema, &node, text), []);
        accepted(kind, &node).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 768, ..ProptestConfig::default() })]

    #[test]
    fn what_the_walker_lets_pass_serde_accepts(
        file in prop::sample::select(FILES.to_vec()),
        at: prop::sample::Index,
        value in any_value(),
        how: u8,
    ) {
        let (kind, text) = file;
        let mut node = tree::parse(text).0.unwrap();
        let mut at = at.index(size(&node));
        change(&mut node, &mut at, &value, how);
        let schema = kind.schema();
        if walk(&schema, &schema, &node, text).is_empty() {
            prop_assert_eq!(accepted(kind, &node), Ok(()));
        } else if let Some(rest) = salvage(&schema, &schema, &node) {
            prop_assert_eq!(accepted(kind, &rest), Ok(()));
        }
    }
}
