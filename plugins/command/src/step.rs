//! The step that runs a program.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use longshore_credential::{Environment, Finished, Program};
use longshore_model::{AFTER_APPLY, Action, Failure, FailureKind, Inputs, Outputs, StepPlan, without_tokens};
use longshore_plugin::{Context, Result, Step, stuck};

use crate::{
    message::{Message, Said, known},
    options::{ENVIRONMENT, Options, PHASE, Phase, STACK, STEP},
};

/// The longest output of a phase, in bytes.
const LIMIT: usize = 65_536;

/// Runs a program in each phase that it knows.
pub(crate) struct CommandStep {
    pub(crate) options: Options,
    /// Hides variables from the program.
    pub(crate) environment: Environment,
    pub(crate) resource: String,
}

impl CommandStep {
    fn knows(&self, phase: Phase) -> bool {
        self.options.phases.contains(&phase)
    }

    fn outputs(&self) -> Vec<&str> {
        self.options.outputs.keys().map(String::as_str).collect()
    }

    fn fail(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, format!("the command `{}` {what}", self.options.title()))
    }

    /// Runs the program, and returns what it says.
    ///
    /// # Errors
    /// If it fails, says so, or does not keep to the protocol.
    async fn run(&self, context: &Context, phase: Phase, inputs: Option<&Inputs>) -> Result<Said> {
        let title = format!("command `{}`", self.options.title());
        let mut program = Program::new(title, self.options.program())
            .arguments(self.options.arguments())
            .directory(&self.options.directory)
            .within(&self.environment)
            .timeout(self.options.timeout)
            .variable(PHASE, phase.name())
            .variable(STEP, context.step.as_str())
            .variable(STACK, context.stack.as_str())
            .variable(ENVIRONMENT, context.environment.as_str());
        let none = Inputs::default();
        for (name, text) in &self.options.inputs {
            // A phase that removes has no values of other steps: what they made may be gone.
            if let Some(value) = text.value(inputs.unwrap_or(&none)) {
                program = program.variable(name, value);
            }
        }
        let told = Arc::new(context.clone());
        let finished = program.listener(move |line| tell(&told, line)).run(context).await?;
        let said = self.said(&finished)?;
        if let Some((error, help)) = &said.error {
            let failure = self.fail(FailureKind::Invalid, &format!("failed: {}", without_tokens(error)));
            return Err(match help {
                Some(help) => failure.help(without_tokens(help)),
                None => failure,
            });
        }
        if !finished.status().success() {
            let words = finished.said();
            let ended = format!("failed in the phase `{}` with {}", phase.name(), finished.status());
            let ended = if words.is_empty() { ended } else { format!("{ended}: {words}") };
            return Err(self.fail(FailureKind::Invalid, &ended).help("run it by hand to see what it needs"));
        }
        said.require_no_secret(self.options.title())?;
        self.require_declared(&said.outputs)?;
        Ok(said)
    }

    /// Reads what the program has printed.
    fn said(&self, finished: &Finished) -> Result<Said> {
        if finished.stdout().len() > LIMIT {
            return Err(self.fail(FailureKind::Invalid, "prints more than 65,536 bytes"));
        }
        let mut said = Said::default();
        for (number, line) in finished.stdout().split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(message) => said.add(message),
                Err(_) if !finished.status().success() => {}
                Err(_) => {
                    let what = format!("prints a line that is none of the protocol's: line {}", number + 1);
                    let help = "its standard output is for JSON lines (docs/command.md): print the rest to standard error";
                    return Err(self.fail(FailureKind::Invalid, &what).help(help));
                }
            }
        }
        Ok(said)
    }

    fn require_declared(&self, yielded: &BTreeMap<String, String>) -> Result<()> {
        let Some(name) = yielded.keys().find(|name| !self.options.outputs.contains_key(*name)) else {
            return Ok(());
        };
        let what = format!("yields the output `{name}`, which is not declared");
        Err(self.fail(FailureKind::Invalid, &what).help(format!("add `outputs.{name} = \"text\"`")))
    }
}

/// Passes progress and warnings on.
fn tell(context: &Context, line: &str) {
    match serde_json::from_str(line) {
        Ok(Message::Progress { progress }) => context.progress(without_tokens(&progress)),
        Ok(Message::Warning { warning }) => context.warn(without_tokens(&warning)),
        _ => {}
    }
}

#[async_trait]
impl Step for CommandStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        if !self.knows(Phase::Plan) {
            let mut plan = StepPlan::new(Action::Update, &self.resource);
            plan.reason = Some("it does not tell what it would do, and runs with every deploy".to_owned());
            plan.outputs = known(&BTreeMap::new(), &self.outputs());
            return Ok(plan);
        }
        let waits = self.options.inputs.values().filter(|text| text.shown(inputs) == AFTER_APPLY);
        if waits.count() > 0 {
            let mut plan = StepPlan::new(Action::Update, &self.resource);
            plan.reason = Some("an input is known only after apply, and so is what it would do".to_owned());
            plan.outputs = known(&BTreeMap::new(), &self.outputs());
            return Ok(plan);
        }
        let said = self.run(context, Phase::Plan, Some(inputs)).await?;
        said.into_plan(self.options.title(), &self.resource, &self.outputs())
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let said = self.run(context, Phase::Apply, Some(inputs)).await?;
        if let Some(name) = self.outputs().into_iter().find(|name| !said.outputs.contains_key(*name)) {
            let what = format!("does not yield the output `{name}`, which is declared");
            let help = format!("let it print {{\"output\": \"{name}\", \"value\": \"…\"}}");
            return Err(self.fail(FailureKind::Invalid, &what).help(help));
        }
        Ok(said.outputs.into_iter().collect())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        if !self.knows(Phase::PlanRemoval) {
            let mut plan = StepPlan::new(Action::NoChange, &self.resource);
            plan.notes.push("nothing is removed: the program has no phase `remove`".to_owned());
            return Ok(plan);
        }
        let said = self.run(context, Phase::PlanRemoval, None).await?;
        said.into_plan(self.options.title(), &self.resource, &[])
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        if !self.knows(Phase::Remove) {
            return Ok(());
        }
        self.run(context, Phase::Remove, None).await.map(drop)
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        if self.knows(Phase::Undo) {
            return self.run(context, Phase::Undo, None).await.map(drop);
        }
        Err(stuck(plan.action, &plan.resource))
    }
}
