//! The `harness` binary.

use harness::runtime::process::{WorkerStart, worker_main};

fn main() {
    let mut args = std::env::args();
    if args.nth(1).as_deref() == Some("lab-worker") {
        worker_main(WorkerStart::parse(args).expect("words"));
    }
}
