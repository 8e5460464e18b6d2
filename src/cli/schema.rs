//! `harness schema`: writes the JSON Schemas for editors, or checks that the written ones are up to date.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::spec::FileKind;

/// All is done, or all is up to date.
pub const OK: i32 = 0;
/// With `check`: a file is missing or differs.
pub const STALE: i32 = 1;

/// Why the schemas could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Standard output or standard error cannot be written to.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Writes the schemas into the folder `out`, or with `check` only compares; returns the exit code.
///
/// # Errors
/// See [`SchemaError`].
pub fn run(out: &Path, check: bool) -> Result<i32, SchemaError> {
    let mut stale = Vec::new();
    for kind in FileKind::ALL {
        let path = out.join(kind.schema_file());
        let text = kind.schema_text();
        let there = fs::read_to_string(&path);
        if there.as_ref().is_ok_and(|there| *there == text) {
            continue;
        }
        if check {
            stale.push((
                path,
                if there.is_ok() {
                    "out of date"
                } else {
                    "missing"
                },
            ));
            continue;
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            |error| SchemaError::Write { path, error }
        };
        fs::create_dir_all(out).map_err(failed(out))?;
        fs::write(&path, text).map_err(failed(&path))?;
        writeln!(io::stdout(), "wrote {}", path.display())?;
    }
    if stale.is_empty() {
        return Ok(OK);
    }
    let mut stderr = io::stderr().lock();
    for (path, state) in &stale {
        writeln!(stderr, "{} is {state}", path.display())?;
    }
    let option = if out == Path::new("schemas") {
        String::new()
    } else {
        format!(" --out {}", out.display())
    };
    writeln!(stderr, "repair it with: harness schema{option}")?;
    Ok(STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_up_to_date_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("schemas");
        assert_eq!(run(&out, true).unwrap(), STALE);
        assert!(!out.exists(), "a check writes nothing");
        assert_eq!(run(&out, false).unwrap(), OK);
        assert_eq!(run(&out, true).unwrap(), OK);
        fs::write(out.join("variant.schema.json"), "{}").unwrap();
        assert_eq!(run(&out, true).unwrap(), STALE);
        assert_eq!(run(&out, false).unwrap(), OK);
        assert_eq!(run(&out, true).unwrap(), OK);
    }
}
