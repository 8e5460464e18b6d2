//! `lab`: the operator's cockpit, a thin client of the lab.
//!
//! It hands its arguments and its three standard streams to the lab over a Unix socket and exits with
//! the code that comes back; all the work is done at the other end, so there is nothing in here to find.
//! Called as `init` it is the first process of a pid namespace: it reaps what it inherits.
//!
//! A message is: number of arguments, then each argument as length and bytes (all lengths as
//! little-endian `u32`); the answer is one byte, the exit code.

use std::ffi::{c_int, c_void};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

const SOCKET: &str = "/run/lab.sock";

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    if args.next().is_some_and(|name| name.as_bytes() == b"init") {
        reap_forever();
    }
    match call(args.map(|arg| arg.as_bytes().to_vec()).collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("lab: {SOCKET}: {error}");
            ExitCode::from(125)
        }
    }
}

fn call(args: Vec<Vec<u8>>) -> std::io::Result<u8> {
    let mut socket = UnixStream::connect(SOCKET)?;
    send_streams(&socket)?;
    let mut message = Vec::new();
    message.extend((args.len() as u32).to_le_bytes());
    for arg in &args {
        message.extend((arg.len() as u32).to_le_bytes());
        message.extend(arg);
    }
    socket.write_all(&message)?;
    let mut code = [0];
    socket.read_exact(&mut code)?;
    Ok(code[0])
}

#[repr(C)]
struct IoVec {
    base: *mut c_void,
    len: usize,
}

#[repr(C)]
struct MsgHdr {
    name: *mut c_void,
    name_len: u32,
    iov: *mut IoVec,
    iov_len: usize,
    control: *mut c_void,
    control_len: usize,
    flags: c_int,
}

/// Room for one control message with three descriptors, laid out as the kernel wants it.
#[repr(C, align(8))]
struct Control {
    len: usize,
    level: c_int,
    kind: c_int,
    fds: [c_int; 3],
}

unsafe extern "C" {
    fn sendmsg(socket: c_int, message: *const MsgHdr, flags: c_int) -> isize;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
}

/// Sends one byte together with standard input, output and error.
fn send_streams(socket: &UnixStream) -> std::io::Result<()> {
    const SOL_SOCKET: c_int = 1;
    const SCM_RIGHTS: c_int = 1;
    let mut byte = [0u8];
    let mut iov = IoVec { base: byte.as_mut_ptr().cast(), len: 1 };
    let mut control = Control { len: 16 + 12, level: SOL_SOCKET, kind: SCM_RIGHTS, fds: [0, 1, 2] };
    let message = MsgHdr {
        name: std::ptr::null_mut(),
        name_len: 0,
        iov: &mut iov,
        iov_len: 1,
        control: (&raw mut control).cast(),
        control_len: size_of::<Control>(),
        flags: 0,
    };
    // SAFETY: every pointer in `message` is to a live local; the layouts are those of 64-bit Linux.
    if unsafe { sendmsg(socket.as_raw_fd(), &message, 0) } == 1 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

fn reap_forever() -> ! {
    loop {
        // SAFETY: a null status pointer is allowed.
        if unsafe { waitpid(-1, std::ptr::null_mut(), 0) } < 0 {
            // No child at the moment: look again soon.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}
