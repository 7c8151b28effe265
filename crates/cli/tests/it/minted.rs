//! Tokens that are made for a stack at GitLab, from the first deployment to the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use longshore_cli::Exit;
use longshore_published::{GITLAB, PublishedApi, Server, Verdict, respond};
use serde_json::{Value, json};

use crate::project::{Project, Ran};

const BASE: &str = r#"
stack = "shop"
aws.region = "eu-central-1"

[registries.NAME]
use = "gitlab"
host = "git.example.com:5050"
api = "API"
token = { file = "maintainer" }
mint = { project = "acme/api", expires-days = 90 }

[services.api]
image = "git.example.com:5050/acme/api:1"
memory = 512

[cloud]
embedded = true
[cloud.registries."git.example.com:5050"]
users."gitlab+deploy-token-1".password = { file = "1" }
users."gitlab+deploy-token-2".password = { file = "2" }
users."gitlab+deploy-token-3".password = { file = "3" }
repositories."acme/api" = { readers = ["gitlab+deploy-token-1", "gitlab+deploy-token-2"], tags.1 = {} }
"#;

const MAINTAINER: &str = "glpat-M41nta1n3r";

fn password(id: usize) -> String {
    format!("gldt-D3pl0yT0k3nNumber{id}")
}

/// The deploy tokens API of GitLab: <https://docs.gitlab.com/api/deploy_tokens/>. Requests and answers are held against
/// GitLab's specification.
struct GitLab {
    /// The URL at which it answers.
    url: String,
    state: Arc<State>,
    /// Fails the test at its end, if something passed that is not as GitLab publishes it.
    _verdict: Verdict,
}

struct State {
    published: PublishedApi,
    made: Mutex<usize>,
    tokens: Mutex<BTreeMap<usize, Value>>,
}

impl GitLab {
    fn start() -> Self {
        let published = PublishedApi::read(GITLAB);
        let verdict = published.verdict();
        let state = Arc::new(State { published, made: Mutex::default(), tokens: Mutex::default() });
        let shared = state.clone();
        let server = Server::start(None, move |request| shared.serve(request));
        Self { url: format!("http://{}", server.address), state, _verdict: verdict }
    }

    fn valid(&self) -> Vec<usize> {
        self.state.tokens.lock().unwrap().keys().copied().collect()
    }
}

impl State {
    fn serve(&self, request: &Request<Bytes>) -> Response<String> {
        let (status, answer) = if request.headers().get("private-token").is_some_and(|own| own == MAINTAINER)
        {
            self.answer(request)
        } else {
            (401, json!({"message": "401 Unauthorized"}))
        };
        let body = if status == 204 { String::new() } else { answer.to_string() };
        let answer = respond(status, &[], &body);
        self.published.exchange(request, &answer);
        answer
    }

    fn answer(&self, request: &Request<Bytes>) -> (u16, Value) {
        let Some(path) = request.uri().path().strip_prefix("/api/v4/projects/") else {
            return (404, json!({"message": "404 Not found"}));
        };
        let mut tokens = self.tokens.lock().unwrap();
        match (request.method().as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", ["acme%2Fapi"]) => (200, project()),
            ("GET", ["7", "deploy_tokens"]) => (200, tokens.values().cloned().collect()),
            ("POST", ["7", "deploy_tokens"]) => {
                let mut made = self.made.lock().unwrap();
                *made += 1;
                let mut token: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                token["id"] = json!(*made);
                token["username"] = json!(format!("gitlab+deploy-token-{made}"));
                token["revoked"] = json!(false);
                token["expired"] = json!(false);
                tokens.insert(*made, token.clone());
                token["token"] = json!(password(*made));
                (201, token)
            }
            ("DELETE", ["7", "deploy_tokens", id]) => match tokens.remove(&id.parse().unwrap()) {
                Some(_) => (204, Value::Null),
                None => (404, json!({"message": "404 Not found"})),
            },
            _ => (404, json!({"message": "404 Not found"})),
        }
    }
}

fn project() -> Value {
    let url = "https://git.example.com";
    json!({
        "id": 7,
        "name": "api",
        "name_with_namespace": "acme / api",
        "path": "api",
        "path_with_namespace": "acme/api",
        "web_url": format!("{url}/acme/api"),
        "namespace": {
            "id": 3,
            "name": "acme",
            "path": "acme",
            "kind": "group",
            "full_path": "acme",
            "parent_id": null,
            "avatar_url": null,
            "web_url": format!("{url}/groups/acme"),
        },
        "visibility": "private",
    })
}

fn prepare(project: &Project, base: &str) {
    project.write("configs/base.toml", base);
    project.write("configs/local.toml", "");
    project.write("configs/maintainer", MAINTAINER);
    for id in 1..=3 {
        project.write(&format!("configs/{id}"), &password(id));
    }
}

fn run(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.run(arguments);
    for secret in (1..=3).map(password).chain([MAINTAINER.to_owned()]) {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "a token is shown");
    }
    ran
}

/// The secret as the state file of the simulated cloud has it.
fn state(project: &Project) -> String {
    std::fs::read_to_string(project.path(".longshore/cloud-local.json")).unwrap()
}

