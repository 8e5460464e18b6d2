//! The userspace switch: one thread that carries frames between the places of a lab.
//!
//! A port is a packet socket on the switch's end of a veth pair. Hardware addresses are known
//! beforehand, so there is nothing to learn. Rules are on ordered pairs of ports, so they outlive any
//! restart of a node.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::network::{Place, hardware};
use crate::runtime::LinkAction;

/// Frames are read into a buffer of this size; without offloads none is longer than the MTU allows.
const FRAME: usize = 9216;
/// So many frames are read from one port before the next one gets its turn.
const BATCH: usize = 64;

/// A port's number: the last byte of its place's address.
pub(super) type Port = u8;

/// What a link from one port to another has carried.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    /// Frames delivered.
    pub packets: u64,
    /// Bytes delivered.
    pub bytes: u64,
    /// Frames that a rule dropped.
    pub denied: u64,
}

/// A rule on a link.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub id: u32,
    pub from: Port,
    pub to: Port,
    pub action: LinkAction,
    /// Frames that it has matched.
    pub packets: u64,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    next_rule: u32,
    counters: HashMap<(Port, Port), Counters>,
}

/// A handle on the running switch.
#[derive(Clone, Default)]
pub(super) struct Switch(Arc<Mutex<State>>);

impl Switch {
    /// Starts it; it runs until the process ends.
    pub(super) fn start(places: &[&Place]) -> io::Result<Self> {
        let ports = places.iter().map(|place| SwitchPort::open(place)).collect::<io::Result<Vec<_>>>()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (index, port) in ports.iter().enumerate() {
            epoll.add(&port.socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        }
        let switch = Self::default();
        let handle = switch.clone();
        std::thread::Builder::new().name("switch".into()).spawn(move || handle.forward(&ports, &epoll))?;
        Ok(switch)
    }

    pub(super) fn add(&self, rules: impl IntoIterator<Item = (Port, Port, LinkAction)>) -> Vec<u32> {
        let mut state = self.lock();
        let mut ids = Vec::new();
        for (from, to, action) in rules {
            state.next_rule += 1;
            let id = state.next_rule;
            state.rules.push(Rule { id, from, to, action, packets: 0 });
            ids.push(id);
        }
        ids
    }

    /// Removes the rules that `choose` picks and returns them.
    pub(super) fn remove(&self, choose: impl Fn(&Rule) -> bool) -> Vec<Rule> {
        self.lock().rules.extract_if(.., |rule| choose(rule)).collect()
    }

    pub(super) fn rules(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    pub(super) fn counters(&self) -> Vec<((Port, Port), Counters)> {
        let mut all: Vec<_> = self.lock().counters.iter().map(|(&link, &counters)| (link, counters)).collect();
        all.sort_unstable_by_key(|(link, _)| *link);
        all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forward(&self, ports: &[SwitchPort], epoll: &Epoll) {
        let mut buffer = vec![0; FRAME];
        let mut events = [EpollEvent::empty(); 16];
        loop {
            let Ok(count) = epoll.wait(&mut events, EpollTimeout::NONE) else { continue };
            for event in &events[..count] {
                let from = &ports[event.data() as usize];
                for _ in 0..BATCH {
                    let Some(length) = from.receive(&mut buffer) else { break };
                    self.deliver(from, ports, &buffer[..length]);
                }
            }
        }
    }

    fn deliver(&self, from: &SwitchPort, ports: &[SwitchPort], frame: &[u8]) {
        let Some(target) = frame.get(..6) else { return };
        let everyone = target[0] & 1 == 1;
        for to in ports {
            if to.number == from.number || !(everyone || target == to.hardware) {
                continue;
            }
            if self.passes(from.number, to.number, frame.len()) {
                to.send(frame);
            }
        }
    }

    fn passes(&self, from: Port, to: Port, length: usize) -> bool {
        let mut state = self.lock();
        let denied = state.rules.iter_mut().find(|rule| rule.from == from && rule.to == to).is_some_and(|rule| {
            rule.packets += 1;
            rule.action == LinkAction::Deny
        });
        let counters = state.counters.entry((from, to)).or_default();
        if denied {
            counters.denied += 1;
        } else {
            counters.packets += 1;
            counters.bytes += length as u64;
        }
        !denied
    }
}

struct SwitchPort {
    number: Port,
    hardware: [u8; 6],
    socket: OwnedFd,
}

impl SwitchPort {
    fn open(place: &Place) -> io::Result<Self> {
        let all = (libc::ETH_P_ALL as u16).to_be();
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0: nothing arrives before the socket is bound to its link.
        // SAFETY: takes no pointer; the descriptor that it returns is owned by nobody else.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, kind, 0);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
        // Room for bursts; the kernel cuts it to its own limit.
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, 4 << 20)?;
        // SAFETY: an all-zero `sockaddr_ll` is valid.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = all;
        address.sll_ifindex = place.port.cast_signed();
        // SAFETY: the address lives through the call and has the size that is passed.
        let bound = unsafe {
            libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        };
        if bound < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { number: place.host, hardware: hardware(place.host), socket })
    }

    /// One frame, or nothing when none is waiting.
    fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        nix::unistd::read(&self.socket, buffer).ok().filter(|&length| length > 0)
    }

    /// A frame that finds the receiver's queue full is lost, as in any network.
    fn send(&self, frame: &[u8]) {
        let _ = nix::unistd::write(&self.socket, frame);
    }
}

fn set_option(socket: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the value lives through the call and has the size that is passed.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size_of::<i32>() as u32)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
