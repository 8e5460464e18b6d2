//! Files of any kind, checked without running anything.

use std::path::{Path, PathBuf};

use super::campaign::RuntimeKind;
use super::diagnostic::{Diagnostics, Problem, Span};
use super::files::File;
use super::load;
use super::plan::Plan;
use super::schema::FileKind;
use super::subject::Subject;
use super::suggest;

/// A file with nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The file, as it was given.
    pub path: PathBuf,
    /// What it holds, in a few words.
    pub summary: String,
}

/// Everything that is wrong with these files and with those they refer to.
pub fn validate_files<P: AsRef<Path>>(paths: &[P]) -> Diagnostics {
    check_files(paths).0
}

/// Everything that is wrong with these files, and those in which nothing is.
pub fn check_files<P: AsRef<Path>>(paths: &[P]) -> (Diagnostics, Vec<Checked>) {
    let (mut all, mut valid) = (Diagnostics::default(), Vec::new());
    for path in paths {
        let mut out = Diagnostics::default();
        match check(path.as_ref(), &mut out) {
            Some(summary) if out.is_empty() => {
                valid.push(Checked { path: path.as_ref().to_owned(), summary });
            }
            _ => all.merge(out),
        }
    }
    (all, valid)
}

fn check(path: &Path, out: &mut Diagnostics) -> Option<String> {
    let file = File::open(path, out)?;
    match kind(&file, out)? {
        FileKind::Campaign => match load::load_campaign(path) {
            Ok(plan) => Some(plan.summary()),
            Err(diagnostics) => {
                out.merge(diagnostics);
                None
            }
        },
        FileKind::Subject => load::subject(&file, out).map(|subject| subject_summary(&subject)),
        FileKind::Variant => load::variant(&file, out).map(|variant| {
            let kind = if variant.baseline.is_some() { "baseline" } else { "script" };
            format!("variant, {kind}")
        }),
    }
}

fn subject_summary(subject: &Subject) -> String {
    let runtimes: Vec<&str> = subject.runtime_kinds().into_iter().map(RuntimeKind::name).collect();
    format!("subject with {} on {}", count(subject.node_plans().len() as u64, "node"), runtimes.join(" and "))
}

impl Plan {
    /// "2 scenarios x 3 variants x 3 repeats = 18 trials".
    pub fn summary(&self) -> String {
        format!(
            "{} x {} x {} = {}",
            count(self.scenarios.len() as u64, "scenario"),
            count(self.variants.len() as u64, "variant"),
            count(u64::from(self.repeats), "repeat"),
            count(self.trials(), "trial")
        )
    }

    /// How many trials there are.
    pub fn trials(&self) -> u64 {
        (self.scenarios.len() as u64) * (self.variants.len() as u64) * u64::from(self.repeats)
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What kind of file it is: by the schema it names, by its folder, by its keys.
fn kind(file: &File, out: &mut Diagnostics) -> Option<FileKind> {
    let head = file
        .source
        .text
        .lines()
        .take_while(|line| line.trim().is_empty() || line.trim_start_matches('\u{feff}').starts_with('#'));
    for line in head {
        let Some((_, schema)) = line.split_once("$schema=") else {
            continue;
        };
        let named = FileKind::ALL.into_iter().find(|kind| schema.trim().ends_with(&kind.schema_file()));
        if named.is_some() {
            return named;
        }
    }
    let folder = file.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(kind) = FileKind::ALL.into_iter().find(|kind| kind.folder() == folder) {
        return Some(kind);
    }
    let root = file.node.as_ref()?;
    let telling: [(FileKind, &[&str]); 3] = [
        (FileKind::Campaign, &["scenarios", "subject", "variants", "gates"]),
        (FileKind::Subject, &["nodes", "runtimes", "invariants", "workload", "briefing"]),
        (FileKind::Variant, &["baseline", "script", "tools", "budget"]),
    ];
    let score = |keys: &[&str]| {
        root.entries().iter().filter(|entry| suggest::nearest(&entry.key, keys.iter().copied()).is_some()).count()
    };
    let best = telling.iter().map(|(kind, keys)| (score(keys), *kind)).max_by_key(|(score, _)| *score);
    if let Some((1.., kind)) = best {
        return Some(kind);
    }
    if !out.is_empty() {
        return None;
    }
    let span = Span::new(root.head().start, root.head().end);
    let problem = Problem::new(span, "cannot tell whether this is a campaign, a subject or a variant")
        .help("begin the file with `# yaml-language-server: $schema=../schemas/campaign.schema.json` (or `subject`, `variant`)");
    out.add(&file.source, [problem]);
    None
}
