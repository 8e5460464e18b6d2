//! Facts about the machine that a run's numbers depend on.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine that a run was made on. Names of the machine and its users are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The distribution, for people.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor architecture.
    pub arch: String,
    /// Processors that this process may use.
    pub cpus: u32,
    /// Main memory, bytes; absent when unknown.
    pub memory_bytes: Option<u64>,
}

impl Host {
    /// Looks at this machine; what cannot be read is left unknown.
    pub fn read() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let os = file("/etc/os-release")
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map_or_else(|| "unknown".to_owned(), |name| name.trim_matches('"').to_owned());
        let kernel = file("/proc/sys/kernel/osrelease").trim().to_owned();
        let memory_bytes = file("/proc/meminfo")
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
            .map(|kib| kib * 1024);
        Self {
            os,
            kernel,
            arch: std::env::consts::ARCH.to_owned(),
            cpus: std::thread::available_parallelism().map_or(0, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
            memory_bytes,
        }
    }
}
