//! A server in a process of its own, and what the system says it costs.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

/// The core of the server, and that of the load.
pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Keeps the calling thread, and those that it starts, on one core; where the machine has no such core, it changes nothing.
pub fn pin(core: usize) {
    core_affinity::set_for_current(core_affinity::CoreId { id: core });
}

/// A running server. Its standard input is kept open: it ends when that closes, so it does not outlive the load.
pub struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Process {
    /// This program again, as a server of this kind. It says its address in its first line.
    pub fn serve(words: &[&str]) -> io::Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(words);
        Process::start(command)
    }

    /// Another program, which says `http://address/` in its first line and ends with a signal.
    pub fn run(program: &str, arguments: &[&str]) -> io::Result<Process> {
        let mut command = Command::new("taskset");
        command.args(["-c", &SERVER_CORE.to_string(), program]).args(arguments);
        Process::start(command)
    }

    fn start(mut command: Command) -> io::Result<Process> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line)?;
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/');
        let address = address.parse().map_err(|_| io::Error::other(format!("{line:?} is no address")))?;
        Ok(Process { child, stdout, address })
    }

    /// Ends it, and gives what it has said since its first line.
    pub fn end(mut self) -> io::Result<String> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.stdout.read_to_string(&mut said)?;
        Ok(said)
    }

    /// CPU time of all of its threads since they began.
    pub fn cpu(&self) -> Duration {
        cpu_of(&self.child.id().to_string())
    }

    /// Bytes of memory that it really has.
    pub fn memory(&self) -> usize {
        number_in(format!("/proc/{}/status", self.child.id()), "VmRSS:") * 1024
    }

    /// How often its main thread has waited.
    pub fn waits(&self) -> usize {
        number_in(format!("/proc/{}/status", self.child.id()), "voluntary_ctxt_switches:")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whichever of these it has done already, it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of this process.
pub fn own_cpu() -> Duration {
    cpu_of("self")
}

/// The scheduler's own count, to the nanosecond; `/proc/PID/stat` has it in steps of 10 ms.
fn cpu_of(process: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let schedule = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedule.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn number_in(path: impl AsRef<Path>, name: &str) -> usize {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// CPU over wall time, since a beginning.
pub struct Share {
    since: Instant,
    cpu: Duration,
}

impl Share {
    pub fn begin(cpu: Duration) -> Share {
        Share { since: Instant::now(), cpu }
    }

    /// What has been used, and which part of a core that is.
    pub fn end(&self, cpu: Duration) -> (Duration, f64) {
        let used = cpu.saturating_sub(self.cpu);
        (used, used.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}
