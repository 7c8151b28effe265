//! A role that is there already: it is checked, and never changed.

use longshore_aws::Identity;
use longshore_model::{Action, Arn, Failure, FailureKind, InvalidArn, Known, StepPlan};
use longshore_plugin::{Context, Result, RoleBuilder, RoleSpec};
use serde_json::Value;

use crate::{
    builder::{IamRoles, resource},
    evaluator::{NotUnderstood, Request, allows},
    observed::{self, Observed},
    options::ExistingRole,
    simulator::name_of,
};

impl IamRoles {
    /// Checks the role as far as that can be done before the secrets are there.
    pub(crate) async fn plan_existing(
        &self,
        context: &Context,
        role: &RoleSpec,
        existing: &ExistingRole,
    ) -> Result<StepPlan> {
        let arn = &self.arn_of(existing).await?;
        let mut notes = self.check_existing(context, role, arn).await?;
        let name = existing.name();
        let mut plan = StepPlan::new(Action::NoChange, resource(name));
        if role.secrets.iter().any(|secret| secret.arn == Known::AfterApply) {
            plan.action = Action::Update;
            plan.reason = Some(
                "uses the existing role and never changes it: whether it may read what is made now, is checked then"
                    .to_owned(),
            );
        } else {
            notes.insert(0, "uses the existing role and never changes it".to_owned());
        }
        plan.notes = notes.into();
        Ok(plan.output(<dyn RoleBuilder>::ARN, arn.as_str()))
    }

    /// Checks the role, now that everything that it is to read is there.
    pub(crate) async fn use_existing(
        &self,
        context: &Context,
        role: &RoleSpec,
        existing: &ExistingRole,
    ) -> Result<String> {
        let arn = &self.arn_of(existing).await?;
        for note in self.check_existing(context, role, arn).await? {
            context.warn(note);
        }
        Ok(arn.to_string())
    }

    async fn arn_of(&self, existing: &ExistingRole) -> Result<Arn> {
        let name = match existing {
            ExistingRole::Arn(arn) => return Ok(arn.clone()),
            ExistingRole::Name(name) => name,
        };
        let Identity { partition, account, .. } = self.aws.identity().await?;
        let arn = format!("arn:{partition}:iam::{account}:role/{name}");
        arn.parse().map_err(|error: InvalidArn| Failure::new(FailureKind::Internal, error.to_string()))
    }

    /// Finds out whether ECS may assume the role, and whether the role may do what it is for. Answers with what could
    /// not be found out.
    async fn check_existing(&self, context: &Context, role: &RoleSpec, arn: &Arn) -> Result<Vec<String>> {
        let (identity, region) = (self.aws.identity().await?, self.aws.region().await?);
        let name = name_of(arn.as_str());
        let at = format!("iam:GetRole {name}");
        let refuse = |kind: FailureKind, message: String, help: &str| {
            Err(Failure::new(kind, message).at(&at).help(help))
        };
        if arn.account() != identity.account {
            let message =
                format!("the role {arn} is in another account than the stack ({})", identity.account);
            return refuse(
                FailureKind::Invalid,
                message,
                "ECS takes execution roles of its own account only",
            );
        }
        let found = observed::role(self.aws.iam().await?, name).await?;
        let Some(observed) = found.filter(|observed| observed.arn == arn.as_str()) else {
            let message = format!("there is no role {arn}");
            return refuse(FailureKind::NotFound, message, "correct `execution-role.arn`, path included");
        };
        let mut notes = Vec::new();
        match admits_ecs(&observed, identity, region) {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("ECS may not assume the role {name}");
                let help = "allow `sts:AssumeRole` to the service ecs-tasks.amazonaws.com in its trust policy: Longshore \
                            does not change this role";
                return refuse(FailureKind::Denied, message, help);
            }
            Err(NotUnderstood(what)) => notes.push(format!(
                "it was not proved that ECS may assume the role {name}: its trust policy has {what}"
            )),
        }
        let purpose = self.purpose(context, role).await?;
        let more =
            self.require_allowed(arn.as_str(), &purpose).await.map_err(|failure| match failure.kind {
                FailureKind::Denied => {
                    failure.help("allow it in a policy of the role: Longshore does not change this role")
                }
                _ => failure,
            })?;
        notes.extend(more);
        Ok(notes)
    }
}

/// Returns true if the trust policy of a role admits ECS on behalf of the account and region.
fn admits_ecs(
    role: &Observed,
    identity: &Identity,
    region: &str,
) -> std::result::Result<bool, NotUnderstood> {
    let document: Value = serde_json::from_str(&role.trust)
        .map_err(|error| NotUnderstood(format!("what is no JSON: {error}")))?;
    let scope = format!("arn:{}:ecs:{region}:{}:", identity.partition, identity.account);
    // The ids of future tasks are unknown. The ARNs within the scope that the document names stand in for them.
    let mut sources = vec![format!("{scope}task/cluster/0")];
    collect(&document, &scope, &mut sources);
    for source in sources {
        let context = [("aws:SourceAccount", identity.account.clone()), ("aws:SourceArn", source)];
        let request = Request {
            action: "sts:AssumeRole",
            resource: None,
            service: Some("ecs-tasks.amazonaws.com"),
            context: &context,
        };
        if allows(&document, &request)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The texts in `value` that begin with `scope`.
fn collect(value: &Value, scope: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with(scope) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, scope, found)),
        Value::Object(entries) => entries.values().for_each(|entry| collect(entry, scope, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admits(condition: Value, service: &str) -> std::result::Result<bool, NotUnderstood> {
        let mut statement =
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        let trust = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let identity = Identity {
            account: "123456789012".to_owned(),
            arn: "arn:aws:iam::123456789012:user/ci".to_owned(),
            partition: "aws".to_owned(),
        };
        admits_ecs(&Observed { trust, ..Observed::default() }, &identity, "eu-central-1")
    }

    #[test]
    fn a_trust_policy_is_judged_for_account_and_region() {
        const ECS: &str = "ecs-tasks.amazonaws.com";
        let source = |arn: &str| json!({"ArnLike": {"aws:SourceArn": arn}});
        assert_eq!(admits(Value::Null, ECS), Ok(true));
        assert_eq!(admits(Value::Null, "ec2.amazonaws.com"), Ok(false));
        assert_eq!(admits(source("arn:aws:ecs:eu-central-1:123456789012:*"), ECS), Ok(true));
        assert_eq!(admits(source("arn:aws:ecs:eu-central-1:123456789012:task/main/*"), ECS), Ok(true));
        assert_eq!(admits(source("arn:aws:ecs:us-east-1:123456789012:*"), ECS), Ok(false));
        let account = |account: &str| json!({"StringEquals": {"aws:SourceAccount": account}});
        assert_eq!(admits(account("123456789012"), ECS), Ok(true));
        assert_eq!(admits(account("210987654321"), ECS), Ok(false));
        assert!(admits(json!({"Bool": {"aws:ViaAWSService": "true"}}), ECS).is_err());
    }
}
