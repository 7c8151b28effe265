//! The policy simulator, which says what a role may do without assuming it.

use super::{allow, policy, role};
use crate::conformance::{
    Account, Answer, LOCALSTACK, Operation, Refused,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:SimulatePrincipalPolicy")
            .case("what is allowed, and what nothing allows", "own: allowed, other: implicitDeny", decides)
            .but(
                &[LOCALSTACK],
                "own: allowed, other: explicitDeny",
                "What no statement names is denied implicitly; an explicit deny takes a statement with the \
                 effect Deny.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
            )
            .case("what is denied", "own: explicitDeny, other: implicitDeny", denied)
            .but(
                &[LOCALSTACK],
                "own: explicitDeny, other: explicitDeny",
                "What no statement names is denied implicitly; an explicit deny takes a statement with the \
                 effect Deny.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
            )
            .case("two actions on two resources", "4 results", product)
            .case("under a condition", "own: allowed, other: implicitDeny", condition)
            .but(
                &[LOCALSTACK],
                "own: allowed, other: explicitDeny",
                "What no statement names is denied implicitly; an explicit deny takes a statement with the \
                 effect Deny.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
            )
            .case("beyond the boundary", "own: implicitDeny, other: implicitDeny", boundary)
            .but(
                &[LOCALSTACK],
                "own: allowed, other: explicitDeny",
                "A boundary that does not allow an action denies it implicitly. LocalStack does not look at it.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
            )
            .case("one result at a time", "2 results; 2 pages at least", pages)
            .but(
                &[LOCALSTACK],
                "2 results; 1 page",
                "MaxItems is the number of results in a page; LocalStack has one page only.",
                api!(iam "SimulatePrincipalPolicy"),
            )
            .case("a role that is not there", "NoSuchEntity", absent),
    ]
}

const OWN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:own-AbCdEf";
const OTHER: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf";
const READ: &str = "secretsmanager:GetSecretValue";

/// Makes a role with a policy. Answers with its ARN.
async fn with_policy(a: &Account, document: &str) -> Result<String, Refused> {
    let name = a.name("simulated");
    let arn = role(a, &name).await?;
    a.iam.put_role_policy().role_name(&name).policy_name("p").policy_document(document).send().await?;
    Ok(arn)
}

/// Returns the decisions for both resources, once the policy is seen: its changes take their time.
async fn decisions(a: &Account, role: &str, seen: &str) -> Answer {
    a.settles(seen, || async {
        let simulate = a.iam.simulate_principal_policy().policy_source_arn(role).action_names(READ);
        let simulate = simulate.resource_arns(OWN).resource_arns(OTHER).context_entries(
            aws_sdk_iam::types::ContextEntry::builder()
                .context_key_name("aws:SecureTransport")
                .context_key_type(aws_sdk_iam::types::ContextKeyTypeEnum::Boolean)
                .context_key_values("true")
                .build(),
        );
        let answer = simulate.send().await?;
        let decisions: Vec<_> = answer
            .evaluation_results()
            .iter()
            .map(|result| {
                let which = either(result.eval_resource_name() == Some(OWN), "own", "other");
                format!("{which}: {}", result.eval_decision().as_str())
            })
            .collect();
        Ok(decisions.join(", "))
    })
    .await
}

async fn decides(a: Account) -> Answer {
    let role = with_policy(&a, &allow(READ, OWN)).await?;
    decisions(&a, &role, "own: allowed, other: implicitDeny").await
}

async fn denied(a: Account) -> Answer {
    let role = with_policy(&a, &allow(READ, OWN).replace("Allow", "Deny")).await?;
    decisions(&a, &role, "own: explicitDeny, other: implicitDeny").await
}

async fn product(a: Account) -> Answer {
    let role = with_policy(&a, &allow(READ, OWN)).await?;
    let simulate = a.iam.simulate_principal_policy().policy_source_arn(role).action_names(READ);
    let simulate = simulate.action_names("secretsmanager:PutSecretValue").resource_arns(OWN);
    Ok(format!("{} results", simulate.resource_arns(OTHER).send().await?.evaluation_results().len()))
}

async fn condition(a: Account) -> Answer {
    let condition = r#""Condition":{"Bool":{"aws:SecureTransport":"true"}},"Resource""#;
    let role = with_policy(&a, &allow(READ, OWN).replace(r#""Resource""#, condition)).await?;
    decisions(&a, &role, "own: allowed, other: implicitDeny").await
}

async fn boundary(a: Account) -> Answer {
    let role = with_policy(&a, &allow(READ, OWN)).await?;
    decisions(&a, &role, "own: allowed, other: implicitDeny").await?;
    let bounds = policy(&a, &a.name("bounds"), &allow("s3:*", "*")).await?;
    let put = a.iam.put_role_permissions_boundary().role_name(a.name("simulated"));
    put.permissions_boundary(bounds).send().await?;
    decisions(&a, &role, "own: implicitDeny, other: implicitDeny").await
}

async fn pages(a: Account) -> Answer {
    let role = with_policy(&a, &allow(READ, OWN)).await?;
    let simulate = a.iam.simulate_principal_policy().policy_source_arn(role).action_names(READ);
    let simulate = simulate.resource_arns(OWN).resource_arns(OTHER).max_items(1).into_paginator();
    let pages: Vec<_> = simulate.send().collect::<Result<_, _>>().await?;
    let results: usize = pages.iter().map(|page| page.evaluation_results().len()).sum();
    Ok(format!("{results} results; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn absent(a: Account) -> Answer {
    let arn = role(&a, &a.name("beside")).await?.replace("beside", "absent");
    refusal(a.iam.simulate_principal_policy().policy_source_arn(arn).action_names(READ).send().await)
}
