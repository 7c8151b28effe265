//! Progress line by line, for logs of continuous integration and for files.

use std::collections::BTreeMap;

use longshore_model::{Action, Event, EventKind, Phase, StepId, is_internal};

use super::{Reader, Style, time, words};
use crate::io::Stream;

/// A line break within a message: the column of the times stays free.
const CONTINUED: &str = "\n          ";

/// Writes a line for each thing that happens, with the time since the run began.
pub(super) struct Plain {
    stream: Stream,
    style: Style,
    started: Option<u64>,
    width: usize,
    actions: BTreeMap<StepId, Action>,
    said: BTreeMap<StepId, String>,
    /// True if it was said that the run waits for the lock.
    waited: bool,
}

impl Plain {
    pub(super) const fn new(stream: Stream, style: Style) -> Self {
        Self {
            stream,
            style,
            started: None,
            width: 0,
            actions: BTreeMap::new(),
            said: BTreeMap::new(),
            waited: false,
        }
    }

    fn line(&self, at: u64, step: Option<&StepId>, text: &str) {
        let since = time::duration(at.saturating_sub(self.started.unwrap_or(at)));
        let text = text.replace('\n', CONTINUED);
        match step {
            Some(step) => {
                self.stream.line(format!("{since:>8}  {:width$}  {text}", step.as_str(), width = self.width));
            }
            None => self.stream.line(format!("{since:>8}  {text}")),
        }
    }

    fn step_line(&self, at: u64, step: &StepId, text: &str) {
        self.line(at, Some(step), text);
    }

    /// A step's message, unless it was the last one already.
    fn say(&mut self, at: u64, step: &StepId, message: &str) {
        if self.said.get(step).is_none_or(|said| said != message) {
            self.said.insert(step.clone(), message.to_owned());
            self.step_line(at, step, message);
        }
    }
}

impl Reader for Plain {
    fn abandon(&mut self) {
        self.stream.line(self.style.yellow("interrupted again: what was running was not waited for"));
    }

