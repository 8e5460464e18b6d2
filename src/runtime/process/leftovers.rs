//! Proof that nothing of a lab is left.
//!
//! A lab's mounts, links and files exist only in its namespaces, and a namespace exists only as long as
//! a process is in it: so the proof is that no process is in any namespace of the lab.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

/// The namespaces that make a lab; the ones that its worker makes below are gone with these.
const KINDS: [&str; 3] = ["user", "net", "mnt"];

/// By which processes of one lab are recognised.
pub(super) struct Traces {
    worker: u32,
    namespaces: OnceLock<Vec<(&'static str, u64)>>,
}

impl Traces {
    /// Of the lab whose worker's first stage has this pid.
    pub(super) fn of(worker: u32) -> Self {
        Self { worker, namespaces: OnceLock::new() }
    }

    /// Takes down the identities of the lab's namespaces; once they are made.
    pub(super) fn record(&self) {
        let own = namespaces_of("self");
        let theirs = namespaces_of(&self.worker.to_string());
        // What the worker shares with this process is not the lab's.
        let _ = self.namespaces.set(theirs.into_iter().filter(|namespace| !own.contains(namespace)).collect());
    }

    /// What is still there, a line each.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let Some(lab) = self.namespaces.get() else { return Vec::new() };
        let Ok(entries) = fs::read_dir("/proc") else { return vec!["/proc cannot be read".into()] };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|pid| namespaces_of(pid).iter().any(|namespace| lab.contains(namespace)))
            .map(|pid| {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                format!("process {pid} ({})", name.trim_end())
            })
            .collect()
    }
}

/// Identities of a process's namespaces; none when it has ended or belongs to somebody else.
fn namespaces_of(pid: &str) -> Vec<(&'static str, u64)> {
    KINDS
        .into_iter()
        .filter_map(|kind| Some((kind, fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok()?.ino())))
        .collect()
}
