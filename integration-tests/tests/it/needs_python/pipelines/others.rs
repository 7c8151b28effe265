//! The scripts of the pipelines for GitLab, CircleCI and Buildkite.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{forge::Forge, read, runner::Runner};
use crate::longshore::Ended;

/// The lines of a script: a text, or several.
fn lines(script: &Value) -> Vec<String> {
    match script {
        Value::Null => Vec::new(),
        Value::String(line) => vec![line.clone()],
        lines => lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect(),
    }
}

/// Text by name, from a map of the file.
fn variables(map: &Value) -> BTreeMap<String, String> {
    let map = map.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// Replaces `$NAME` in values of the file, as GitLab does.
fn expand(
    mut values: BTreeMap<String, String>,
    known: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    for value in values.values_mut() {
        if let Some(name) = value.strip_prefix('$') {
            *value = known[name].clone();
        }
    }
    values
}

struct GitLab {
    runner: Runner,
    file: Value,
}

impl GitLab {
    fn new(forge: &Forge) -> Self {
        let mut runner = Runner::new();
        for (name, value) in [
            ("CI_API_V4_URL", forge.url.as_str()),
            ("CI_PROJECT_ID", "42"),
            ("GITLAB_TOKEN", "glpat-of-a-bot"),
            ("AWS_TOKEN", "an-identity-token"),
        ] {
            runner.set(name, value);
        }
        Self { runner, file: read("gitlab/longshore.gitlab-ci.yml") }
    }

    /// Runs a job: both scripts in one shell, and then `after_script` in another, whatever became of the first.
    fn job(&self, name: &str, of_pipeline: &[(&str, &str)]) -> Ended {
        let job = &self.file[name];
        let base = &self.file[job["extends"].as_str().unwrap()];
        let global = variables(&self.file["variables"]);
        let mut all = expand(variables(&job["variables"]), &global);
        all.extend(global);
        // Here is but one environment that needs no account.
        all.insert("LONGSHORE_ENV".to_owned(), "local".to_owned());
        all.extend(of_pipeline.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let script = [lines(&base["before_script"]), lines(&job["script"])].concat().join("\n");
        let ended = self.runner.bash(&script, &all);
        let after = lines(&job["after_script"]).join("\n");
        self.runner.bash(&after, &all).code(0);
        ended
    }
}

#[test]
fn gitlab_comments_on_the_merge_request_and_deploys_the_plan() {
    let forge = Forge::start(3);
    let gitlab = GitLab::new(&forge);
    let merge_request = [("CI_MERGE_REQUEST_IID", "5")];
    for _ in 0..2 {
        gitlab.job("longshore-plan", &merge_request).code(0);
    }
    let [note] = forge.written().try_into().unwrap();
    assert_eq!(note, gitlab.runner.read("longshore-report.md"));
    let asked = forge.asked();
    assert!(asked.iter().all(|asked| asked.token == "glpat-of-a-bot"), "{asked:?}");
    let written: Vec<_> =
        asked.iter().filter(|asked| asked.method != "GET").map(|asked| &*asked.path).collect();
    assert_eq!(written, ["/projects/42/merge_requests/5/notes", "/projects/42/merge_requests/5/notes/3"]);

    // Nothing is deployed: each of them fails for a reason of its own.
    gitlab.job("longshore-drift", &[]).code(2);
    let unstored = gitlab.job("longshore-credentials", &[]).code(1);
    assert!(unstored.stdout.contains("not stored yet"), "{}", unstored.stdout);
    gitlab.job("longshore-plan", &[]).code(0);
    let deployed = gitlab.job("longshore-deploy", &[]).code(0);
    assert!(deployed.stdout.contains("2 of 2 tasks running"), "{}", deployed.stdout);
    gitlab.job("longshore-drift", &[]).code(0);
    let checked = gitlab.job("longshore-credentials", &[]).code(0);
    assert!(checked.stdout.contains("PULL CHECK"), "{}", checked.stdout);
    assert_eq!(asked.len(), forge.asked().len(), "there is no merge request to comment on");
}

#[test]
fn gitlab_comments_where_a_plan_failed_too() {
    let forge = Forge::start(0);
    let gitlab = GitLab::new(&forge);
    let wrong = ("LONGSHORE_REGISTRIES__GHCR__USERNAME", "somebody");
    gitlab.job("longshore-plan", &[("CI_MERGE_REQUEST_IID", "5"), wrong]).code(1);
    let [note] = forge.written().try_into().unwrap();
    assert!(note.contains("somebody"), "{note}");
}

#[test]
fn circleci_deploys_what_was_planned() {
    let mut runner = Runner::new();
    let bash_env = runner.file("bash-env").display().to_string();
    fs::write(&bash_env, "").unwrap();
    runner.set("BASH_ENV", bash_env);
    runner.set("CIRCLE_OIDC_TOKEN_V2", "an-identity-token");
    let file = read("circleci/config.yml");
    let executor = variables(&file["executors"]["longshore"]["environment"]);
    assert_eq!(executor["LONGSHORE_ENV"], "production");
    runner.set("LONGSHORE_ENV", "local");
    let job = |name: &str| {
        for step in file["jobs"][name]["steps"].as_array().unwrap() {
            if let Some(run) = step.get("run") {
                runner.bash(run["command"].as_str().unwrap(), &BTreeMap::new()).code(0);
            } else if let Some(given) = step.get("assume-role") {
                let run = &file["commands"]["assume-role"]["steps"][0]["run"];
                assert_eq!(run["environment"]["ROLE"], "<< parameters.role >>");
                let role = BTreeMap::from([("ROLE".to_owned(), given["role"].as_str().unwrap().to_owned())]);
                runner.bash(run["command"].as_str().unwrap(), &role).code(0);
            }
        }
    };
    for name in ["plan", "deploy"] {
        job(name);
        // Every step that follows has the role and the token.
        let seen =
            runner.bash("cat \"$AWS_WEB_IDENTITY_TOKEN_FILE\"; echo \" $AWS_ROLE_ARN\"", &BTreeMap::new());
        let role = format!("an-identity-token arn:aws:iam::123456789012:role/longshore-{name}\n");
        assert_eq!(seen.code(0).stdout, role);
    }
    assert!(runner.read("longshore-report.md").contains("2 of 2 tasks running"));
    job("check");
}

/// Keeps what it is called with, and plays the store of artifacts: all steps run in one checkout.
const AGENT: &str = r#"#!/bin/sh
echo "$@" >>agent.log
case "$1" in
  annotate) cat >annotation.md ;;
  oidc) echo an-identity-token ;;