    fn read(&mut self, event: &Event) {
        let at = event.at;
        match &event.event {
            EventKind::RunStarted { command, stack, environment, target } => {
                self.started = Some(at);
                self.line(at, None, &format!("{command} {stack} ({environment}) at {target}"));
            }
            EventKind::PhaseStarted { phase, steps } => {
                self.width = steps.iter().map(|step| step.step.as_str().len()).max().unwrap_or_default();
                self.said.clear();
                if *phase == Phase::Plan {
                    self.actions.clear();
                }
            }
            EventKind::StepStarted { step, phase } => match (phase, self.actions.get(step)) {
                (Phase::Apply | Phase::Remove, Some(action)) => {
                    self.step_line(at, step, words::doing(*action));
                }
                (Phase::Undo, _) => self.step_line(at, step, "taking back"),
                _ => {}
            },
            EventKind::StepProgress { step, message } => self.say(at, step, message),
            EventKind::StepPlanned { step, plan } => {
                self.actions.insert(step.clone(), plan.action);
                self.step_line(at, step, words::planned(plan.action));
            }
            EventKind::StepSucceeded { step, phase: Phase::Apply | Phase::Remove, outputs, .. } => {
                let action = self.actions.get(step).copied().unwrap_or(Action::Update);
                let shown = outputs.iter().filter(|(name, _)| !is_internal(name));
                let outputs: Vec<_> = shown.map(|(_, value)| value.as_str()).collect();
                self.step_line(
                    at,
                    step,
                    format!("{}  {}", self.style.green(words::done(action)), outputs.join(" ")).trim_end(),
                );
            }
            EventKind::StepSucceeded { step, phase: Phase::Undo, .. } => {
                self.step_line(at, step, &self.style.yellow("taken back"));
            }
            EventKind::StepSucceeded { .. } => {}
            EventKind::StepFailed { step, failure, .. } => {
                // The end of the run shows it whole.
                let message = failure.message.lines().next().unwrap_or_default();
                self.step_line(at, step, &format!("{}: {message}", self.style.red("failed")));
            }
            EventKind::StepSkipped { step, because, .. } => {
                self.step_line(at, step, &format!("skipped, because {because} failed"));
            }
            EventKind::StepNotStarted { step, .. } => self.step_line(at, step, "not begun"),
            EventKind::Warning { step, message } => {
                self.line(at, step.as_ref(), &format!("{}: {message}", self.style.yellow("warning")));
            }
            EventKind::InterruptRequested { running } => {
                let running: Vec<_> = running.iter().map(StepId::as_str).collect();
                let waiting = if running.is_empty() {
                    String::new()
                } else {
                    format!("; waiting for {}", running.join(", "))
                };
                self.line(at, None, &format!("interrupted: nothing new begins{waiting}"));
            }
            EventKind::LockWaiting { lock } => {
                self.waited = true;
                self.line(at, None, &format!("waiting for the stack's lock: {}", words::lock(lock)));
            }
            EventKind::LockAcquired { took, .. } if self.waited => {
                self.line(at, None, &format!("has the stack's lock after {}", time::duration(*took)));
            }
            EventKind::LockNotUsed => {
                self.line(at, None, &format!("{}: {}", self.style.yellow("warning"), words::NO_LOCK));
            }
            EventKind::LockLost { failure } => {
                self.line(at, None, &format!("{}: {}", self.style.red("error"), failure.message));
            }
            EventKind::LockAcquired { .. }
            | EventKind::LockReleased { .. }
            | EventKind::Lock { .. }
            | EventKind::Approval { .. }
            | EventKind::Status { .. }
            | EventKind::Credentials { .. }
            | EventKind::Drift { .. }
            | EventKind::CommandFailed { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::{Failure, FailureKind, StepPlan, StepSummary};

    use super::*;
    use crate::render::testing::{captured, lines};

    #[test]
    fn says_what_happens_and_when() {
        let (stream, buffer) = captured();
        let mut plain = Plain::new(stream, Style::default());
        let [role, service] = ["role", "service"].map(|kind| StepId::new(kind, "api"));
        let steps = vec![
            StepSummary { step: role.clone(), after: vec![] },
            StepSummary { step: service.clone(), after: vec![role.clone()] },
        ];
        let failure = Failure::new(FailureKind::DeploymentFailed, "no task started");
        let progress =
            |message: &str| EventKind::StepProgress { step: service.clone(), message: message.into() };
        let events = [
            (
                1_000,
                EventKind::RunStarted {
                    command: "deploy".into(),
                    stack: "shop".into(),
                    environment: "local".into(),
                    target: "the simulated cloud".into(),
                },
            ),
            (1_000, EventKind::PhaseStarted { phase: Phase::Plan, steps }),
            (
                1_400,
                EventKind::StepPlanned {
                    step: role.clone(),
                    plan: StepPlan::new(Action::Create, "role shop-api"),
                },
            ),
            (1_500, EventKind::StepStarted { step: role.clone(), phase: Phase::Apply }),
            (
                3_500,
                EventKind::StepSucceeded {
                    step: role,
                    phase: Phase::Apply,
                    outputs: [("role-arn".to_owned(), "arn:aws:iam::1:role/r".to_owned())].into(),
                    took: 2_000,
                },
            ),
            (4_000, progress("0 of 2 tasks running")),
            (5_000, progress("0 of 2 tasks running")),
            (6_000, EventKind::InterruptRequested { running: vec![service.clone()] }),
            (
                66_000,
                EventKind::StepFailed { step: service.clone(), phase: Phase::Apply, failure, took: 62_000 },
            ),
        ];
        for (at, event) in events {
            plain.read(&Event { at, event });
        }
        insta::assert_snapshot!(lines(&buffer));
    }
}
