//! Files of the repository, and the one redactor of all snapshots.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files of a folder, relative to the repository, sorted.
pub(crate) fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("the folder can be read").file_name());
    let mut files: Vec<PathBuf> = names
        .map(|name| Path::new(folder).join(name))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// The one redactor of all snapshots: nothing in them depends on where the repository is.
pub(crate) fn redact(text: &str) -> String {
    text.replace(&root().display().to_string(), "[root]")
}
