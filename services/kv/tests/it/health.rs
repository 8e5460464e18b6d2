//! Health, readiness, metrics, errors, the end of the process.

use nix::sys::signal::Signal;

use crate::cluster::{CALM, Cluster, eventually};

fn health(cluster: &Cluster, node: usize) -> (u16, String) {
    let reply = cluster.nodes[node].call("GET", "/health", b"");
    let reason = reply.json()["reason"].as_str().unwrap().to_owned();
    (reply.status, reason)
}

#[test]
fn health_follows_the_quorum() {
    let mut cluster = Cluster::start(3, &[]);
    for node in 0..3 {
        eventually("health", || (health(&cluster, node).0 == 200).then_some(()));
        eventually("readiness", || (cluster.nodes[node].call("GET", "/ready", b"").status == 200).then_some(()));
    }
    let leader = cluster.leader();
    let (second, third) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.nodes[second].kill();
    cluster.nodes[third].kill();
    eventually("the leader to notice", || {
        (health(&cluster, leader) == (503, "LEADER LOST QUORUM".into())).then_some(())
    });
    let reply = cluster.nodes[leader].call("PUT", "/kv/a", b"b");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("no_quorum")));
    cluster.nodes[second].start();
    cluster.leader();
    eventually("health", || (health(&cluster, leader).0 == 200).then_some(()));

    let now_leads = cluster.leader();
    let follower = if now_leads == leader { second } else { leader };
    cluster.nodes[now_leads].kill();
    eventually("the follower to notice", || {
        (health(&cluster, follower) == (503, "RAFT NO LEADER".into())).then_some(())
    });
    let reply = cluster.nodes[follower].call("GET", "/kv/a", b"");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("no_leader")));
}

#[test]
fn a_paused_node_does_not_disturb_the_others() {
    let cluster = Cluster::start(3, &CALM);
    let follower = cluster.follower();
    let leader = cluster.leader();
    let term = cluster.nodes[leader].status().unwrap()["term"].clone();
    cluster.nodes[follower].signal(Signal::SIGSTOP);
    std::thread::sleep(std::time::Duration::from_millis(3500));
    cluster.put(leader, "a", "b");
    let log = cluster.nodes[leader].log();
    assert_eq!(log.matches("peer is unreachable").count(), 1, "{log}");
    cluster.nodes[follower].signal(Signal::SIGCONT);
    assert_eq!(cluster.get(follower, "a").as_deref(), Some("b"));
    assert_eq!(cluster.nodes[leader].status().unwrap()["term"], term);
    eventually("the peer to be back", || cluster.nodes[leader].log().contains("reachable again").then_some(()));
}

#[test]
fn the_interface_is_as_documented() {
    let cluster = Cluster::start(3, &CALM);
    let leader = cluster.leader();
    let follower = cluster.follower();
    let on = |method: &str, path: &str, body: &[u8]| cluster.nodes[follower].call(method, path, body);

    let written = on("PUT", "/kv/some/path%20x", &[0, 159, 146, 150]);
    assert_eq!(written.status, 200, "{}", written.text());
    assert!(written.json()["index"].as_u64().unwrap() > 0);
    assert!(written.json()["term"].as_u64().unwrap() > 0);
    assert_eq!(on("GET", "/kv/some/path%20x", b"").body, [0, 159, 146, 150]);
    assert_eq!(on("DELETE", "/kv/some/path%20x", b"").json()["existed"], true);
    let missing = on("GET", "/kv/some/path%20x", b"");
    assert_eq!((missing.status, missing.json()["code"].as_str()), (404, Some("not_found")));

    let limit = vec![b'x'; 1 << 20];
    let big = on("PUT", "/kv/big", &limit);
    assert_eq!(big.status, 200, "{}", big.text());
    assert_eq!(on("GET", "/kv/big", b"").body.len(), 1 << 20);
    let too_big = on("PUT", "/kv/big", &vec![b'x'; (1 << 20) + 1]);
    assert_eq!((too_big.status, too_big.json()["code"].as_str()), (413, Some("too_large")));
    assert_eq!(on("GET", "/kv/a?consistency=odd", b"").status, 400);
    assert_eq!(on("GET", "/nothing", b"").json()["code"], "not_found");
    assert_eq!(on("POST", "/health", b"").json()["code"], "method_not_allowed");
    assert_eq!(on("POST", "/admin/members", b"{").status, 400);

    let status = cluster.nodes[leader].status().unwrap();
    assert_eq!(status["role"], "leader");
    assert_eq!(status["members"].as_array().unwrap().len(), 3);
    assert_eq!(status["applied_index"], status["committed_index"]);
    assert!(status["disk"]["free_bytes"].as_u64().unwrap() > 0);

    let metrics = cluster.nodes[leader].call("GET", "/metrics", b"").text();
    for line in [
        "# TYPE kv_fsync_duration_seconds histogram",
        "kv_is_leader 1",
        "kv_alarm_active{alarm=\"NOSPACE\"} 0",
        "kv_proposals_total{result=\"failed\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    // What the server is used for is none of its business.
    for word in ["fault", "chaos", "inject", "harness", "experiment", "benchmark"] {
        assert!(!metrics.to_lowercase().contains(word));
        let log = cluster.nodes[leader].log();
        let own = log.lines().filter(|line| !line.starts_with("running"));
        assert!(!own.collect::<String>().to_lowercase().contains(word), "{word} in {log}");
    }
}

#[test]
fn sigterm_ends_the_process_in_good_order() {
    let mut cluster = Cluster::start(3, &[]);
    let follower = cluster.follower();
    cluster.nodes[follower].signal(Signal::SIGTERM);
    assert!(cluster.nodes[follower].wait());
    assert!(cluster.nodes[follower].log().contains("stopped"));
    let leader = cluster.leader();
    cluster.put(leader, "a", "b");
    cluster.nodes[leader].signal(Signal::SIGINT);
    assert!(cluster.nodes[leader].wait());
}
