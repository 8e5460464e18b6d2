//! Checks of a subject.

use std::collections::HashMap;

use super::{Findings, Place, Scope};
use crate::spec::diagnostic::{Problem, Span};
use crate::spec::name;
use crate::spec::subject::{ProcessRuntime, Subject};
use crate::spec::suggest;

/// Most nodes of a subject.
const MAX_NODES: u64 = 200;

/// What a process command may contain.
const COMMAND_WORDS: [&str; 5] = ["node", "address", "port", "data", "nodes"];

/// Everything wrong with a subject, apart from its structure.
pub(in crate::spec) fn subject(subject: &Subject, root: Place, whole: bool) -> Findings {
    let mut out = Findings::new(whole);
    let total: u64 = subject.nodes.values().map(|group| u64::from(group.count)).sum();
    if total > MAX_NODES {
        let span = root.at_key("nodes").span;
        out.add(
            Problem::new(span, format!("{total} nodes are too many"))
                .label(format!("at most {MAX_NODES} in all groups")),
        );
        return out;
    }
    let scope = Scope::new(subject);
    out.nodes(subject, root.key("nodes"));
    if let Some(process) = &subject.runtimes.process {
        out.process(process, root.key("runtimes").key("process"), &scope);
    }
    for (i, condition) in subject.ready.iter().enumerate() {
        let place = root.key("ready").item(i);
        out.probe(&condition.probe, &condition.expect, place, &scope);
    }
    let names = subject.invariants.iter().enumerate();
    out.unique(names.map(|(i, it)| (it.name.as_str(), root.key("invariants").item(i).key("name").span)), "invariant");
    for (i, invariant) in subject.invariants.iter().enumerate() {
        let place = root.key("invariants").item(i);
        out.probe(&invariant.probe, &invariant.expect, place, &scope);
        out.not_zero(invariant.every, place.key("every"), "`every`");
    }
    out.leader(subject, root.key("leader"), &scope);
    out.workload(&subject.workload, root.key("workload"), &scope);
    let names = subject.snapshot.iter().enumerate();
    out.unique(
        names.map(|(i, it)| (it.name.as_str(), root.key("snapshot").item(i).key("name").span)),
        "snapshot probe",
    );
    for (i, snapshot) in subject.snapshot.iter().enumerate() {
        out.http(&snapshot.http, root.key("snapshot").item(i).key("http"), &scope);
    }
    out.placeholders(&subject.briefing, &["nodes"], root.key("briefing"));
    for (kind, commands) in &subject.remedies {
        let place = root.key("remedies").at_key(kind.name());
        if commands.is_empty() {
            out.add(
                Problem::new(place.span, format!("the remedy for `{kind}` has no commands"))
                    .help("give at least one command, or remove the key"),
            );
        }
        for (i, command) in commands.iter().enumerate() {
            out.not_blank(command, place.item(i), "this command");
            out.placeholders(command, &["target"], place.item(i));
        }
    }
    out
}

impl Findings {
    fn nodes(&mut self, subject: &Subject, place: Place) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (role, group) in &subject.nodes {
            if let Err(fault) = name::check(role) {
                let problem = Problem::new(place.at_key(role).span, format!("role `{role}`: {fault}"))
                    .label("lower-case letters, digits and dashes, beginning with a letter");
                self.add(match name::repaired(role) {
                    Some(better) => problem.help(format!("for example `{better}`")),
                    None => problem,
                });
            }
            let at = place.key(role).key("name");
            if group.count > 1 && !group.name.contains("{i}") {
                self.add(
                    Problem::new(at.span, format!("{} nodes would all be named `{}`", group.count, group.name))
                        .label("`{i}` is missing")
                        .help(format!("`{{i}}` counts from 1: `{}{{i}}`", group.name)),
                );
                continue;
            }
            self.placeholders(&group.name, &["i"], at);
            let bad = group.names().find_map(|name| name::check(&name).err().map(|fault| (name, fault)));
            if let Some((name, fault)) = bad.filter(|_| !group.name.replace("{i}", "").contains('{')) {
                self.add(
                    Problem::new(at.span, format!("`{name}` is no valid node name: {fault}"))
                        .label("lower-case letters, digits and dashes, beginning with a letter"),
                );
            }
            for name in group.names() {
                if let Some(first) = seen.get(&name) {
                    self.add(
                        Problem::new(at.span, format!("two nodes are named `{name}`"))
                            .label("again")
                            .also(*first, "first"),
                    );
                    break;
                }
                seen.insert(name, at.span);
            }
        }
    }

    fn process(&mut self, process: &ProcessRuntime, place: Place, scope: &Scope) {
        self.command(&process.command, place.key("command"));
        if process.data.0 == 0 {
            self.add(Problem::new(place.key("data").span, "`data` is zero").label("must be above zero"));
        }
        for name in process.env.keys() {
            if name.is_empty() || name.contains(['=', '\0']) {
                let span = place.key("env").at_key(name).span;
                self.add(Problem::new(span, format!("`{name}` cannot be the name of an environment variable")));
            }
        }
        for (role, settings) in &process.roles {
            let at = place.key("roles").at_key(role);
            self.known(role, &scope.roles(), at, "role");
            if let Some(command) = &settings.command {
                self.command(command, at.key("command"));
            }
            if settings.data.is_some_and(|data| data.0 == 0) {
                self.add(Problem::new(at.key("data").span, "`data` is zero").label("must be above zero"));
            }
        }
    }

    fn command(&mut self, words: &[String], place: Place) {
        match words.first() {
            None => {
                self.add(Problem::new(place.span, "the command is empty").label("nothing to run"));
            }
            Some(program) if program.contains(' ') && words.len() == 1 => self.add(
                Problem::new(place.item(0).span, "the whole command is one word")
                    .label("taken for the program's name")
                    .help("give each argument as an element of its own; no shell splits them"),
            ),
            Some(program) => self.not_blank(program, place.item(0), "the program's name"),
        }
        for (i, word) in words.iter().enumerate() {
            self.placeholders(word, &COMMAND_WORDS, place.item(i));
        }
    }

    fn leader(&mut self, subject: &Subject, place: Place, scope: &Scope) {
        let Some(leader) = &subject.leader else {
            return;
        };
        self.http(&leader.http, place.key("http"), scope);
        if leader.http.node != crate::spec::subject::NodeSelect::Each {
            self.add(
                Problem::new(place.key("http").key("node").span, "the leader is found by asking every node")
                    .label("must be `each`"),
            );
        }
        self.json_path(&leader.json, place.key("json"));
        if let Some(term) = &leader.term {
            self.json_path(term, place.key("term"));
        }
    }

    /// A `JSONPath` that must parse.
    pub(super) fn json_path(&mut self, path: &str, place: Place) {
        if let Err(error) = serde_json_path::JsonPath::parse(path) {
            let problem = Problem::new(place.span, format!("`{path}` is no JSONPath: {}", error.message()))
                .label(format!("at its character {}", error.position() + 1));
            self.add(if path.starts_with('$') {
                problem
            } else {
                problem.help(format!("a path begins at the root: `$.{}`", path.trim_start_matches('.')))
            });
        }
    }

    /// A role that must be one of the subject's.
    pub(super) fn role(&mut self, role: Option<&str>, place: Place, scope: &Scope) {
        if let Some(role) = role {
            let roles = scope.roles();
            if !roles.contains(&role) && !self.partial {
                let problem = Problem::new(place.key("role").span, format!("unknown role `{role}`"))
                    .label("no node group has it");
                self.add(problem.help(suggest::help(role, &roles)));
            }
        }
    }
}
