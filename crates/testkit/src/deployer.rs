//! The suite of service deployers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use longshore_model::{
    Action, ByName, Inputs, Known, Name, Problem, Service, ServiceStatus, StepId, StepPlan, ValueType,
};
use longshore_plugin::{
    Node, Result, RoleBuilder, SecretStore, ServiceDeployer, ServiceOperations, Step, Wires,
};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok},
};

/// A deployer, and a cloud in which its services run. Each harness has a cloud, or names, of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The deployer that the options of `service` make.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn deployer(&self, service: &Service) -> std::result::Result<Arc<dyn ServiceDeployer>, Vec<Problem>>;

    /// The tasks of the service, at least one.
    fn tasks(&self) -> u32;

    /// A service with [`tasks`](Self::tasks), whose containers pull with the credential of the registry `first`.
    fn service(&self) -> Service;

    /// The same service, changed so that its tasks are replaced.
    fn changed(&self) -> Service;

    /// Services that cannot work, as the deployer can tell without calling anything.
    fn wrong(&self) -> Vec<Service>;

    /// The ARN of an execution role with which the service's tasks start.
    fn role(&self) -> String;

    /// The ARN of the secret that the tasks are pulled with.
    fn secret(&self) -> String;

    /// A text that differs after anything was written.
    async fn writes(&self) -> String;

    /// As [`store::Harness::cut_off_after`](crate::store::Harness::cut_off_after).
    async fn cut_off_after(&self, calls: u32) -> bool;

    /// As [`store::Harness::reconnect`](crate::store::Harness::reconnect).
    async fn reconnect(&self) {}

    /// The stack. Harnesses that share a cloud have different ones.
    fn stack(&self) -> Name {
        name("suite")
    }
}

struct Bench<H> {
    harness: H,
    told: Arc<Told>,
    service: Name,
}

impl<H: Harness> Bench<H> {
    fn wires(&self) -> Wires {
        Wires {
            after: Vec::new(),
            stack: self.harness.stack(),
            role: StepId::new("role", &self.service),
            secrets: [(name("first"), StepId::new("credential", "first"))].into(),
            variables: BTreeMap::new(),
            images: BTreeMap::new(),
        }
    }

    fn try_expand(&self, service: &Service) -> std::result::Result<Vec<Node>, Vec<Problem>> {
        self.harness.deployer(service)?.expand(&self.service, service, &self.wires())
    }

    /// The nodes, each after those that it depends on.
    fn expand(&self, service: &Service) -> Vec<Node> {
        let mut nodes =
            self.try_expand(service).unwrap_or_else(|problems| panic!("expand refuses: {problems:?}"));
        let (mut sorted, mut done) = (Vec::<Node>::new(), BTreeSet::from([self.wires().role]));
        done.extend(self.wires().secrets.into_values());
        while !nodes.is_empty() {
            let needs = |node: &Node| -> Vec<StepId> {
                node.inputs.iter().map(|input| input.from.clone()).chain(node.after.iter().cloned()).collect()
            };
            let ready = nodes.iter().position(|node| needs(node).iter().all(|id| done.contains(id)));
            let Some(ready) = ready else {
                panic!("steps wait for each other, or for steps that are not there: {nodes:?}")
            };
            let node = nodes.remove(ready);
            assert!(done.insert(node.id.clone()), "two steps are called {}", node.id);
            sorted.push(node);
        }
        sorted
    }

    fn inputs(&self, node: &Node, outputs: &BTreeMap<StepId, ByName<Known>>) -> Inputs {
        let wires = self.wires();
        let value = |from: &StepId, output: &str| {
            if *from == wires.role {
                Known::Value(self.harness.role())
            } else if wires.secrets.values().any(|secret| secret == from) {
                Known::Value(self.harness.secret())
            } else {
                outputs.get(from).and_then(|known| known.get(output)).cloned().unwrap_or(Known::AfterApply)
            }
        };
        node.inputs.iter().map(|input| (input.name.clone(), value(&input.from, &input.output))).collect()
    }

    fn context(&self, step: &StepId) -> longshore_plugin::Context {
        self.told.context(&self.harness.stack(), step.clone())
    }

