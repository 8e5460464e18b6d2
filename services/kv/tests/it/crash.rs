//! Acknowledged writes survive every crash of a minority, and restarts of everyone.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    cluster::{Cluster, eventually},
    http,
};

#[test]
fn a_fresh_cluster_has_a_leader_soon() {
    let mut cluster = Cluster::prepare(3, &[]);
    let started = Instant::now();
    cluster.start_all();
    let path = "/kv/first";
    eventually("the first write", || {
        let reply = cluster.nodes[2].try_call("PUT", path, b"x").ok()?;
        (reply.status == 200).then_some(())
    });
    let elapsed = started.elapsed();
    println!("first acknowledged write {elapsed:?} after the start");
    assert!(elapsed < Duration::from_secs(10));
    assert_eq!(cluster.get(0, "first").as_deref(), Some("x"));
}

/// Writers that keep count of what was acknowledged.
struct Load {
    stop: AtomicBool,
    acknowledged: Mutex<Vec<(String, String)>>,
}

impl Load {
    /// Runs `during` under load and returns what was acknowledged.
    fn run(cluster: &mut Cluster, during: impl FnOnce(&mut Cluster)) -> Vec<(String, String)> {
        let load = Self { stop: AtomicBool::new(false), acknowledged: Mutex::default() };
        let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (load, addresses) = (&load, &addresses);
                scope.spawn(move || {
                    for number in 0.. {
                        if load.stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let address = addresses[(writer + number) % addresses.len()];
                        let (key, value) = (format!("w{writer}-{number}"), format!("v{number}"));
                        let path = format!("/kv/{key}");
                        let reply = http::call(address, "PUT", &path, value.as_bytes());
                        if reply.is_ok_and(|reply| reply.status == 200) {
                            load.acknowledged.lock().unwrap().push((key, value));
                        }
                    }
                });
            }
            during(cluster);
            load.stop.store(true, Ordering::Relaxed);
        });
        load.acknowledged.into_inner().unwrap()
    }
}

fn all_there(cluster: &Cluster, written: &[(String, String)]) {
    let leader = cluster.leader();
    // One linearizable read makes sure the leader has applied everything; then look closely.
    cluster.get(leader, "none");
    for (key, value) in written {
        let path = format!("/kv/{key}?consistency=local");
        let reply = cluster.nodes[leader].call("GET", &path, b"");
        assert_eq!((reply.status, reply.text()), (200, value.clone()), "{key}");
    }
}

#[test]
fn acknowledged_writes_survive_crashes_under_load() {
    let mut cluster = Cluster::start(3, &["--snapshot-entries=200"]);
    let pause = || std::thread::sleep(Duration::from_millis(700));
    let written = Load::run(&mut cluster, |cluster| {
        pause();
        for round in 0..4 {
            let leader = cluster.leader();
            let victim = (leader + round % 2) % 3;
            cluster.nodes[victim].kill();
            pause();
            cluster.nodes[victim].start();
            pause();
        }
    });
    println!("{} acknowledged writes", written.len());
    assert!(written.len() > 50);
    all_there(&cluster, &written);
    for node in &mut cluster.nodes {
        node.kill();
    }
    cluster.start_all();
    all_there(&cluster, &written);
}

#[test]
fn a_stopped_node_catches_up_from_a_snapshot() {
    let mut cluster = Cluster::start(3, &["--snapshot-entries=40"]);
    let follower = cluster.follower();
    let other = (follower + 1) % 3;
    cluster.put(other, "before", "1");
    cluster.nodes[follower].kill();
    for number in 0..150 {
        cluster.put(other, &format!("k{number}"), "v");
    }
    let leader = cluster.leader();
    eventually("a snapshot and a purged log", || {
        let status = cluster.nodes[leader].status()?;
        (status["snapshot_index"].as_u64()? > 100).then_some(())
    });
    cluster.nodes[follower].start();
    eventually("the stopped node to catch up", || {
        let status = cluster.nodes[follower].status()?;
        (status["keys"] == 151).then_some(())
    });
    let log = cluster.nodes[follower].log();
    assert!(log.contains("installed a snapshot"), "{log}");
}

#[test]
fn a_torn_tail_is_cut_off() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.put(0, "kept", "1");
    for node in &mut cluster.nodes {
        node.kill();
        let segment = std::fs::read_dir(&node.data)
            .unwrap()
            .map(|item| item.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .unwrap();
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes.extend_from_slice(&[40, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, b'{', b'"']);
        std::fs::write(&segment, bytes).unwrap();
    }
    cluster.start_all();
    assert_eq!(cluster.get(0, "kept").as_deref(), Some("1"));
    assert!(cluster.nodes[0].log().contains("incomplete record"));
}

#[test]
fn damage_in_the_middle_stops_the_start() {
    let mut cluster = Cluster::start(1, &[]);
    for number in 0..20 {
        cluster.put(0, &format!("k{number}"), "v");
    }
    let node = &mut cluster.nodes[0];
    node.kill();
    let segment = node.data.join(format!("log-{:020}.seg", 0));
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
    node.start();
    assert!(!node.wait());
    assert!(node.log().contains("is damaged at byte"), "{}", node.log());
}

#[test]
fn a_second_process_is_refused_the_data() {
    let mut cluster = Cluster::start(1, &[]);
    let twin = cluster.joiner("kv1", &[]);
    let mut twin = twin;
    twin.start();
    assert!(!twin.wait());
    assert!(twin.log().contains("in use by another process"));
    cluster.nodes[0].kill();
}
