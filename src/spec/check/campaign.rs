//! Checks of a campaign against its subject and variants.

use super::{Findings, Place, Scope};
use crate::spec::campaign::{Campaign, Gate, Metric, RuntimeKind};
use crate::spec::diagnostic::{Problem, Span};
use crate::spec::fault::Chaos;
use crate::spec::subject::Subject;
use crate::spec::suggest;
use crate::spec::variant::{Script, Variant};

/// What a campaign refers to, as far as it could be loaded.
pub(in crate::spec) struct Cast<'a> {
    /// The subject.
    pub(in crate::spec) subject: Option<&'a Subject>,
    /// The variants, each with the place where the campaign names it; none from the command line.
    pub(in crate::spec) variants: &'a [(Variant, Option<Span>)],
    /// All variants of the campaign could be loaded.
    pub(in crate::spec) all_variants: bool,
}

/// Everything wrong with a campaign, apart from its structure and its references.
pub(in crate::spec) fn campaign(campaign: &Campaign, root: Place, cast: &Cast, whole: bool) -> Findings {
    let mut out = Findings::default();
    let scenarios = root.key("scenarios");
    let names = campaign.scenarios.iter().enumerate();
    out.unique(names.map(|(i, it)| (it.name.as_str(), scenarios.item(i).key("name").span)), "scenario");
    out.twice(campaign, root.key("variants"), cast);
    out.times(campaign, root, whole);
    let scope = cast.subject.map(Scope::new);
    let runtime = cast.subject.and_then(|subject| out.runtime(campaign, subject, root));
    for (i, scenario) in campaign.scenarios.iter().enumerate() {
        for (j, fault) in scenario.chaos.iter().enumerate() {
            let place = scenarios.item(i).key("chaos").item(j);
            out.chaos(fault, place, scope.as_ref(), runtime, cast);
        }
    }
    // Only here can what was left out of the campaign itself be missed.
    out.partial = !whole;
    for (i, gate) in campaign.gates.iter().enumerate() {
        out.gate(gate, root.key("gates").item(i), campaign, cast);
    }
    out
}

/// Everything wrong with one fault; `place` is its map of one key.
pub(in crate::spec) fn chaos(fault: &Chaos, place: Place, runtime: RuntimeKind, cast: &Cast) -> Findings {
    let mut out = Findings::default();
    let scope = cast.subject.map(Scope::new);
    out.chaos(fault, place, scope.as_ref(), Some(runtime), cast);
    out
}

impl Subject {
    /// The runtimes that the subject can be started on; the first is the default.
    pub fn runtime_kinds(&self) -> Vec<RuntimeKind> {
        let process = self.runtimes.process.as_ref().map(|_| RuntimeKind::Process);
        let compose = self.runtimes.compose.as_ref().map(|_| RuntimeKind::Compose);
        process.into_iter().chain(compose).collect()
    }
}

impl Findings {
    /// The same variant named twice, or two files with one name.
    fn twice(&mut self, campaign: &Campaign, place: Place, cast: &Cast) {
        let before = self.problems.len();
        let names = campaign.variants.iter().enumerate();
        self.unique(names.map(|(i, name)| (name.as_str(), place.item(i).span)), "variant");
        if self.problems.len() == before {
            self.unique(cast.variants.iter().filter_map(|(it, span)| Some((it.name.as_str(), (*span)?))), "variant");
        }
    }

    fn times(&mut self, campaign: &Campaign, root: Place, whole: bool) {
        let (times, windows) = (&campaign.timeouts, &campaign.windows);
        let place = root.key("timeouts");
        for (key, value) in [
            ("provision", times.provision),
            ("ready", times.ready),
            ("detect", times.detect),
            ("operate", times.operate),
            ("verify", times.verify),
            ("heal", times.heal),
            ("teardown", times.teardown),
        ] {
            self.not_zero(value, place.key(key), &format!("the time for `{key}`"));
        }
        let place = root.key("windows");
        self.not_zero(windows.healthy, place.key("healthy"), "`healthy`");
        self.not_zero(windows.hold, place.key("hold"), "`hold`");
        // A default that stands in for a value with a mistake proves nothing.
        if whole && windows.hold > times.verify && times.verify.0 > 0 {
            let (hold, verify) = (place.key("hold"), root.key("timeouts").key("verify"));
            let (near, far) = if hold.node.is_some() { (hold, verify) } else { (verify, hold) };
            let problem = Problem::new(
                near.span,
                format!("`windows.hold` ({}) is longer than `timeouts.verify` ({})", windows.hold, times.verify),
            )
            .label("no trial could ever count as recovered")
            .help("the hold window must fit into the time for `verify`");
            self.add(if far.node.is_some() { problem.also(far.span, "the other") } else { problem });
        }
    }

