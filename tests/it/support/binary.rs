//! The `harness` binary as a user runs it, and what it leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// The binary that was built for this test run.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_harness"))
}

/// A run of `tests/run/short.yaml` whose events can be waited for.
pub(crate) struct ShortRun {
    pub child: Child,
    events: Lines<BufReader<ChildStdout>>,
    /// Its working directory, and the only place for temporary files that it is told of.
    pub dir: tempfile::TempDir,
}

impl ShortRun {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory for the run");
        let campaign = crate::support::root().join("tests/run/short.yaml");
        let mut child = Command::new(binary())
            .args(["run", "--json"])
            .arg(campaign)
            .env("TMPDIR", dir.path())
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let events = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        Self { child, events, dir }
    }

    /// Reads events until one contains all these texts.
    pub(crate) fn wait_for(&mut self, texts: &[&str]) {
        for line in self.events.by_ref() {
            let line = line.expect("events can be read");
            if texts.iter().all(|text| line.contains(text)) {
                return;
            }
        }
        panic!("the run ended before {texts:?}");
    }
}

/// Processes of a run: by pid, with the start time that tells a pid's second user from its first.
pub(crate) type Processes = BTreeMap<u32, String>;

/// A process and all that descend from it.
pub(crate) fn family(root: u32) -> Processes {
    let all = all_processes();
    let mut family = BTreeSet::from([root]);
    loop {
        let before = family.len();
        family.extend(
            all.iter().filter(|(_, process)| family.contains(&process.parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    family.into_iter().filter_map(|pid| Some((pid, all.get(&pid)?.started.clone()))).collect()
}

/// Those that still exist.
pub(crate) fn survivors(processes: &Processes) -> Vec<u32> {
    let all = all_processes();
    let same = |pid: &u32, started: &String| all.get(pid).is_some_and(|now| now.started == *started);
    processes.iter().filter(|(pid, started)| same(pid, started)).map(|(pid, _)| *pid).collect()
}

/// Namespaces by name, held open: as long as they are, no other one gets the same name.
pub(crate) type Namespaces = BTreeMap<String, File>;

/// The namespaces of processes, without those of this one.
pub(crate) fn namespaces(processes: &Processes) -> Namespaces {
    let own = namespaces_of("self");
    let all = processes.keys().flat_map(|pid| namespaces_of(&pid.to_string()));
    all.filter(|(name, _)| !own.contains_key(name)).collect()
}

fn namespaces_of(pid: &str) -> Namespaces {
    let open = |kind: &&str| {
        let path = format!("/proc/{pid}/ns/{kind}");
        Some((fs::read_link(&path).ok()?.display().to_string(), File::open(&path).ok()?))
    };
    ["net", "mnt", "pid", "user", "ipc", "uts"].iter().filter_map(open).collect()
}

/// Processes that are in one of these namespaces.
pub(crate) fn inhabitants(spaces: &Namespaces) -> Vec<u32> {
    let lives_there = |pid: &u32| namespaces_of(&pid.to_string()).keys().any(|name| spaces.contains_key(name));
    all_processes().into_keys().filter(lives_there).collect()
}

/// What of this machine a lab could leave something in: links and mounts.
pub(crate) fn host() -> (BTreeSet<String>, String) {
    let links = fs::read_dir("/sys/class/net").expect("links are listed");
    let links = links.map(|link| link.expect("links are listed").file_name().to_string_lossy().into_owned()).collect();
    (links, fs::read_to_string("/proc/self/mountinfo").expect("mounts are listed"))
}

struct Process {
    parent: u32,
    started: String,
}

/// Fields 4 and 22 of `/proc/PID/stat`, `proc_pid_stat(5)`. Zombies are as good as gone.
fn all_processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        (*fields.first()? != "Z").then_some(())?;
        Some((pid, Process { parent: fields.get(1)?.parse().ok()?, started: (*fields.get(19)?).to_owned() }))
    })
    .collect()
}
