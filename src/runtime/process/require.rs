//! What the process runtime needs of the machine, and what to say when it is not there.

use std::fs;

use crate::runtime::{Requirement, Unmet};

/// What is needed, in the order in which a lab comes up, each with what its steps are called here.
const REQUIREMENTS: [(&str, &[&str]); 5] = [
    (USER_NAMESPACES, &["user namespace", "id maps", "set", "prctl", "fcntl", "open"]),
    ("mount, network and pid namespaces", &["mount namespace", "network namespace", "pid namespace", "fork"]),
    ("an unmasked /proc", &["mount /proc"]),
    ("links between namespaces (veth, packet sockets)", &["place", "netlink", "veth", "ethtool", "address", "packet"]),
    ("a file system view of its own (tmpfs, binds, mount_setattr)", &[""]),
];
/// The requirement without which there is nothing.
pub(super) const USER_NAMESPACES: &str = "user namespaces";

/// Every requirement, given what became of an empty lab.
pub(super) fn findings(result: Result<(), Unmet>) -> Vec<Requirement> {
    let Err(unmet) = result else {
        let works = |(name, _): (&str, _)| Requirement { name: name.into(), result: Ok("works here".into()) };
        return REQUIREMENTS.map(works).into();
    };
    // Those that come later could not be tried.
    vec![Requirement { name: unmet.requirement.clone(), result: Err(unmet) }]
}

/// Explains why a step of setting up namespaces failed: which setting forbids it, and what to do.
pub(super) fn explain(step: &str, error: nix::Error) -> Unmet {
    let belongs = |(_, steps): &&(&str, &[&str])| steps.iter().any(|prefix| step.starts_with(prefix));
    let requirement = REQUIREMENTS.iter().find(belongs).map_or(USER_NAMESPACES, |(name, _)| name);
    let (cause, remedy) = cause(requirement, step, error);
    Unmet { requirement: requirement.into(), problem: format!("{step}: {}{cause}", error.desc()), remedy }
}

fn cause(requirement: &str, step: &str, error: nix::Error) -> (String, String) {
    let zero = |name: &str| requirement == USER_NAMESPACES && read_number(name) == Some(0);
    if zero("user/max_user_namespaces") {
        return (" (user.max_user_namespaces is 0)".into(), "sysctl -w user.max_user_namespaces=15000".into());
    }
    if error == nix::Error::ENOSPC {
        return (
            " (a limit on namespaces is reached: user.max_user_namespaces, user.max_net_namespaces, …)".into(),
            "raise the limits under /proc/sys/user, or run fewer trials in parallel".into(),
        );
    }
    if zero("kernel/unprivileged_userns_clone") {
        return (
            " (kernel.unprivileged_userns_clone is 0)".into(),
            "sysctl -w kernel.unprivileged_userns_clone=1".into(),
        );
    }
    if read_number("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return (
            " (kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor takes the capabilities away)".into(),
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give the harness binary an AppArmor profile with `userns,`"
                .into(),
        );
    }
    if step == "mount /proc" {
        return (
            " (the /proc of this machine is partly masked, as in an ordinary container)".into(),
            "start the container with --security-opt systempaths=unconfined, or run harness outside of it".into(),
        );
    }
    if seccomp_filtered() {
        return (
            " (a seccomp filter is active, as in an ordinary container)".into(),
            "start the container with --security-opt seccomp=unconfined, or run harness outside of it".into(),
        );
    }
    if error == nix::Error::ENOSYS || error == nix::Error::EINVAL {
        return (
            " (the kernel does not know it)".into(),
            "use Linux 5.12 or later with user, network and pid namespaces and veth".into(),
        );
    }
    (String::new(), "run `harness doctor` and see docs/ARCHITECTURE.md, \"Process runtime\"".into())
}

fn read_number(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}

fn seccomp_filtered() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}
