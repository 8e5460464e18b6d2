//! `harness schema`: writes the JSON Schemas for editors, or checks that the written ones are up to date.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::exit;
use crate::spec::FileKind;

/// Write the JSON Schemas of the YAML files, for editors
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write nothing; exit with 1 when a schema is missing or out of date
    #[arg(long)]
    check: bool,
    /// The folder
    #[arg(long, default_value = "schemas")]
    out: PathBuf,
}

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
pub fn run(args: &Args) -> Result<u8, SchemaError> {
    write_or_check(&args.out, args.check)
}

fn write_or_check(out: &Path, check: bool) -> Result<u8, SchemaError> {
    let mut stale = Vec::new();
    for kind in FileKind::ALL {
        let path = out.join(kind.schema_file());
        let text = kind.schema_text();
        let there = fs::read_to_string(&path);
        if there.as_ref().is_ok_and(|there| *there == text) {
            continue;
        }
        if check {
            stale.push((path, if there.is_ok() { "out of date" } else { "missing" }));
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
        return Ok(exit::SUCCESS);
    }
    let mut stderr = io::stderr().lock();
    for (path, state) in &stale {
        writeln!(stderr, "{} is {state}", path.display())?;
    }
    let option = if out == Path::new("schemas") { String::new() } else { format!(" --out {}", out.display()) };
    writeln!(stderr, "repair it with: harness schema{option}")?;
    Ok(exit::GATE_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_up_to_date_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("schemas");
        assert_eq!(write_or_check(&out, true).unwrap(), exit::GATE_FAILED);
        assert!(!out.exists(), "a check writes nothing");
        assert_eq!(write_or_check(&out, false).unwrap(), exit::SUCCESS);
        assert_eq!(write_or_check(&out, true).unwrap(), exit::SUCCESS);
        fs::write(out.join("variant.schema.json"), "{}").unwrap();
        assert_eq!(write_or_check(&out, true).unwrap(), exit::GATE_FAILED);
        assert_eq!(write_or_check(&out, false).unwrap(), exit::SUCCESS);
        assert_eq!(write_or_check(&out, true).unwrap(), exit::SUCCESS);
    }
}
