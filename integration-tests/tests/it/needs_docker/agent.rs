//! The part of ECS's agent: what it does with a task definition before a container starts. It is told nothing but the
//! names of the cluster and the service, and finds everything else in the account.
//!
//! LocalStack without a licence does not enforce a role's policies, so the agent asks before it does anything:
//! LocalStack's policy simulator and the policy language of the simulated cloud have to agree. The trust policy, which
//! no simulator takes, is judged by the latter alone.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::TaskDefinition;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use longshore_simcloud::policy::{Context, Decision, Document, Kind, Request, Who};
use serde::Deserialize;

use super::{
    account::Account,
    stack::{ACCOUNT, REGION},
};
use crate::registry::pull::Login;

const READ: &str = "secretsmanager:GetSecretValue";

/// The task that the agent is about to start.
pub(super) struct Agent<'a> {
    account: &'a Account,
    cluster: &'a str,
    task: TaskDefinition,
    /// The policies of the execution role.
    policies: Vec<Document>,
}

/// A container that has a private image.
pub(super) struct Container {
    pub(super) image: String,
    /// The ARN of the secret with its registry's credential.
    pub(super) secret: String,
}

impl<'a> Agent<'a> {
    /// Looks up what a service is to run, and the role that goes with it.
    pub(super) async fn of(account: &'a Account, cluster: &'a str, service: &str) -> Self {
        let task = account.task_definition(cluster, service).await;
        let mut agent = Self { account, cluster, task, policies: Vec::new() };
        agent.policies = agent.policies().await;
        agent
    }

    /// The containers of the task.
    pub(super) fn containers(&self) -> Vec<Container> {
        let containers = self.task.container_definitions().iter();
        containers
            .map(|container| Container {
                image: container.image().unwrap().to_owned(),
                secret: container.repository_credentials().unwrap().credentials_parameter().to_owned(),
            })
            .collect()
    }

    fn role_arn(&self) -> &str {
        self.task.execution_role_arn().unwrap()
    }

    fn role(&self) -> &str {
        self.role_arn().rsplit('/').next().unwrap()
    }

    /// All policies of the role: those that are its own, and those that are attached.
    async fn policies(&self) -> Vec<Document> {
        let (iam, role) = (&self.account.iam, self.role());
        let mut texts = Vec::new();
        let own = iam.list_role_policies().role_name(role).send().await.unwrap();
        for name in own.policy_names() {
            let policy = iam.get_role_policy().role_name(role).policy_name(name).send().await.unwrap();
            texts.push(policy.policy_document().to_owned());
        }
        let attached = iam.list_attached_role_policies().role_name(role).send().await.unwrap();
        for policy in attached.attached_policies() {
            let arn = policy.policy_arn().unwrap();
            let policy = iam.get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap();
            let version =
                iam.get_policy_version().policy_arn(arn).version_id(policy.default_version_id().unwrap());
            let version = version.send().await.unwrap().policy_version.unwrap();
            texts.push(version.document().unwrap().to_owned());
        }
        assert!(own.policy_names().len() == 1 && !attached.attached_policies().is_empty(), "{texts:?}");
        texts.iter().map(|text| Document::parse(&decoded(text), Kind::Identity).unwrap()).collect()
    }

    /// Returns true if a service may assume the role for a task of an account.
    pub(super) async fn is_trusted(&self, service: &str, account: &str) -> bool {
        let role = self.account.iam.get_role().role_name(self.role()).send().await.unwrap().role.unwrap();
        assert_eq!(role.arn(), self.role_arn());
        let trust = decoded(role.assume_role_policy_document().unwrap());
        let trust = Document::parse(&trust, Kind::Trust).unwrap();
        let task = format!("arn:aws:ecs:{REGION}:{account}:task/{}/{:032x}", self.cluster, 1);
        let context = Context::new().with("aws:SourceAccount", account).with("aws:SourceArn", task);
        let (who, action) = (Who::Service(service), "sts:AssumeRole");
        trust.decide(&Request { action, resource: self.role_arn(), who, context: &context })
            == Decision::Allowed
    }

    /// Which of the account's secrets the role may read.
    pub(super) async fn readable(&self) -> BTreeSet<String> {
        let mut readable = BTreeSet::new();
        for secret in self.account.secrets().await {
            if self.may(READ, &secret).await {
                readable.insert(secret);
            }
        }
        readable
    }

    /// Returns true if the role may do something, in the judgement of both.
    pub(super) async fn may(&self, action: &str, resource: &str) -> bool {
        let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{}/agent", self.role());
        let who = Who::Session { role: self.role_arn(), session: &session };
        let request = Request { action, resource, who, context: &Context::new() };
        let decisions = self.policies.iter().map(|policy| policy.decide(&request));
        let decision = decisions.fold(Decision::ImplicitDeny, Decision::and_also);

        let iam = &self.account.iam;
        let simulate = iam.simulate_principal_policy().policy_source_arn(self.role_arn());
        let simulated = simulate.action_names(action).resource_arns(resource).send().await.unwrap();
        let simulated =
            simulated.evaluation_results()[0].eval_decision() == &PolicyEvaluationDecisionType::Allowed;
        assert_eq!(
            simulated,
            decision == Decision::Allowed,
            "LocalStack, {decision:?}: {action} on {resource}"
        );
        simulated
    }

    /// Reads a registry's credential, if the role may.
    pub(super) async fn read(&self, secret: &str) -> Login {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Stored {
            username: String,
            password: String,
        }
        assert!(self.may(READ, secret).await, "{} may not read {secret}", self.role());
        let stored = self.account.secrets.get_secret_value().secret_id(secret).send().await.unwrap();
        let Stored { username, password } = serde_json::from_str(stored.secret_string().unwrap()).unwrap();
        Login { username, password }
    }
}

/// IAM shows documents percent-encoded.
fn decoded(document: &str) -> String {
    let query = format!("document={}", document.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned()
}
