//! The lines that a program prints.

use std::collections::BTreeMap;

use longshore_model::{
    Action, ByName, Failure, FailureKind, FieldChange, Known, Shown, StepPlan, holds_a_token,
};
use serde::Deserialize;

/// A line of a program's standard output: a JSON object of one of these forms.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Message {
    /// The program tells how far it is.
    Progress { progress: String },
    /// It noticed something that does not stop it.
    Warning { warning: String },
    /// It yields an output.
    Output { output: String, value: String },
    /// A field changes.
    Change {
        change: String,
        #[serde(default)]
        old: Option<String>,
        #[serde(default)]
        new: Option<String>,
    },
    /// It plans to do something.
    Action {
        action: Action,
        #[serde(default)]
        resource: Option<String>,
        #[serde(default)]
        reason: Option<String>,
    },
    /// It fails.
    Error {
        error: String,
        #[serde(default)]
        help: Option<String>,
    },
}

/// Everything that a program has said in a phase, progress and warnings aside.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) action: Option<(Action, Option<String>, Option<String>)>,
    pub(crate) error: Option<(String, Option<String>)>,
}

impl Said {
    /// Adds a line that is neither progress nor a warning.
    pub(crate) fn add(&mut self, message: Message) {
        match message {
            Message::Progress { .. } | Message::Warning { .. } => {}
            Message::Output { output, value } => drop(self.outputs.insert(output, value)),
            Message::Change { change, old, new } => {
                let shown = |text: Option<String>| text.map(Shown::Text);
                self.changes.push(FieldChange::new(change, shown(old), shown(new)));
            }
            Message::Action { action, resource, reason } => self.action = Some((action, resource, reason)),
            Message::Error { error, help } => self.error = Some((error, help)),
        }
    }

    /// Makes sure that no output is a secret, as far as its form tells.
    ///
    /// # Errors
    /// Names the output, and not its value.
    pub(crate) fn require_no_secret(&self, title: &str) -> Result<(), Failure> {
        let Some((name, _)) = self.outputs.iter().find(|(_, value)| holds_a_token(value)) else {
            return Ok(());
        };
        let message = format!("the command `{title}` yields a secret as its output `{name}`");
        let help = "outputs are shown in plans and kept in logs: let the program store the secret, and yield its ARN";
        Err(Failure::new(FailureKind::Invalid, message).help(help))
    }

    /// Returns the plan that the program has made. Outputs that it does not know are known after apply.
    ///
    /// # Errors
    /// If it has not said what it would do.
    pub(crate) fn into_plan(
        self,
        title: &str,
        resource: &str,
        outputs: &[&str],
    ) -> Result<StepPlan, Failure> {
        let Some((action, own_resource, reason)) = self.action else {
            let message = format!("the command `{title}` does not say in the phase `plan` what it would do");
            let help =
                "let it print a line such as {\"action\": \"no-change\"}, or leave `plan` out of `phases`";
            return Err(Failure::new(FailureKind::Invalid, message).help(help));
        };
        let mut plan = StepPlan::new(action, own_resource.unwrap_or_else(|| resource.to_owned()));
        plan.reason = reason;
        plan.changes = self.changes.into();
        plan.outputs = known(&self.outputs, outputs);
        Ok(plan)
    }
}

/// The declared outputs, as far as they are known.
pub(crate) fn known(yielded: &BTreeMap<String, String>, declared: &[&str]) -> ByName<Known> {
    let value = |name: &str| yielded.get(name).map_or(Known::AfterApply, |value| Known::Value(value.clone()));
    declared.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}
