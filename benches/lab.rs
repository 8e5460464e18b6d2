//! What a lab costs: bringing it up, breaking it, taking it down, and a whole trial's own share.
//!
//! Run it with `scripts/bench-lab`. Each figure is the median of several rounds, with the least and the greatest;
//! the same three servers started bare on the loopback interface, in the same rounds, are what to compare with.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::chaos::{Chaos, Queue};
use harness::model::event::{Body, Event};
use harness::model::id::RunId;
use harness::model::trial::Phase;
use harness::monitor;
use harness::runner::{EventSink, RunOptions};
use harness::runtime::process::ProcessRuntime;
use harness::runtime::{Lab, LabRequest, NodeRequest, Runtime};
use harness::score::score;
use harness::spec::{self, plan::Plan};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_harness"))
}

fn main() -> Outcome<()> {
    // `cargo bench` passes `--bench`.
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(15);
    let trials = 5.min(rounds);
    let plan = spec::load_campaign(Path::new("tests/run/bench.yaml")).map_err(|errors| errors.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(plan, rounds, trials))
}

async fn measure(plan: Plan, rounds: u32, trials: u32) -> Outcome<()> {
    let mut figures = Figures::default();
    for _ in 0..rounds {
        let begin = Instant::now();
        let bare = Bare::start()?;
        bare.wait_joined()?;
        figures.add("bare: three servers joined", begin.elapsed());
        let begin = Instant::now();
        drop(bare);
        figures.add("bare: three servers ended", begin.elapsed());
        in_a_lab(&plan, &mut figures).await?;
    }
    whole_trials(plan, trials, &mut figures).await?;
    figures.print();
    let (up, down) = (figures.median("lab: cluster joined"), figures.median("lab: taken down"));
    let bare = figures.median("bare: three servers joined");
    println!("\nlab / bare, joined:  {:.2}", up / bare);
    println!("bounds: joined {up:.0} of 250 ms, taken down {down:.0} of 250 ms");
    for (name, bound) in [("fault: kill proven", 50), ("fault: partition proven", 50), ("trial: own share", 300)] {
        println!("bounds: {name} {:.1} of {bound} ms", figures.median(name));
    }
    Ok(())
}

/// One lab: up, two faults, down.
async fn in_a_lab(plan: &Plan, figures: &mut Figures) -> Outcome<()> {
    let begin = Instant::now();
    let lab: Arc<dyn Lab> = Arc::from(ProcessRuntime::with_program(program()).provision(request(plan)).await?);
    figures.add("lab: processes started", begin.elapsed());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    monitor::ready(&lab, &plan.subject.ready, deadline).await?;
    figures.add("lab: cluster joined", begin.elapsed());
    for (name, scenario) in [("fault: partition proven", 1), ("fault: kill proven", 0)] {
        let took = Arc::new(Mutex::new(None));
        let seen = took.clone();
        let emit = Arc::new(move |body| {
            if let Body::FaultProven { took_us, landed: true, .. } = body {
                *seen.lock().expect("no panic before") = Some(Duration::from_micros(took_us));
            }
        });
        let chaos = Chaos::new(lab.clone(), plan.subject.leader.clone(), emit);
        chaos.inject(Queue::new(&plan.scenarios[scenario].chaos, 7)).await?;
        figures.add(name, took.lock().expect("no panic before").ok_or("not proven")?);
        chaos.heal().await;
        monitor::ready(&lab, &plan.subject.ready, deadline).await?;
    }
    let begin = Instant::now();
    let torn = lab.teardown().await;
    figures.add("lab: taken down", begin.elapsed());
    if torn.leftovers.is_empty() { Ok(()) } else { Err(torn.leftovers.join(", ").into()) }
}

fn request(plan: &Plan) -> LabRequest {
    let process = plan.subject.runtimes.process.clone().expect("kv has a process runtime");
    let node = |node: harness::spec::plan::NodePlan| NodeRequest {
        name: node.name,
        role: node.role,
        port: node.port,
        command: process.command.clone(),
        env: Vec::new(),
        data_bytes: process.data.0,
    };
    LabRequest { nodes: plan.subject.node_plans().into_iter().map(node).collect() }
}

