//! From a campaign file to a plan.

use std::path::Path;

use super::campaign::{Campaign, RuntimeKind};
use super::check::{self, Cast, Place};
use super::diagnostic::{Diagnostics, Problem, Span};
use super::files::{self, File, Typed};
use super::plan::{Plan, Source};
use super::schema::FileKind;
use super::subject::Subject;
use super::tree::Node;
use super::variant::Variant;

/// Reads and checks a campaign with everything it refers to.
///
/// # Errors
/// Everything that is wrong with these files.
pub fn load_campaign(path: &Path) -> Result<Plan, Diagnostics> {
    let mut out = Diagnostics::default();
    let plan = File::open(path, &mut out).and_then(|file| campaign(&file, &mut out));
    match plan {
        Some(plan) if out.is_empty() => Ok(plan),
        _ => Err(out),
    }
}

/// The plan of a campaign file; a plan may come with complaints in `out` and is then not to be used.
fn campaign(file: &File, out: &mut Diagnostics) -> Option<Plan> {
    let campaign: Option<Typed<Campaign>> = file.typed(FileKind::Campaign, out);
    // References are followed even from a campaign with mistakes, so that all is reported at once.
    let root = file.node.as_ref()?;
    let subject = root.get("subject").and_then(|node| {
        let (text, span) = (node.text()?, node.span);
        let file = refer(FileKind::Subject, text, span, file, out)?;
        subject(&file, out).map(|subject| (subject, file))
    });
    let named: &[Node] = root.get("variants").map_or(&[], Node::items);
    let mut variants = Vec::new();
    let mut sources = vec![source(file)];
    sources.extend(subject.iter().map(|(_, file)| source(file)));
    for node in named {
        let Some(text) = node.text() else { continue };
        let Some(file) = refer(FileKind::Variant, text, node.span, file, out) else {
            continue;
        };
        if let Some(variant) = variant(&file, out) {
            variants.push((variant, Some(node.span)));
            sources.push(source(&file));
        }
    }
    let Typed { value: campaign, node, whole } = campaign?;
    let cast = Cast {
        subject: subject.as_ref().map(|(subject, _)| subject),
        variants: &variants,
        all_variants: variants.len() == campaign.variants.len(),
    };
    let place = Place::root(&node, &file.source.text);
    out.add(&file.source, check::campaign(&campaign, place, &cast, whole).problems);
    if !whole {
        return None;
    }
    let (subject, _) = subject?;
    let runtime = campaign.runtime.or_else(|| subject.runtime_kinds().first().copied()).unwrap_or(RuntimeKind::Process);
    let variants = variants.into_iter().map(|(variant, _)| variant).collect();
    Some(Plan::new(campaign, subject, variants, runtime, sources))
}

/// Opens the file that a campaign refers to by name.
fn refer(kind: FileKind, name: &str, span: Span, from: &File, out: &mut Diagnostics) -> Option<File> {
    match files::find(kind, name, Some(from.folder())) {
        Ok(path) => File::open(&path, out),
        Err(problem) => {
            out.add(&from.source, [Problem { span, ..problem }]);
            None
        }
    }
}

/// A subject, when its structure is right; all else that is wrong goes to `out` too.
pub(super) fn subject(file: &File, out: &mut Diagnostics) -> Option<Subject> {
    let Typed { value: subject, node: root, whole } = file.typed::<Subject>(FileKind::Subject, out)?;
    same_name(&subject.name, &root, file, out);
    let place = Place::root(&root, &file.source.text);
    out.add(&file.source, check::subject(&subject, place, whole).problems);
    if let Some(compose) = &subject.runtimes.compose {
        let path = file.folder().join(&compose.file);
        let node = root.get("runtimes").and_then(|node| node.get("compose")).and_then(|node| node.get("file"));
        if !path.is_file() {
            let span = node.map_or(root.head(), Node::head);
            let problem = Problem::new(span, format!("there is no file `{}`", files::tidy(&path).display()))
                .label("no such file")
                .help("the path is relative to the subject's file");
            out.add(&file.source, [problem]);
        }
    }
    whole.then_some(subject)
}

/// A variant, when its structure is right; all else that is wrong goes to `out` too.
pub(super) fn variant(file: &File, out: &mut Diagnostics) -> Option<Variant> {
    let Typed { value: variant, node: root, whole } = file.typed::<Variant>(FileKind::Variant, out)?;
    same_name(&variant.name, &root, file, out);
    let place = Place::root(&root, &file.source.text);
    out.add(&file.source, check::variant(&variant, place, whole).problems);
    whole.then_some(variant)
}

/// A file that is found by its name must have that name inside.
fn same_name(name: &str, root: &Node, file: &File, out: &mut Diagnostics) {
    let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if stem != name {
        let span = root.get("name").map_or(root.head(), |node| node.span);
        let shown = file.path.file_name().unwrap_or_default().to_string_lossy();
        let problem = Problem::new(span, format!("the name `{name}` is not that of the file, `{shown}`"))
            .label("campaigns find the file by its name")
            .help(format!("write `name: {stem}`, or rename the file to `{name}.yaml`"));
        out.add(&file.source, [problem]);
    }
}

pub(super) fn source(file: &File) -> Source {
    Source { path: file.path.clone(), text: file.source.text.clone() }
}
