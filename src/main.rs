//! The `harness` binary.

use clap::Parser;
use harness::runtime::process::{WorkerStart, worker_main};

#[derive(Parser)]
struct Kv {
    #[command(flatten)]
    args: harness_kv::Args,
}

fn main() {
    let mut args = std::env::args();
    if args.next().as_deref() == Some("kv") {
        if let Err(error) = harness_kv::run(Kv::parse().args) {
            eprintln!("{error:#}");
            std::process::exit(1);
        }
        return;
    }
    if args.next().as_deref() == Some("lab-worker") {
        worker_main(WorkerStart::parse(args).expect("words"));
    }
}
