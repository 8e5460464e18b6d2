//! The `JUnit` report, for CI: one suite per scenario, one case per trial.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::error::ReportError;
use super::format::duration_us;
use super::text::visible;
use super::trial::TrialView;
use super::view::{Control, View};
use crate::model::trial::Status;
use crate::score::Verdict;

/// Lays a report out as `JUnit` XML. A failed verdict is a failure, a harness error is an error, and
/// what was not scored is skipped. So are failed trials of the baseline and of the blind restart: they
/// measure the scenario. Failed gates are failures of a suite of their own.
pub(super) fn render(view: &View) -> Result<String, ReportError> {
    let mut report = Report::new(format!("{} {}", visible(&view.run.campaign), view.run.id));
    for scenario in &view.scenarios {
        let mut suite = TestSuite::new(format!("{}.{}", visible(&view.run.campaign), visible(&scenario.name)));
        suite.add_property(("run", view.run.id.as_str()));
        suite.add_property(("seed", view.run.seed.to_string().as_str()));
        for trial in &view.trials {
            if trial.row.key.scenario == scenario.name {
                let control = view
                    .variants
                    .iter()
                    .find(|variant| variant.name == trial.row.key.variant)
                    .and_then(|variant| variant.control);
                suite.add_test_case(case(trial, control));
            }
        }
        report.add_test_suite(suite);
    }
    if !view.gates.is_empty() {
        let mut suite = TestSuite::new(format!("{}.gates", visible(&view.run.campaign)));
        for gate in &view.gates {
            let status = if gate.passed {
                TestCaseStatus::success()
            } else {
                failure(NonSuccessKind::Failure, "gate", &format!("found: {}", gate.found))
            };
            suite.add_test_case(TestCase::new(visible(&gate.gate), status));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| ReportError::Layout { format: "JUnit", problem: error.to_string() })
}

fn case(trial: &TrialView, control: Option<Control>) -> TestCase {
    let key = &trial.row.key;
    let reason = trial.verdict.reason();
    let status = match (&trial.verdict, trial.row.status) {
        (Verdict::Pass, _) => TestCaseStatus::success(),
        (Verdict::Fail(_), _) if matches!(control, Some(Control::Baseline | Control::RestartAll)) => {
            skipped(&format!("control: {reason}"))
        }
        (Verdict::Fail(_), _) => failure(NonSuccessKind::Failure, "fail", reason),
        (Verdict::Unscored(_), Some(Status::Error)) => failure(NonSuccessKind::Error, "error", reason),
        (Verdict::Unscored(_), _) => skipped(reason),
    };
    let mut case = TestCase::new(format!("{} #{}", visible(&key.variant), key.repeat), status);
    case.set_classname(visible(&key.scenario));
    if let Some(took) = trial.row.took_us {
        case.set_time(Duration::from_micros(took));
    }
    case.add_property(("trial", key.id.0.as_str()));
    if let Some(end) = trial.row.session {
        case.add_property(("session", end.to_string().as_str()));
    }
    if let Some(us) = trial.figures.time_to_recover_us {
        case.add_property(("time_to_recover", duration_us(us).as_str()));
    }
    case
}

fn failure(kind: NonSuccessKind, class: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(class);
    status.set_message(visible(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(visible(message));
    status
}
