//! Checks of a variant.

use super::{Findings, Place};
use crate::spec::diagnostic::Problem;
use crate::spec::variant::{Script, Variant};

/// Most output of one command, bytes: the runtimes keep no more.
const MOST_OUTPUT: u64 = 8 << 20;

/// Everything wrong with a variant, apart from its structure.
pub(in crate::spec) fn variant(variant: &Variant, root: Place, whole: bool) -> Findings {
    let mut out = Findings::new(whole);
    match (variant.baseline, &variant.script) {
        (None, None) if whole => out.add(
            Problem::new(
                root.at_key("name").span,
                "the variant does nothing: neither `baseline` nor `script` is given",
            )
            .label("exactly one is needed")
            .help("`baseline: true` if nobody is to work on the ticket, else a `script:`"),
        ),
        (Some(_), Some(_)) => out.add(
            Problem::new(root.at_key("script").span, "both `baseline` and `script` are given")
                .label("one too many")
                .also(root.at_key("baseline").span, "first")
                .help("a baseline is nobody at all: keep exactly one of the two"),
        ),
        (Some(false), None) => out.add(
            Problem::new(root.key("baseline").span, "`baseline: false` says nothing")
                .label("must be `true`")
                .help("write `baseline: true`, or remove it and give a `script:`"),
        ),
        _ => {}
    }
    if let Some(Script::Commands(commands)) = &variant.script {
        let place = root.key("script").at_key("commands");
        if commands.is_empty() {
            out.add(Problem::new(place.span, "`commands` is empty").label("nothing to run"));
        }
        for (i, command) in commands.iter().enumerate() {
            out.not_blank(command, place.item(i), "this command");
        }
    }
    let shell = root.key("tools").key("shell");
    out.not_zero(variant.tools.shell.timeout, shell.key("timeout"), "`timeout`");
    if variant.tools.shell.max_output.0 == 0 {
        out.add(Problem::new(shell.key("max_output").span, "`max_output` is zero").label("must be above zero"));
    }
    if variant.tools.shell.max_output.0 > MOST_OUTPUT {
        out.add(
            Problem::new(shell.key("max_output").span, format!("`max_output` is {}", variant.tools.shell.max_output))
                .label("8MiB at most")
                .help("what a command prints beyond it is cut in the middle; write it to a file instead"),
        );
    }
    let budget = root.key("budget");
    if let Some(wall) = variant.budget.wall {
        out.not_zero(wall, budget.key("wall"), "`wall`");
    }
    if variant.budget.commands == Some(0) {
        out.add(
            Problem::new(budget.key("commands").span, "`commands` is zero")
                .label("must be above zero")
                .help("for an operator that does nothing, use `baseline: true`"),
        );
    }
    out
}
