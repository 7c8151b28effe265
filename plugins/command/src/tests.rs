//! Programs in their phases.

#![cfg(unix)]

mod suite;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use longshore_model::{
    AddedStep, Inputs, Known, Name, Options as Declared, Outputs, Plugin, Stack, StepId, StepPlan,
};
use longshore_plugin::{Context, Extensions, Node, Plugins, Reporter, Result, StepDeclaration};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Knows all phases. Its state is a file.
const RECORD: &str = r#"
case "$STEP_PHASE" in
plan)
    if [ "$(cat record 2>/dev/null)" = "$TARGET" ]; then
        echo '{"action": "no-change"}'
        echo '{"output": "name", "value": "api"}'
    else
        echo '{"action": "create", "resource": "record api", "reason": "it is new"}'
        echo "{\"change\": \"target\", \"new\": \"$TARGET\"}"
    fi ;;
apply)
    echo '{"progress": "writing the record"}'
    echo '{"warning": "it has no owner"}'
    printf %s "$TARGET" > record
    echo '{"output": "name", "value": "api"}' ;;
plan-removal)
    if [ -e record ]; then echo '{"action": "delete"}'; else echo '{"action": "no-change"}'; fi ;;
remove | undo)
    rm -f record ;;
esac
"#;

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn progress(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(format!("progress: {message}"));
    }

    fn warning(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(format!("warning: {message}"));
    }
}

struct Bench {
    directory: tempfile::TempDir,
    heard: Arc<Heard>,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), heard: Arc::default() }
    }

    fn options(&self, script: &str, more: Value) -> Declared {
        let mut values = more.as_object().unwrap().clone();
        values.insert("command".to_owned(), json!(["sh", "-c", script]));
        let directory = self.directory.path().to_owned();
        Declared {
            key: "steps.dns".to_owned(),
            values,
            directories: [("command".to_owned(), directory)].into(),
            ..Declared::default()
        }
    }

    fn context(&self) -> Context {
        let name = |text: &str| Name::new(text).unwrap();
        let interrupt = CancellationToken::new();
        Context::new(name("shop"), name("test"), StepId::named("steps.dns"), interrupt, self.heard.clone())
    }

    async fn apply(&self, script: &str, more: Value) -> Result<Outputs> {
        let node = node(&self.options(script, more)).unwrap();
        let plan = node.step.plan(&self.context(), &Inputs::default()).await?;
        node.step.apply(&self.context(), &Inputs::default(), &plan).await
    }

    async fn refused(&self, script: &str, more: Value) -> String {
        self.apply(script, more).await.unwrap_err().to_string()
    }
}

fn node(options: &Declared) -> std::result::Result<Node, String> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let plugin = Plugin { name: "command".to_owned(), options: options.clone() };
    let name = Name::new("dns").unwrap();
    let step = AddedStep { plugin: plugin.clone(), ..AddedStep::default() };
    let steps = [(name.clone(), step)].into();
    let stack = Stack { steps, ..longshore_testkit::stack(&Name::new("shop").unwrap()) };
    let built = plugins.step_plugin(&plugin, &Extensions::default()).unwrap();
    let node = built.node(&StepDeclaration { stack: &stack, name: &name, options });
    node.map_err(|problems| {
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| {
                format!("{}: {} ({})", problem.key, problem.message, problem.help.as_deref().unwrap_or(""))
            })
            .collect();
        lines.join("\n")
    })
}

fn record() -> Value {
    json!({
        "phases": ["plan", "apply", "plan-removal", "remove", "undo"],
        "inputs": { "TARGET": { "from": "steps.web", "output": "url" } },
        "outputs": { "name": "text" },
    })
}

fn inputs(target: &str) -> Inputs {
    [("steps.web.url".to_owned(), Known::Value(target.to_owned()))].into_iter().collect()
}

fn shown(plan: &StepPlan) -> String {
    let changes: Vec<_> =
        plan.changes.iter().map(|change| format!("{}={:?}", change.field, change.new)).collect();
    format!(
        "{} {} {:?} {} {:?}",
        plan.action,
        plan.resource,
        plan.reason,
        changes.join(","),
        plan.outputs.get("name")
    )
}

#[tokio::test]
async fn program_lives_through_all_phases() {
    let bench = Bench::new();
    let node = node(&bench.options(RECORD, record())).unwrap();
    let (step, context) = (&node.step, &bench.context());
    let mut lines = Vec::new();
    lines.push(shown(&step.plan(context, &Inputs::default()).await.unwrap()));
    let plan = step.plan(context, &inputs("one")).await.unwrap();
    lines.push(shown(&plan));
    let outputs = step.apply(context, &inputs("one"), &plan).await.unwrap();
    lines.push(format!("{:?}", outputs.get("name")));
    lines.push(bench.heard.0.lock().unwrap().join(", "));
    lines.push(shown(&step.plan(context, &inputs("one")).await.unwrap()));
    lines.push(shown(&step.plan_removal(context).await.unwrap()));
    step.undo(context, &plan).await.unwrap();
    lines.push(shown(&step.plan_removal(context).await.unwrap()));
    step.remove(context).await.unwrap();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn program_without_plan_runs_with_each_deploy() {
    let bench = Bench::new();
    let node = node(&bench.options("echo $STEP_ID $STEP_STACK $STEP_ENVIRONMENT >> ran", json!({}))).unwrap();
    let context = bench.context();
    for _ in 0..2 {
        let plan = node.step.plan(&context, &Inputs::default()).await.unwrap();
        assert!(plan.is_change() && plan.reason.is_some());
        node.step.apply(&context, &Inputs::default(), &plan).await.unwrap();
    }
    let ran = std::fs::read_to_string(bench.directory.path().join("ran")).unwrap();
    assert_eq!(ran, "steps.dns shop test\n".repeat(2));
    assert!(!node.step.plan_removal(&context).await.unwrap().is_change());
}

#[tokio::test]
async fn failures_name_program_and_way_out() {
    let bench = Bench::new();
    let outputs = json!({ "outputs": { "url": "text" } });
    let plans = json!({ "phases": ["plan", "apply"] });
    let cases = [
        ("echo the reason >&2; exit 3", json!({})),
        (r#"echo '{"error": "the zone is locked", "help": "unlock it"}'; exit 1"#, json!({})),
        ("echo hello", json!({})),
        (
            r#"echo '{"output": "url", "value": "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"}'"#,
            outputs.clone(),
        ),
        (r#"echo '{"output": "uri", "value": "x"}'"#, outputs.clone()),
        ("true", outputs),
        ("true", plans),
        ("sleep 10", json!({ "timeout": "1s" })),
    ];
    let mut failures = Vec::new();
    for (script, more) in cases {
        failures.push(bench.refused(script, more).await);
    }
    insta::assert_snapshot!(failures.join("\n"));
}

#[test]
fn wrong_options_are_named_at_once() {
    let bench = Bench::new();
    let more = json!({
        "phases": ["plan", "remove", "run"],
        "inputs": { "STEP_PHASE": "x", "N": 1 },
        "timeout": "soon",
        "comand": [],
    });
    let mut options = bench.options("", more);
    options.values.insert("command".to_owned(), json!([]));
    insta::assert_snapshot!(node(&options).unwrap_err());
}

#[test]
fn relative_program_counts_from_its_file() {
    let bench = Bench::new();
    let mut options = bench.options("", json!({}));
    options.values.insert("command".to_owned(), json!(["./announce"]));
    let read = crate::options::Options::read(&options).unwrap();
    assert_eq!(read.program(), bench.directory.path().join(Path::new("./announce")));
}
