//! Members come and go, leadership is handed over.

use crate::cluster::{CALM, Cluster, eventually};

fn members(cluster: &Cluster) -> Vec<(String, bool)> {
    let leader = cluster.leader();
    let reply = cluster.nodes[leader].call("GET", "/admin/members", b"");
    let members = reply.json()["members"].as_array().unwrap().clone();
    members.iter().map(|m| (m["name"].as_str().unwrap().to_owned(), m["voter"] == true)).collect()
}

#[test]
fn a_member_is_added_and_another_removed() {
    let mut cluster = Cluster::start(3, &[&CALM[..], &["--snapshot-entries=50"]].concat());
    for number in 0..60 {
        cluster.put(0, &format!("k{number}"), "v");
    }
    let mut joiner = cluster.joiner("kv4", &CALM);
    joiner.start();
    eventually("the new node", || joiner.try_call("GET", "/health", b"").ok());
    assert_eq!(joiner.call("GET", "/kv/a", b"").json()["code"], "not_joined");
    let body = format!("{{\"name\":\"kv4\",\"address\":\"{}\"}}", joiner.address);
    let follower = cluster.follower();
    let added = cluster.nodes[follower].call("POST", "/admin/members", body.as_bytes());
    assert_eq!((added.status, added.json()["id"].as_u64()), (200, Some(4)), "{}", added.text());
    let again = cluster.nodes[follower].call("POST", "/admin/members", body.as_bytes());
    assert_eq!(again.status, 409);
    cluster.nodes.push(joiner);
    eventually("the new member to have all keys", || (cluster.nodes[3].status()?["keys"] == 60).then_some(()));

    let leader = cluster.leader();
    let name = cluster.nodes[leader].name.clone();
    let path = format!("/admin/members/{name}");
    let removed = cluster.nodes[leader].call("DELETE", &path, b"");
    assert_eq!(removed.status, 200, "{}", removed.text());
    cluster.nodes.remove(leader).kill();
    let left = members(&cluster);
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|(member, voter)| *voter && *member != name));
    cluster.put(0, "after", "1");
    assert_eq!(cluster.get(2, "after").as_deref(), Some("1"));
    let unknown = cluster.nodes[0].call("DELETE", "/admin/members/nobody", b"");
    assert_eq!(unknown.status, 404);

    // The added member remembers who it is.
    cluster.nodes[2].kill();
    cluster.nodes[2].start();
    eventually("the restarted member", || (cluster.nodes[2].status()?["applied_index"].as_u64()? > 0).then_some(()));
}

#[test]
fn leadership_is_handed_over() {
    let cluster = Cluster::start(3, &CALM);
    let leader = cluster.leader();
    let target = (leader + 2) % 3;
    let asked = (leader + 1) % 3;
    let name = cluster.nodes[target].name.clone();
    let body = format!("{{\"to\":\"{name}\"}}");
    let reply = cluster.nodes[asked].call("POST", "/admin/leader", body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(cluster.leader(), target);
    cluster.put(leader, "a", "b");
    let unknown = cluster.nodes[asked].call("POST", "/admin/leader", b"{\"to\":\"kv9\"}");
    assert_eq!(unknown.status, 404);
}

#[test]
fn two_members_can_hand_over_too() {
    let cluster = Cluster::start(2, &CALM);
    let target = cluster.follower();
    let body = format!("{{\"to\":\"{}\"}}", cluster.nodes[target].name);
    let reply = cluster.nodes[target].call("POST", "/admin/leader", body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(cluster.leader(), target);
}

#[test]
fn a_member_that_lost_its_disk_gets_it_back_from_the_leader() {
    let mut cluster = Cluster::start(3, &CALM);
    cluster.put(0, "a", "b");
    let follower = cluster.follower();
    cluster.nodes[follower].kill();
    std::fs::remove_dir_all(&cluster.nodes[follower].data).unwrap();
    cluster.nodes[follower].start();
    eventually("the data to be back", || {
        let reply = cluster.nodes[follower].try_call("GET", "/kv/a?consistency=local", b"").ok()?;
        (reply.status == 200).then_some(())
    });
    assert!(cluster.nodes[follower].log().contains("no vote before catching up"));
}

#[test]
fn a_removed_founder_waits_to_be_added_again() {
    let mut cluster = Cluster::start(3, &CALM);
    let follower = cluster.follower();
    let (name, address) = (cluster.nodes[follower].name.clone(), cluster.nodes[follower].address);
    let leader = cluster.leader();
    let path = format!("/admin/members/{name}");
    assert_eq!(cluster.nodes[leader].call("DELETE", &path, b"").status, 200);
    cluster.nodes[follower].kill();
    std::fs::remove_dir_all(&cluster.nodes[follower].data).unwrap();
    cluster.nodes[follower].start();
    eventually("the node to wait", || cluster.nodes[follower].log().contains("waiting to be added").then_some(()));
    let body = format!("{{\"name\":\"{name}\",\"address\":\"{address}\"}}");
    let added = cluster.nodes[leader].call("POST", "/admin/members", body.as_bytes());
    assert_eq!((added.status, added.json()["id"].as_u64()), (200, Some(4)), "{}", added.text());
    cluster.leader();
}
