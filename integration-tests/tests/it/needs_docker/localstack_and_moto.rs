//! The stack of `configs/` with two more registries, deployed by the program into an account that is half LocalStack and
//! half moto, from real registries; and then pulled by the part of ECS's agent, with what it finds in the account.
//!
//! - Real: the program, its configuration, and both registries (the distribution project's), each with its own kind of
//!   login. Each registry of the stack has another user, whom the token server gives tokens for one repository only.
//! - Emulated: LocalStack has everything but ECS, which it has no licence for, and EC2, because moto's ECS looks for subnets
//!   at moto.
//! - Played by the test: the agent. moto starts no tasks, so that services succeed which want none, and others fail at their
//!   deadline.

use longshore_integration_tests::{
    containers::{LOCALSTACK, MOTO, REGISTRY_HTPASSWD, REGISTRY_TOKENS, TOKEN_SERVER},
    registry::PULLER,
};

use super::{
    account::Account,
    container,
    stack::{GHCR_IMAGE, GITLAB_IMAGE, HUB_IMAGE, Host, Stack, WEB, WITHOUT_TASKS},
    start::expect_start,
};
use crate::{
    longshore::{Project, SERVICE, TOKEN},
    registry::{
        Index, Tokens,
        pull::{Login, Refused, pull},
    },
};

fn stack(name: &'static str) -> Stack {
    Stack {
        name,
        mirror: Host::everywhere(container(REGISTRY_TOKENS)),
        gitlab: Host::everywhere(container(REGISTRY_HTPASSWD)),
        ghcr_login: Login::new("jonashackt", TOKEN.trim()),
        hub_login: Login::new("acme", "dckr_pat_simulatedHubSimulatedHub"),
        gitlab_login: Login::new(PULLER.name, PULLER.password),
    }
}

async fn fill(stack: &Stack) -> Index {
    stack.fill(Some(&Tokens::new(&container(TOKEN_SERVER)))).await
}

fn project(stack: &Stack) -> Project {
    let (localstack, moto) = (container(LOCALSTACK), container(MOTO));
    let project = stack.project().variable("AWS_ENDPOINT_URL", &localstack);
    project.variable("AWS_ENDPOINT_URL_ECS", &moto).variable("AWS_ENDPOINT_URL_EC2", &moto)
}

/// That secrets are not mixed up shows, because no credential pulls what another one is for.
async fn expect_that_registries_tell_their_users_apart(stack: &Stack) {
    let of = [(GHCR_IMAGE, &stack.mirror), (HUB_IMAGE, &stack.mirror), (GITLAB_IMAGE, &stack.gitlab)];
    let logins = [&stack.ghcr_login, &stack.hub_login, &stack.gitlab_login];
    for (own, ((repository, tag), host)) in of.into_iter().enumerate() {
        for (_, login) in logins.into_iter().enumerate().filter(|(other, _)| *other != own) {
            let pulled = pull(&host.here, repository, tag, "amd64", login).await;
            assert_eq!(pulled.unwrap_err(), Refused(401), "{repository} as {}", login.username);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_image_is_pulled_with_what_the_deploy_left() {
    let stack = stack("emulated");
    let index = fill(&stack).await;
    expect_that_registries_tell_their_users_apart(&stack).await;
    let project = project(&stack);
    let longshore = |arguments: &[&str]| project.longshore(&[arguments, &WITHOUT_TASKS].concat()).code(0);
    let deploy = longshore(&["deploy", "-vvv"]);
    stack.expect_secrecy(&deploy.printed());
    assert!(deploy.stdout.contains("web: 0 of 0 tasks running"), "{}", deploy.stdout);
    let plan = longshore(&["plan", "--detailed-exitcode"]);
    assert!(plan.stdout.contains("There is nothing to change"), "{}", plan.stdout);

    let account = Account::at(&container(LOCALSTACK), &container(MOTO));
    // A secret whose name begins like that of one of the stack's.
    let neighbour = account.secrets.create_secret().name("longshore/emulated/ghcr/pull2").secret_string("{}");
    let neighbour = neighbour.send().await.unwrap().arn.unwrap();
    expect_start(&account, &stack, SERVICE, &[&stack.ghcr_login], &index).await;
    expect_start(&account, &stack, WEB, &[&stack.hub_login, &stack.gitlab_login], &index).await;

    longshore(&["destroy", "--yes"]);
    assert_eq!(account.left_of(stack.name).await, [neighbour.as_str()]);
    let delete = account.secrets.delete_secret().secret_id(neighbour).force_delete_without_recovery(true);
    delete.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_at_the_deadline_but_tasks() {
    let stack = stack("taskless");
    fill(&stack).await;
    let project = project(&stack);
    let timeouts = [SERVICE, WEB].map(|service| format!("services.{service}.deployment.timeout=5s"));
    let deploy = project.longshore(&["deploy", "--set", &timeouts[0], "--set", &timeouts[1]]).code(1);
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