    /// Plans all steps, without applying any.
    async fn plan(&self, service: &Service) -> Vec<(StepId, StepPlan)> {
        let (mut plans, mut outputs) = (Vec::new(), BTreeMap::new());
        for node in self.expand(service) {
            let inputs = self.inputs(&node, &outputs);
            let plan = ok(node.step.plan(&self.context(&node.id), &inputs).await, node.id.as_str());
            outputs.insert(node.id.clone(), plan.outputs.clone());
            plans.push((node.id, plan));
        }
        plans
    }

    /// Plans all steps, then applies those that change something.
    async fn try_deploy(&self, service: &Service) -> Result<()> {
        let nodes = self.expand(service);
        let (mut plans, mut planned) = (Vec::new(), BTreeMap::new());
        for node in &nodes {
            let plan = node.step.plan(&self.context(&node.id), &self.inputs(node, &planned)).await?;
            planned.insert(node.id.clone(), plan.outputs.clone());
            plans.push(plan);
        }
        let mut applied = BTreeMap::<StepId, ByName<Known>>::new();
        for (node, plan) in nodes.iter().zip(plans) {
            let known = if plan.is_change() {
                let outputs =
                    node.step.apply(&self.context(&node.id), &self.inputs(node, &applied), &plan).await?;
                outputs.into_iter().map(|(name, value)| (name, Known::Value(value))).collect()
            } else {
                plan.outputs
            };
            for output in &node.outputs {
                let value: Option<&str> = known.get(&output.name).and_then(Known::value);
                assert!(value.is_some(), "{} does not yield {}", node.id, output.name);
            }
            applied.insert(node.id.clone(), known);
        }
        Ok(())
    }

    async fn deploy(&self, service: &Service) {
        ok(self.try_deploy(service).await, "the deployment");
    }

    async fn try_destroy(&self, service: &Service) -> Result<()> {
        for node in self.expand(service).iter().rev() {
            node.step.remove(&self.context(&node.id)).await?;
        }
        Ok(())
    }

    async fn status(&self, service: &Service) -> ServiceStatus {
        let context = self.context(&StepId::new("service", &self.service));
        ok(self.deployer(service).status(&context, &self.service, service).await, "status")
    }

    async fn expect_running(&self, service: &Service, when: &str) {
        let status = self.status(service).await;
        let desired = self.harness.tasks();
        assert_eq!(
            (status.desired, status.running),
            (desired, desired),
            "the tasks that should run and that do ({when})"
        );
        for (id, plan) in self.plan(service).await {
            assert_eq!(plan.action, Action::NoChange, "{id} {when}: {plan:?}");
        }
    }
}

/// Runs all cases that apply, and ends the test when one of them fails.
///
/// # Panics
/// With the name and the reason of each case that failed.
pub async fn suite<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let report = run(make).await;
    report.assert();
    report
}

/// Runs all cases that apply.
pub async fn run<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let mut report = Report::of("service deployer");
    let made = async || Bench { harness: make().await, told: Arc::default(), service: name("api") };
    cases! { report, made:
        expands_into_steps_that_fit_together,
        expands_without_calling_anything,
        refuses_what_cannot_work,
        runs_a_service_and_then_has_nothing_to_do,
        replaces_tasks_when_the_service_changes,
        plans_without_writing,
        knows_a_service_that_is_not_there,
        removes_and_can_be_asked_again,
    }
    let bench = made().await;
    if bench.deployer(&bench.harness.service()).operations().is_some() {
        cases! { report, made:
            takes_a_service_back,
            restarts_a_service,
        }
    } else {
        for case in ["takes_a_service_back", "restarts_a_service"] {
            report.leave_out(case, "the deployer has no operations on services");
        }
    }
    if made().await.harness.cut_off_after(0).await {
        report.case("completes_what_died", completes_what_died(&made)).await;
    } else {
        report.leave_out("completes_what_died", "the harness cannot cut off the plugin");
    }
    report
}

