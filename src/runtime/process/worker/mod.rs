//! The lab worker: PID 1 of a lab.
//!
//! It is this very program, started as `harness lab-worker`. It holds the lab's namespaces, carries its
//! network, starts and watches its processes, and does what the harness asks over a socket. It knows no
//! variant, no scenario and no secret. When it dies, the kernel ends everything in the lab.

mod cockpit;
mod confine;
mod exec;
mod lab;
mod namespace;
mod network;
mod node;
mod offload;
mod reach;
mod reaper;
mod rootfs;
mod serve;
pub(super) mod stage;
mod switch;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::protocol::{Answer, Call, Failure, Report, Request};
use crate::runtime::{LabRequest, Unmet};

/// What `harness lab-worker …` does. Must be called before any thread is started; never returns.
pub fn worker_main(start: stage::Start) -> ! {
    let inherited = stage::enter(start);
    let code = match run(inherited) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("lab worker: {error}");
            1
        }
    };
    std::process::exit(code)
}

fn run(inherited: stage::Inherited) -> std::io::Result<()> {
    let mut control = inherited.control;
    let Some((id, request, hidden)) = first_request(&mut control)? else { return Ok(()) };
    let prepared = lab::prepare(&request, &hidden).and_then(|ground| {
        let listener = serve::listen().map_err(|error| {
            super::require::explain("cockpit", nix::Error::from_raw(error.raw_os_error().unwrap_or(0)))
        })?;
        rootfs::seal()?;
        Ok((ground, listener))
    });
    let (ground, listener) = match prepared {
        Ok(prepared) => prepared,
        Err(unmet) => return refuse(&mut control, id, unmet),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve::serve(id, control, inherited.sockets, ground, request, &inherited.program, listener))
}

/// Read without a runtime, because none may exist while namespaces are being changed.
fn first_request(control: &mut UnixStream) -> std::io::Result<Option<(u64, LabRequest, Vec<std::path::PathBuf>)>> {
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    control.read_exact(&mut frame)?;
    match serde_json::from_slice(&frame)? {
        Call { id, request: Request::Provision(request, hidden) } => Ok(Some((id, request, hidden))),
        _ => Ok(None),
    }
}

fn refuse(control: &mut UnixStream, id: u64, unmet: Unmet) -> std::io::Result<()> {
    let report = Report::Answer(id, Err::<Answer, _>(Failure::Environment(unmet)));
    let body = serde_json::to_vec(&report)?;
    control.write_all(&(body.len() as u32).to_le_bytes())?;
    control.write_all(&body)
}
