//! Events as people may see them.
//!
//! [`Stream`](crate::io::Stream) escapes what is not printable anyway. Here it is done before texts are measured, cut and
//! painted, so that neither a column nor a colour can be forged.

use std::io;

use longshore_model::{Event, printable};
use serde_json::Value;

use super::Reader;

/// The fields whose line breaks stay. Readers indent what follows a line break.
const SEVERAL_LINES: [&str; 4] = ["message", "help", "text", "stopped_reason"];

/// Readers that get each event with its texts escaped.
pub(super) struct Escaped(Vec<Box<dyn Reader>>);

impl Escaped {
    pub(super) const fn new(readers: Vec<Box<dyn Reader>>) -> Self {
        Self(readers)
    }
}

impl Reader for Escaped {
    fn read(&mut self, event: &Event) {
        let escaped = escaped(event);
        for reader in &mut self.0 {
            reader.read(escaped.as_ref().unwrap_or(event));
        }
    }

    fn abandon(&mut self) {
        self.0.iter_mut().for_each(|reader| reader.abandon());
    }
}

/// The event with its texts escaped, or `None` where there is nothing to escape.
fn escaped(event: &Event) -> Option<Event> {
    // Written to nowhere, which fails at the first suspect byte.
    if serde_json::to_writer(Scan { before: b' ' }, event).is_ok() {
        return None;
    }
    let mut value = serde_json::to_value(event).ok()?;
    escape(&mut value, "");
    serde_json::from_value(value).ok()
}