async fn expands_into_steps_that_fit_together<H: Harness>(bench: &Bench<H>) {
    let nodes = bench.expand(&bench.harness.service());
    assert!(!nodes.is_empty(), "the service expands to nothing");
    let mut types = BTreeMap::<(StepId, String), ValueType>::new();
    types.insert((bench.wires().role, <dyn RoleBuilder>::ARN.to_owned()), ValueType::ROLE_ARN);
    for secret in bench.wires().secrets.into_values() {
        types.insert((secret, <dyn SecretStore>::ARN.to_owned()), ValueType::SECRET_ARN);
    }
    let mut used = BTreeSet::new();
    for node in &nodes {
        for input in &node.inputs {
            let found = types.get(&(input.from.clone(), input.output.to_string()));
            assert_eq!(found, Some(&input.value_type), "what {} takes as {}", node.id, input.name);
            used.insert(input.from.clone());
        }
        for output in &node.outputs {
            types.insert((node.id.clone(), output.name.to_string()), output.value_type.clone());
        }
    }
    assert!(used.contains(&bench.wires().role), "no step takes the execution role");
    assert!(
        used.contains(&StepId::new("credential", "first")),
        "no step takes the secret of the pull credential"
    );
}

async fn expands_without_calling_anything<H: Harness>(bench: &Bench<H>) {
    let before = bench.harness.writes().await;
    let shown = || format!("{:?}", bench.expand(&bench.harness.service()));
    assert_eq!(shown(), shown(), "a service expands in different ways");
    assert_eq!(bench.harness.writes().await, before, "expanding wrote something");
}

async fn refuses_what_cannot_work<H: Harness>(bench: &Bench<H>) {
    for service in bench.harness.wrong() {
        let Err(problems) = bench.try_expand(&service) else {
            panic!("a service was taken that cannot work: {service:?}")
        };
        assert!(!problems.is_empty(), "a refusal without a problem");
        for problem in problems {
            assert!(problem.key.starts_with("services.api"), "the key of {problem:?}");
        }
    }
}

async fn runs_a_service_and_then_has_nothing_to_do<H: Harness>(bench: &Bench<H>) {
    let service = bench.harness.service();
    assert!(bench.harness.tasks() > 0, "the harness has no service with tasks");
    bench.deploy(&service).await;
    bench.expect_running(&service, "after the deployment").await;
    let before = bench.harness.writes().await;
    bench.deploy(&service).await;
    assert_eq!(bench.harness.writes().await, before, "something was written although nothing differs");
}

async fn replaces_tasks_when_the_service_changes<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.harness.service(), bench.harness.changed());
    bench.deploy(&old).await;
    let before: BTreeSet<String> = bench.status(&old).await.tasks.into_iter().map(|task| task.id).collect();
    assert!(bench.plan(&new).await.iter().any(|(_, plan)| plan.is_change()), "the change is not planned");
    bench.deploy(&new).await;
    bench.expect_running(&new, "after the change").await;
    let running: BTreeSet<String> = bench
        .status(&new)
        .await
        .tasks
        .into_iter()
        .filter(|task| task.stopped_reason.is_none())
        .map(|task| task.id)
        .collect();
    assert!(running.is_disjoint(&before), "tasks of before the change run");
}

async fn plans_without_writing<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.harness.service(), bench.harness.changed());
    for state in ["not there", "there"] {
        let before = bench.harness.writes().await;
        bench.plan(&old).await;
        bench.plan(&new).await;
        for node in bench.expand(&old) {
            ok(node.step.plan_removal(&bench.context(&node.id)).await, "plan_removal");
        }
        assert_eq!(
            bench.harness.writes().await,
            before,
            "a plan wrote something while the service was {state}"
        );
        if state == "not there" {
            bench.deploy(&old).await;
        }
    }
}

async fn knows_a_service_that_is_not_there<H: Harness>(bench: &Bench<H>) {
    let status = bench.status(&bench.harness.service()).await;
    assert_eq!((status.state, status.running), (None, 0), "the status of a service that is not there");
}

async fn removes_and_can_be_asked_again<H: Harness>(bench: &Bench<H>) {
    let service = bench.harness.service();
    bench.deploy(&service).await;
    for _ in 0..2 {
        ok(bench.try_destroy(&service).await, "the removal");
        assert_eq!(bench.status(&service).await.running, 0, "tasks run after the removal");
        for node in bench.expand(&service) {
            let plan = ok(node.step.plan_removal(&bench.context(&node.id)).await, "plan_removal");
            assert_eq!(plan.action, Action::NoChange, "{} is removed already: {plan:?}", node.id);
        }
    }
    bench.deploy(&service).await;
    bench.expect_running(&service, "after a removal and a deployment").await;
}

impl<H: Harness> Bench<H> {
    fn deployer(&self, service: &Service) -> Arc<dyn ServiceDeployer> {
        let deployer = self.harness.deployer(service);
        deployer.unwrap_or_else(|problems| panic!("the options are refused: {problems:?}"))
    }

