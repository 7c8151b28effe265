//! The stack of `configs/` with two more registries, deployed by the program into an account that is half LocalStack and
//! half moto, from real registries; and then pulled by the part of ECS's agent, with what it finds in the account.
//!
//! - Real: the program, its configuration, and both registries (the distribution project's), each with its own kind of
//!   login. Each registry of the stack has another user, whom the token server gives tokens for one repository only.
//! - Emulated: LocalStack has everything but ECS, which it has no licence for, and EC2, because moto's ECS looks for subnets
//!   at moto.
//! - Played by the test: the agent. moto starts no tasks, so that services succeed which want none, and others fail at their
//!   deadline.

use std::collections::BTreeSet;

use longshore_integration_tests::{
    containers::{LOCALSTACK, MOTO, REGISTRY_HTPASSWD, REGISTRY_TOKENS, TOKEN_SERVER},
    registry::PULLER,
    token_server::Grant,
};

use super::{
    account::Account,
    agent::Agent,
    container,
    stack::{ACCOUNT, GHCR_IMAGE, GITLAB_IMAGE, HUB_IMAGE, Stack, WEB},
};
use crate::{
    longshore::{Project, SERVICE, TOKEN},
    registry::{
        Index, Tokens,
        pull::{Login, Refused, pull},
        pusher,
    },
};

/// What a deploy is told where no tasks can be had.
const WITHOUT_TASKS: [&str; 4] = [
    "--set",
    "services.microservice-api-spring-boot.desired-count=0",
    "--set",
    "services.web.desired-count=0",
];

fn login(username: &str, password: &str) -> Login {
    Login { username: username.to_owned(), password: password.to_owned() }
}

fn stack(name: &'static str) -> Stack {
    Stack {
        name,
        mirror: format!("http://{}", container(REGISTRY_TOKENS)),
        gitlab: container(REGISTRY_HTPASSWD),
        ghcr_login: login("jonashackt", TOKEN.trim()),
        hub_login: login("acme", "dckr_pat_simulatedHubSimulatedHub"),
        gitlab_login: login(PULLER.name, PULLER.password),
    }
}

/// Pushes the images of a stack, and lets its users pull. They are the same image, in three repositories.
async fn fill(stack: &Stack) -> Index {
    let tokens = Tokens::new(&container(TOKEN_SERVER));
    for ((repository, tag), login) in [(GHCR_IMAGE, &stack.ghcr_login), (HUB_IMAGE, &stack.hub_login)] {
        let pusher = pusher(&container(REGISTRY_TOKENS), Some(&tokens), repository).await;
        pusher.image_for_both(tag).await;
        let (user, password) = (Some(login.username.clone()), Some(login.password.clone()));
        tokens.grant(&Grant { user, password, repository: repository.to_owned() }).await;
    }
    let (repository, tag) = GITLAB_IMAGE;
    pusher(&container(REGISTRY_HTPASSWD), None, repository).await.image_for_both(tag).await
}

fn project(stack: &Stack) -> Project {
    let (localstack, moto) = (container(LOCALSTACK), container(MOTO));
    let project = stack.project().variable("AWS_ENDPOINT_URL", &localstack);
    project.variable("AWS_ENDPOINT_URL_ECS", &moto).variable("AWS_ENDPOINT_URL_EC2", &moto)
}

/// Plays the agent that starts a task of a service, whose credentials are these.
async fn expect_pulls(account: &Account, stack: &Stack, service: &str, logins: &[&Login], index: &Index) {
    let agent = Agent::of(account, stack.name, service).await;
    assert!(agent.is_trusted("ecs-tasks.amazonaws.com", ACCOUNT).await);
    assert!(!agent.is_trusted("ecs-tasks.amazonaws.com", "210987654321").await);
    assert!(!agent.is_trusted("ec2.amazonaws.com", ACCOUNT).await);

    let containers = agent.containers();
    let secrets: BTreeSet<_> = containers.iter().map(|container| container.secret.clone()).collect();
    assert_eq!(agent.readable().await, secrets);
    for secret in &secrets {
        assert!(!agent.may("secretsmanager:PutSecretValue", secret).await);
    }

    assert_eq!(containers.len(), logins.len());
    for (container, expected) in containers.iter().zip(logins) {
        let found = agent.read(&container.secret).await;
        assert_eq!(&&found, expected);
        let (url, repository, tag) = stack.place(&container.image);
        let pulled = pull(&url, repository, tag, "amd64", &found).await.unwrap();
        assert_eq!((pulled.index, pulled.manifest), (index.digest.clone(), index.amd64.clone()));
        assert_eq!(pulled.files["etc/platform"], "linux/amd64\n");

        // With anything else it is refused.
        let others = [&stack.ghcr_login, &stack.hub_login, &stack.gitlab_login].into_iter();
        let mut wrong: Vec<_> = others.filter(|other| **other != found).cloned().collect();
        wrong.push(login(&found.username, "wrong-horse"));
        for wrong in &wrong {
            let Refused(status) = pull(&url, repository, tag, "amd64", wrong).await.unwrap_err();
            assert_eq!(status, 401, "{}", wrong.username);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_image_is_pulled_with_what_the_deploy_left() {
    let stack = stack("emulated");
    let index = fill(&stack).await;
    let project = project(&stack);
    let longshore = |arguments: &[&str]| project.longshore(&[arguments, &WITHOUT_TASKS].concat()).code(0);
    let deploy = longshore(&["deploy", "-vvv"]);
    stack.expect_secrecy(&deploy.printed());
    assert!(deploy.stdout.contains("web: 0 of 0 tasks running"), "{}", deploy.stdout);
    let plan = longshore(&["plan", "--detailed-exitcode"]);
    assert!(plan.stdout.contains("There is nothing to change"), "{}", plan.stdout);

    let account = Account::at(&container(LOCALSTACK), &container(MOTO));
    let neighbour = account.secrets.create_secret().name("longshore/emulated/ghcr/pull2").secret_string("{}");
    let neighbour = neighbour.send().await.unwrap().arn.unwrap();
    expect_pulls(&account, &stack, SERVICE, &[&stack.ghcr_login], &index).await;
    expect_pulls(&account, &stack, WEB, &[&stack.hub_login, &stack.gitlab_login], &index).await;

    longshore(&["destroy", "--yes"]);
    assert_eq!(account.left_of(stack.name).await, [neighbour]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_at_the_deadline_but_tasks() {
    let stack = stack("taskless");
    fill(&stack).await;
    let project = project(&stack);
    let deploy = project.longshore(&["deploy"]).code(1);
    for said in ["0 of 2 tasks are running, and ECS reports no task that starts", "0 of 1 task is running"] {
        assert!(deploy.stderr.contains(said), "{}", deploy.stderr);
    }
    let account = Account::at(&container(LOCALSTACK), &container(MOTO));
    let there = account.left_of(stack.name).await;
    for (kind, count) in
        [(":secret:", 3), (":cluster/", 1), (":task-definition/", 2), (":role/", 2), (":log-group:", 2)]
    {
        assert_eq!(there.iter().filter(|arn| arn.contains(kind)).count(), count, "{kind} {there:?}");
    }
    project.longshore(&["destroy", "--yes"]).code(0);
    assert_eq!(account.left_of(stack.name).await, Vec::<String>::new());
}
