//! The NOSPACE alarm from its cause to its end.

use crate::cluster::{Cluster, eventually};

#[test]
fn a_full_disk_stops_writes_until_an_operator_clears_the_alarm() {
    let cluster = Cluster::start(3, &["--quota=8MiB", "--reserve=1MiB"]);
    cluster.put(0, "a", "b");
    let full = cluster.follower();
    let leader = cluster.leader();
    let filler = cluster.nodes[full].data.join("filler");
    std::fs::write(&filler, vec![0; 8 << 20]).unwrap();

    let codes = |node: usize| {
        let reply = cluster.nodes[node].call("PUT", "/kv/probe", b"c");
        (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    for node in 0..3 {
        eventually("writes to be refused", || (codes(node) == (507, "no_space".into())).then_some(()));
        let health = cluster.nodes[node].call("GET", "/health", b"");
        assert_eq!((health.status, health.json()["reason"].as_str()), (503, Some("ALARM NOSPACE")));
        assert_eq!(cluster.get(node, "a").as_deref(), Some("b"));
    }
    eventually("the alarm", || {
        let alarms = cluster.nodes[leader].call("GET", "/admin/alarms", b"").json();
        (alarms["alarms"][0]["name"] == *cluster.nodes[full].name).then_some(())
    });

    let refused = cluster.nodes[leader].call("POST", "/admin/alarm/clear", b"");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("still full"), "{}", refused.text());

    std::fs::remove_file(&filler).unwrap();
    // Free space alone does not end it.
    eventually("the node to see the space", || cluster.nodes[full].log().contains("space is free again").then_some(()));
    assert_eq!(codes(full).0, 507);
    let cleared = cluster.nodes[full].call("POST", "/admin/alarm/clear", b"");
    assert_eq!(cleared.status, 200, "{}", cleared.text());
    for node in 0..3 {
        eventually("writes to work", || (codes(node).0 == 200).then_some(()));
    }
    assert_eq!(cluster.get(full, "probe").as_deref(), Some("c"));
}
