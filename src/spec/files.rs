//! Files: found, read, compared with their schema, made into raw types.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;

use super::diagnostic::{Diagnostics, Problem, SourceText, Span};
use super::schema::FileKind;
use super::suggest;
use super::tree::{self, Node};
use super::walk;

/// Longest file that is read, in bytes.
const LONGEST: u64 = 256 << 10;

/// A file that could be read.
pub(super) struct File {
    /// Path and text.
    pub(super) source: Arc<SourceText>,
    /// The path.
    pub(super) path: PathBuf,
    /// The tree, when the text is YAML.
    pub(super) node: Option<Node>,
    /// The text is YAML without a mistake such as a duplicate key.
    clean: bool,
}

/// A raw type with the tree that it was made from.
pub(super) struct Typed<T> {
    /// The raw type.
    pub(super) value: T,
    /// The tree: the file's, or what of it is sound.
    pub(super) node: Node,
    /// Nothing had to be left out.
    pub(super) whole: bool,
}

impl File {
    /// Reads a file. What is wrong with it goes to `out`.
    pub(super) fn open(path: &Path, out: &mut Diagnostics) -> Option<Self> {
        let path = tidy(path);
        let name = path.display().to_string();
        let text = match read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let at = error.utf8_error().valid_up_to();
                    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                    let problem = Problem::new(Span::new(at, at + '\u{fffd}'.len_utf8()), "the file is not UTF-8 text")
                        .label("the first byte that is not")
                        .help("save it as UTF-8");
                    out.add(&Arc::new(SourceText { name, text }), [problem]);
                    return None;
                }
            },
            Err(message) => {
                out.add(&Arc::new(SourceText { name, text: String::new() }), [Problem::new(Span::default(), message)]);
                return None;
            }
        };
        let (node, problems) = tree::parse(&text);
        let clean = problems.is_empty();
        let source = Arc::new(SourceText { name, text });
        out.add(&source, problems);
        Some(Self { source, path, node, clean })
    }

    /// The raw type: of all of the tree when its structure is right, else of its sound part, when there
    /// is one. What is wrong goes to `out`.
    pub(super) fn typed<T: DeserializeOwned>(&self, kind: FileKind, out: &mut Diagnostics) -> Option<Typed<T>> {
        let schema = kind.schema();
        let node = self.node.as_ref()?;
        let problems = check_structure(&schema, &schema, node, &self.source.text);
        let whole = problems.is_empty() && self.clean;
        out.add(&self.source, problems);
        let node = if whole { node.clone() } else { walk::salvage(&schema, &schema, node)? };
        match deserialize(&node) {
            Ok(value) => Some(Typed { value, node, whole }),
            Err(problem) => {
                out.add(&self.source, [*problem]);
                None
            }
        }
    }

    /// The folder that the file is in.
    pub(super) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

/// Compares a tree with a schema whose definitions are in `root`.
pub(super) fn check_structure(root: &Json, schema: &Json, node: &Node, text: &str) -> Vec<Problem> {
    walk::walk(root, schema, node, text)
}

/// Makes a tree into a raw type.
///
/// # Errors
/// What serde says, at the place where it says it.
pub(super) fn deserialize<T: DeserializeOwned>(node: &Node) -> Result<T, Box<Problem>> {
    serde_path_to_error::deserialize(node.to_json()).map_err(|error| {
        let mut at = node;
        for segment in error.path() {
            let next = match segment {
                Segment::Seq { index } => at.items().get(*index),
                Segment::Map { key } | Segment::Enum { variant: key } => at.get(key),
                Segment::Unknown => None,
            };
            let Some(next) = next else { break };
            at = next;
        }
        Problem::new(at.head(), error.inner().to_string()).label("here").into()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be opened: {error}"),
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("this is a folder: name the files in it".into());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("longer than {} KiB: this is no file written by hand", LONGEST >> 10));
    }
    Ok(bytes)
}

/// Where the file that `name` refers to is. `from` is the folder of the file with the reference.
///
/// # Errors
/// A problem without a place, when there is no such file.
pub(super) fn find(kind: FileKind, name: &str, from: Option<&Path>) -> Result<PathBuf, Problem> {
    let extension = |wanted: &str| {
        let extension = Path::new(name).extension();
        extension.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    if extension("yaml") {
        let path = from.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        if path.is_file() {
            return Ok(path);
        }
        return Err(Problem::new(Span::default(), format!("{kind} file `{}` does not exist", tidy(&path).display()))
            .label("no such file")
            .help("a value that ends in `.yaml` is a path, relative to this file"));
    }
    let mut folders = Vec::new();
    if let Some(from) = from {
        folders.push(from.join("..").join(kind.folder()));
        folders.push(from.to_owned());
    }
    folders.push(PathBuf::from(kind.folder()));
    let file = format!("{name}.yaml");
    let plain = !name.contains(['/', '\\']) && name != "..";
    if let Some(path) = folders.iter().map(|folder| folder.join(&file)).find(|path| plain && path.is_file()) {
        return Ok(path);
    }
    let mut searched: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (i, folder) in folders.iter().enumerate() {
        let shown = tidy(folder).display().to_string();
        if !searched.contains(&shown) {
            searched.push(shown);
        }
        // The campaign's own folder holds campaigns too: no suggestions from there.
        if from.is_none() || i != 1 {
            names.extend(stems(folder));
        }
    }
    names.sort();
    names.dedup();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let help = match (suggest::nearest(name, known.iter().copied()), known.is_empty()) {
        _ if !plain || extension("yml") => "a path ends in `.yaml`; ".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`? "),
        (None, false) => format!("there are {}; ", suggest::list(&known)),
        (None, true) => String::new(),
    };
    Err(Problem::new(Span::default(), format!("unknown {kind} `{name}`"))
        .label(format!("no file `{file}`"))
        .help(format!("{help}searched: {}", searched.join(", "))))
}

fn stems(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    paths.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect()
}

/// The path without `.` and `..` where that leads to the same file: `campaigns/../subjects/kv.yaml` is
/// shown as `subjects/kv.yaml`.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            part => short.push(part),
        }
    }
    if short.as_os_str().is_empty() {
        short.push(".");
    }
    match (short.canonicalize(), path.canonicalize()) {
        (Ok(a), Ok(b)) if a != b => path.to_owned(),
        _ => short,
    }
}
