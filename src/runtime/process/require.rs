//! What the process runtime needs of the machine, and what to say when it is not there.

use std::fs;

use crate::runtime::Unmet;

/// Explains why a step of setting up namespaces failed: which setting forbids it, and what to do.
pub(super) fn explain(step: &str, error: nix::Error) -> Unmet {
    let problem = format!("{step}: {}", error.desc());
    let (cause, remedy) = cause(step, error);
    Unmet { problem: format!("{problem}{cause}"), remedy }
}

fn cause(step: &str, error: nix::Error) -> (String, String) {
    let zero = |name: &str| read_number(name) == Some(0);
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