    /// The step that `make` makes of the deployer's operations.
    fn operation(
        &self,
        service: &Service,
        make: impl FnOnce(&dyn ServiceOperations) -> std::result::Result<Arc<dyn Step>, Vec<Problem>>,
    ) -> Arc<dyn Step> {
        let deployer = self.deployer(service);
        let operations =
            deployer.operations().unwrap_or_else(|| panic!("the deployer has no operations any more"));
        make(operations).unwrap_or_else(|problems| panic!("the operation is refused: {problems:?}"))
    }

    fn rollback(&self, service: &Service, to: Option<&str>) -> Arc<dyn Step> {
        self.operation(service, |it| it.rollback(&self.harness.stack(), &self.service, service, to))
    }

    /// Plans a step without inputs and applies it: what it was going to do.
    async fn operate(&self, step: &dyn Step) -> StepPlan {
        let context = self.context(&StepId::new("service", &self.service));
        let before = self.harness.writes().await;
        let plan = ok(step.plan(&context, &Inputs::default()).await, "the plan of the operation");
        assert_eq!(self.harness.writes().await, before, "the plan of an operation wrote something");
        if plan.is_change() {
            ok(step.apply(&context, &Inputs::default(), &plan).await, "the operation");
        }
        plan
    }

    async fn running(&self, service: &Service) -> BTreeSet<String> {
        let tasks = self.status(service).await.tasks.into_iter();
        tasks.filter(|task| task.stopped_reason.is_none()).map(|task| task.id).collect()
    }
}

async fn takes_a_service_back<H: Harness>(bench: &Bench<H>) {
    let (old, new) = (bench.harness.service(), bench.harness.changed());
    bench.deploy(&old).await;
    let first = bench.status(&old).await.task_definition;
    bench.deploy(&new).await;
    let before = bench.running(&new).await;
    let plan = bench.operate(&*bench.rollback(&new, None)).await;
    assert!(plan.is_change(), "nothing is taken back: {plan:?}");
    let status = bench.status(&new).await;
    assert_eq!((status.task_definition, status.running), (first, status.desired), "what runs afterwards");
    assert!(bench.running(&new).await.is_disjoint(&before), "tasks of before run");
    assert!(bench.plan(&new).await.iter().any(|(_, plan)| plan.is_change()), "what is declared is no change");
    let context = bench.context(&StepId::new("service", &bench.service));
    for (step, what) in [
        (bench.rollback(&new, None), "what was before the first"),
        (bench.rollback(&new, Some("no revision")), "what is no revision"),
    ] {
        let plan = step.plan(&context, &Inputs::default()).await;
        assert!(plan.is_err(), "a service would go back to {what}: {plan:?}");
    }
    bench.deploy(&new).await;
    bench.expect_running(&new, "after it was taken back and deployed").await;
}

async fn restarts_a_service<H: Harness>(bench: &Bench<H>) {
    let service = bench.harness.service();
    let restart = |it: &dyn ServiceOperations| it.restart(&bench.harness.stack(), &bench.service, &service);
    let step = bench.operation(&service, restart);
    let context = bench.context(&StepId::new("service", &bench.service));
    assert!(
        step.plan(&context, &Inputs::default()).await.is_err(),
        "a service is restarted that is not there"
    );
    bench.deploy(&service).await;
    let before = bench.running(&service).await;
    bench.operate(&*step).await;
    bench.expect_running(&service, "after the restart").await;
    assert!(bench.running(&service).await.is_disjoint(&before), "tasks of before the restart run");
}

/// More calls than are looked at: a deployer may follow a deployment with any number.
const MOST: u32 = 40;

async fn completes_what_died<H: Harness>(made: &impl AsyncFn() -> Bench<H>) {
    for calls in (0..MOST).step_by(3) {
        let bench = made().await;
        let service = bench.harness.service();
        assert!(bench.harness.cut_off_after(calls).await, "the harness cannot cut off any more");
        let died = bench.try_deploy(&service).await.is_err();
        assert!(died || calls > 0, "it was not cut off: does the harness do that?");
        bench.harness.reconnect().await;
        bench.deploy(&service).await;
        bench.expect_running(&service, "after a run that died").await;
    }
}
