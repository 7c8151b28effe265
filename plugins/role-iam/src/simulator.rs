//! The proof by IAM itself that a role may do what the ECS agent needs it for.
//!
//! Nobody but ECS can assume the role, so IAM's policy simulator is asked instead
//! (`iam:SimulatePrincipalPolicy`). It is asked until it says yes: changes of IAM take effect with a delay that AWS gives
//! no bound for.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_iam::{
    config::{Builder, retry::RetryConfig},
    types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType},
};
use longshore_aws::{
    failure, is_unsupported,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use crate::{
    builder::IamRoles,
    needs::{Need, Read, needs},
};

/// How long IAM may take until a change is effective.
const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

/// What the simulator said.
enum Verdict {
    Allowed,
    /// Denied, or not answered: what to say if it stays so.
    NotYet(Failure),
    /// It cannot be asked: why.
    Unknown(String),
}

impl IamRoles {
    /// Waits until the simulator allows a role everything that it is for. Where it cannot be asked, a warning says so.
    pub(crate) async fn wait_until_allowed(
        &self,
        context: &Context,
        role: &str,
        reads: &BTreeSet<Read>,
    ) -> Result<()> {
        for need in &needs(reads) {
            context.progress(format!("waiting until IAM allows {} on {}", need.action, need.resource));
            let probe = |_| async move {
                Ok(match self.simulate(role, need).await? {
                    Verdict::Allowed => Probe::Done(None),
                    Verdict::NotYet(failure) => Probe::Again(failure),
                    Verdict::Unknown(why) => Probe::Done(Some(why)),
                })
            };
            if let Some(why) = wait::until(context, PATIENCE, probe).await? {
                context.warn(not_proved(role, &why));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks once whether a role may do everything that it is for. Answers with why that cannot be found out.
    pub(crate) async fn require_allowed(&self, role: &str, reads: &BTreeSet<Read>) -> Result<Option<String>> {
        for need in &needs(reads) {
            match self.simulate(role, need).await? {
                Verdict::Allowed => {}
                Verdict::NotYet(failure) => return Err(failure),
                Verdict::Unknown(why) => return Ok(Some(not_proved(role, &why))),
            }
        }
        Ok(None)
    }

    async fn simulate(&self, role: &str, need: &Need) -> Result<Verdict> {
        let request = self
            .aws
            .iam()
            .await?
            .simulate_principal_policy()
            .policy_source_arn(role)
            .action_names(need.action)
            .resource_arns(&need.resource)
            .set_context_entries(Some(need.context.iter().map(entry).collect()))
            .customize()
            // The question is repeated anyway; and the SDK would take an endpoint that does not know it for a broken one.
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        let name = name_of(role);
        let at = format!("iam:SimulatePrincipalPolicy {name}");
        match request.send().await {
            Ok(answer) => Ok(verdict(name, need, answer.evaluation_results(), &at)),
            Err(error) if is_unsupported(&error) => {
                Ok(Verdict::Unknown("the endpoint does not know iam:SimulatePrincipalPolicy".to_owned()))
            }
            Err(error) => {
                let failure = failure(&error, at);
                match failure.kind {
                    FailureKind::Denied => Ok(Verdict::Unknown(
                        "the caller may not use iam:SimulatePrincipalPolicy; allow it to have the role proved"
                            .to_owned(),
                    )),
                    // Not found: the role was just made, and is not visible everywhere yet.
                    FailureKind::NotFound | FailureKind::Throttled | FailureKind::Unavailable => {
                        Ok(Verdict::NotYet(failure))
                    }
                    _ => Err(failure),
                }
            }
        }
    }
}

fn not_proved(role: &str, why: &str) -> String {
    format!("it was not proved that the role {} may read its secrets: {why}", name_of(role))
}

/// The name of a role by its ARN.
pub(crate) fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

fn entry((key, value): &(&'static str, String)) -> ContextEntry {
    ContextEntry::builder()
        .context_key_name(*key)
        .context_key_type(ContextKeyTypeEnum::String)
        .set_context_key_values(Some(vec![value.clone()]))
        .build()
}

fn verdict(role: &str, need: &Need, results: &[EvaluationResult], at: &str) -> Verdict {
    let denied = |because: &str| {
        let message =
            format!("the role {role} may not perform {} on {}{because}", need.action, need.resource);
        Verdict::NotYet(Failure::new(FailureKind::Denied, message).at(at).help(
            "look for a permissions boundary, a policy of the organization, or an attached policy that denies it",
        ))
    };
    let [result] = results else {
        return Verdict::Unknown(format!("the simulator gave {} results for one question", results.len()));
    };
    let by_boundary = result.permissions_boundary_decision_detail();
    let by_organization = result.organizations_decision_detail();
    match result.eval_decision() {
        PolicyEvaluationDecisionType::Allowed => Verdict::Allowed,
        PolicyEvaluationDecisionType::ExplicitDeny => {
            let sources =
                result.matched_statements().iter().filter_map(|statement| statement.source_policy_id());
            let sources: Vec<_> = sources.collect();
            denied(&match sources.as_slice() {
                [] => ": it is denied explicitly".to_owned(),
                sources => {
                    format!(": it is denied explicitly; policies that speak of it: {}", sources.join(", "))
                }
            })
        }
        _ if by_boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary()) => {
            denied(": its permissions boundary does not allow it")
        }
        _ if by_organization.is_some_and(|detail| !detail.allowed_by_organizations()) => {
            denied(": a policy of the organization does not allow it")
        }
        _ => denied(": no policy of the role allows it"),
    }
}