esac
"#;

#[test]
fn buildkite_shows_the_plan_and_deploys_it_when_it_is_approved() {
    let mut runner = Runner::new();
    runner.install("buildkite-agent", AGENT);
    runner.set("BUILDKITE", "true");
    let file = read("buildkite/pipeline.yml");
    assert_eq!(file["env"]["LONGSHORE_ENV"], "production");
    runner.set("LONGSHORE_ENV", "local");
    let job = |label: &str| {
        let steps = file["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["label"] == label).unwrap();
        // The upload of a pipeline replaces $NAME, and makes $ of $$.
        let script = lines(&step["commands"]).join("\n");
        assert!(!script.replace("$$", "").contains('$'), "replaced too early: {script}");
        runner.bash(&script.replace("$$", "$"), &variables(&step["env"]))
    };
    job("drift").code(2);
    job("credentials").code(1);
    job("plan").code(0);
    assert_eq!(runner.read("annotation.md"), runner.read("longshore-report.md"));
    assert!(job("deploy").code(0).stdout.contains("2 of 2 tasks running"));
    job("drift").code(0);
    job("credentials").code(0);
    let log = runner.read("agent.log");
    assert!(log.contains("artifact download longshore.plan.json ."), "{log}");

    runner.set("LONGSHORE_REGISTRIES__GHCR__USERNAME", "somebody");
    let step = file["steps"].as_array().unwrap().iter().find(|step| step["label"] == "plan").unwrap();
    let script = lines(&step["commands"]).join("\n").replace("$$", "$");
    runner.bash(&script, &variables(&step["env"])).code(1);
    assert!(runner.read("annotation.md").contains("somebody"));
}
