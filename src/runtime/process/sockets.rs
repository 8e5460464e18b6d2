//! TCP sockets of a lab's client namespace, for use in this process.
//!
//! A socket stays in the network namespace that it was made in, whoever uses it: the worker makes them
//! unconnected, a batch at a time, and hands them over. So probes and workload run in the harness, with
//! ordinary asynchronous connections, and yet are inside the lab's network (ADR 0003).

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::{TcpSocket, UnixDatagram};

/// How many are fetched at a time.
pub(super) const BATCH: u32 = 32;

/// Takes sockets from the worker.
pub(super) struct Sockets {
    channel: UnixDatagram,
    spare: Mutex<Vec<OwnedFd>>,
}

impl Sockets {
    pub(super) fn new(channel: StdDatagram) -> io::Result<Self> {
        channel.set_nonblocking(true)?;
        Ok(Self { channel: UnixDatagram::from_std(channel)?, spare: Mutex::default() })
    }

    /// One that was fetched before.
    pub(super) fn take(&self) -> Option<TcpSocket> {
        let fd = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(TcpSocket::from_std_stream(fd.into()))
    }

    /// Waits for a batch that the worker was asked for.
    pub(super) async fn receive(&self) -> io::Result<()> {
        let fds = self.channel.async_io(Interest::READABLE, || self.receive_now()).await?;
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).extend(fds);
        Ok(())
    }

    fn receive_now(&self) -> io::Result<Vec<OwnedFd>> {
        let mut byte = [0];
        let mut iov = [IoSliceMut::new(&mut byte)];
        let mut space = nix::cmsg_space!([RawFd; 64]);
        let message = recvmsg::<()>(self.channel.as_raw_fd(), &mut iov, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
        let mut fds = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                // SAFETY: the kernel has just made these descriptors for this process.
                fds.extend(received.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        Ok(fds)
    }
}
