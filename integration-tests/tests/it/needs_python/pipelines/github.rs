//! The composite action, run as GitHub's runner does.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use super::{
    examples,
    expression::{self, Scope},
    forge::Forge,
    read,
    runner::{Runner, pairs},
};
use crate::longshore::{Ended, SERVICE, TOKEN};

const TOKEN_OF_JOB: &str = "ghs_of-the-job";

/// One use of the action.
struct Action<'a> {
    inputs: BTreeMap<String, String>,
    event: &'a str,
    /// The outputs of steps, by `STEP.NAME`.
    outputs: BTreeMap<String, String>,
    failed: bool,
    /// The actions that were used, with what they were given.
    used: Vec<(String, BTreeMap<String, String>)>,
    /// The output of its scripts.
    scripts: Vec<Ended>,
}

impl Scope for Action<'_> {
    fn value(&self, name: &str) -> String {
        let known =
            |values: &BTreeMap<String, String>, name: &str| values.get(name).cloned().unwrap_or_default();
        if let Some(name) = name.strip_prefix("inputs.") {
            known(&self.inputs, name)
        } else if let Some(name) = name.strip_prefix("steps.") {
            known(&self.outputs, &name.replacen(".outputs.", ".", 1))
        } else {
            match name {
                "always()" => "true".to_owned(),
                "github.event_name" => self.event.to_owned(),
                "github.token" => TOKEN_OF_JOB.to_owned(),
                "github.run_id" => "1".to_owned(),
                _ => panic!("{name} is not known here"),
            }
        }
    }
}

impl<'a> Action<'a> {
    fn run(runner: &Runner, event: &'a str, given: &[(&str, &str)]) -> Self {
        let action = read("github/action.yml");
        let mut this = Self {
            inputs: BTreeMap::new(),
            event,
            outputs: BTreeMap::new(),
            failed: false,
            used: Vec::new(),
            scripts: Vec::new(),
        };
        for (name, input) in action["inputs"].as_object().unwrap() {
            let given = given.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
            assert!(given.is_some() || input["required"] != true, "{name} is required");
            let value = given.unwrap_or_else(|| expression::fill(input["default"].as_str().unwrap(), &this));
            this.inputs.insert(name.clone(), value);
        }
        for step in action["runs"]["steps"].as_array().unwrap() {
            this.step(runner, step);
        }
        for (name, output) in action["outputs"].as_object().unwrap() {
            let value = expression::fill(output["value"].as_str().unwrap(), &this);
            this.outputs.insert(name.clone(), value);
        }
        this
    }

    fn step(&mut self, runner: &Runner, step: &Value) {
        let condition = step["if"].as_str().unwrap_or("always()");
        // Without a word about it, a step runs only after success.
        if (self.failed && !step["if"].as_str().is_some_and(|condition| condition.contains("always()")))
            || !expression::holds(condition, self)
        {
            return;
        }
        if let Some(uses) = step["uses"].as_str() {
            self.used.push((uses.to_owned(), self.filled(&step["with"])));
            return;
        }
        assert_eq!(step["shell"], "bash");
        let (output, path) = (runner.file("github-output"), runner.file("github-path"));
        fs::write(&output, "").unwrap();
        let mut variables = self.filled(&step["env"]);
        for (name, value) in [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION_PATH", examples().join("github").display().to_string()),
            ("GITHUB_OUTPUT", output.display().to_string()),
            ("GITHUB_PATH", path.display().to_string()),
            ("GITHUB_STEP_SUMMARY", runner.file("summary.md").display().to_string()),
            ("GITHUB_EVENT_PATH", runner.file("event.json").display().to_string()),
            ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
        ] {
            variables.insert(name.to_owned(), value);
        }
        let ended = runner.bash(step["run"].as_str().unwrap(), &variables);
        self.failed |= ended.code != 0;
        self.scripts.push(ended);
        if let Some(id) = step["id"].as_str() {
            self.outputs
                .extend(pairs(&output).into_iter().map(|(name, value)| (format!("{id}.{name}"), value)));
        }
    }

    fn filled(&self, values: &Value) -> BTreeMap<String, String> {
        let values = values.as_object().into_iter().flatten();
        values.map(|(name, value)| (name.clone(), expression::fill(value.as_str().unwrap(), self))).collect()
    }

    #[track_caller]
    fn succeeded(self) -> Self {
        assert!(!self.failed, "{:?}", self.scripts);
        self
    }
}

fn runner(forge: &Forge) -> Runner {
    let mut runner = Runner::new();
    fs::write(runner.file("event.json"), json!({ "pull_request": { "number": 7 } }).to_string()).unwrap();
    runner.set("GITHUB_API_URL", &forge.url);
    runner
}

/// The variable that changes a value of the service.
fn variable(key: &str) -> String {
    format!("LONGSHORE_SERVICES__{}__{key}", SERVICE.to_uppercase().replace('-', "_"))
}

