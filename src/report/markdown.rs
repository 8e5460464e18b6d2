//! The Markdown report.

use std::fmt::Write as _;

use super::layout::{self, EntryRow, Page, TrialPage};
use super::text::{fenced, markdown as md};
use super::view::View;

/// Lays a report out as Markdown.
pub(super) fn render(view: &View) -> String {
    let page = layout::page(view, false);
    let mut out = Out(String::new());
    out.head(&page);
    out.tables(&page);
    out.line("## Trials");
    out.line("");
    out.trials(&page.trials);
    out.line("## How it was measured");
    out.line("");
    for (name, text) in page.method.iter().chain(&page.origin) {
        out.line(&format!("- **{}**: {}", md(name), md(text)));
    }
    out.0
}

struct Out(String);

impl Out {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    /// A table's head; all columns but the first are of the same kind.
    fn table(&mut self, heads: &[String]) {
        self.row(heads);
        let _ = writeln!(self.0, "|{}", " --- |".repeat(heads.len()));
    }

    fn head(&mut self, page: &Page) {
        self.line(&format!("# {}", md(&page.campaign)));
        self.line("");
        if !page.description.is_empty() {
            self.line(&md(&page.description));
            self.line("");
        }
        self.line(&format!("**{}**", md(&page.result)));
        self.line("");
        if !page.comparison.is_empty() {
            self.line(&md(&page.comparison));
            self.line("");
        }
        for warning in &page.warnings {
            let word = if warning.grave { "Warning" } else { "Note" };
            self.line(&format!("> **{word}:** {}", md(&warning.text)));
            self.line(">");
        }
        if !page.warnings.is_empty() {
            self.line("");
        }
        let facts: Vec<String> = page.facts.iter().map(|(name, text)| format!("{}: {}", md(name), md(text))).collect();
        self.line(&facts.join(" · "));
        self.line("");
        let counts: Vec<String> = page.counts.iter().map(|cell| format!("{} {}", cell.n, cell.name)).collect();
        self.line(&format!("Trials: {}", counts.join(", ")));
        self.line("");
    }

    fn tables(&mut self, page: &Page) {
        if !page.gates.is_empty() {
            self.line("## Gates\n");
            self.table(&["Gate", "Result", "Found", "Trials"].map(str::to_owned));
            for gate in &page.gates {
                let result = if gate.passed { "pass" } else { "**FAIL**" };
                self.row(&[md(&gate.gate), result.to_owned(), md(&gate.found), gate.n.to_string()]);
            }
            self.line("");
        }
        let names = |first: &str| -> Vec<String> {
            std::iter::once(first.to_owned()).chain(page.variants.iter().map(|variant| md(&variant.name))).collect()
        };
        self.line("## Variants\n");
        self.table(&names("Figure"));
        for figure in &page.figures {
            let cells = figure.cells.iter().map(|cell| {
                let text = md(&cell.text);
                let text = if cell.bad { format!("**{text}**") } else { text };
                if cell.detail.is_empty() { text } else { format!("{text} ({})", md(&cell.detail)) }
            });
            self.row(&std::iter::once(figure.name.to_owned()).chain(cells).collect::<Vec<_>>());
        }
        self.line("");
        self.line("## Scenarios\n");
        self.table(&names("Scenario"));
        for row in &page.matrix {
            let cells = row.cells.iter().map(|cell| {
                [&cell.rate, &cell.time, &cell.extra]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .map(|text| md(text))
                    .collect::<Vec<_>>()
                    .join(", ")
            });
            self.row(&std::iter::once(md(&row.name)).chain(cells).collect::<Vec<_>>());
        }
        self.line("");
        for row in &page.matrix {
            for text in [&row.warning, &row.note] {
                if !text.is_empty() {
                    self.line(&format!("- {}: {}", md(&row.name), md(text)));
                }
            }
        }
        self.line("");
        if !page.comparisons.is_empty() {
            self.line("## Comparisons\n");
            self.table(
                &["Variants", "Pairs", "Only one recovered", "Difference, points (95 %)", "McNemar", "Holm", "Result"]
                    .map(str::to_owned),
            );
            for row in &page.comparisons {
                self.row(
                    &[&row.name, &row.pairs, &row.only, &row.difference, &row.p, &row.p_holm, &row.words]
                        .map(|text| md(text)),
                );
            }
            self.line("");
        }
    }

    fn trials(&mut self, trials: &[TrialPage]) {
        self.table(
            &["Trial", "Scenario", "Variant", "Repeat", "Result", "Time to recover", "Session"].map(str::to_owned),
        );
        for trial in trials {
            self.row(&[
                trial.number.to_string(),
                md(&trial.scenario),
                md(&trial.variant),
                trial.repeat.to_string(),
                md(&trial.result),
                md(&trial.time),
                md(&trial.session),
            ]);
        }
        self.line("");
        for trial in trials {
            self.trial(trial);
        }
    }

    fn trial(&mut self, trial: &TrialPage) {
        self.line(&format!(
            "### Trial {}: {}, {}, repeat {}: {}\n",
            trial.number,
            md(&trial.scenario),
            md(&trial.variant),
            trial.repeat,
            md(&trial.result)
        ));
        for (name, text) in &trial.facts {
            self.line(&format!("- {}: {}", md(name), md(text)));
        }
        for fault in &trial.faults {
            self.line(&format!("- Fault {}", md(&fault.title)));
            for line in &fault.lines {
                self.line(&format!("  - {}", md(line)));
            }
        }
        if !trial.phases.is_empty() {
            let phases: Vec<String> =
                trial.phases.iter().map(|(name, took)| format!("{} {}", md(name), md(took))).collect();
            self.line(&format!("- Phases: {}", phases.join(", ")));
        }
        for ticket in &trial.tickets {
            self.line(&format!("- {}: {}", md(&ticket.title), md(&ticket.summary)));
        }
        self.line("");
        if !trial.moments.is_empty() {
            self.table(&["Time", "Event"].map(str::to_owned));
            for moment in &trial.moments {
                self.row(&[md(&moment.at), md(&moment.label)]);
            }
            self.line("");
        }
        if !trial.transcript.is_empty() {
            self.line(&format!("#### Session of trial {}\n", trial.number));
            for entry in &trial.transcript {
                self.entry(entry);
            }
        }
    }

    fn entry(&mut self, entry: &EntryRow) {
        let title = md(&entry.title);
        if entry.kind != "command" {
            self.line(&format!("{} {title}:\n", md(&entry.at)));
            self.line(&fenced(&entry.text));
            return;
        }
        let why = if title.is_empty() { String::new() } else { format!(" {title}") };
        self.line(&format!("{} command ({}):{why}\n", md(&entry.at), md(&entry.outcome)));
        self.line(&fenced(&format!("$ {}", entry.text)));
        if !entry.output.is_empty() {
            self.line(&fenced(&entry.output));
        }
    }
}
