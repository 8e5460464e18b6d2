//! Report files.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ReportError;
use super::view::View;
use super::{html, junit, markdown};

/// A report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Format {
    /// Markdown.
    Md,
    /// One self-contained HTML page.
    Html,
    /// The whole view as JSON.
    Json,
    /// `JUnit` XML: one suite per scenario, one case per trial.
    Junit,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Md, Self::Html, Self::Json, Self::Junit];

    fn extension(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Html => "html",
            Self::Json => "json",
            Self::Junit => "xml",
        }
    }
}

/// Lays a report out as text.
pub fn render(view: &View, format: Format) -> Result<String, ReportError> {
    match format {
        Format::Md => Ok(markdown::render(view)),
        Format::Html => html::render(view),
        Format::Json => serde_json::to_string_pretty(view)
            .map(|text| text + "\n")
            .map_err(|error| ReportError::Layout { format: "JSON", problem: error.to_string() }),
        Format::Junit => junit::render(view),
    }
}

/// Writes a report's files, `DIR/CAMPAIGN-RUN.EXTENSION`, and returns their paths.
/// A file is there completely or not at all.
pub fn write(view: &View, formats: &[Format], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let mut paths = Vec::new();
    for format in formats {
        let stem = format!("{}-{}", file_name(&view.run.campaign), view.run.id);
        let path = dir.join(format!("{stem}.{}", format.extension()));
        let part = dir.join(format!(".{stem}.{}.part", format.extension()));
        fs::write(&part, render(view, *format)?).map_err(failed(&part))?;
        fs::rename(&part, &path).map_err(failed(&path))?;
        paths.push(path);
    }
    Ok(paths)
}

/// A campaign's name as part of a file name: it cannot leave the directory.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect()
}
