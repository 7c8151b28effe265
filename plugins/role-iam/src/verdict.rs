//! The meaning of the answers of IAM's policy simulator.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType, Statement};
use longshore_model::{Failure, FailureKind};

use crate::needs::Need;

/// The simulator's verdict on a role.
pub(crate) enum Verdict {
    /// It may do all that it is for, and also this, by these policies.
    Allowed(Vec<(Need, Vec<String>)>),
    /// Denied, or not answered: what to say if it stays so.
    NotYet(Failure),
    /// It cannot be found out: why.
    Unknown(String),
}

/// The decisions of an answer.
pub(crate) type Decisions = BTreeMap<Key, Decision>;

/// The subject of a decision: action, resource and context.
type Key = (String, String, Vec<(&'static str, String)>);

fn key(need: &Need) -> Key {
    (need.action.to_ascii_lowercase(), need.resource.clone(), need.context.clone())
}

/// A decision, and the policies behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    decision: PolicyEvaluationDecisionType,
    /// The policies whose statements speak of it.
    sources: Vec<String>,
    allowed_by_boundary: Option<bool>,
    allowed_by_organization: Option<bool>,
}

/// The decisions in `results`, one by one. For several resources, IAM puts those of one action together.
pub(crate) fn decisions(context: &[(&'static str, String)], results: &[EvaluationResult]) -> Decisions {
    let mut found = Decisions::new();
    for result in results {
        let action = result.eval_action_name().to_ascii_lowercase();
        let key = |resource: &str| (action.clone(), resource.to_owned(), context.to_vec());
        let by_organization = result.organizations_decision_detail();
        let allowed_by_organization = by_organization.map(|detail| detail.allowed_by_organizations());
        for specific in result.resource_specific_results() {
            let boundary = specific.permissions_boundary_decision_detail();
            let decision = Decision {
                decision: specific.eval_resource_decision().clone(),
                sources: sources(specific.matched_statements()),
                allowed_by_boundary: boundary.map(|detail| detail.allowed_by_permissions_boundary()),
                allowed_by_organization,
            };
            found.insert(key(specific.eval_resource_name()), decision);
        }
        if result.resource_specific_results().is_empty() {
            let boundary = result.permissions_boundary_decision_detail();
            let decision = Decision {
                decision: result.eval_decision().clone(),
                sources: sources(result.matched_statements()),
                allowed_by_boundary: boundary.map(|detail| detail.allowed_by_permissions_boundary()),
                allowed_by_organization,
            };
            found.insert(key(result.eval_resource_name().unwrap_or("*")), decision);
        }
    }
    found
}

fn sources(statements: &[Statement]) -> Vec<String> {
    let mut sources: Vec<_> =
        statements.iter().filter_map(|statement| statement.source_policy_id.clone()).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// The policies that allow something, where it is allowed.
pub(crate) fn is_allowed(need: &Need, decisions: &Decisions) -> Option<Vec<String>> {
    let decision = decisions.get(&key(need))?;
    (decision.decision == PolicyEvaluationDecisionType::Allowed).then(|| decision.sources.clone())
}

/// Returns the reason for denying `need` to the role, or `None` if it is allowed.
pub(crate) fn denied(role: &str, need: &Need, decisions: &Decisions) -> Option<Verdict> {
    let Need { action, resource, .. } = need;
    let Some(decision) = decisions.get(&key(need)) else {
        let why = format!("the simulator does not answer whether it may perform {action} on {resource}");
        return Some(Verdict::Unknown(why));
    };
    let denied = |because: &str| {
        let message = format!("the role {role} may not perform {action} on {resource}{because}");
        let at = format!("iam:SimulatePrincipalPolicy {role}");
        Some(Verdict::NotYet(Failure::new(FailureKind::Denied, message).at(at).help(
            "look for a permissions boundary, a policy of the organization, or an attached policy that denies it",
        )))
    };
    match decision.decision {
        PolicyEvaluationDecisionType::Allowed => None,
        PolicyEvaluationDecisionType::ExplicitDeny => match decision.sources.as_slice() {
            // An explicit deny takes a statement (IAM user guide, "Policy evaluation logic"). Emulators say so of what
            // they do not understand.
            [] if decision.allowed_by_boundary.or(decision.allowed_by_organization).is_none() => {
                Some(Verdict::Unknown(format!(
                    "the simulator denies {action} on {resource} explicitly, and names no statement that does"
                )))
            }
            [] => denied(": it is denied explicitly"),
            sources => denied(&format!(
                ": it is denied explicitly; policies that speak of it: {}",
                sources.join(", ")
            )),
        },
        _ if decision.allowed_by_boundary == Some(false) => {
            denied(": its permissions boundary does not allow it")
        }
        _ if decision.allowed_by_organization == Some(false) => {
            denied(": a policy of the organization does not allow it")
        }
        _ => denied(": no policy of the role allows it"),
    }
}
