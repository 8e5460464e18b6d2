//! Builds the `lab` command that operators get.
//!
//! It is a program of its own, one file on the standard library alone, and its bytes are embedded in
//! `harness`: the binary that an operator can read must not hold the fault catalogue (ADR 0004).

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/runtime/process/cockpit/lab.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let out = PathBuf::from(variable("OUT_DIR")).join("lab");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", "--crate-name=lab", "--crate-type=bin", "-Copt-level=s", "-Cpanic=abort"]);
    rustc.args(["-Cstrip=symbols", "--cap-lints=warn"]);
    rustc.arg(format!("--remap-path-prefix={}=.", variable("CARGO_MANIFEST_DIR")));
    rustc.arg("--target").arg(variable("TARGET"));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg("-o").arg(&out).arg(SOURCE);
    match rustc.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("building {SOURCE} failed: {status}"),
        Err(error) => panic!("{rustc:?} did not start: {error}"),
    }
}
