//! The account of a stack, half of it at LocalStack and half at moto: what the agent of ECS looks up there, and what is left
//! of the stack.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ecs::types::TaskDefinition;
use aws_types::SdkConfig;
use longshore_aws::network;
use longshore_net::Trust;

use super::stack::{ACCOUNT, REGION};

/// The account's clients, each where Longshore's own goes.
pub(super) struct Account {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) parameters: aws_sdk_ssm::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
}

impl Account {
    pub(super) fn at(localstack: &str, moto: &str) -> Self {
        let (localstack, moto) = (config(localstack), config(moto));
        Self {
            ecs: aws_sdk_ecs::Client::new(&moto),
            iam: aws_sdk_iam::Client::new(&localstack),
            logs: aws_sdk_cloudwatchlogs::Client::new(&localstack),
            parameters: aws_sdk_ssm::Client::new(&localstack),
            secrets: aws_sdk_secretsmanager::Client::new(&localstack),
        }
    }

    /// The task definition that a service runs.
    pub(super) async fn task_definition(&self, cluster: &str, service: &str) -> TaskDefinition {
        let services = self.ecs.describe_services().cluster(cluster).services(service).send().await.unwrap();
        let arn = services.services()[0].task_definition().unwrap();
        let described = self.ecs.describe_task_definition().task_definition(arn).send().await.unwrap();
        described.task_definition.unwrap()
    }

    /// The ARNs of the secrets that are there and not about to be deleted.
    pub(super) async fn secrets(&self) -> Vec<String> {
        let listed = self.secrets.list_secrets().send().await.unwrap();
        listed.secret_list().iter().map(|secret| secret.arn().unwrap().to_owned()).collect()
    }

    /// Returns the remains of a stack whose cluster has its name.
    pub(super) async fn left_of(&self, stack: &str) -> Vec<String> {
        let mut left = self.secrets().await;
        let clusters = self.ecs.describe_clusters().clusters(stack).send().await.unwrap();
        let clusters = clusters.clusters().iter().filter(|cluster| cluster.status() == Some("ACTIVE"));
        left.extend(clusters.filter_map(|cluster| cluster.cluster_arn().map(str::to_owned)));
        let definitions = self.ecs.list_task_definitions().send().await.unwrap();
        left.extend_from_slice(definitions.task_definition_arns());
        let roles = self.iam.list_roles().send().await.unwrap();
        left.extend(roles.roles().iter().map(|role| role.arn().to_owned()));
        let groups = self.logs.describe_log_groups().send().await.unwrap();
        left.extend(groups.log_groups().iter().filter_map(|group| group.arn().map(str::to_owned)));
        let parameters = self.parameters.describe_parameters().send().await.unwrap();
        left.extend(
            parameters.parameters().iter().filter_map(|parameter| parameter.arn().map(str::to_owned)),
        );
        left.retain(|arn| arn.contains(stack));
        left
    }
}

/// The configuration of clients of one server. An access key that looks like an account is the account, at LocalStack.
fn config(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(ACCOUNT, "test", None)))
        .http_client(network(Trust::of_system()))
        .endpoint_url(url)
        .build()
}
