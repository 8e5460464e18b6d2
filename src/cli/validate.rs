//! `harness validate FILE…`: checks files and touches nothing.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;

use crate::spec::{self, Style};

/// Nothing is wrong.
pub const OK: i32 = 0;
/// Something is wrong with a file.
pub const SPEC_ERROR: i32 = 2;

/// Checks files; returns the exit code. Valid files are listed on standard output, what is wrong goes to
/// standard error; with `json`, all of it is one JSON object on standard output.
///
/// # Errors
/// Standard output or standard error cannot be written to.
pub fn run(files: &[PathBuf], json: bool) -> io::Result<i32> {
    let (diagnostics, valid) = spec::check_files(files);
    let mut stdout = io::stdout().lock();
    if json {
        let valid: Vec<_> = valid
            .iter()
            .map(|file| json!({ "file": file.path.display().to_string(), "summary": file.summary }))
            .collect();
        writeln!(
            stdout,
            "{:#}",
            json!({ "valid": valid, "errors": diagnostics.records() })
        )?;
    } else {
        for file in &valid {
            writeln!(stdout, "{}: ok ({})", file.path.display(), file.summary)?;
        }
        stdout.flush()?;
        if !diagnostics.is_empty() {
            io::stderr()
                .lock()
                .write_all(diagnostics.render(Style::for_stderr()).as_bytes())?;
        }
    }
    Ok(if diagnostics.is_empty() {
        OK
    } else {
        SPEC_ERROR
    })
}
