//! What an operator cannot see or do in a lab of the process runtime.

use harness::runtime::{Lab, NodeAction, Runtime};

use crate::support::{exec, kv_nodes, operator, process_runtime};

async fn lab() -> Box<dyn Lab> {
    process_runtime().provision(kv_nodes()).await.expect("namespaces are allowed here")
}

/// Words that would tell what is being done to the subject; whole ones, for Raft has candidates that campaign.
const TELLING: [&str; 16] = [
    "node_kill",
    "node_pause",
    "partition",
    "partitions",
    "remedy",
    "remedies",
    "oracle",
    "campaign",
    "campaigns",
    "scenario",
    "scenarios",
    "chaos",
    "fault",
    "inject",
    "baseline",
    "restart-all",
];

fn telling(text: &str) -> Vec<&str> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').collect();
    TELLING.into_iter().filter(|word| words.contains(word)).collect()
}

#[tokio::test]
async fn no_program_in_view_holds_an_answer() {
    let lab = lab().await;
    let cockpit = operator(&*lab, "tr -c '[:print:]' '\\n' < $(command -v lab)").await;
    assert!(cockpit.contains("/run/lab.sock"), "this is the cockpit");
    assert_eq!(telling(&cockpit), Vec::<&str>::new());
    // The service itself is this very program: neither its path nor its image can be read.
    for place in ["", "lab exec kv1 -- "] {
        let found = operator(&*lab, &format!("{place}sh -c 'command -v harness; ls -l /proc/*/exe 2>/dev/null'")).await;
        assert!(!found.contains("harness") && !found.contains("target"), "{found}");
    }
    let image =
        operator(&*lab, "lab exec kv1 -- head -c 4 /proc/1/exe; lab exec kv1 -- cat /proc/1/maps /proc/1/environ")
            .await;
    assert_eq!(image.matches("Permission denied").count(), 3, "{image}");
    let visible = operator(&*lab, "lab help; lab ps; lab net; lab df; lab logs kv1; lab exec kv1 -- ps -ef; env; mount; ls -laR /run /opt /root /tmp /nodes /data").await;
    assert_eq!(telling(&visible), Vec::<&str>::new(), "{visible}");
    lab.teardown().await;
}

#[tokio::test]
async fn the_host_is_out_of_view() {
    let lab = lab().await;
    let root = operator(&*lab, "ls /").await;
    for name in ["home", "work", "mnt", "media", "srv", "sys", "boot"] {
        assert!(!root.lines().any(|line| line == name), "/{name} is in view");
    }
    assert_eq!(operator(&*lab, "ls -A /root /tmp").await, "/root:\n\n/tmp:\n");
    // Only the operator's own processes.
    let pids = operator(&*lab, "ls /proc | grep -c '^[0-9]'").await;
    assert!(pids.trim().parse::<u32>().unwrap() <= 6, "{pids}");
    let net = operator(&*lab, "cat /proc/net/route /proc/net/dev").await;
    let destination = |line: &str| line.split('\t').nth(1).map(str::to_owned);
    assert!(net.lines().all(|line| destination(line).as_deref() != Some("00000000")), "a default route: {net}");
    assert_eq!(net.lines().filter(|line| line.contains(':')).count(), 2, "lo and eth0: {net}");
    let host = operator(
        &*lab,
        "for a in 10.77.0.1 192.168.0.1 1.1.1.1; do timeout 1 sh -c \"curl -s -m1 http://$a/\" || echo no; done",
    )
    .await;
    assert_eq!(host, "no\nno\nno\n");
    // The environment of the harness, in which keys may be, is not that of the lab.
    assert!(!operator(&*lab, "env").await.contains("CARGO"));
    lab.teardown().await;
}

#[tokio::test]
async fn the_operator_has_no_power_over_the_lab_itself() {
    let lab = lab().await;
    for line in [
        "echo x > /usr/x",
        "echo x >> /etc/hosts",
        "mount -o remount,rw /",
        "mount -o remount,rw,bind /usr",
        "umount /usr",
        "umount /proc",
        "chmod 600 /dev/null",
        "rm -f /run/lab.sock /opt/lab/bin/lab",
        "ip link set eth0 down",
        "hostname other",
        "unshare -Urm mount -o remount,rw,bind /usr",
        "unshare -Urm sh -c 'umount /proc && ls /proc'",
        "unshare -Urn ip link add veth0 type veth peer name veth1 netns 1",
        "kill -9 1",
        "echo 1 > /proc/sys/kernel/panic",
        "echo c > /proc/sysrq-trigger",
        "nsenter -t 1 -m true",
        "chroot / true",
        "mknod /tmp/disk b 254 0",
        "unshare -U true",
        "lab exec kv1 -- unshare -Um true",
        "echo 100 > /proc/sys/user/max_user_namespaces",
        "lab exec kv1 -- touch /opt/lab/bin",
    ] {
        let output = exec(&*lab, harness::runtime::Place::Operator, line).await;
        // A signal to the first process of a pid namespace from inside is ignored, without an error.
        assert!(output.exit != Some(0) || line == "kill -9 1", "{line}: {}", output.output);
    }
    assert_eq!(operator(&*lab, "echo works; echo > /dev/null").await, "works\n");
    lab.teardown().await;
}

#[tokio::test]
async fn a_command_on_a_node_reaches_that_node_alone() {
    let lab = lab().await;
    operator(&*lab, "for n in kv1 kv3; do lab exec $n -- touch /data/of-$n; done").await;
    lab.act("kv3", NodeAction::Signal("KILL".into())).await.unwrap();
    for name in ["kv1", "kv3"] {
        let run = async |line: &str| operator(&*lab, &format!("lab exec {name} -- sh -c '{line}'")).await;
        assert_eq!(run("ls -A /nodes /run /opt/lab").await, "/nodes:\n\n/opt/lab:\n\n/run:\n");
        assert!(run("mount -o remount,rw /usr || echo no").await.ends_with("no\n"));
        assert!(run("ls /data").await.contains(&format!("of-{name}")), "its own data");
    }
    lab.teardown().await;
}
