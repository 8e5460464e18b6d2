//! Help texts that name what is valid.

/// How many names a list shows before it is cut.
const SHOWN: usize = 12;

/// The name that `found` most likely stands for.
pub(super) fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = normal(found);
    let score = |name: &str| {
        let name = normal(name);
        if wanted.len() > 2 && (name.starts_with(&wanted) || wanted.starts_with(&name)) {
            return 0.9;
        }
        strsim::jaro_winkler(&wanted, &name).min(strsim::normalized_damerau_levenshtein(&wanted, &name) + 0.3)
    };
    let mut best: Vec<(f64, &str)> =
        names.into_iter().map(|name| (score(name), name)).filter(|(score, _)| *score >= 0.8).collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    match best.as_slice() {
        // Several are equally near (`kv9`: `kv1`, `kv2`, `kv3`): none of them is more likely.
        [first, second, ..] if first.0.total_cmp(&second.0).is_eq() && first.1 != second.1 => None,
        [first, ..] => Some(first.1),
        [] => None,
    }
}

/// "did you mean `x`?" when something is near, else "valid are …".
pub(super) fn help(found: &str, names: &[&str]) -> String {
    match nearest(found, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => valid(names),
    }
}

/// "valid are `a`, `b`, `c`".
pub(super) fn valid(names: &[&str]) -> String {
    match names {
        [] => "there is none to choose from".into(),
        [only] => format!("the only valid one is `{only}`"),
        _ => format!("valid are {}", list(names)),
    }
}

/// `a`, `b` and `c`, cut when long.
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
    match (quoted.as_slice(), more) {
        (all, 1..) => format!("{} and {more} more", all.join(", ")),
        ([], 0) => String::new(),
        ([only], 0) => only.clone(),
        ([most @ .., last], 0) => format!("{} and {last}", most.join(", ")),
    }
}
