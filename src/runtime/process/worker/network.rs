//! The lab's network: one namespace per place, each joined to the switch by a veth pair.
//!
//! No `ip` program is needed: links and addresses are set over netlink. Checksum and segmentation
//! offloads are turned off on both ends, because the switch reads whole frames as the sender made them.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::namespace::{current_network, in_network, on_thread};
use super::offload;
use crate::runtime::Unmet;
use crate::runtime::process::require::explain;

/// The lab's network is `10.77.0.0/24`, alike in every lab: labs do not see each other.
const PREFIX: [u8; 3] = [10, 77, 0];
const PREFIX_BITS: u8 = 24;
/// Last byte of the client's address.
pub(super) const CLIENT: u8 = 2;
/// Last byte of the operator's address.
pub(super) const OPERATOR: u8 = 3;
/// Last byte of the first node's address.
pub(super) const FIRST_NODE: u8 = 11;

/// A place in the lab's network.
pub(super) struct Place {
    /// Its namespace.
    pub net: File,
    /// Last byte of its address and of its link's hardware address.
    pub host: u8,
    /// For [`super::reach`]: a datagram socket in the namespace.
    pub beacon: UdpSocket,
    /// Index of the switch's end of the veth pair, in the worker's namespace.
    pub port: u32,
}

/// The address with this last byte.
pub(super) fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(PREFIX[0], PREFIX[1], PREFIX[2], host)
}

/// The hardware address that goes with it; the switch knows all of them beforehand.
pub(super) fn hardware(host: u8) -> [u8; 6] {
    [0x02, 0, PREFIX[0], PREFIX[1], PREFIX[2], host]
}

/// Makes a place and joins it to the calling thread's namespace.
pub(super) fn make_place(host: u8) -> Result<Place, Unmet> {
    let fail = |what: &'static str| move |error: io::Error| explain(what, errno(&error));
    let net = on_thread(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(io::Error::from)?;
        current_network()
    })
    .map_err(fail("place"))?;
    let port_name = format!("port{host}");
    let mut netlink = Netlink::open().map_err(fail("netlink"))?;
    netlink.add_veth(&port_name, hardware(host), &net).map_err(fail("veth"))?;
    offload::turn_off(&port_name).map_err(fail("ethtool"))?;
    let port = index_of(&port_name).map_err(fail("veth"))?;
    netlink.set_up(port).map_err(fail("veth"))?;
    let beacon = in_network(&net, || -> io::Result<UdpSocket> {
        // Without IPv6 a quiet lab's links carry nothing. Not there on kernels without it.
        let _ = std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
        // Programs in a lab have no capability: let them open ICMP datagram sockets for `ping`.
        let _ = std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0");
        offload::turn_off("eth0")?;
        let mut netlink = Netlink::open()?;
        netlink.set_up(index_of("lo")?)?;
        let eth0 = index_of("eth0")?;
        netlink.add_address(eth0, address(host))?;
        netlink.set_up(eth0)?;
        UdpSocket::bind((address(host), 0))
    })
    .map_err(fail("address"))?;
    beacon.set_nonblocking(true).map_err(fail("address"))?;
    Ok(Place { net, host, beacon, port })
}

fn index_of(name: &str) -> io::Result<u32> {
    nix::net::if_::if_nametoindex(name).map_err(io::Error::from)
}

fn errno(error: &io::Error) -> nix::Error {
    nix::Error::from_raw(error.raw_os_error().unwrap_or(0))
}

/// A netlink route socket of the calling thread's namespace.
struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// A pair of which one end, called `name`, is here and the other one is `eth0` in `net`.
    fn add_veth(&mut self, name: &str, hardware: [u8; 6], net: &File) -> io::Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName("eth0".into()),
            LinkAttribute::Address(hardware.to_vec()),
            LinkAttribute::NetNsFd(net.as_raw_fd()),
        ];
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        self.call(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        self.call(RouteNetlinkMessage::SetLink(link), 0)
    }

    fn add_address(&mut self, index: u32, address: Ipv4Addr) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = netlink_packet_route::AddressFamily::Inet;
        message.header.prefix_len = PREFIX_BITS;
        message.header.index = index;
        message.attributes =
            vec![AddressAttribute::Local(IpAddr::V4(address)), AddressAttribute::Address(IpAddr::V4(address))];
        self.call(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Sends a request and waits for its acknowledgement.
    fn call(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence += 1;
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        loop {
            let (answer, _) = self.socket.recv_from_full()?;
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(io::Error::other)?;
            if answer.header.sequence_number != self.sequence {
                continue;
            }
            if let NetlinkPayload::Error(error) = answer.payload {
                return match error.code {
                    None => Ok(()),
                    Some(code) => Err(io::Error::from_raw_os_error(code.get().abs())),
                };
            }
        }
    }
}
