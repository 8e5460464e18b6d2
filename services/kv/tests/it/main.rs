//! Clusters of real processes on loopback.
//!
//! A node is this very test binary, started again with only [`node_process`] selected and its
//! options in the environment. That works the same under every test runner and needs no other
//! binary to be built first.

mod admin;
mod cluster;
mod crash;
mod health;
mod http;
mod space;

use clap::Parser;

/// Options of a node process, separated by [`SEPARATOR`].
const OPTIONS: &str = "KV_TEST_NODE";
const SEPARATOR: char = '\u{1f}';

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: harness_kv::Args,
}

/// Not a test: the body of the node processes. As a test it does nothing.
#[test]
fn node_process() {
    let Ok(options) = std::env::var(OPTIONS) else {
        return;
    };
    // Whatever happens to the test, no node outlives it.
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).unwrap();
    let options = std::iter::once("kv").chain(options.split(SEPARATOR));
    let code = match harness_kv::run(Cli::parse_from(options).args) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error:#}");
            1
        }
    };
    std::process::exit(code);
}
