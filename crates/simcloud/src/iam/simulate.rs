//! `SimulatePrincipalPolicy`: what policies would say, without doing it.

use serde_json::{Value, json};

use super::{
    Iam,
    error::{invalid, no_entity},
    render, validate,
};
use crate::{
    ApiError, Call, Moment,
    policy::{Context, Decision, Document, Kind, Malformed, Request, Who},
};

/// The policies of a simulation and the caller.
struct Subject<'a> {
    /// Identity policies with the id that matched statements are told with.
    policies: Vec<(String, Document)>,
    boundary: Option<Vec<Document>>,
    resource_policy: Option<Document>,
    who: Who<'a>,
}

/// The policies of a role, as authorisation sees them now.
pub(super) fn principal(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("PolicySourceArn", validate::CODE)?;
    let (policies, boundary) = match arn.split_once(":user/") {
        Some(_) => (vec![("AdministratorAccess".to_owned(), everything()?)], None),
        None => of_role(iam, call.now, arn)?,
    };
    let mut policies = policies;
    policies.extend(given(call, "PolicyInputList", "PolicyInputList")?);
    let boundary = match given(call, "PermissionsBoundaryPolicyInputList", "boundary")? {
        given if given.is_empty() => boundary,
        given => Some(given.into_iter().map(|(_, document)| document).collect()),
    };
    let caller = call.text("CallerArn").unwrap_or(arn);
    let who = Who::Session { role: arn, session: caller };
    run(iam, call, &Subject { policies, boundary, resource_policy: resource_policy(call)?, who })
}

type OfRole = (Vec<(String, Document)>, Option<Vec<Document>>);

fn of_role(iam: &Iam, now: Moment, arn: &str) -> Result<OfRole, ApiError> {
    if !iam.role_exists(arn) {
        return Err(no_entity(format!("The principal {arn} cannot be found.")));
    }
    // The role is there, but what it grants may not have arrived everywhere yet.
    let Some(grants) = iam.seen_grants(now, arn) else { return Ok((Vec::new(), None)) };
    let name = render::policy_name(arn);
    let mut policies = Vec::new();
    for (policy, text) in &grants.inline {
        policies.push((format!("role_{name}_{policy}"), Document::parse(text, Kind::Identity)?));
    }
    for policy in &grants.attached {
        if let Some(text) = iam.seen_document(now, policy) {
            policies.push((render::policy_name(policy).to_owned(), Document::parse(text, Kind::Identity)?));
        }
    }
    let boundary = match &grants.boundary {
        None => None,
        Some(policy) => {
            let text = iam.seen_document(now, policy);
            Some(text.map(|text| Document::parse(text, Kind::Identity)).transpose()?.into_iter().collect())
        }
    };
    Ok((policies, boundary))
}

/// Returns the policy of the account's user, which allows everything.
fn everything() -> Result<Document, Malformed> {
    Document::parse(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#, Kind::Identity)
}

fn given(call: &Call, key: &str, id: &str) -> Result<Vec<(String, Document)>, ApiError> {
    call.texts(key)
        .iter()
        .enumerate()
        .map(|(index, text)| match Document::parse(text, Kind::Identity) {
            Ok(document) => Ok((format!("{id}.{}", index + 1), document)),
            Err(error) => Err(invalid(format!("Invalid policy document in {key}: {error}"))),
        })
        .collect()
}

fn resource_policy(call: &Call) -> Result<Option<Document>, ApiError> {
    let parsed = call.text("ResourcePolicy").map(|text| Document::parse(text, Kind::Resource)).transpose();
    parsed.map_err(|error| invalid(format!("Invalid policy document in ResourcePolicy: {error}")))
}

fn run(iam: &Iam, call: &Call, subject: &Subject<'_>) -> Result<Value, ApiError> {
    let actions = validate::required_list(call, "ActionNames")?;
    let mut resources = call.texts("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut context = iam.global_keys(call.now, subject.who);
    for entry in call.list("ContextEntries") {
        let Some(key) = entry.get("ContextKeyName").and_then(Value::as_str) else { continue };
        let values = entry.get("ContextKeyValues").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        context.insert(key, values.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    let mut results = Vec::new();
    for action in &actions {
        if !action.contains(':') || action.contains('*') {
            return Err(invalid(format!("Invalid Action: {action}")));
        }
        for resource in &resources {
            results
                .push(evaluate(subject, &Request { action, resource, who: subject.who, context: &context }));
        }
    }
    let (results, next) = validate::listed(call, results)?;
    Ok(render::list("EvaluationResults", results, next))
}

fn evaluate(subject: &Subject<'_>, request: &Request<'_>) -> Value {
    let by_identity = combined(subject.policies.iter().map(|(_, document)| document), request);
    let by_resource = subject.resource_policy.as_ref().map(|document| document.decide(request));
    let by_boundary = subject.boundary.as_ref().map(|documents| combined(documents.iter(), request));
    let decision = match (by_identity.and_also(by_resource.unwrap_or(Decision::ImplicitDeny)), by_boundary) {
        (Decision::ExplicitDeny, _) | (_, Some(Decision::ExplicitDeny)) => Decision::ExplicitDeny,
        (_, Some(Decision::ImplicitDeny)) => Decision::ImplicitDeny,
        (decision, _) => decision,
    };
    let mut matched = Vec::new();
    for (id, document) in &subject.policies {
        for _ in document.matching(request) {
            matched.push(json!({ "SourcePolicyId": id, "SourcePolicyType": "IAM Policy" }));
        }
    }
    json!({
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": match decision {
            Decision::Allowed => "allowed",
            Decision::ExplicitDeny => "explicitDeny",
            Decision::ImplicitDeny => "implicitDeny",
        },
        "MatchedStatements": matched,
        "MissingContextValues": missing_keys(subject, request.context),
        "PermissionsBoundaryDecisionDetail": by_boundary
            .map(|decision| json!({ "AllowedByPermissionsBoundary": decision == Decision::Allowed })),
    })
}

fn combined<'a>(documents: impl Iterator<Item = &'a Document>, request: &Request<'_>) -> Decision {
    documents.map(|document| document.decide(request)).fold(Decision::ImplicitDeny, Decision::and_also)
}

/// Condition keys that the policies look at and the simulation was not told.
fn missing_keys(subject: &Subject<'_>, context: &Context) -> Vec<String> {
    let mut keys: Vec<_> = subject
        .policies
        .iter()
        .flat_map(|(_, document)| document.condition_keys())
        .filter(|key| context.get(key).is_none())
        .map(str::to_owned)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
