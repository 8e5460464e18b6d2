//! What a schema cannot say: names that must exist, numbers that must fit each other.
//!
//! Every check walks the typed value and the tree side by side, so that each finding has its place.

mod campaign;
mod placeholder;
mod probe;
mod subject;
mod target;
mod variant;
mod workload;

use std::collections::HashMap;

pub(super) use campaign::{Cast, campaign, chaos};
pub(super) use subject::subject;
pub(super) use variant::variant;

use super::diagnostic::{Problem, Span};
use super::plan::NodePlan;
use super::subject::Subject;
use super::suggest;
use super::tree::{Entry, Node};
use crate::model::units::Millis;

/// A place in the tree that follows the typed value; where the tree ends, the last known span stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    node: Option<&'a Node>,
    span: Span,
    text: &'a str,
}

impl<'a> Place<'a> {
    /// The root of a tree that was read from `text`.
    pub(super) fn root(node: &'a Node, text: &'a str) -> Self {
        Self { node: Some(node), span: node.head(), text }
    }

    fn entry(self, key: &str) -> Option<&'a Entry> {
        self.node.and_then(|node| node.entry(key))
    }

    /// The value of a key.
    fn key(self, key: &str) -> Self {
        match self.entry(key) {
            Some(entry) => Self { node: Some(&entry.value), span: entry.value.head(), ..self },
            None => Self { node: None, ..self },
        }
    }

    /// The key itself (and what is below it).
    fn at_key(self, key: &str) -> Self {
        match self.entry(key) {
            Some(entry) => Self { node: Some(&entry.value), span: entry.key_span, ..self },
            None => Self { node: None, ..self },
        }
    }

    /// An element of a list; a value that stands for a list of one stays.
    fn item(self, index: usize) -> Self {
        match self.node.and_then(|node| node.items().get(index)) {
            Some(node) => Self { node: Some(node), span: node.head(), ..self },
            None => self,
        }
    }

    /// Where `words` first stand within the value; the value itself when they cannot be found.
    fn part(self, words: &str) -> Span {
        let whole = self.node.map_or(self.span, |node| node.span);
        let at = self.text.get(whole.start..whole.end).and_then(|text| text.find(words));
        at.map_or(self.span, |at| Span::new(whole.start + at, whole.start + at + words.len()))
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What was found.
    pub(super) problems: Vec<Problem>,
    /// Parts of the file had to be left out: that something is missing means nothing.
    partial: bool,
}

impl Findings {
    fn new(whole: bool) -> Self {
        Self { problems: Vec::new(), partial: !whole }
    }

    fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A duration that must not be zero.
    fn not_zero(&mut self, value: Millis, place: Place, what: &str) {
        if value.0 == 0 {
            self.add(Problem::new(place.span, format!("{what} is zero")).label("must be above zero"));
        }
    }

    /// The same name twice; `what` is what has the name.
    fn unique<'n>(&mut self, names: impl IntoIterator<Item = (&'n str, Span)>, what: &str) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (name, span) in names {
            if let Some(first) = seen.get(name) {
                self.add(
                    Problem::new(span, format!("two {what}s are named `{name}`")).label("again").also(*first, "first"),
                );
            } else {
                seen.insert(name, span);
            }
        }
    }

    /// A name that must be one of `known`, which are all there are unless parts were left out.
    fn known(&mut self, name: &str, known: &[&str], place: Place, what: &str) -> bool {
        if known.contains(&name) || self.partial {
            return known.contains(&name);
        }
        self.add(
            Problem::new(place.span, format!("unknown {what} `{name}`"))
                .label(format!("no such {what}"))
                .help(suggest::help(name, known)),
        );
        false
    }

    /// A shell command that must not be blank.
    fn not_blank(&mut self, command: &str, place: Place, what: &str) {
        if command.trim().is_empty() {
            self.add(Problem::new(place.span, format!("{what} is empty")).label("nothing to run"));
        }
    }
}

/// A subject with its nodes, as the checks need it.
pub(super) struct Scope<'a> {
    subject: &'a Subject,
    nodes: Vec<NodePlan>,
}

impl<'a> Scope<'a> {
    /// The subject with its nodes.
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self { subject, nodes: subject.node_plans() }
    }

    fn roles(&self) -> Vec<&str> {
        self.subject.nodes.keys().map(String::as_str).collect()
    }

    fn node_names(&self) -> Vec<&str> {
        self.nodes.iter().map(|node| node.name.as_str()).collect()
    }

    /// Names of the nodes of a role, or of all.
    fn names_of(&self, role: Option<&str>) -> Vec<&str> {
        let chosen = self.nodes.iter().filter(|node| role.is_none_or(|role| node.role == role));
        chosen.map(|node| node.name.as_str()).collect()
    }
}
