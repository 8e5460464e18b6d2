//! `{name}` in commands, paths and texts.

use super::{Findings, Place};
use crate::spec::diagnostic::Problem;
use crate::spec::suggest;

impl Findings {
    /// Reports every `{word}` of `text` that is not among `known`.
    ///
    /// `${word}` is the shell's own; braces around anything but one lower-case word (JSON, awk programs)
    /// are none of ours.
    pub(super) fn placeholders(&mut self, text: &str, known: &[&str], place: Place) {
        let mut seen: Vec<&str> = Vec::new();
        for word in words(text) {
            if known.contains(&word) || seen.contains(&word) {
                continue;
            }
            seen.push(word);
            let braced: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
            let braced: Vec<&str> = braced.iter().map(String::as_str).collect();
            let help = match suggest::nearest(word, known.iter().copied()) {
                Some(name) => format!("did you mean `{{{name}}}`?"),
                None if known.is_empty() => "nothing is replaced here".into(),
                None => format!("replaced here: {}", suggest::list(&braced)),
            };
            self.add(
                Problem::new(place.part(&format!("{{{word}}}")), format!("unknown placeholder `{{{word}}}`"))
                    .label("would stay as it is")
                    .help(help),
            );
        }
    }
}

/// Whether the placeholder is in the text.
pub(super) fn has(text: &str, name: &str) -> bool {
    words(text).any(|word| word == name)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(move |(at, _)| {
        if text[..at].ends_with('$') {
            return None;
        }
        let word = &text[at + 1..at + text[at..].find('}')?];
        let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        // `awk '{print}'` is the one program of a single word that people write.
        (plain && word != "print").then_some(word)
    })
}
