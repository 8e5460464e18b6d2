//! `harness doctor` on machines that do not allow labs, made with `unshare`.

use std::process::Command;

use crate::support::binary::binary;

/// What it prints, and its exit code, after these commands in a user namespace of its own.
fn doctor_after(prepare: &str) -> (String, Option<i32>) {
    let script = format!("{prepare} && exec \"$0\" doctor");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(binary())
        .output()
        .expect("util-linux is installed");
    (
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        output.status.code(),
    )
}

#[test]
fn a_machine_that_allows_labs_is_fit_also_inside_a_user_namespace() {
    let (text, code) = doctor_after("true");
    assert!(text.starts_with("process: fit\n") && text.matches("  ok ").count() == 5, "{text}");
    assert_eq!(code, Some(0));
}

#[test]
fn forbidden_user_namespaces_are_named() {
    let (text, code) = doctor_after("echo 0 > /proc/sys/user/max_user_namespaces");
    assert!(text.contains("MISSING  user namespaces:"), "{text}");
    assert!(text.contains("(user.max_user_namespaces is 0)"), "{text}");
    assert!(text.contains("what to do: sysctl -w user.max_user_namespaces=15000"), "{text}");
    assert_eq!(code, Some(3));
}

#[test]
fn a_masked_proc_is_named() {
    let (text, code) = doctor_after("mount -t tmpfs none /proc/sys");
    assert!(text.contains("MISSING  an unmasked /proc:") && text.contains("systempaths=unconfined"), "{text}");
    assert_eq!(code, Some(3));
}

#[test]
fn a_limit_on_network_namespaces_is_named() {
    let (text, code) = doctor_after("echo 2 > /proc/sys/user/max_net_namespaces");
    assert!(
        text.contains("a limit on namespaces is reached") && text.contains("what to do: raise the limits"),
        "{text}"
    );
    assert_eq!(code, Some(3));
}
