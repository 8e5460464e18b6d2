//! Which places reach which: one datagram along each pair, all at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::runtime::Reach;

/// A datagram socket in each node's namespace.
pub(super) struct Beacons {
    sockets: HashMap<String, (UdpSocket, SocketAddr)>,
    /// One measurement at a time; the number tells its datagrams from late ones of an earlier one.
    round: Mutex<u32>,
}

impl Beacons {
    pub(super) fn new(sockets: impl IntoIterator<Item = (String, std::net::UdpSocket)>) -> std::io::Result<Self> {
        let sockets = sockets
            .into_iter()
            .map(|(name, socket)| {
                let address = socket.local_addr()?;
                Ok((name, (UdpSocket::from_std(socket)?, address)))
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self { sockets, round: Mutex::new(0) })
    }

    /// Returns as soon as all have arrived, at the latest after `wait`. `Err` names an unknown node.
    pub(super) async fn measure(&self, pairs: &[(String, String)], wait: Duration) -> Result<Vec<Reach>, String> {
        let socket = |name: &str| self.sockets.get(name).ok_or_else(|| name.to_owned());
        let mut round = self.round.lock().await;
        *round += 1;
        let mut receivers: Vec<&str> = Vec::new();
        let begin = Instant::now();
        for (index, (from, to)) in pairs.iter().enumerate() {
            let (sender, (_, address)) = (&socket(from)?.0, socket(to)?);
            if !receivers.contains(&to.as_str()) {
                receivers.push(to);
            }
            let mut datagram = round.to_le_bytes().to_vec();
            datagram.extend((index as u32).to_le_bytes());
            // A send that fails is a datagram that does not arrive.
            let _ = sender.send_to(&datagram, address).await;
        }
        let deadline = begin + wait;
        let arrivals = receivers.iter().map(|&to| {
            let expected = pairs.iter().filter(|pair| pair.1 == to).count();
            let socket = self.sockets.get(to);
            let round = *round;
            async move {
                let mut arrived = Vec::new();
                let Some((socket, _)) = socket else { return arrived };
                let mut buffer = [0; 16];
                while arrived.len() < expected {
                    let Ok(Ok((length, _))) = timeout_at(deadline, socket.recv_from(&mut buffer)).await else { break };
                    let Some((number, index)) = parse(&buffer[..length]) else { continue };
                    if number == round && !arrived.iter().any(|&(seen, _)| seen == index) {
                        arrived.push((index, begin.elapsed()));
                    }
                }
                arrived
            }
        });
        let arrived: HashMap<u32, Duration> =
            futures_util::future::join_all(arrivals).await.into_iter().flatten().collect();
        Ok(pairs
            .iter()
            .enumerate()
            .map(|(index, (from, to))| Reach {
                from: from.clone(),
                to: to.clone(),
                took_us: arrived.get(&(index as u32)).map(|took| took.as_micros() as u64),
            })
            .collect())
    }
}

fn parse(datagram: &[u8]) -> Option<(u32, u32)> {
    let (round, index) = datagram.split_at_checked(4)?;
    Some((u32::from_le_bytes(round.try_into().ok()?), u32::from_le_bytes(index.try_into().ok()?)))
}