#[derive(Default)]
struct Log(Mutex<Vec<Event>>);

impl EventSink for Log {
    fn emit(&self, event: &Event) {
        self.0.lock().expect("no panic before").push(event.clone());
    }
}

/// Whole trials, one at a time: their time less the windows, the session, and the subject's own start and election.
async fn whole_trials(mut plan: Plan, trials: u32, figures: &mut Figures) -> Outcome<()> {
    plan.scenarios.truncate(1);
    plan.repeats = trials;
    let log = Arc::new(Log::default());
    let options =
        RunOptions { run: RunId("bench".into()), stop: CancellationToken::new(), abort: CancellationToken::new() };
    let runtime = Arc::new(ProcessRuntime::with_program(program()));
    let summary = harness::runner::run(Arc::new(plan), runtime, log.clone(), options).await;
    if summary.completed != summary.planned {
        return Err(format!("{summary:?}").into());
    }
    let events = log.0.lock().expect("no panic before").clone();
    for number in 1..=trials {
        let id = RunId("bench".into()).trial(number);
        let of_it: Vec<Event> = events.iter().filter(|event| event.trial.as_ref() == Some(&id)).cloned().collect();
        let scored = score(&of_it).figures;
        let ready =
            scored.phases.iter().filter(|phase| phase.phase == Phase::Ready).map(|phase| phase.took_us).sum::<u64>();
        let own = scored.overhead_us.ok_or("a trial without its end")?.saturating_sub(ready);
        figures.add("trial: own share", Duration::from_micros(own));
    }
    Ok(())
}

/// Three servers on the loopback interface, without any lab.
struct Bare {
    servers: Vec<Child>,
    addresses: Vec<SocketAddr>,
    /// Removed with it.
    data: tempfile::TempDir,
}

impl Bare {
    fn start() -> Outcome<Self> {
        let data = tempfile::tempdir()?;
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let addresses = [free()?, free()?, free()?];
        let cluster: Vec<String> = (1..).zip(&addresses).map(|(i, at)| format!("kv{i}={at}")).collect();
        let mut bare = Self { servers: Vec::new(), addresses: addresses.to_vec(), data };
        for (i, at) in (1..).zip(addresses) {
            let mut command = Command::new(program());
            command.args(["service", "kv", "--name", &format!("kv{i}"), "--listen", &at.to_string()]);
            command
                .args(["--initial-cluster", &cluster.join(",")])
                .arg("--data")
                .arg(bare.data.path().join(i.to_string()));
            bare.servers.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        }
        Ok(bare)
    }

    fn wait_joined(&self) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.addresses.iter().all(is_ready) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("the bare servers did not join".into())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
        }
        for server in &mut self.servers {
            let _ = server.wait();
        }
    }
}

fn is_ready(address: &SocketAddr) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nhost: kv\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Durations by name, in the order in which the names came.
#[derive(Default)]
struct Figures(Vec<(&'static str, Vec<f64>)>);

impl Figures {
    fn add(&mut self, name: &'static str, took: Duration) {
        let millis = took.as_secs_f64() * 1e3;
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(millis),
            None => self.0.push((name, vec![millis])),
        }
    }

    fn sorted(&self, name: &str) -> Vec<f64> {
        let mut all = self.0.iter().find(|(known, _)| *known == name).map_or(Vec::new(), |(_, all)| all.clone());
        all.sort_by(f64::total_cmp);
        all
    }

    fn median(&self, name: &str) -> f64 {
        let all = self.sorted(name);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn print(&self) {
        println!("{:28}  {:>6} {:>8} {:>8} {:>8}", "", "rounds", "least", "median", "greatest");
        for (name, _) in &self.0 {
            let all = self.sorted(name);
            let (least, greatest) = (all.first().unwrap_or(&f64::NAN), all.last().unwrap_or(&f64::NAN));
            println!("{name:28}  {:6} {least:8.1} {:8.1} {greatest:8.1} ms", all.len(), self.median(name));
        }
    }
}