#[test]
fn a_token_is_made_rotated_and_revoked() {
    let gitlab = GitLab::start();
    let project = Project::new();
    let base = BASE.replace("NAME", "gitlab").replace("API", &gitlab.url);
    prepare(&project, &base);

    let plan = run(&project, &["plan", "-vvv"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    assert!(plan.stdout.contains("no token is stored"), "{}", plan.stdout);
    assert!(gitlab.valid().is_empty(), "a plan makes nothing");
    let deploy = run(&project, &["deploy", "-vvv"]);
    assert_eq!(deploy.exit, Exit::Done, "{}\n{}", deploy.stdout, deploy.stderr);
    assert!(deploy.stdout.contains("1 of 1 task running"), "{}", deploy.stdout);
    assert_eq!(gitlab.valid(), [1]);
    assert_eq!(run(&project, &["plan", "--detailed-exitcode"]).exit, Exit::Done, "the token still serves");

    let watched = run(&project, &["credentials", "--fail-within", "14d"]);
    assert_eq!(watched.exit, Exit::Done, "{}", watched.stderr);
    assert!(watched.stdout.contains("token projects/7/1, made for this stack"), "{}", watched.stdout);
    assert!(watched.stdout.contains("in 89d"), "{}", watched.stdout);
    let watched = run(&project, &["credentials", "--fail-within", "13w"]);
    assert_eq!(watched.exit, Exit::Failed);
    assert!(watched.stderr.contains("`gitlab` of git.example.com:5050 expires in 89d"), "{}", watched.stderr);

    let rotated = run(&project, &["rotate", "gitlab", "--grace", "10m", "-vvv"]);
    assert_eq!(rotated.exit, Exit::Done, "{}", rotated.stderr);
    assert!(rotated.stdout.contains("in 10m"), "the old token stays for a time: {}", rotated.stdout);
    assert_eq!(gitlab.valid(), [2]);

    // The third one may not pull the image.
    let refused = run(&project, &["rotate"]);
    assert_eq!(refused.exit, Exit::Failed, "{}", refused.stdout);
    assert!(refused.stderr.contains("the new token projects/7/3 was revoked"), "{}", refused.stderr);
    assert_eq!(gitlab.valid(), [2]);
    let state = state(&project);
    let value: Value = serde_json::from_str(&state).unwrap();
    let text = value["world"]["secrets"].to_string();
    assert!(text.contains("projects/7/2") && !text.contains("AWSPENDING"), "{text}");
    assert_eq!(run(&project, &["plan", "--detailed-exitcode"]).exit, Exit::Done, "all is as it was");

    let destroyed = run(&project, &["destroy", "--yes"]);
    assert_eq!(destroyed.exit, Exit::Done, "{}", destroyed.stderr);
    assert!(destroyed.stdout.contains("the token projects/7/2 will be revoked"), "{}", destroyed.stdout);
    assert!(gitlab.valid().is_empty());
}

#[test]
fn a_registry_that_leaves_takes_its_token_along() {
    let gitlab = GitLab::start();
    let project = Project::new();
    let base = BASE.replace("API", &gitlab.url);
    prepare(&project, &base.replace("NAME", "gitlab"));
    let deploy = || {
        let deploy = run(&project, &["deploy", "--prune"]);
        assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
        deploy
    };
    deploy();
    assert_eq!(gitlab.valid(), [1]);

    // Under another name it has another secret, for which another token is made; it revokes the one before.
    let renamed = base.replace("NAME", "git");
    project.write("configs/base.toml", &renamed);
    let deployed = deploy();
    assert!(deployed.stdout.contains("projects/7/1 of secret longshore/shop/gitlab/pull will be revoked"));
    assert_eq!(gitlab.valid(), [2]);

    let is_registry = |block: &&str| block.starts_with("[registries.");
    let is_service = |block: &&str| block.starts_with("[services.");
    let blocks: Vec<_> = renamed.split("\n\n").filter(|block| !is_service(block)).collect();
    let gone: Vec<_> = blocks.iter().copied().filter(|block| !is_registry(block)).collect();
    project.write("configs/base.toml", &gone.join("\n\n"));
    let deployed = deploy();
    let told = "longshore/shop/git/pull stays, because the token projects/7/2 (issued by gitlab 127.0.0.1:";
    assert!(deployed.stderr.contains(told), "{}", deployed.stderr);
    assert!(deployed.stderr.contains("bring [registries.git] back with `removed = true`"));
    assert_eq!(run(&project, &["plan", "--detailed-exitcode"]).exit, Exit::Done);
    assert_eq!(gitlab.valid(), [2]);

    let removed = blocks.join("\n\n").replace("[registries.git]", "[registries.git]\nremoved = true");
    project.write("configs/base.toml", &removed);
    let plan = run(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes);
    assert!(
        plan.stdout.contains("projects/7/2 of secret longshore/shop/git/pull will be revoked"),
        "{}",
        plan.stdout
    );
    deploy();
    assert!(gitlab.valid().is_empty());
    let plan = run(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Done);
    let told = "nothing is left of the registry `git`: remove [registries.git]";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    assert_eq!(run(&project, &["credentials"]).exit, Exit::Done, "it is no registry that could be looked at");
}
