//! Sessions: what operators can do, and how their budget ends them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use harness::agent::{self, Brief, Close, Limits, Operator, OperatorError, Outcome, ScriptOperator, Toolbox};
use harness::model::event::{Body, Emit};
use harness::model::trial::SessionEnd;
use harness::model::units::{Bytes, Millis};
use harness::runtime::Lab;
use harness::runtime::fake::{FakeLab, Options};
use harness::spec::variant::Shell;
use tokio::time::Instant;

/// Does what its function says.
struct Acting<F>(F);

#[async_trait]
impl<F: AsyncFnMutSend> Operator for Acting<F> {
    fn kind(&self) -> &'static str {
        "acting"
    }

    async fn operate(&mut self, _: &Brief, tools: &mut Toolbox) -> Result<(), OperatorError> {
        self.0.call(tools).await
    }
}

#[async_trait]
trait AsyncFnMutSend: Send {
    async fn call(&mut self, tools: &mut Toolbox) -> Result<(), OperatorError>;
}

fn limits(wall_s: u64, commands: Option<u32>) -> Limits {
    Limits {
        wall: Duration::from_secs(wall_s),
        commands,
        shell: Shell { timeout: Millis(120_000), max_output: Bytes(16 * 1024) },
    }
}

async fn session(operator: impl Operator + 'static, limits: Limits) -> (Outcome, Vec<Body>, Duration) {
    let lab: Arc<dyn Lab> = Arc::new(FakeLab::new(&["kv1", "kv2", "kv3"], Options::default()));
    let record = Arc::new(Mutex::new(Vec::new()));
    let emit: Emit = {
        let record = record.clone();
        Arc::new(move |body| record.lock().unwrap().push(body))
    };
    let brief = Brief { briefing: "You operate it.".into(), ticket: "it is down".into() };
    let begin = Instant::now();
    let outcome = agent::run(Box::new(operator), brief, 1, limits, lab, emit).await.unwrap();
    let took = begin.elapsed();
    // Nothing may be recorded after the session's end.
    tokio::time::sleep(Duration::from_secs(300)).await;
    let record = record.lock().unwrap().clone();
    assert!(matches!(record[0], Body::SessionStarted { .. }));
    assert!(matches!(record.last(), Some(Body::SessionEnded { .. })), "{record:?}");
    (outcome, record, took)
}

fn script(lines: &[&str]) -> ScriptOperator {
    ScriptOperator::new(lines.iter().copied().map(String::from).collect())
}

fn ended(record: &[Body]) -> Vec<(Option<i32>, bool)> {
    let ends = record.iter().filter_map(|body| match body {
        Body::CommandEnded { exit, timed_out, .. } => Some((*exit, *timed_out)),
        _ => None,
    });
    ends.collect()
}

#[tokio::test(start_paused = true)]
async fn a_script_goes_on_after_a_failed_command() {
    let (outcome, record, _) = session(script(&["false", "no-such-program", "lab ps"]), limits(60, None)).await;
    assert_eq!(outcome.end, SessionEnd::Resolved);
    assert_eq!(ended(&record), [(Some(1), false), (Some(127), false), (Some(0), false)]);
}

#[tokio::test(start_paused = true)]
async fn restart_all_restarts_each_node_in_order() {
    let (outcome, record, _) = session(ScriptOperator::restart_all(["kv1", "kv2", "kv3"]), limits(60, None)).await;
    assert_eq!(outcome.end, SessionEnd::Resolved);
    let lines: Vec<&str> = record
        .iter()
        .filter_map(|body| match body {
            Body::CommandStarted { line, .. } => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["lab restart kv1", "lab restart kv2", "lab restart kv3"]);
}

#[tokio::test(start_paused = true)]
async fn the_budget_ends_a_command_in_its_middle() {
    let (outcome, record, took) = session(script(&["echo begun; sleep 3600"]), limits(5, None)).await;
    assert_eq!(outcome.end, SessionEnd::OutOfBudget);
    assert!(took < Duration::from_millis(6500), "{took:?}");
    assert_eq!(ended(&record), [(None, true)]);
    let printed = record.iter().any(|body| matches!(body, Body::CommandEnded { output, .. } if output == "begun\n"));
    assert!(printed, "what it printed until then is kept");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_commands_is_bounded() {
    let (outcome, record, _) = session(script(&["true", "true", "true"]), limits(60, Some(2))).await;
    assert_eq!(outcome.end, SessionEnd::OutOfBudget);
    assert_eq!(ended(&record).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_command_has_a_limit_of_its_own() {
    let mut limits = limits(60, None);
    limits.shell.timeout = Millis(2000);
    let (outcome, record, took) = session(script(&["sleep 30", "true"]), limits).await;
    assert_eq!(outcome.end, SessionEnd::Resolved);
    assert_eq!(ended(&record), [(None, true), (Some(0), false)]);
    assert!(took < Duration::from_secs(3));
}

struct Panics;
#[async_trait]
impl AsyncFnMutSend for Panics {
    async fn call(&mut self, tools: &mut Toolbox) -> Result<(), OperatorError> {
        tools.say("I am about to fail");
        panic!("out of ideas")
    }
}

struct Sleeps;
#[async_trait]
impl AsyncFnMutSend for Sleeps {
    async fn call(&mut self, tools: &mut Toolbox) -> Result<(), OperatorError> {
        tokio::time::sleep(Duration::from_secs(100)).await;
        tools.close_ticket(Close::Resolved, "too late");
        Ok(())
    }
}

struct Ignores;
#[async_trait]
impl AsyncFnMutSend for Ignores {
    async fn call(&mut self, tools: &mut Toolbox) -> Result<(), OperatorError> {
        while tools.shell("true", "again").await.is_ok() {}
        tools.close_ticket(Close::Resolved, "as if nothing had happened");
        Ok(())
    }
}

struct Walks;
#[async_trait]
impl AsyncFnMutSend for Walks {
    async fn call(&mut self, _: &mut Toolbox) -> Result<(), OperatorError> {
        Ok(())
    }
}

struct Escalates;
#[async_trait]
impl AsyncFnMutSend for Escalates {
    async fn call(&mut self, tools: &mut Toolbox) -> Result<(), OperatorError> {
        tools.close_ticket(Close::Escalated, "I give up");
        tools.close_ticket(Close::Resolved, "or do I");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_fails_is_crashed() {
    let (outcome, _, _) = session(Acting(Panics), limits(60, None)).await;
    assert_eq!(outcome.end, SessionEnd::Crashed);
    assert!(outcome.summary.contains("out of ideas"), "{}", outcome.summary);
    let (outcome, _, _) = session(Acting(Walks), limits(60, None)).await;
    assert_eq!(outcome.end, SessionEnd::Crashed);
}

#[tokio::test(start_paused = true)]
async fn an_operator_cannot_go_beyond_its_budget() {
    let (outcome, _, took) = session(Acting(Sleeps), limits(10, None)).await;
    assert_eq!(outcome.end, SessionEnd::OutOfBudget);
    assert!(took < Duration::from_millis(10_100), "one that does not run a command gets no time on top: {took:?}");
    let (outcome, _, _) = session(Acting(Ignores), limits(10, Some(3))).await;
    assert_eq!(outcome.end, SessionEnd::OutOfBudget);
}

#[tokio::test(start_paused = true)]
async fn the_first_word_about_the_ticket_counts() {
    let (outcome, _, _) = session(Acting(Escalates), limits(10, None)).await;
    assert_eq!((outcome.end, outcome.summary.as_str()), (SessionEnd::Escalated, "I give up"));
}
