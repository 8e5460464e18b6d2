//! Names: lower-case letters, digits and dashes, beginning with a letter.

/// Longest name: that of a host name's part.
const LONGEST: usize = 63;

/// Says what is wrong with a name, when something is.
///
/// # Errors
/// A few words for people.
pub(super) fn check(name: &str) -> Result<(), String> {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name.chars().next() {
        None => return Err("it is empty".into()),
        Some(first) if valid(first) && !first.is_ascii_lowercase() => {
            return Err("it does not begin with a letter".into());
        }
        Some(_) => {}
    }
    if let Some(bad) = name.chars().find(|c| !valid(*c)) {
        return Err(match bad {
            ' ' => "it has a space".into(),
            'A'..='Z' => "it has an upper-case letter".into(),
            _ => format!("it has the character `{bad}`"),
        });
    }
    if name.ends_with('-') {
        return Err("it ends with a dash".into());
    }
    if name.len() > LONGEST { Err(format!("it is longer than {LONGEST} characters")) } else { Ok(()) }
}

/// A valid name that is close to an invalid one.
pub(super) fn repaired(name: &str) -> Option<String> {
    let lower = name.trim().to_lowercase();
    let dashed: String =
        lower.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    let trimmed = dashed.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    let short: String = trimmed.chars().take(LONGEST).collect();
    check(&short).is_ok().then_some(short)
}