    /// The campaign's runtime, when the subject has it.
    fn runtime(&mut self, campaign: &Campaign, subject: &Subject, root: Place) -> Option<RuntimeKind> {
        let kinds = subject.runtime_kinds();
        let Some(wanted) = campaign.runtime else {
            return kinds.first().copied();
        };
        if kinds.contains(&wanted) {
            return Some(wanted);
        }
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        self.add(
            Problem::new(
                root.key("runtime").span,
                format!("the subject `{}` cannot be started on `{wanted}`", subject.name),
            )
            .label("no such entry in its `runtimes`")
            .help(suggest::valid(&names)),
        );
        None
    }

    fn chaos(&mut self, fault: &Chaos, place: Place, scope: Option<&Scope>, runtime: Option<RuntimeKind>, cast: &Cast) {
        let kind = fault.kind();
        let at = place.at_key(kind.name());
        if let Some(duration) = fault.duration() {
            self.not_zero(duration, at.key("duration"), "`duration`");
        }
        if let Some(runtime) = runtime.filter(|runtime| !runtime.supports(kind)) {
            let help = if runtime == RuntimeKind::Compose {
                "this version injects faults on `process` only".to_owned()
            } else {
                "choose another runtime".to_owned()
            };
            self.add(
                Problem::new(at.span, format!("the runtime `{runtime}` does not support `{kind}`"))
                    .label("cannot be injected")
                    .help(help),
            );
        }
        let Some(scope) = scope else { return };
        self.fault_targets(fault, at, scope);
        let oracle = cast.variants.iter().find(|(variant, _)| matches!(variant.script, Some(Script::Oracle)));
        if let Some((variant, span)) = oracle.filter(|_| !scope.subject.remedies.contains_key(&kind)) {
            let problem =
                Problem::new(at.span, format!("the subject `{}` has no remedy for `{kind}`", scope.subject.name))
                    .label(format!("`{}` would not know what to do", variant.name))
                    .help(format!("add `{kind}` to the subject's `remedies`, or leave `{}` out", variant.name));
            let seen = "runs the subject's remedies";
            self.add(match span {
                Some(span) => problem.also(*span, seen),
                None => problem,
            });
        }
    }

    fn gate(&mut self, gate: &Gate, place: Place, campaign: &Campaign, cast: &Cast) {
        if let Some(name) = &gate.variant {
            let known: Vec<&str> = cast.variants.iter().map(|(variant, _)| variant.name.as_str()).collect();
            if cast.all_variants {
                self.known(name, &known, place.key("variant"), "variant");
            }
        }
        if let Some(name) = &gate.scenario {
            let known: Vec<&str> = campaign.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            self.known(name, &known, place.key("scenario"), "scenario");
        }
        if gate.min.is_none() && gate.max.is_none() {
            self.add(
                Problem::new(place.at_key("metric").span, "a gate without a bound")
                    .label("needs `min` or `max`")
                    .help("for example `min: 1.0`"),
            );
        }
        for (key, bound) in [("min", gate.min), ("max", gate.max)] {
            let Some(bound) = bound else { continue };
            let share = gate.metric.is_share();
            if bound < 0.0 || (share && bound > 1.0) {
                let problem = Problem::new(place.key(key).span, format!("`{key}` is outside of the metric's range"))
                    .label(if share { "a share: 0 to 1" } else { "never negative" });
                let percent = share && bound > 2.0 && bound <= 100.0;
                let help = || format!("{bound} % is written {}", bound / 100.0);
                self.add(if percent { problem.help(help()) } else { problem });
            }
        }
        if let (Some(min), Some(max)) = (gate.min, gate.max)
            && min > max
        {
            self.add(
                Problem::new(place.key("min").span, "`min` is greater than `max`")
                    .label("nothing can satisfy both")
                    .also(place.key("max").span, "`max`"),
            );
        }
    }
}

impl Metric {
    /// Whether it is a share, 0 to 1.
    pub const fn is_share(self) -> bool {
        match self {
            Self::Recovered | Self::Detected | Self::FalseResolution | Self::BadRequests => true,
            Self::WritesLost | Self::TimeToDetect | Self::TimeToRecover | Self::NotCompleted => false,
        }
    }
}
