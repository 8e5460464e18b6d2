//! Whatever a file holds: no panic, and every place that is shown is within the text.

use std::fs;

use harness::model::units::{Bytes, Millis, PerSecond};
use harness::spec::{self, Diagnostics, Style};
use proptest::prelude::*;

use super::shipped;
use crate::support::yaml_files;

fn in_range(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics {
        let text = &diagnostic.source.text;
        let problem = &diagnostic.problem;
        for span in problem.also.iter().map(|(span, _)| *span).chain([problem.span]) {
            assert!(span.start <= span.end, "{span:?} in {}", diagnostic.source.name);
            assert!(text.get(span.start..span.end).is_some(), "{span:?} of {}", text.len());
            assert!(!text[span.start..span.end].contains('\n'));
        }
    }
    let _ = diagnostics.render(Style::Plain);
    let _ = serde_json::to_string(&diagnostics.records()).unwrap();
}

fn check(folder: &str, bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(folder);
    fs::create_dir(&folder).unwrap();
    let path = folder.join("kv.yaml");
    fs::write(&path, bytes).unwrap();
    in_range(&spec::validate_files(&[path]));
}

fn sources() -> Vec<(String, Vec<u8>)> {
    let files = shipped().into_iter().chain(yaml_files("tests/spec/valid"));
    files
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let kinds = ["campaign", "subject", "variant"];
            let kind = kinds.into_iter().find(|kind| text.contains(&format!("{kind}.schema"))).unwrap();
            (format!("{kind}s"), bytes)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn durations_print_what_they_parse(value: u64) {
        for value in [value, value % 100_000, value / 3_600_000 * 3_600_000, value % 1000 * 500] {
            prop_assert_eq!(Millis(value).to_string().parse(), Ok(Millis(value)));
        }
    }

    #[test]
    fn sizes_print_what_they_parse(value: u64, shift in 0_u32..64) {
        for value in [value, value >> shift << shift, value % 1000 * 1000] {
            prop_assert_eq!(Bytes(value).to_string().parse(), Ok(Bytes(value)));
        }
    }

    #[test]
    fn rates_print_what_they_parse(value in 0.0..1e9_f64, per_minute in 0_u32..100_000) {
        for value in [value, value.round(), f64::from(per_minute) / 60.0] {
            prop_assert_eq!(PerSecond(value).to_string().parse(), Ok(PerSecond(value)));
        }
    }

    #[test]
    fn quantities_never_panic(text in "\\PC{0,12}|[0-9.]{1,25}(ms|s|m|h|MiB|kB|/s|/min)?( ?[0-9.]{1,3}[smh])?") {
        let printed = text.parse::<Millis>().map(|value| value.to_string());
        if let Ok(printed) = printed {
            prop_assert!(printed.parse::<Millis>().is_ok());
        }
        let _ = (text.parse::<Bytes>(), text.parse::<PerSecond>());
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_usize..3) {
        check(["campaigns", "subjects", "variants"][kind], &bytes);
    }

    #[test]
    fn arbitrary_yaml(text in "([a-z]{1,6}|name|nodes|script|[ \\t]{1,4}|\\n|: |- |[{}\\[\\],&*!|>'\"#%@é\u{feff}\\r]|[0-9.]{1,3}){0,40}") {
        check("subjects", text.as_bytes());
    }

    #[test]
    fn mutated_files(
        pick: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..8, "[ -~]|[a-z0-9{}:,é\\n\\t\\[\\]-]{1,3}|: null|- |\\*a|&a "), 1..4),
    ) {
        let all = sources();
        let (folder, mut bytes) = all[pick.index(all.len())].clone();
        for (at, remove, insert) in edits {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert.bytes());
        }
        check(&folder, &bytes);
    }
}
