//! SIGKILL of the harness in each phase of a trial: a second later nothing of the lab is left.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::support::binary::{ShortRun, family, host, inhabitants, namespaces, survivors};

/// Kills the harness as soon as it says that it has come to this point.
fn killed_at(texts: &[&str]) {
    let before = host();
    let mut run = ShortRun::start();
    run.wait_for(texts);
    let family = family(run.child.id());
    let spaces = namespaces(&family);
    run.child.kill().expect("it runs");
    run.child.wait().expect("it has ended");
    sleep(Duration::from_secs(1));
    assert_eq!(survivors(&family), Vec::<u32>::new(), "processes of the lab");
    assert_eq!(inhabitants(&spaces), Vec::<u32>::new(), "processes in namespaces of the lab");
    assert_eq!(host(), before, "links and mounts of this machine");
    let files: Vec<_> = fs::read_dir(run.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    // What was recorded is kept.
    assert!(files.iter().all(|name| name.to_string_lossy().starts_with("harness.db")), "{files:?}");
    if texts.contains(&"command_started") {
        assert!(family.len() > 6, "the lab was there: {family:?}");
        assert!(spaces.len() > 10, "in namespaces of its own: {spaces:?}");
    }
}

macro_rules! phases {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            killed_at(&["phase_started", concat!("\"", stringify!($name), "\"")]);
        }
    )*};
}

mod phase_began {
    use super::killed_at;
    phases!(provision ready healthy inject detect operate freeze verify heal teardown);
}

#[test]
fn in_the_middle_of_a_command() {
    killed_at(&["command_started", "lab start"]);
}

#[test]
fn between_fault_and_proof() {
    killed_at(&["fault_injected"]);
}