fn escape(value: &mut Value, field: &str) {
    match value {
        Value::String(text) => *text = escaped_text(text, SEVERAL_LINES.contains(&field)),
        Value::Array(items) => items.iter_mut().for_each(|item| escape(item, field)),
        Value::Object(members) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    escape(&mut value, &name);
                    (escaped_text(&name, false), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn escaped_text(text: &str, has_lines: bool) -> String {
    let text = printable(text);
    if has_lines { text.into_owned() } else { text.replace('\n', "\\n") }
}

/// Refuses JSON that might hold something to escape: an escape of JSON's own, a character beyond ASCII, or the pair of signs
/// that most commands of CI runners have.
struct Scan {
    before: u8,
}

impl io::Write for Scan {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            let is_suspect = match byte {
                b'#' | b':' => self.before == byte,
                b'"' | b'\\' => false,
                _ => self.before == b'\\' || !(b' '..=b'~').contains(&byte),
            };
            if is_suspect {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.before = byte;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_model::{
        Action, Answer, CredentialStatus, Drift, DriftKind, EventKind, Failure, FailureKind, FieldChange,
        Known, LeftAlone, LockHolder, LockState, Loss, LossKind, Orphan, Outcome, Outputs, Phase, PullStatus,
        ServiceEvent, ServiceStatus, Shown, StepId, StepPlan, StepSummary, TargetGroupStatus, TargetStatus,
        TaskStatus, is_printable,
    };

    use super::*;
    use crate::{
        arguments::OutputFormat,
        io::Stream,
        render::{Display, Live, Style, testing::captured},
    };

    /// Control sequences that Longshore never writes, invisible characters, commands of CI runners, and lines that look
    /// like ones of Longshore.
    const HOSTILE: &str = "x\u{1b}[97A\u{1b}[?25l\u{1b}]0;t\u{7}\u{9b}3K\r\u{1b}[35mred\u{202e}\u{e0041}\u{3164}\u{200b}\
        ##[set-output name=a]##vso[task.complete]##teamcity[buildStop]section_start:1:a\n::add-mask::a\n--- a\nFORGED";

    fn failure() -> Failure {
        Failure::new(FailureKind::Denied, "message").at("at").help("help").owned_by("owner")
    }

    fn lock() -> LockState {
        let text = |text: &str| text.to_owned();
        let holder = LockHolder {
            command: text("deploy"),
            environment: text("production"),
            who: text("jo"),
            job: Some(text("job")),
            url: Some(text("url")),
            since: text("since"),
        };
        LockState { epoch: 1, held: true, holder: Some(holder), renewed: text("renewed"), lease: 60 }
    }

    fn changes() -> Vec<FieldChange> {
        let text = |text: &str| Some(Shown::text(text));
        vec![
            FieldChange::new("changed", text("old"), text("new")),
            FieldChange::new("environment.NEW", None, text("new")),
            FieldChange::new("environment.OTHER", None, text("other")),
            FieldChange::new("gone", text("old"), None),
        ]
    }

    fn plan(action: Action) -> StepPlan {
        let all = changes();
        let made = all.iter().filter(|change| change.old.is_none()).cloned().collect();
        let changes = if action == Action::Create { made } else { all };
        let mut plan = StepPlan::new(action, "resource").changes(changes).output("role-arn", "value");
        plan.reason = Some("reason".to_owned());
        plan.notes.push("note".to_owned());
        plan.outputs.insert("later".to_owned(), Known::AfterApply);
        if action == Action::Delete {
            plan.orphans.push(Orphan {
                resource: "orphan".to_owned(),
                made_by: Some("role.old".to_owned()),
                note: Some("note".to_owned()),
            });
        }
        plan
    }

    fn service() -> ServiceStatus {
        let text = |text: &str| text.to_owned();
        let target = |state: &str, reason: Option<&str>| TargetStatus {
            id: text("10.0.0.1:80"),
            state: text(state),
            reason: reason.map(text),
        };
        ServiceStatus {
            service: text("api"),
            name: text("shop-api"),
            cluster: text("shop"),
            state: Some(text("DRAINING")),
            desired: 2,
            running: 1,
            pending: 1,
            task_definition: Some(text("shop-api:3")),
            rollout: Some(text("FAILED: reason")),
            target_groups: vec![TargetGroupStatus {
                name: text("shop-api"),
                addresses: vec![text("https://api")],
                targets: vec![target("unhealthy", Some("Target.Timeout")), target("healthy", None)],
            }],
            tasks: vec![TaskStatus {
                id: text("4f21"),
                state: text("RUNNING"),
                task_definition: text("shop-api:3"),
                images: vec![text("ghcr.io/acme/api:1")],
                started_at: Some(text("2026-11-23T06:27:01Z")),
                stopped_reason: Some(text("reason")),
            }],
            events: vec![ServiceEvent { at: text("2026-11-23T06:27:01Z"), message: text("has started") }],
        }
    }

    fn credentials() -> Vec<CredentialStatus> {
        let text = |text: &str| text.to_owned();
        let ok = CredentialStatus {
            registry: text("ghcr"),
            host: text("ghcr.io"),
            source: text("source"),
            user: Some(text("acme-bot")),
            secret_arn: Some(text("arn")),
            stored_at: Some(text("2026-11-20T08:00:00Z")),
            expires_at: Some(text("2026-12-01T08:00:00Z")),
            never_expires: false,
            kind: Some(text("kind")),
            scopes: vec![text("read:packages")],
            remaining_pulls: Some(3),
            pull: PullStatus::Ok { images: vec![text("image")] },
            notes: vec![text("note")],
        };
        let refused = CredentialStatus { pull: PullStatus::Refused { failure: failure() }, ..ok.clone() };
        vec![ok, refused]
    }

    fn drift() -> EventKind {
        let drift = |kind| Drift {
            step: StepId::new("role", "api"),
            resource: "resource".to_owned(),
            kind,
            owner: Some("shop".to_owned()),
            blocks: kind == DriftKind::Foreign,
            detail: Some("detail".to_owned()),
            fields: changes(),
        };
        let alone = LeftAlone {
            step: StepId::new("role", "api"),
            resource: "resource".to_owned(),
            fields: changes(),
        };
        EventKind::Drift {
            drifts: vec![drift(DriftKind::Changed), drift(DriftKind::Foreign)],
            left_alone: vec![alone],
        }
    }

    /// A run with each kind of event, in an order in which each is shown.
    fn run() -> Vec<Event> {
        let [role, service_step, task] = ["role", "service", "task"].map(|kind| StepId::new(kind, "api"));
        let steps: Vec<_> = [&role, &service_step, &task]
            .map(|step| StepSummary { step: step.clone(), after: vec![role.clone()] })
            .into();
        let begin = |phase| EventKind::PhaseStarted { phase, steps: steps.clone() };
        let planned =
            |step: &StepId, action| EventKind::StepPlanned { step: step.clone(), plan: plan(action) };
        let started = |step: &StepId, phase| EventKind::StepStarted { step: step.clone(), phase };
        let succeeded = |step: &StepId, phase| EventKind::StepSucceeded {
            step: step.clone(),
            phase,
            outputs: Outputs::from([("role-arn".to_owned(), "arn".to_owned())]),
            took: 1,
        };
        let all = vec![
            EventKind::RunStarted {
                command: "deploy".to_owned(),
                stack: "shop".to_owned(),
                environment: "production".to_owned(),
                target: "somewhere".to_owned(),
            },
            EventKind::LockNotUsed,
            EventKind::LockWaiting { lock: lock() },
            EventKind::LockAcquired { epoch: 1, took: 1 },
            begin(Phase::Plan),
            started(&role, Phase::Plan),
            EventKind::StepProgress { step: role.clone(), message: "message".to_owned() },
            EventKind::Warning { step: Some(role.clone()), message: "message".to_owned() },
            EventKind::Warning { step: None, message: "message".to_owned() },
            planned(&role, Action::Create),
            succeeded(&role, Phase::Plan),
            planned(&service_step, Action::Update),
            succeeded(&service_step, Phase::Plan),
            planned(&task, Action::Delete),
            succeeded(&task, Phase::Plan),
            EventKind::Approval {
                losses: vec![Loss {
                    step: task.clone(),
                    resource: "resource".to_owned(),
                    kind: LossKind::Remove,
                }],
                answer: Answer::Yes,
            },
            begin(Phase::Apply),
            started(&role, Phase::Apply),
            succeeded(&role, Phase::Apply),
            started(&service_step, Phase::Apply),
            EventKind::StepFailed {
                step: service_step.clone(),
                phase: Phase::Apply,
                failure: failure(),
                took: 1,
            },
            EventKind::InterruptRequested { running: vec![task.clone()] },
            EventKind::StepSkipped { step: task.clone(), phase: Phase::Apply, because: service_step },
            EventKind::StepNotStarted { step: task, phase: Phase::Apply },
            EventKind::Status { services: vec![service()] },
            EventKind::Credentials { credentials: credentials() },
            drift(),
            EventKind::Lock { lock: Some(lock()) },
            EventKind::LockLost { failure: failure() },
            EventKind::LockReleased { epoch: 1 },
            EventKind::CommandFailed { failures: vec![failure(), failure()] },
            EventKind::RunFinished {
                outcome: Outcome::Failed,
                actions: [("create".to_owned(), 1)].into(),
                took: 1,
            },
        ];
        all.into_iter().map(|event| Event { at: 1_795_415_251_000, event }).collect()
    }

    /// The same run with `text` in the place of the text at `place`, or `None` behind the last text. A word that stands for
    /// a value of a list is no text, and is left as it is.
    fn planted(place: usize, text: &str) -> Option<(Vec<Event>, bool)> {
        let mut value = serde_json::to_value(run()).unwrap();
        let mut left = place;
        plant(&mut value, text, &mut left).then_some(())?;
        let planted = serde_json::from_value(value);
        let is_planted = planted.is_ok();
        Some((planted.unwrap_or_else(|_| run()), is_planted))
    }

    fn plant(value: &mut Value, hostile: &str, left: &mut usize) -> bool {
        match value {
            Value::String(text) if *left == 0 => {
                hostile.clone_into(text);
                true
            }
            Value::String(_) => {
                *left -= 1;
                false
            }
            Value::Array(items) => items.iter_mut().any(|item| plant(item, hostile, left)),
            Value::Object(members) => members.values_mut().any(|member| plant(member, hostile, left)),
            _ => false,
        }
    }

    /// The output of both streams for a run of these events.
    fn shown(events: &[Event], output: OutputFormat, color: bool, is_drawn: bool) -> String {
        let (stdout, buffer) = captured();
        let stream: Stream = stdout.with_color(color);
        let style = Style { color, unicode: is_drawn };
        let display = Display {
            output,
            stdout: stream.clone(),
            stderr: stream,
            stdout_style: style,
            stderr_style: style,
            drawn: is_drawn.then_some(Arc::new(|| (60, 200))),
            live: Live::default(),
        };
        // `status` shows services at once, other commands at their end.
        for command in ["deploy", "status"] {
            let readers = display.readers(true);
            for event in events {
                let mut event = event.clone();
                match &mut event.event {
                    EventKind::RunStarted { command: name, .. } if name == "deploy" => {
                        command.clone_into(name)
                    }
                    _ => {}
                }
                readers.read(&event);
            }
        }
        let bytes = buffer.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn require_clean(text: &str) {
        let commands = ["##[", "##vso[", "##teamcity[", "section_start:"];
        assert!(!commands.iter().any(|command| text.contains(command)), "{text}");
        for line in text.lines() {
            let begins = ["::add-mask", "--- a"].iter().any(|begin| line.trim_start_matches(' ') == *begin);
            assert!(!begins || line.starts_with("  "), "{text}");
            assert!(!line.trim().starts_with("::"), "{text}");
            assert!(!line.starts_with("FORGED") && !line.starts_with(" FORGED"), "{text}");
        }
    }

    #[test]
    fn no_text_of_an_event_is_obeyed() {
        let mut texts = 0;
        for place in 0.. {
            let Some((events, is_planted)) = planted(place, HOSTILE) else { break };
            texts += usize::from(is_planted);
            let plain = shown(&events, OutputFormat::Text, false, false);
            assert!(plain.chars().all(|c| c == '\n' || is_printable(c)), "{place}: {plain}");
            require_clean(&plain);

            let colored = shown(&events, OutputFormat::Text, true, false);
            assert_eq!(console::strip_ansi_codes(&colored), plain, "{place}");
            assert!(!colored.contains("\u{1b}[35m"), "{colored}");

            let drawn = shown(&events, OutputFormat::Text, false, true);
            for sequence in
                ["\u{1b}[97A", "\u{1b}[?", "\u{1b}]", "\u{7}", "\u{9b}", "\u{1b}[35m", "\u{202e}", "\u{200b}"]
            {
                assert!(!drawn.contains(sequence), "{drawn}");
            }

            let json = shown(&events, OutputFormat::Json, false, false);
            assert!(json.chars().all(|c| c == '\n' || is_printable(c)), "{json}");
            require_clean(&json);
            let lines: Vec<Event> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(lines.starts_with(&events), "{place}: JSON keeps the value");
        }
        assert!(texts > 150, "{texts}");
    }

    #[test]
    fn hostile_texts_stay_visible() {
        let (events, _) = planted(first_place("somewhere"), HOSTILE).unwrap();
        let plain = shown(&events, OutputFormat::Text, false, false);
        assert!(
            plain.contains("x\\u001b[97A\\u001b[?25l\\u001b]0;t\\u0007\\u009b3K\\u000d\\u001b[35mred\\u202e"),
            "{plain}"
        );
    }

    /// The place of the first text that is `text`.
    fn first_place(text: &str) -> usize {
        let is_there = |place| {
            let without = serde_json::to_string(&planted(place, "planted").unwrap().0).unwrap();
            !without.contains(&format!("\"{text}\""))
        };
        (0..).find(|place| is_there(*place)).unwrap()
    }

    #[test]
    fn each_kind_of_event_is_in_the_run() {
        // A new kind does not compile here before it is above.
        let kinds: std::collections::BTreeSet<_> = run()
            .iter()
            .map(|event| match event.event {
                EventKind::RunStarted { .. } => 0,
                EventKind::LockWaiting { .. } => 1,
                EventKind::LockAcquired { .. } => 2,
                EventKind::LockNotUsed => 3,
                EventKind::LockLost { .. } => 4,
                EventKind::LockReleased { .. } => 5,
                EventKind::Lock { .. } => 6,
                EventKind::PhaseStarted { .. } => 7,
                EventKind::StepStarted { .. } => 8,
                EventKind::StepProgress { .. } => 9,
                EventKind::Warning { .. } => 10,
                EventKind::StepPlanned { .. } => 11,
                EventKind::StepSucceeded { .. } => 12,
                EventKind::StepFailed { .. } => 13,
                EventKind::StepSkipped { .. } => 14,
                EventKind::StepNotStarted { .. } => 15,
                EventKind::InterruptRequested { .. } => 16,
                EventKind::Approval { .. } => 17,
                EventKind::Status { .. } => 18,
                EventKind::Credentials { .. } => 19,
                EventKind::Drift { .. } => 20,
                EventKind::CommandFailed { .. } => 21,
                EventKind::RunFinished { .. } => 22,
            })
            .collect();
        assert_eq!(kinds, (0..23).collect());
    }

    #[test]
    fn clean_events_are_not_copied() {
        assert!(run().iter().all(|event| escaped(event).is_none()));
    }
}
