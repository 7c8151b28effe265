//! The live tree of a terminal.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use longshore_model::{Action, Event, EventKind, Phase, StepId, StepSummary};

use super::{Display, Live, Reader, Style, time, tree, words};
use crate::io::Stream;

/// The interval at which running steps are drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Lines that are kept free for what else stands on the terminal.
const MARGIN: usize = 4;

/// Columns that are kept free for what a step is doing, where the terminal has them; with less, names are cut.
const DOING: usize = 32;

/// The width between a step's name and its activity: mark, time and gaps.
const BETWEEN: usize = 14;

/// Of a name so much is shown in any case.
const LEAST: usize = 10;

type Size = Arc<dyn Fn() -> (u16, u16) + Send + Sync>;

/// Draws a line for each step of a phase: below the step that it depends on, with what it is doing and for how long.
pub(super) struct Terminal {
    stream: Stream,
    style: Style,
    live: Live,
    size: Size,
    clock: Clock,
    drawing: Option<Drawing>,
    actions: BTreeMap<StepId, Action>,
    /// True if it was said that the run waits for the lock.
    waited: bool,
}

struct Drawing {
    phase: Phase,
    bars: MultiProgress,
    lines: BTreeMap<StepId, Line>,
    /// The width of the column with the steps.
    width: usize,
    /// True if there are more steps than lines: then only those that run are drawn.
    crowded: bool,
}

struct Line {
    depth: usize,
    bar: Option<ProgressBar>,
    ended: bool,
}

/// The time of the run, for what is drawn between two events.
#[derive(Clone)]
struct Clock {
    last: Arc<AtomicU64>,
    /// The wall's clock at the last event, in milliseconds since `origin`, where the run's clock goes along with it.
    seen: Option<Arc<AtomicU64>>,
    origin: Instant,
}

impl Clock {
    fn new(real_time: bool) -> Self {
        Self { last: Arc::default(), seen: real_time.then(Arc::default), origin: Instant::now() }
    }

