//! The steps in which ECS starts a task of a service, as far as its agent goes: it takes on the role, reads the
//! credentials, and pulls the images.

use std::collections::BTreeSet;

use super::{
    account::Account,
    agent::Agent,
    stack::{ACCOUNT, Stack},
};
use crate::registry::{
    Index,
    pull::{Login, Refused, pull},
};

/// Starts a task of a service. Its containers have the images and the credentials that are expected, in their order, and
/// its role is for nothing else.
pub(super) async fn expect_start(
    account: &Account,
    stack: &Stack,
    service: &str,
    logins: &[&Login],
    index: &Index,
) {
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
        let (host, repository, tag) = stack.place(&container.image);
        let pulled = pull(host, repository, tag, "amd64", &found).await.unwrap();
        assert_eq!((pulled.index, pulled.manifest), (index.digest.clone(), index.amd64.clone()));
        assert_eq!(pulled.files["etc/platform"], "linux/amd64\n");
        let wrong = Login::new(&found.username, "wrong-horse");
        assert_eq!(pull(host, repository, tag, "amd64", &wrong).await.unwrap_err(), Refused(401));
    }
}
