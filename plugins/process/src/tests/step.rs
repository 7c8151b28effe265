//! Steps.

use async_trait::async_trait;
use longshore_model::{Action, AddedStep, Inputs, Known, Name, Stack};
use longshore_plugin::{Node, StepDeclaration};
use longshore_testkit::step::{self, Abilities};

use super::*;

/// Keeps a record in a file, and the one before it in another.
const RECORD: &str = r#"
target=${line#*\"target\":\"}; target=${target%%\"*}
answer() { echo "{\"id\":$id,\"result\":$1}"; }
case $line in
*'"step.plan"'*)
    if [ "$(cat record 2>/dev/null)" = "$target" ]; then
        answer '{"action":"no-change","outputs":{"name":"api"}}'
    else
        answer "{\"action\":\"update\",\"changes\":[{\"field\":\"target\",\"new\":\"$target\"}]}"
    fi ;;
*'"step.apply"'*)
    cp record previous 2>/dev/null
    echo "{\"id\":$id,\"progress\":\"writing\"}"
    echo 'to standard error' >&2
    printf %s "$target" > record
    answer '{"outputs":{"name":"api"}}' ;;
*'"step.plan-removal"'*)
    if [ -e record ]; then answer '{"action":"delete"}'; else answer '{"action":"no-change"}'; fi ;;
*'"step.remove"'*) rm -f record previous; answer '{}' ;;
*'"step.undo"'*) rm -f record; mv previous record 2>/dev/null; answer '{}' ;;
esac
"#;

fn kinds(capabilities: &[&str]) -> Value {
    let options = json!({ "properties": { "target": { "type": "string" } } });
    json!({ "step": { "capabilities": capabilities, "options": options } })
}

fn node(bench: &Bench, values: Value) -> Result<Node, String> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options = bench.options("steps.dns", values);
    let plugin = Plugin { name: "process".to_owned(), options: options.clone() };
    let name = Name::new("dns").unwrap();
    let step = AddedStep { plugin: plugin.clone(), ..AddedStep::default() };
    let steps = [(name.clone(), step)].into();
    let stack = Stack { steps, ..longshore_testkit::stack(&Name::new("shop").unwrap()) };
    // Each node is of a run of its own.
    let bench = Bench { processes: Processes::default(), ..Bench::new() };
    let built = plugins.step_plugin(&plugin, &bench.extensions()).unwrap();
    built
        .node(&StepDeclaration { stack: &stack, name: &name, options: &options })
        .map_err(|problems| lines(&problems))
}

impl Bench {
    fn record(&self) -> Option<String> {
        std::fs::read_to_string(self.path("record")).ok()
    }

    fn node_of(&self, target: Value) -> Node {
        let program = self.script(&kinds(&["plan", "removal", "undo"]), RECORD);
        node(self, json!({ "program": program, "target": target, "outputs": { "name": "text" } })).unwrap()
    }
}

#[async_trait]
impl step::Harness for Bench {
    fn node(&self) -> Node {
        self.node_of("one".into())
    }

    fn changed(&self) -> Node {
        self.node_of("two".into())
    }

    fn changed_fields(&self) -> Vec<String> {
        vec!["target".to_owned()]
    }

    fn abilities(&self) -> Abilities {
        Abilities { owns: false, ..Abilities::RESOURCE }
    }

    async fn there(&self) -> Option<String> {
        self.record()
    }

    async fn drift(&self) -> Vec<String> {
        std::fs::write(self.path("record"), "three").unwrap();
        vec!["target".to_owned()]
    }

    async fn writes(&self) -> String {
        format!("{:?}", self.record())
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }
}

#[tokio::test]
async fn program_passes_the_suite_of_steps() {
    let report = step::suite(async || Bench::new()).await;
    assert_eq!(report.left_out.len(), 3, "{report}");
}

#[tokio::test]
async fn references_are_values_or_postpone_the_plan() {
    let bench = Bench::new();
    let node = bench.node_of(json!({ "from": "steps.web", "output": "url" }));
    let context = bench.context();
    let unknown = node.step.plan(&context, &Inputs::default()).await.unwrap();
    assert_eq!((unknown.action, unknown.changes.len()), (Action::Update, 0));
    assert_eq!(bench.record(), None);
    let inputs: Inputs = [("steps.web.url".to_owned(), Known::Value("a".to_owned()))].into_iter().collect();
    let plan = node.step.plan(&context, &inputs).await.unwrap();
    node.step.apply(&context, &inputs, &plan).await.unwrap();
    assert_eq!(bench.record().as_deref(), Some("a"));
    let heard = bench.heard();
    assert!(heard.contains("progress: writing") && heard.contains("progress: to standard error"), "{heard}");
    assert_eq!(node.step.plan_removal(&context).await.unwrap().action, Action::Delete);
    let protects = context.clone().protecting(true);
    node.step.plan_removal(&protects).await.unwrap_err();
    node.step.remove(&context).await.unwrap();
    assert_eq!(bench.record(), None);
}

#[tokio::test]
async fn step_without_capabilities_runs_with_each_deploy() {
    let bench = Bench::new();
    let program = bench.script(&kinds(&[]), r#"echo "{\"id\":$id,\"result\":{\"outputs\":{}}}""#);
    let node = node(&bench, json!({ "program": program })).unwrap();
    let context = bench.context();
    let plan = node.step.plan(&context, &Inputs::default()).await.unwrap();
    assert!(plan.is_change() && plan.reason.is_some());
    node.step.apply(&context, &Inputs::default(), &plan).await.unwrap();
    assert!(!node.step.plan_removal(&context).await.unwrap().is_change());
    node.step.undo(&context, &plan).await.unwrap_err();
}

#[tokio::test]
async fn outputs_hold_no_secret_and_are_declared() {
    let mut failures = Vec::new();
    for outputs in [
        r#"{"name":"ghp_0123456789abcdef"}"#,
        r#"{"name":"x correct-horse-battery-staple"}"#,
        r#"{"nam":"x"}"#,
        "{}",
    ] {
        let bench = Bench::new();
        let answer = format!(r#"{{"id":%s,"result":{{"outputs":{outputs}}}}}\n"#);
        let program = bench.script(&kinds(&[]), &format!("printf '{answer}' $id"));
        let secrets = json!({ "token": { "env": "TOKEN" } });
        let values = json!({ "program": program, "secrets": secrets, "outputs": { "name": "text" } });
        let node = node(&bench, values).unwrap();
        let plan = node.step.plan(&bench.context(), &Inputs::default()).await.unwrap();
        let applied = node.step.apply(&bench.context(), &Inputs::default(), &plan).await;
        failures.push(applied.unwrap_err().to_string());
    }
    let failures = failures.join("\n");
    assert!(!failures.contains(PASSWORD) && !failures.contains("0123456789"), "{failures}");
    insta::assert_snapshot!(failures);
}