    fn wall(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn set(&self, at: u64) {
        self.last.store(at, Ordering::Relaxed);
        if let Some(seen) = &self.seen {
            seen.store(self.wall(), Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        let since =
            self.seen.as_ref().map_or(0, |seen| self.wall().saturating_sub(seen.load(Ordering::Relaxed)));
        self.last.load(Ordering::Relaxed) + since
    }
}

impl Terminal {
    pub(super) fn new(display: &Display, size: Size, real_time: bool) -> Self {
        Self {
            stream: display.stderr.clone(),
            style: display.stderr_style,
            live: display.live.clone(),
            size,
            clock: Clock::new(real_time),
            drawing: None,
            actions: BTreeMap::new(),
            waited: false,
        }
    }

    fn begin(&mut self, phase: Phase, steps: &[StepSummary]) {
        self.end();
        if steps.is_empty() {
            return;
        }
        let (rows, columns) = (self.size)();
        let crowded = steps.len() + MARGIN > usize::from(rows);
        let bars = self.live.begin(&self.stream, self.size.clone());
        let tree = tree::tree(steps);
        let longest = tree.iter().map(|(step, depth)| step.as_str().len() + 2 * depth).max();
        let width = longest.unwrap_or_default().min(usize::from(columns).saturating_sub(BETWEEN + DOING));
        let mut drawing = Drawing { phase, bars, lines: BTreeMap::new(), width, crowded };
        for (step, depth) in tree {
            let bar = (!crowded).then(|| {
                let bar = drawing.bars.add(ProgressBar::no_length().with_style(message_style("{msg}")));
                let mark = if self.style.unicode { "·" } else { "." };
                let head = head(&step, depth, width, self.style);
                bar.set_message(self.style.dim(&format!("{}{mark} {}", indent(depth), head.trim_end())));
                bar.tick();
                bar
            });
            drawing.lines.insert(step, Line { depth, bar, ended: false });
        }
        self.drawing = Some(drawing);
    }

    /// Takes the drawing off the terminal; of a phase that changes something, what it shows last stays.
    fn end(&mut self) {
        let Some(drawing) = self.drawing.take() else { return };
        let keep = matches!(drawing.phase, Phase::Apply | Phase::Remove | Phase::Undo);
        for line in drawing.lines.values() {
            match &line.bar {
                Some(bar) if keep => bar.abandon(),
                Some(bar) => bar.finish_and_clear(),
                None => {}
            }
        }
        self.live.end();
        if keep && !drawing.crowded {
            // A drawing ends behind its last line.
            self.stream.write("\n");
        }
    }

    fn start(&mut self, step: &StepId) {
        let style = self.style;
        let clock = self.clock.clone();
        let started = clock.now();
        let Some(drawing) = &mut self.drawing else { return };
        let Some(line) = drawing.lines.get_mut(step) else { return };
        let head = head(step, line.depth, drawing.width, style);
        let bar = line.bar.get_or_insert_with(|| drawing.bars.add(ProgressBar::no_length()));
        let spinner = if style.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "-\\|/ " };
        let template = format!("{}{{spinner}} {head}  {{for:>7}}  {{wide_msg}}", indent(line.depth));
        let for_how_long = move |_: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = text.write_str(&time::duration(clock.now().saturating_sub(started)));
        };
        bar.set_style(message_style(&template).tick_chars(spinner).with_key("for", for_how_long));
        let doing = match drawing.phase {
            Phase::Plan | Phase::PlanRemoval => "reading",
            Phase::Apply | Phase::Remove => self.actions.get(step).map_or("", |action| words::doing(*action)),
            Phase::Undo => "taking back",
        };
        bar.set_message(doing);
        bar.enable_steady_tick(TICK);
    }

    fn say(&self, step: &StepId, message: &str) {
        if let Some(bar) = self.drawing.as_ref().and_then(|drawing| drawing.lines.get(step)?.bar.as_ref()) {
            bar.set_message(message.replace('\n', " "));
        }
    }

    fn finish(&mut self, step: &StepId, mark: &str, took: Option<u64>, message: &str) {
        let Some(drawing) = &mut self.drawing else { return };
        let Some(line) = drawing.lines.get_mut(step) else { return };
        line.ended = true;
        let head = head(step, line.depth, drawing.width, self.style);
        let took = took.map(time::duration).unwrap_or_default();
        let (_, columns) = (self.size)();
        let text = format!("{}{mark} {head}  {took:>7}  {message}", indent(line.depth));
        let text = console::truncate_str(&text, usize::from(columns).saturating_sub(1), "").into_owned();
        if drawing.crowded {
            if let Some(bar) = line.bar.take() {
                bar.finish_and_clear();
                drawing.bars.remove(&bar);
            }
            if matches!(drawing.phase, Phase::Apply | Phase::Remove | Phase::Undo) {
                self.live.above(&self.stream, &format!("{text}\n"));
            }
        } else if let Some(bar) = &line.bar {
            bar.disable_steady_tick();
            bar.set_style(message_style("{msg}"));
            bar.abandon_with_message(text);
        }
        if drawing.lines.values().all(|line| line.ended) {
            self.end();
        }
    }

    fn above(&self, text: &str) {
        self.live.above(&self.stream, &format!("{}\n", text.replace('\n', "\n  ")));
    }
}

/// A step's name, as wide as the column of names leaves for it at its depth.
fn head(step: &StepId, depth: usize, width: usize, style: Style) -> String {
    let room = width.saturating_sub(2 * depth).max(LEAST);
    let name = console::truncate_str(step.as_str(), room, if style.unicode { "…" } else { "~" });
    format!("{name:room$}")
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// The template is one of this file, and step ids hold no braces.
fn message_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Reader for Terminal {
    fn abandon(&mut self) {
        self.end();
        self.above(&self.style.yellow("interrupted again: what was running was not waited for"));
    }

    fn read(&mut self, event: &Event) {
        self.clock.set(event.at);
        let style = self.style;
        match &event.event {
            EventKind::RunStarted { command, stack, environment, target } => {
                self.above(&format!(
                    "{} ({environment}) at {target}",
                    style.bold(&format!("{command} {stack}"))
                ));
            }
            EventKind::PhaseStarted { phase, steps } => self.begin(*phase, steps),
            EventKind::StepStarted { step, .. } => self.start(step),
            EventKind::StepProgress { step, message } => self.say(step, message),
            EventKind::StepPlanned { step, plan } => {
                self.actions.insert(step.clone(), plan.action);
            }
            EventKind::StepSucceeded { step, phase, took, .. } => {
                let action = self.actions.get(step).copied().unwrap_or(Action::NoChange);
                let message = match phase {
                    Phase::Plan | Phase::PlanRemoval => words::planned(action),
                    Phase::Apply | Phase::Remove => words::done(action),
                    Phase::Undo => "taken back",
                };
                self.finish(step, &style.done(), Some(*took), message);
            }
            EventKind::StepFailed { step, failure, took, .. } => {
                // The end of the run shows it whole.
                let message = failure.message.lines().next().unwrap_or_default();
                self.finish(step, &style.failed(), Some(*took), message);
            }
            EventKind::StepSkipped { step, because, .. } => {
                self.finish(step, &style.dim("-"), None, &format!("skipped, because {because} failed"));
            }
            EventKind::StepNotStarted { step, .. } => self.finish(step, &style.dim("-"), None, "not begun"),
            EventKind::Warning { step, message } => {
                let step = step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
                self.above(&format!("{}: {step}{message}", style.yellow("warning")));
            }
            EventKind::InterruptRequested { running } => {
                let running: Vec<_> = running.iter().map(StepId::as_str).collect();
                let what = "interrupted: nothing new begins, and what runs is waited for (Ctrl-C again ends at once)";
                self.above(&style.yellow(format!("{what}: {}", running.join(", ")).trim_end_matches(": ")));
            }
            EventKind::CommandFailed { .. } | EventKind::RunFinished { .. } => self.end(),
            EventKind::LockWaiting { lock } => {
                self.waited = true;
                self.above(&format!("waiting for the stack's lock: {}", words::lock(lock)));
            }
            EventKind::LockAcquired { took, .. } if self.waited => {
                self.above(&format!("has the stack's lock after {}", time::duration(*took)));
            }
            EventKind::LockNotUsed => {
                self.above(&format!("{}: {}", style.yellow("warning"), words::NO_LOCK));
            }
            EventKind::LockLost { failure } => {
                self.above(&format!("{}: {}", style.red("error"), failure.message));
            }
            EventKind::LockAcquired { .. } | EventKind::LockReleased { .. } | EventKind::Lock { .. } => {}
            EventKind::Status { .. }
            | EventKind::Credentials { .. }
            | EventKind::Drift { .. }
            | EventKind::Approval { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Outputs;

    use super::*;
    use crate::{
        arguments::OutputFormat,
        render::testing::{captured, lines},
    };

    /// Returns the lines that a terminal of so many columns shows after a step with a long name has ended.
    fn ended(columns: u16) -> String {
        let (stderr, buffer) = captured();
        let style = Style { color: false, unicode: true };
        let display = Display {
            output: OutputFormat::Text,
            stdout: captured().0,
            stderr,
            stdout_style: style,
            stderr_style: style,
            drawn: None,
            live: Live::default(),
        };
        let mut terminal = Terminal::new(&display, Arc::new(move || (24, columns)), true);
        let step = StepId::new("service", "microservice-api-spring-boot");
        let summary = StepSummary { step: step.clone(), after: Vec::new() };
        let mut tell = |event| terminal.read(&Event { at: 0, event });
        tell(EventKind::PhaseStarted { phase: Phase::Plan, steps: vec![summary] });
        tell(EventKind::StepStarted { step: step.clone(), phase: Phase::Plan });
        let outputs = Outputs::new();
        tell(EventKind::StepSucceeded { step, phase: Phase::Plan, outputs, took: 1_500 });
        lines(&buffer)
    }

    #[test]
    fn a_long_name_leaves_room_for_what_its_step_did() {
        assert!(ended(100).contains("service.microservice-api-spring-boot     1.5s  no change"));
        assert!(ended(60).contains("service.micro…     1.5s  no change"), "{}", ended(60));
        assert!(ended(40).contains("service.m…     1.5s  no change"), "{}", ended(40));
    }
}
