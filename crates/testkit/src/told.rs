//! The texts that a plugin tells.

use std::{
    fmt::{Debug, Display},
    sync::{Arc, Mutex, PoisonError},
};

use longshore_model::{Failure, Name, Shown, StepId, StepPlan};
use longshore_plugin::{Context, Kept, Reporter, RunContext};
use tokio_util::sync::CancellationToken;

/// Everything that a plugin tells while it works: progress, warnings, plans and failures. Secrets are looked for in it.
#[derive(Debug, Default)]
pub struct Told {
    texts: Mutex<Vec<String>>,
    /// The values that steps keep in the current run.
    kept: Mutex<Kept>,
}

impl Told {
    /// Begins another run: its steps find nothing that earlier ones have kept.
    pub fn begin_run(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    /// The context of a step `KIND.NAME` in the current run of `stack`, which reports here. The environment is `suite`.
    ///
    /// # Panics
    /// Never: `suite` is a name.
    #[must_use]
    pub fn context(self: &Arc<Self>, stack: &Name, step: StepId) -> Context {
        let environment = Name::new("suite").expect("a name");
        let token = CancellationToken::new();
        let run = RunContext::new(stack.clone(), environment, token, self.clone(), self.kept());
        Context::in_run(Arc::new(run), step)
    }

    /// Returns the values that steps have kept in the current run.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hear(&self, text: String) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Keeps a plan, as it is shown and as it is written in a log.
    pub fn plan(&self, plan: &StepPlan) {
        self.hear(format!("{plan:?}\n{}", serde_json::to_string(plan).unwrap_or_default()));
    }

    /// Keeps what came of a call.
    pub fn result<T: Debug>(&self, result: &Result<T, Failure>) {
        self.hear(format!("{result:?}"));
        if let Err(failure) = result {
            self.hear(failure.to_string());
        }
    }

    /// Keeps any text.
    pub fn text(&self, text: impl Display) {
        self.hear(text.to_string());
    }

    /// All of it, in its order.
    #[must_use]
    pub fn all(&self) -> String {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Expects that `secret` is nowhere in it, neither as it is nor in hexadecimal, nor escaped as JSON does it.
    ///
    /// # Panics
    /// When it is. The message does not repeat it.
    #[track_caller]
    pub fn assert_unseen(&self, secret: &str) {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let json = serde_json::Value::from(secret).to_string();
        let escaped = json.trim_matches('"');
        let all = self.all();
        for (form, how) in [(secret, "as it is"), (&hex, "in hexadecimal"), (escaped, "as JSON")] {
            let seen = all.lines().find(|line| line.contains(form)).map(|line| line.replace(form, "[seen]"));
            assert!(seen.is_none(), "a secret is seen {how}: {}", seen.unwrap_or_default());
        }
    }
}

/// Returns a plan as people read it, with its outputs and notes.
#[must_use]
pub fn shown(plan: &StepPlan) -> String {
    let mut lines = vec![format!("{} {}", plan.action, plan.resource)];
    lines.extend(plan.reason.iter().map(|reason| format!("  because: {reason}")));
    let side = |value: &Option<Shown>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
    let changes = plan.changes.iter();
    lines.extend(
        changes.map(|change| format!("  {}: {} -> {}", change.field, side(&change.old), side(&change.new))),
    );
    lines.extend(plan.outputs.iter().map(|(name, value)| format!("  yields {name}: {value:?}")));
    lines.extend(plan.notes.iter().map(|note| format!("  note: {note}")));
    lines.join("\n")
}

impl Reporter for Told {
    fn progress(&self, _: &StepId, message: &str) {
        self.text(message);
    }

    fn warning(&self, _: &StepId, message: &str) {
        self.text(message);
    }
}

/// The name of the stack in which the suites run.
#[must_use]
pub fn suite_name() -> Name {
    name("suite")
}

/// A name that is written in the suites.
#[expect(clippy::expect_used, reason = "suites are tests")]
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// Returns the result of a call that has to succeed.
#[track_caller]
pub(crate) fn ok<T>(result: Result<T, Failure>, what: &str) -> T {
    result.unwrap_or_else(|failure| panic!("{what} failed: {failure}"))
}

/// Returns the failure of a call that has to fail, and requires that it has help for the reader.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Failure>, what: &str) -> Failure {
    let Err(failure) = result else { panic!("{what} has to be refused") };
    assert!(!failure.message.trim().is_empty(), "{what}: the refusal says nothing");
    assert!(failure.help.is_some(), "{what}: the refusal does not say what to do: {failure}");
    failure
}
