//! Steps whose work a program does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use longshore_model::{
    Action, ByName, FailureKind, Inputs, Known, Outputs, Problem, Reference, StepPlan, ValueType,
};
use longshore_plugin::{Context, Node, Result, Step, StepDeclaration, StepPlugin, stuck};
use serde_json::{Map, Value};

use crate::{
    Kind, Lent,
    declaration::Declaration,
    process::Process,
    protocol::{Applied, Done, NoMore, OfPlan, Planned},
};

/// The longest time for one request, if the configuration gives none.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Makes steps whose work programs do.
pub(crate) struct Programs {
    pub(crate) lent: Lent,
}

impl StepPlugin for Programs {
    fn node(&self, declaration: &StepDeclaration<'_>) -> std::result::Result<Node, Vec<Problem>> {
        let (program, outputs) = declaration.options.read(|fields| {
            let outputs = fields.table("outputs", |table| {
                let names = table.names().into_iter();
                Some(names.filter_map(|name| Some((name.clone(), table.text(&name)?))).collect())
            });
            Some((Declaration::read(fields, TIMEOUT)?, outputs.unwrap_or_default()))
        })?;
        let outputs: BTreeMap<String, String> = outputs;
        let references =
            Reference::all_in("", &program.options.values).into_iter().map(|(_, reference)| reference);
        let references: Vec<_> = references.collect();
        let process = self.lent.process(program, Kind::Step);
        let names = outputs.keys().cloned().collect();
        let step = ProgramStep { process, outputs: names, references: references.clone() };
        let node = Node::new(declaration.id(), Arc::new(step)).references(references);
        Ok(outputs
            .into_iter()
            .fold(node, |node, (name, value_type)| node.output(name, ValueType::named(value_type))))
    }
}

/// A step whose work a program does.
struct ProgramStep {
    process: Arc<Process>,
    /// The names of the declared outputs.
    outputs: Vec<String>,
    references: Vec<Reference>,
}

/// The options of the last change in this run.
#[derive(Clone)]
struct AppliedOptions(Map<String, Value>);

impl ProgramStep {
    /// Returns the options with the values of other steps.
    async fn options(&self, context: &Context, inputs: &Inputs) -> Result<Map<String, Value>> {
        let options = self.process.options(context).await?;
        Ok(options.into_iter().map(|(name, value)| (name, Reference::resolved(&value, inputs))).collect())
    }

    /// Returns the options without the values of other steps: these may be gone.
    async fn own_options(&self, context: &Context) -> Result<Map<String, Value>> {
        let mut options = self.process.options(context).await?;
        drop_references(&mut options);
        Ok(options)
    }

    fn resource(&self) -> String {
        self.process.describe()
    }

    fn unplanned(&self, reason: &str) -> StepPlan {
        let mut plan = StepPlan::new(Action::Update, self.resource());
        plan.reason = Some(reason.to_owned());
        plan.outputs = self.known(&BTreeMap::new());
        plan
    }

    /// The declared outputs, as far as they are known.
    fn known(&self, yielded: &BTreeMap<String, String>) -> ByName<Known> {
        let value =
            |name: &str| yielded.get(name).map_or(Known::AfterApply, |value| Known::Value(value.clone()));
        self.outputs.iter().map(|name| (name.clone(), value(name))).collect()
    }

    /// Makes sure that outputs are declared, and that none is a secret.
    fn require_outputs(&self, method: &str, yielded: &BTreeMap<String, String>) -> Result<()> {
        for (name, value) in yielded {
            if self.process.holds_a_secret(name) || self.process.holds_a_secret(value) {
                let what = format!("yields a secret as an output of `{method}`");
                let help = "outputs are shown in plans and kept in logs: let the program store the secret, and yield its \
                            ARN";
                return Err(self.process.fail(FailureKind::Invalid, &what).help(help));
            }
            if !self.outputs.contains(name) {
                let what = format!("yields the output `{name}` of `{method}`, which is not declared");
                let help = format!("add `outputs.{name} = \"text\"`");
                return Err(self.process.fail(FailureKind::Invalid, &what).help(help));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Step for ProgramStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        if !self.process.can(context, "plan").await? {
            return Ok(self.unplanned("it does not tell what it would do, and runs with every deploy"));
        }
        if self.references.iter().any(|reference| reference.value(inputs).is_none()) {
            return Ok(self.unplanned("an option is known only after apply, and so is what it would do"));
        }
        let options = self.options(context, inputs).await?;
        let planned: Planned = self.process.request(context, "step.plan", &options, NoMore {}).await?;
        match planned.action {
            Action::Delete => Err(self.process.refuse_action("step.plan", Action::Delete)),
            Action::Adopt if !context.adopts => Err(self.process.refuse_action("step.plan", Action::Adopt)),
            _ => {
                self.require_outputs("step.plan", &planned.outputs)?;
                let (mut plan, outputs) = self.process.read_plan(planned, self.resource());
                plan.outputs = self.known(&outputs);
                Ok(plan)
            }
        }
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let options = self.options(context, inputs).await?;
        context.keep(AppliedOptions(options.clone()));
        let more = OfPlan { action: plan.action, resource: &plan.resource };
        let Applied { outputs } = self.process.request(context, "step.apply", &options, more).await?;
        self.require_outputs("step.apply", &outputs)?;
        if let Some(name) = self.outputs.iter().find(|name| !outputs.contains_key(*name)) {
            let what = format!("does not yield the output `{name}`, which is declared");
            let help = "let it yield the output, or take it out of `outputs`";
            return Err(self.process.fail(FailureKind::Invalid, &what).help(help));
        }
        Ok(outputs.into_iter().collect())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        if !self.process.can(context, "removal").await? {
            let mut plan = StepPlan::new(Action::NoChange, self.resource());
            plan.notes.push("nothing is removed: the program cannot".to_owned());
            return Ok(plan);
        }
        let options = self.own_options(context).await?;
        let planned: Planned =
            self.process.request(context, "step.plan-removal", &options, NoMore {}).await?;
        match planned.action {
            Action::NoChange => {}
            Action::Delete => self.process.require_unprotected(context)?,
            other => return Err(self.process.refuse_action("step.plan-removal", other)),
        }
        Ok(self.process.read_plan(planned, self.resource()).0)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        if !self.process.can(context, "removal").await? {
            return Ok(());
        }
        self.process.require_unprotected(context)?;
        let options = self.own_options(context).await?;
        let Done {} = self.process.request(context, "step.remove", &options, NoMore {}).await?;
        Ok(())
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        if !self.process.can(context, "undo").await? {
            return Err(stuck(plan.action, &plan.resource));
        }
        let options = match context.kept() {
            Some(AppliedOptions(options)) => options,
            None => self.own_options(context).await?,
        };
        let more = OfPlan { action: plan.action, resource: &plan.resource };
        let Done {} = self.process.request(context, "step.undo", &options, more).await?;
        Ok(())
    }
}

/// Takes the options out whose values are references.
fn drop_references(options: &mut Map<String, Value>) {
    options.retain(|_, value| !Reference::is_one(value));
    for value in options.values_mut() {
        if let Value::Object(table) = value {
            drop_references(table);
        }
    }
}