#[test]
fn a_pull_request_has_its_plan_as_one_comment() {
    // The action's own comment is on the second page.
    let forge = Forge::start(120);
    let runner = runner(&forge);
    let inputs = [("command", "plan"), ("environment", "local")];

    let action = Action::run(&runner, "pull_request", &inputs).succeeded();
    assert_eq!(action.outputs["changes"], "true");
    assert!(runner.file(&action.outputs["plan-file"]).exists());
    let report = runner.read(&action.outputs["report"]);
    assert_eq!(forge.written(), std::slice::from_ref(&report));
    assert_eq!(runner.read("summary.md"), report);
    insta::assert_snapshot!("comment", report);

    // The next push replaces it.
    Action::run(&runner, "pull_request", &inputs).succeeded();
    assert_eq!(forge.written().len(), 1);
    let asked = forge.asked();
    assert!(asked.iter().all(|asked| asked.token == format!("Bearer {TOKEN_OF_JOB}")), "{asked:?}");
    let written: Vec<_> = asked
        .iter()
        .filter(|asked| asked.method != "GET")
        .map(|asked| (&*asked.method, &*asked.path))
        .collect();
    assert_eq!(
        written,
        [("POST", "/repos/acme/shop/issues/7/comments"), ("PATCH", "/repos/acme/shop/issues/comments/120"),]
    );
}

#[test]
fn a_plan_that_fails_says_why_in_the_pull_request() {
    let forge = Forge::start(0);
    let mut runner = runner(&forge);
    runner.set(&variable("IMAGE"), "ghcr.io/acme/internal:latest");
    let action = Action::run(&runner, "pull_request", &[("command", "plan"), ("environment", "local")]);
    assert!(action.failed);
    assert_eq!(action.outputs["changes"], "");
    let [comment] = forge.written().try_into().unwrap();
    assert!(comment.contains("may not pull acme/internal"), "{comment}");
    assert!(!comment.contains(TOKEN.trim()));
    let printed = action.scripts.iter().map(Ended::printed).collect::<String>();
    assert!(printed.contains("\n::error title=longshore plan::"), "{printed}");
    // Text by others is between these two lines, so that it is no command.
    let (_, paused) = printed.split_once("::stop-commands::").unwrap();
    let (token, _) = paused.split_once('\n').unwrap();
    assert!(token.len() == 32 && paused.contains(&format!("\n::{token}::\n")), "{printed}");
}

#[test]
fn what_was_merged_is_planned_and_that_plan_is_deployed() {
    let forge = Forge::start(0);
    let runner = runner(&forge);
    let role = ("role-to-assume", "arn:aws:iam::123456789012:role/longshore-deploy");
    let inputs =
        |command| [("command", command), ("environment", "local"), role, ("aws-region", "eu-central-1")];

    let planned = Action::run(&runner, "push", &inputs("plan")).succeeded();
    assert_eq!(planned.outputs["changes"], "true");
    let deployed = Action::run(&runner, "push", &inputs("deploy")).succeeded();
    assert!(runner.read("summary.md").contains("2 of 2 tasks running"));
    let (uses, with) = &deployed.used[0];
    assert!(uses.starts_with("aws-actions/configure-aws-credentials@"), "{uses}");
    assert_eq!((with["role-to-assume"].as_str(), with["aws-region"].as_str()), (role.1, "eu-central-1"));

    let again = Action::run(&runner, "push", &inputs("plan")).succeeded();
    assert_eq!(again.outputs["changes"], "false");
    for command in ["drift", "credentials"] {
        Action::run(&runner, "schedule", &inputs(command)).succeeded();
    }
    assert!(forge.asked().is_empty(), "there is no pull request to comment on");
}

#[test]
fn a_plan_that_is_out_of_date_is_not_deployed() {
    let forge = Forge::start(0);
    let mut runner = runner(&forge);
    let inputs = |command| [("command", command), ("environment", "local")];
    runner.project.longshore(&["deploy"]).code(0);
    runner.set(&variable("MEMORY"), "1024");
    Action::run(&runner, "push", &inputs("plan")).succeeded();
    runner.set(&variable("MEMORY"), "2048");
    let deployed = Action::run(&runner, "push", &inputs("deploy"));
    assert!(deployed.failed);
    let said = runner.read("summary.md");
    assert!(said.contains("1024") && said.contains("2048"), "{said}");
    assert_eq!(runner.project.longshore(&["plan", "--detailed-exitcode"]).code, 0, "nothing was changed");
}

#[test]
fn drift_and_credentials_fail_where_there_is_something_to_tell() {
    let forge = Forge::start(0);
    let mut runner = runner(&forge);
    let inputs = |command| [("command", command), ("environment", "local")];
    // Nothing is deployed, so everything is missing.
    for command in ["drift", "credentials"] {
        assert!(Action::run(&runner, "schedule", &inputs(command)).failed, "{command}");
    }
    assert!(runner.read("summary.md").contains("not stored yet"));

    runner.project.longshore(&["deploy"]).code(0);
    Action::run(&runner, "schedule", &inputs("drift")).succeeded();
    runner.set(&variable("DESIRED_COUNT"), "3");
    let drift = Action::run(&runner, "schedule", &inputs("drift"));
    assert_eq!(drift.scripts.last().unwrap().code, 2, "{:?}", drift.scripts);
}
