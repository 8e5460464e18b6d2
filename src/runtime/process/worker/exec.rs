//! Runs shell commands with limits of time and output.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use super::confine::Started;
use super::lab::Lab;
use super::reaper::Exit;
use super::rootfs::LAB_PATH;
use crate::model::event::Actor;
use crate::runtime::{Exec, ExecOutput, Place};

/// Output that is still in the pipe when the command has ended is read for so long; something that it
/// left in the background may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(50);

/// Where programs are, besides the cockpit.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// No command's output is kept beyond this, whatever was asked for: an answer must fit into a frame, in JSON, in which
/// a byte can take six.
const MOST_OUTPUT: u64 = 8 << 20;

/// Runs it; `cancel` ends it early.
pub(super) async fn run(lab: &Lab, exec: Exec, cancel: oneshot::Receiver<()>) -> Result<ExecOutput, String> {
    let failed = |error: io::Error| format!("the command did not start: {error}");
    let (reader, writer) = io::pipe().map_err(failed)?;
    let mut command = shell(&exec.line);
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let started = match &exec.place {
        Place::Operator => lab.spawn_for_operator(command).await,
        Place::Node(name) => {
            command.env("PATH", SYSTEM_PATH).env("HOME", "/");
            let node = lab.node(name).ok_or_else(|| format!("there is no node `{name}`"))?;
            lab.spawn_on_node(node, command, Actor::Harness)
        }
    };
    let Started { child, exit, .. } = started.map_err(failed)?;
    let group = Pid::from_raw(child.id().cast_signed());
    let mut pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
    let mut output = Cut::new(exec.max_output.min(MOST_OUTPUT) as usize);
    let (exit, timed_out) = {
        let ended = async {
            tokio::select! {
                exit = exit => (exit.ok(), false),
                () = tokio::time::sleep(exec.timeout) => (None, true),
                _ = cancel => (None, false),
            }
        };
        tokio::pin!(ended);
        let mut open = true;
        loop {
            tokio::select! {
                result = &mut ended => break result,
                more = output.read(&mut pipe), if open => open = more,
            }
        }
    };
    if exit.is_none() {
        // The shell leads its own session and process group.
        let _ = killpg(group, Signal::SIGKILL);
    }
    let drain = async { while output.read(&mut pipe).await {} };
    let _ = tokio::time::timeout(DRAIN, drain).await;
    let (output, cut_bytes) = output.finish();
    let exit = match exit {
        Some(Exit::Code(code)) => Some(code),
        Some(Exit::Signal(_)) | None => None,
    };
    Ok(ExecOutput { exit, timed_out, output, cut_bytes })
}

/// `sh -c LINE` with the environment of the lab.
pub(super) fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    environment(&mut command);
    command
}

/// Nothing of the harness's own environment gets into a lab.
pub(super) fn environment(command: &mut Command) {
    command.env_clear();
    command.env("PATH", format!("{LAB_PATH}:{SYSTEM_PATH}"));
    command.env("HOME", "/root").env("LANG", "C.UTF-8").env("TERM", "dumb").current_dir("/");
}

/// Keeps the beginning and the end of what is read, at most `limit` bytes.
struct Cut {
    limit: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    missing: u64,
}

impl Cut {
    fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), tail: std::collections::VecDeque::new(), missing: 0 }
    }

    /// Reads some bytes; false at the end.
    async fn read(&mut self, pipe: &mut tokio::net::unix::pipe::Receiver) -> bool {
        let mut buffer = [0; 8192];
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.push(&buffer[..length]);
                true
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = (self.limit / 2).saturating_sub(self.head.len()).min(bytes.len());
        let (head, tail) = bytes.split_at(room);
        self.head.extend(head);
        self.tail.extend(tail);
        let surplus = self.tail.len().saturating_sub(self.limit - self.limit / 2);
        self.missing += surplus as u64;
        self.tail.drain(..surplus);
    }

    fn finish(mut self) -> (String, u64) {
        if self.missing > 0 {
            self.head.extend(format!("\n[… {} bytes cut …]\n", self.missing).into_bytes());
        }
        self.head.extend(self.tail);
        (String::from_utf8_lossy(&self.head).into_owned(), self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::Cut;

    fn cut(limit: usize, pieces: &[&str]) -> (String, u64) {
        let mut cut = Cut::new(limit);
        for piece in pieces {
            cut.push(piece.as_bytes());
        }
        cut.finish()
    }

    #[test]
    fn short_output_is_whole() {
        assert_eq!(cut(8, &["abc", "defgh"]), ("abcdefgh".into(), 0));
    }

    #[test]
    fn long_output_loses_its_middle() {
        assert_eq!(cut(8, &["abcd", "efghij", "klmn"]), ("abcd\n[… 6 bytes cut …]\nklmn".into(), 6));
    }
}
