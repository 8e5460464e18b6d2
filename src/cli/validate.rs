//! `harness validate FILE…`: checks files and touches nothing.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;

use super::exit;
use crate::spec::{self, Style};

/// Check subjects, variants and campaigns, and what they refer to
///
/// Touches nothing but these files, and starts nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The YAML files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks the files; the exit code is [`exit::USAGE`] when something is wrong with one. Valid files are listed on standard output, what is wrong goes to
/// standard error; with `json`, all of it is one JSON object on standard output.
///
/// # Errors
/// Standard output or standard error cannot be written to.
pub fn run(args: &Args) -> io::Result<u8> {
    let (diagnostics, valid) = spec::check_files(&args.files);
    let mut stdout = io::stdout().lock();
    if args.json {
        let valid: Vec<_> = valid
            .iter()
            .map(|file| json!({ "file": file.path.display().to_string(), "summary": file.summary }))
            .collect();
        writeln!(stdout, "{:#}", json!({ "valid": valid, "errors": diagnostics.records() }))?;
    } else {
        for file in &valid {
            writeln!(stdout, "{}: ok ({})", file.path.display(), file.summary)?;
        }
        stdout.flush()?;
        if !diagnostics.is_empty() {
            io::stderr().lock().write_all(diagnostics.render(Style::for_stderr()).as_bytes())?;
        }
    }
    Ok(if diagnostics.is_empty() { exit::SUCCESS } else { exit::USAGE })
}
