//! From files to a plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::campaign::{Campaign, RuntimeKind};
use super::diagnostic::{Diagnostics, Problem, SourceText, Span};
use super::plan::{Plan, Source};
use super::subject::Subject;
use super::tree;
use super::variant::Variant;

/// Reads and checks a campaign with everything it refers to.
///
/// # Errors
/// Everything that is wrong with these files.
pub fn load_campaign(path: &Path) -> Result<Plan, Diagnostics> {
    let mut out = Diagnostics::default();
    let campaign: Option<(Campaign, Source)> = read(path, &mut out);
    let Some((campaign, source)) = campaign else {
        return Err(out);
    };
    let mut sources = vec![source];
    let subject =
        find(path, "subjects", &campaign.subject).and_then(|path| read::<Subject>(&path, &mut out));
    let mut variants = Vec::new();
    for name in &campaign.variants {
        if let Some((variant, source)) =
            find(path, "variants", name).and_then(|path| read::<Variant>(&path, &mut out))
        {
            variants.push(variant);
            sources.push(source);
        }
    }
    let Some((subject, source)) = subject else {
        return Err(out);
    };
    sources.insert(1, source);
    if !out.is_empty() {
        return Err(out);
    }
    Ok(Plan {
        name: campaign.name,
        description: campaign.description,
        runtime: campaign.runtime.unwrap_or(RuntimeKind::Process),
        subject,
        scenarios: campaign.scenarios,
        variants,
        repeats: campaign.repeats,
        parallel: campaign.parallel,
        seed: campaign.seed,
        timeouts: campaign.timeouts,
        windows: campaign.windows,
        gates: campaign.gates,
        sources,
    })
}

fn find(campaign: &Path, folder: &str, name: &str) -> Option<PathBuf> {
    let dir = campaign.parent().unwrap_or(Path::new("."));
    if Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "yaml")
    {
        return Some(dir.join(name));
    }
    let file = format!("{name}.yaml");
    let places = [
        dir.join("..").join(folder).join(&file),
        dir.join(&file),
        Path::new(folder).join(&file),
    ];
    places.into_iter().find(|path| path.is_file())
}

fn read<T: DeserializeOwned>(path: &Path, out: &mut Diagnostics) -> Option<(T, Source)> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let source = Arc::new(SourceText {
                name: path.display().to_string(),
                text: String::new(),
            });
            out.add(
                &source,
                [Problem::new(
                    Span::default(),
                    format!("cannot be read: {error}"),
                )],
            );
            return None;
        }
    };
    let source = Arc::new(SourceText {
        name: path.display().to_string(),
        text: text.clone(),
    });
    let (node, problems) = tree::parse(&text);
    out.add(&source, problems);
    match serde_path_to_error::deserialize(node?.to_json()) {
        Ok(value) => Some((
            value,
            Source {
                path: path.to_owned(),
                text,
            },
        )),
        Err(error) => {
            out.add(&source, [Problem::new(Span::default(), error.to_string())]);
            None
        }
    }
}
