//! Checks of probes and of what they must see.

use super::{Findings, Place, Scope};
use crate::model::units::Millis;
use crate::spec::diagnostic::Problem;
use crate::spec::subject::{Expect, HttpProbe, NodeSelect, Probe, Workload, WorkloadFigure, WorkloadProbe};
use crate::spec::suggest;

impl Findings {
    /// `place` is the map that has `probe` and `expect`.
    pub(super) fn probe(&mut self, probe: &Probe, expect: &Expect, place: Place, scope: &Scope) {
        let at = place.key("probe");
        let (kind, usable): (&str, &[&str]) = match probe {
            Probe::Http(http) => {
                self.http(http, at.key("http"), scope);
                ("http", &["status", "json", "equals", "contains"])
            }
            Probe::Tcp(tcp) => {
                self.nodes_and_timeout(&tcp.node, tcp.role.as_deref(), tcp.timeout, at.key("tcp"), scope);
                ("tcp", &[])
            }
            Probe::Command(command) => {
                let at = at.key("command");
                self.nodes_and_timeout(&command.node, command.role.as_deref(), command.timeout, at, scope);
                self.not_blank(&command.run, at.key("run"), "`run`");
                ("command", &["exit", "contains"])
            }
            Probe::Workload(workload) => {
                self.figure(workload, expect, at.at_key("workload"), place, scope);
                ("workload", &["min", "max"])
            }
        };
        self.expectation(expect, kind, usable, place.at_key("expect"));
    }

    /// An HTTP probe by itself.
    pub(super) fn http(&mut self, http: &HttpProbe, place: Place, scope: &Scope) {
        self.nodes_and_timeout(&http.node, http.role.as_deref(), http.timeout, place, scope);
        self.path(&http.path, place.key("path"));
    }

    /// A path that must begin with a slash.
    pub(super) fn path(&mut self, path: &str, place: Place) {
        if path.starts_with('/') && !path.contains(char::is_whitespace) {
            return;
        }
        let problem = Problem::new(place.span, format!("`{path}` is no path"));
        self.add(if path.contains("://") {
            problem.label("host and port are those of the node").help("give the path alone, for example `/health`")
        } else if path.starts_with('/') {
            problem.label("has a space").help("write a space as `%20`")
        } else {
            problem.label("must begin with `/`").help(format!("write `/{path}`"))
        });
    }

    fn nodes_and_timeout(
        &mut self,
        select: &NodeSelect,
        role: Option<&str>,
        timeout: Millis,
        place: Place,
        scope: &Scope,
    ) {
        self.role(role, place, scope);
        self.not_zero(timeout, place.key("timeout"), "`timeout`");
        let NodeSelect::Named(name) = select else {
            return;
        };
        let at = place.key("node");
        match scope.nodes.iter().find(|node| node.name == *name) {
            None => {
                let mut names = scope.node_names();
                names.extend(["each", "any"]);
                self.known(name, &names, at, "node");
            }
            Some(node) => {
                if let Some(role) = role.filter(|role| *role != node.role && scope.subject.nodes.contains_key(*role)) {
                    self.add(
                        Problem::new(place.key("role").span, format!("`{name}` does not have the role `{role}`"))
                            .label(format!("`{name}` has the role `{}`", node.role))
                            .help("remove `role`: a node's name says enough"),
                    );
                }
            }
        }
    }

    fn figure(&mut self, probe: &WorkloadProbe, expect: &Expect, at: Place, place: Place, scope: &Scope) {
        self.not_zero(probe.window, at.key("window"), "`window`");
        let Workload::Http(load) = &scope.subject.workload;
        if let Some(op) = &probe.op {
            let ops: Vec<&str> = load.ops.iter().map(|op| op.name.as_str()).collect();
            self.known(op, &ops, at.key("op"), "workload operation");
        }
        if expect.min.is_none() && expect.max.is_none() {
            let span = if place.key("expect").node.is_some() { place.at_key("expect").span } else { at.span };
            self.add(
                Problem::new(span, "a workload figure needs a bound")
                    .label("without `min` or `max` it says nothing")
                    .help("for example `expect: { min: 0.99 }`"),
            );
        }
        for (key, bound) in [("min", expect.min), ("max", expect.max)] {
            let Some(bound) = bound else { continue };
            let share = probe.figure == WorkloadFigure::SuccessRate;
            if bound < 0.0 || (share && bound > 1.0) {
                let range = if share { "from 0 to 1" } else { "never negative" };
                let problem = Problem::new(
                    place.key("expect").key(key).span,
                    format!("`{key}` is outside of the figure's range"),
                )
                .label(format!("this figure is {range}"));
                self.add(if share && bound > 2.0 && bound <= 100.0 {
                    problem.help(format!("{bound} % is written {}", bound / 100.0))
                } else {
                    problem
                });
            }
        }
        if let (Some(min), Some(max)) = (expect.min, expect.max)
            && min > max
        {
            self.add(
                Problem::new(place.key("expect").key("min").span, "`min` is greater than `max`")
                    .label("nothing can satisfy both")
                    .also(place.key("expect").key("max").span, "`max`"),
            );
        }
    }

    fn expectation(&mut self, expect: &Expect, kind: &str, usable: &[&str], place: Place) {
        let given = [
            ("status", expect.status.is_some()),
            ("json", expect.json.is_some()),
            ("equals", expect.equals.is_some()),
            ("contains", expect.contains.is_some()),
            ("exit", expect.exit.is_some()),
            ("min", expect.min.is_some()),
            ("max", expect.max.is_some()),
        ];
        for (key, _) in given.iter().filter(|(key, given)| *given && !usable.contains(key)) {
            let help = if usable.is_empty() {
                format!("a `{kind}` probe has nothing to compare: remove `expect`")
            } else {
                format!("a `{kind}` probe can expect {}", suggest::list(usable))
            };
            self.add(
                Problem::new(place.at_key(key).span, format!("`{key}` means nothing for a `{kind}` probe"))
                    .label("cannot be observed")
                    .help(help),
            );
        }
        if !usable.contains(&"json") {
            return;
        }
        match (&expect.json, &expect.equals) {
            (Some(_), None) => self.add(
                Problem::new(place.at_key("json").span, "`json` without `equals`")
                    .label("compared with what?")
                    .help("add `equals:` with the value that must be there"),
            ),
            (None, Some(_)) => self.add(
                Problem::new(place.at_key("equals").span, "`equals` without `json`")
                    .label("which value?")
                    .help("add `json:` with a JSONPath, for example `$.role`"),
            ),
            _ => {}
        }
        if let Some(path) = &expect.json {
            self.json_path(path, place.key("json"));
        }
    }
}
