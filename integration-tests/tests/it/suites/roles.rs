//! The suite of role builders, for IAM.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use longshore_model::Name;
use longshore_plugin::{RoleBuilder, RoleSpec};
use longshore_simcloud::{
    Blueprint, Cloud, Moment, TokioClock,
    iam::{Context, Decision},
};
use longshore_testkit::{
    Report,
    role::{self, Harness},
};
use serde_json::json;

use super::Account;
use crate::account::{self, REGION};

/// The action for which roles are judged.
const ACTION: &str = "secretsmanager:GetSecretValue";

/// The judge of a role's permissions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Judge {
    /// The server's policy simulator. LocalStack's breaks on roles that have one of AWS's own managed policies, depending on
    /// what else it was asked before, so the roles get one of the customer's.
    Server,
    /// The simulated cloud, by what the server keeps of the role: moto has no policy simulator.
    SimulatedCloud,
}

struct Roles {
    account: Account,
    /// The number of the account.
    number: String,
    judge: Judge,
    managed_policy: String,
}

impl Roles {
    async fn at(url: &str, judge: Judge) -> Self {
        let account = Account::at(url);
        let number = account.aws.identity().await.unwrap().account.clone();
        let managed_policy = match judge {
            Judge::Server => managed_policy(&account).await,
            Judge::SimulatedCloud => "service-role/AmazonECSTaskExecutionRolePolicy".to_owned(),
        };
        Self { account, number, judge, managed_policy }
    }

    async fn client(&self) -> &aws_sdk_iam::Client {
        self.account.aws.iam().await.unwrap()
    }

    fn name(&self) -> String {
        format!("{}-execution", self.account.stack)
    }

    async fn simulates(&self, arn: &str, secret: &str) -> bool {
        let simulate = self.client().await.simulate_principal_policy().policy_source_arn(arn);
        let answer = simulate.action_names(ACTION).resource_arns(secret).send().await.unwrap();
        let [result] = answer.evaluation_results() else { panic!("one question has one result: {answer:?}") };
        *result.eval_decision() == PolicyEvaluationDecisionType::Allowed
    }

    /// A simulated cloud with the role as the server has it.
    async fn copy(&self, role: &str) -> Cloud {
        let blueprint =
            Blueprint { latency_ms: 0, iam_propagation_ms: 0, throttling: false, ..Blueprint::default() };
        let cloud = Cloud::new(&blueprint, Arc::new(TokioClock::starting_at(Moment(0)))).unwrap();
        let client = self.client().await;
        let there = aws_sdk_iam::Client::from_conf(
            client.config().to_builder().http_client(cloud.connector()).build(),
        );
        let create = there.create_role().role_name(role).assume_role_policy_document(trust("ecs-tasks"));
        create.send().await.unwrap();
        let names = client.list_role_policies().role_name(role).send().await.unwrap();
        for name in names.policy_names() {
            let policy = client.get_role_policy().role_name(role).policy_name(name).send().await.unwrap();
            let put = there.put_role_policy().role_name(role).policy_name(name);
            put.policy_document(decoded(policy.policy_document())).send().await.unwrap();
        }
        let attached = client.list_attached_role_policies().role_name(role).send().await.unwrap();
        for policy in attached.attached_policies() {
            let arn = policy.policy_arn().unwrap();
            there.attach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
        }
        cloud
    }

    async fn evaluates(&self, arn: &str, secret: &str) -> bool {
        let role = arn.rsplit('/').next().unwrap();
        if self.client().await.get_role().role_name(role).send().await.is_err() {
            return false;
        }
        let cloud = self.copy(role).await;
        let (now, context) = (cloud.now(), Context::new());
        cloud.inspect(|world| world.iam.evaluate(now, arn, ACTION, secret, &context)).await
            == Decision::Allowed
    }
}

/// A managed policy of the customer's, for what AWS's own is for. Answers with its ARN.
async fn managed_policy(account: &Account) -> String {
    let write = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let allow = json!({ "Effect": "Allow", "Action": write, "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [allow] }).to_string();
    let create =
        account.aws.iam().await.unwrap().create_policy().policy_name(format!("{}-logs", account.stack));
    let policy = create.policy_document(document).send().await.unwrap().policy.unwrap();
    policy.arn.unwrap()
}

/// A document as it was before IAM percent-encoded it. (What stands before the equals sign is no part of it.)
fn decoded(document: &str) -> String {
    let form = format!("document={document}");
    url::form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// A trust policy for a service.
fn trust(service: &str) -> String {
    let principal = json!({ "Service": format!("{service}.amazonaws.com") });
    let allow = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal });
    json!({ "Version": "2012-10-17", "Statement": [allow] }).to_string()
}

#[async_trait]
impl Harness for Roles {
    fn builder(&self) -> Arc<dyn RoleBuilder> {
        account::role_builder(&self.account.aws)
    }

    fn role(&self) -> RoleSpec {
        RoleSpec {
            name: Some(self.name()),
            managed_policies: vec![self.managed_policy.clone()],
            ..RoleSpec::new(Name::new("api").unwrap())
        }
    }

    fn secret(&self, word: &str) -> String {
        let Self { account, number, .. } = self;
        format!(
            "arn:aws:secretsmanager:{REGION}:{number}:secret:longshore/{}/{word}/pull-AbCdEf",
            account.stack
        )
    }

    async fn may_read(&self, arn: &str, secret: &str) -> bool {
        match self.judge {
            Judge::Server => self.simulates(arn, secret).await,
            Judge::SimulatedCloud => self.evaluates(arn, secret).await,
        }
    }

    async fn put_foreign(&self, role: &RoleSpec) {
        let create = self.client().await.create_role().set_role_name(role.name.clone());
        create.assume_role_policy_document(trust("ec2")).send().await.unwrap();
    }

    async fn exists(&self, role: &RoleSpec) -> bool {
        self.client().await.get_role().set_role_name(role.name.clone()).send().await.is_ok()
    }

    async fn writes(&self) -> String {
        self.account.wire.changes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.account.wire.break_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.account.wire.mend();
    }

    fn stack(&self) -> Name {
        self.account.stack.clone()
    }
}

/// Runs the suite against the server at a URL, whose roles `judge` judges.
pub(crate) async fn roles(url: &str, judge: Judge) -> Report {
    role::suite(async || Roles::at(url, judge).await).await
}
