//! The `harness` binary.

use std::path::{Path, PathBuf};
use std::process::exit;

use harness::cli;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        let before = args.len();
        args.retain(|arg| arg != name);
        args.len() < before
    };
    let (json, check) = (flag("--json"), flag("--check"));
    let code = match args.split_first() {
        Some((command, files)) if command == "validate" => {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            cli::validate::run(&files, json).unwrap_or(1)
        }
        Some((command, _)) if command == "schema" => {
            cli::schema::run(Path::new("schemas"), check).unwrap_or(1)
        }
        _ => 2,
    };
    exit(code);
}
